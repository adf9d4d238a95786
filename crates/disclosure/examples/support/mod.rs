//! What the examples share.

use std::time::Instant;

use disclosure::{AuthenticatedEntry, Plan, verify_ledger};

/// Seconds that this thread spent on a processor, where the system says so, and since the start otherwise: a clock means little
/// on a machine that others use.
pub(crate) fn seconds(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    spent.map_or_else(|| start.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

/// How long the check of a plan's ledger entry takes.
pub(crate) fn seconds_to_verify(plan: &Plan, start: Instant) -> Result<f64, Box<dyn std::error::Error>> {
    let entry = AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec());
    let before = seconds(start);
    verify_ledger([&entry])?;
    Ok(seconds(start) - before)
}
