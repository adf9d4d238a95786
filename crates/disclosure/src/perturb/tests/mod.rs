//! Tests of noise tables and of sums.

mod counts;
mod geometric;
mod sums;
mod tables;

use crate::{Noise, NoiseTable};

/// Keys that look random, the same in every run (splitmix64).
pub(in crate::perturb) struct Keys(pub(in crate::perturb) u64);

impl Keys {
    pub(in crate::perturb) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The noise that most tests are about: at most 5, variance 3, neither 1 nor 2 shown, three in ten stay.
pub(in crate::perturb) fn usual() -> NoiseTable {
    NoiseTable::solve(&Noise::new(5, 3.0, 2, 0.3).unwrap()).unwrap()
}

/// Chi-square of observed counts against probabilities, and its degrees of freedom; values that are expected less than eight times are
/// put together.
pub(in crate::perturb) fn chi_square(observed: &[(f64, u64)]) -> (f64, f64) {
    let all: u64 = observed.iter().map(|(_, n)| n).sum();
    let (mut sum, mut kinds, mut rest) = (0.0, 0.0, (0.0, 0.0));
    for (p, n) in observed {
        let expected = p * all as f64;
        if expected < 8.0 {
            rest = (rest.0 + expected, rest.1 + *n as f64);
        } else {
            sum += (*n as f64 - expected).powi(2) / expected;
            kinds += 1.0;
        }
    }
    if rest.0 > 0.5 {
        sum += (rest.1 - rest.0).powi(2) / rest.0;
        kinds += 1.0;
    }
    (sum, kinds - 1.0)
}

/// Five standard deviations above the mean: one run in a million.
pub(in crate::perturb) fn is_plausible((sum, freedom): (f64, f64)) -> bool {
    sum < freedom + 5.0 * (2.0 * freedom).sqrt()
}
