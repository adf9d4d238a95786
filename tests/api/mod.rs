//! The API as a partner, an analyst, a dashboard and a stranger meet it.

mod data;
mod denials;
mod uploads;
