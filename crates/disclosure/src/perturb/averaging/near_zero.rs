//! What one published count says of a small one.

use super::super::table::NoiseTable;

/// What single published counts say, if all counts are equally probable before. Exact, from the table; a published count of its own, without any other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearZero {
    /// The probability that a published 0 is a true one. Nothing can be done about it but more noise: zeros stay zero.
    pub zero: f64,
    /// The published count above 0 that says most.
    pub worst: SmallCount,
}

/// What a published count says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmallCount {
    /// What was published.
    pub published: u64,
    /// The count that is most probable then.
    pub count: u64,
    /// Its probability.
    pub posterior: f64,
}

/// Goes through all published counts until they repeat.
pub(super) fn near_zero(table: &NoiseTable) -> NearZero {
    let (largest, last) = (u64::from(table.noise().largest()), u64::from(table.noise().last_row()));
    let says = |published: u64| {
        let likelihood = |count: u64| {
            let probabilities = table.probabilities(count);
            let of = probabilities.iter().find(|(noise, _)| count.checked_add_signed(*noise) == Some(published));
            of.map_or(0.0, |(_, p)| *p)
        };
        let counts = published.saturating_sub(largest)..=published + largest;
        let sum: f64 = counts.clone().map(likelihood).sum();
        let best = counts.map(|count| (count, likelihood(count))).fold((0, 0.0), |a, b| if b.1 > a.1 { b } else { a });
        SmallCount { published, count: best.0, posterior: if sum > 0.0 { best.1 / sum } else { 0.0 } }
    };
    let zero = {
        let sum: f64 = (1..=largest)
            .map(|count| {
                table
                    .probabilities(count)
                    .iter()
                    .filter(|(v, _)| v.unsigned_abs() == count && *v < 0)
                    .map(|(_, p)| p)
                    .sum::<f64>()
            })
            .sum();
        1.0 / (1.0 + sum)
    };
    // From `last + largest` on all counts that may be meant have the last row.
    let worst =
        (1..=last + largest).map(says).fold(says(last + largest), |a, b| if b.posterior > a.posterior { b } else { a });
    NearZero { zero, worst }
}
