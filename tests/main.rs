//! The integration tests: the sample partnership through the front door, in one binary.

mod api;
mod attacks;
mod path;
mod support;
