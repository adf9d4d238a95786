//! The API as a partner, an analyst, a dashboard and a stranger meet it.

pub(crate) mod data;
mod denials;
mod derived;
mod links;
mod tables;
mod uploads;
