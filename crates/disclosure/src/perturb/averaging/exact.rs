//! How often the best guess of an integer is right, exactly, from several observations of it with the noise of a table.

use std::collections::BTreeMap;

use super::neighbours::beats_neighbours;

/// Kinds of noise vectors that are gone through, at most, without and with a prior distribution.
const MOST_KINDS: f64 = 4e5;
const MOST_KINDS_WITH_PRIOR: f64 = 5e4;
/// So many unknown bits are told apart; more of them are taken as fewer, which is on the safe side.
const BITS: [u32; 7] = [0, 1, 2, 4, 8, 16, 32];
/// Observations beyond which two neighbouring integers are taken to be told apart for certain.
const MOST_OBSERVATIONS: u64 = 64;
/// Steps of the table of log likelihood ratios.
const STEPS: f64 = 100_000.0;

/// The noise, and what was computed of it so far.
pub(super) struct Exact {
    /// Probabilities of the noise from `-largest` to `largest`, symmetric.
    p: Vec<f64>,
    largest: i64,
    guessed: BTreeMap<(u64, Option<u32>), f64>,
    told: BTreeMap<u64, f64>,
}

impl Exact {
    /// For the noise of large counts, ascending.
    pub(super) fn new(noise: &[(i64, f64)]) -> Self {
        let largest = noise.iter().map(|(v, _)| *v).max().unwrap_or(0);
        // The table is symmetric to its accuracy; this makes it so.
        let p = noise.iter().zip(noise.iter().rev()).map(|((_, a), (_, b))| f64::midpoint(*a, *b)).collect();
        Self { p, largest, guessed: BTreeMap::new(), told: BTreeMap::new() }
    }

    fn p(&self, noise: i64) -> f64 {
        usize::try_from(noise + self.largest).ok().and_then(|place| self.p.get(place)).copied().unwrap_or(0.0)
    }

    /// The probability that the best guess of an integer `t` is right from so many observations `t + noise` (or `-t + noise`),
    /// independent, if `t` is any integer with the same weight; or at most that probability, if it takes too long.
    pub(super) fn guess(&mut self, observations: u64) -> f64 {
        self.cached(observations, None)
    }

    /// The same if `t` is the sum of this many fair bits.
    pub(super) fn guess_bits(&mut self, observations: u64, bits: u32) -> f64 {
        if bits == 0 { 1.0 } else { self.cached(observations, Some(bits)) }
    }

    fn cached(&mut self, observations: u64, bits: Option<u32>) -> f64 {
        if let Some(found) = self.guessed.get(&(observations, bits)) {
            return *found;
        }
        let found = self.enumerate(observations, bits);
        self.guessed.insert((observations, bits), found);
        found
    }

    /// The probability at least that two neighbouring integers, equally probable, look the same from so many observations of one of
    /// them: what is observed is nothing with this probability, and otherwise may say which (the overlap `sum min(P0, P1)`).
    ///
    /// It is `E0 min(1, P1 / P0)`; log ratios of single observations are rounded down to a lattice, on which they add up.
    fn overlap(&mut self, observations: u64) -> f64 {
        if observations > MOST_OBSERVATIONS {
            return 0.0;
        }
        if let Some(found) = self.told.get(&observations) {
            return *found;
        }
        let ratio = |noise: i64| (self.p(noise - 1) / self.p(noise)).ln();
        let values: Vec<(f64, f64)> = (-self.largest..=self.largest)
            .filter(|noise| self.p(*noise) > 0.0 && self.p(noise - 1) > 0.0)
            .map(|noise| (self.p(noise), ratio(noise)))
            .collect();
        let low = values.iter().map(|(_, r)| *r).fold(f64::INFINITY, f64::min);
        let high = values.iter().map(|(_, r)| *r).fold(f64::NEG_INFINITY, f64::max);
        let many = observations as f64;
        // All steps together are this long at most, or each step costs one in a hundred in all.
        let step = ((high - low) * many / STEPS).max(0.01 / many);
        let values: Vec<(usize, f64)> = values.iter().map(|(p, r)| (((r - low) / step) as usize, *p)).collect();
        let mut sums = vec![1.0];
        for _ in 0..observations {
            let widest = values.iter().map(|(place, _)| *place).max().unwrap_or(0);
            let mut next = vec![0.0; sums.len() + widest];
            for (place, p) in &values {
                for (slot, sum) in next.iter_mut().skip(*place).zip(&sums) {
                    *slot += p * sum;
                }
            }
            sums = next;
        }
        let ratio = |place: usize| (low * many + place as f64 * step).exp().min(1.0);
        let found = sums.iter().enumerate().map(|(place, p)| p * ratio(place)).sum::<f64>().min(1.0);
        // Off the lattice below and by rounding of the sums.
        let found = found * (1.0 - 1e-9);
        self.told.insert(observations, found);
        found
    }

    /// At most the probability that the best guess of the sum of so many fair bits is right, from so many observations of the sum
    /// and so many of each bit.
    pub(super) fn sunflower(&mut self, of_sum: u64, of_each: u64, bits: u32) -> f64 {
        let overlap = self.overlap(of_each);
        let mut total = 0.0;
        let mut at_least = 1.0;
        for (number, few) in BITS.into_iter().enumerate() {
            let next = BITS.get(number + 1).copied().unwrap_or(u32::MAX);
            let beyond = if next > bits { 0.0 } else { more(bits, overlap, next) };
            if at_least > beyond {
                total += (at_least - beyond) * self.guess_bits(of_sum, few);
            }
            at_least = beyond;
            if next > bits {
                break;
            }
        }
        total.min(1.0)
    }

    /// The probability that so many observations of an integer, of which nothing else is known, leave one value only: the noise was as low as
    /// it can be in one and as high in another.
    pub(super) fn proves(&self, observations: u64) -> f64 {
        let last = self.p.last().copied().unwrap_or(0.0);
        let none = |p: f64| (observations as f64 * (-p).ln_1p()).exp();
        (1.0 - 2.0 * none(last) + none(2.0 * last)).clamp(0.0, 1.0)
    }

    /// Sums over noise vectors by kind: how many observations have each noise, up to a shift.
    ///
    /// For every vector `y` of observations the best guess is right with the probability of the most probable `t`; vectors that
    /// differ by a shift are one where every `t` has the same weight. If kinds are too many, two other bounds are at hand: against the
    /// next integers only, or with all vectors that have noise beyond a window counted as guessed.
    fn enumerate(&self, observations: u64, bits: Option<u32>) -> f64 {
        let most = if bits.is_some() { MOST_KINDS_WITH_PRIOR } else { MOST_KINDS };
        let kinds = |window: i64| {
            // (observations - 1 + 2 window) choose (2 window)
            (1..=2 * window).map(|k| (observations as f64 - 1.0 + k as f64) / k as f64).product::<f64>()
        };
        if observations == 0 {
            return bits.map_or(0.0, |bits| binomial(bits).into_iter().fold(0.0, f64::max));
        }
        let window = (0..=self.largest).rev().find(|window| kinds(*window) <= most).unwrap_or(0);
        if observations > MOST_OBSERVATIONS {
            return 1.0;
        }
        let prior = bits.map(binomial);
        if window < self.largest
            && let Some(found) = beats_neighbours(&self.p, observations, prior.as_deref())
        {
            return found;
        }
        let beyond: f64 = (window + 1..=self.largest).map(|noise| 2.0 * self.p(noise)).sum();
        if observations as f64 * beyond >= 1.0 {
            return 1.0;
        }
        let mut walk = Walk { exact: self, window, prior, total: 0.0 };
        let shifts = self.p.len();
        // The multinomial coefficient, of which the recursion divides factorials.
        let factorial: f64 = (1..=observations).map(|k| k as f64).product();
        walk.go(0, observations, &vec![factorial; shifts]);
        (walk.total + observations as f64 * beyond).min(1.0)
    }
}

/// A walk through all kinds of vectors whose least observation is 0 (before a shift).
struct Walk<'a> {
    exact: &'a Exact,
    window: i64,
    prior: Option<Vec<f64>>,
    total: f64,
}

impl Walk<'_> {
    /// `left` observations are `value` or more. `likelihood` is that of those below, for every `t` from `-largest` to `largest`.
    fn go(&mut self, value: i64, left: u64, likelihood: &[f64]) {
        if left == 0 {
            self.total += self.of_kind(likelihood);
            return;
        }
        if value > 2 * self.window || likelihood.iter().all(|l| *l == 0.0) {
            return;
        }
        let mut likelihood = likelihood.to_vec();
        let times: Vec<f64> = (-self.exact.largest..=self.exact.largest).map(|t| self.exact.p(value - t)).collect();
        if value > 0 {
            self.go(value + 1, left, &likelihood);
        }
        for count in 1..=left {
            likelihood.iter_mut().zip(&times).for_each(|(l, p)| *l *= p / count as f64);
            self.go(value + 1, left - count, &likelihood);
        }
    }

    /// The probability of a kind together with the best guess.
    fn of_kind(&self, likelihood: &[f64]) -> f64 {
        let Some(prior) = &self.prior else { return likelihood.iter().copied().fold(0.0, f64::max) };
        let first = likelihood.iter().position(|l| *l > 0.0).unwrap_or(0);
        let last = likelihood.iter().rposition(|l| *l > 0.0).map_or(0, |last| last + 1);
        let possible = likelihood.get(first..last).unwrap_or(&[]);
        // All shifts at which a possible value has some weight.
        let shifts = 1 - possible.len() as i64..prior.len() as i64;
        let best = |shift: i64| {
            let skipped = usize::try_from(-shift).unwrap_or(0);
            let from = usize::try_from(shift).unwrap_or(0);
            let pairs = possible.iter().skip(skipped).zip(prior.iter().skip(from));
            pairs.map(|(l, weight)| l * weight).fold(0.0, f64::max)
        };
        shifts.map(best).sum()
    }
}

/// Probabilities of a sum of fair bits.
pub(super) fn binomial(bits: u32) -> Vec<f64> {
    let mut p = vec![1.0];
    for _ in 0..bits {
        let next = p.iter().chain([&0.0]).zip([&0.0].into_iter().chain(&p)).map(|(a, b)| f64::midpoint(*a, *b));
        p = next.collect();
    }
    p
}

/// The probability that of so many events, each of this probability, at least so many happen.
fn more(events: u32, probability: f64, at_least: u32) -> f64 {
    let mut p = vec![1.0];
    for _ in 0..events {
        let stay = p.iter().chain([&0.0]).map(|p| p * (1.0 - probability));
        let up = [&0.0].into_iter().chain(&p).map(|p| p * probability);
        p = stay.zip(up).map(|(a, b)| a + b).collect();
    }
    p.iter().skip(at_least as usize).sum()
}
