//! Typed requests as plans of the query engine, and what they run as.

mod allow_list;
pub(crate) mod grouping;
mod operator;
mod output;
mod rule;
mod scan;
pub(crate) mod session;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
