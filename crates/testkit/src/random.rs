//! A small deterministic generator with one named stream a purpose. Integers only, so that every machine makes the same
//! bytes.

/// The number that everything synthetic is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(pub u64);

impl Default for Seed {
    /// The seed of the committed sample data.
    fn default() -> Self {
        Self(2026)
    }
}

/// A stream of pseudo-random numbers: SplitMix64 (Steele, Lea and Flood 2014). Not for secrets.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

/// e^-1 as a fraction of 2^62.
const E_TO_MINUS_ONE: u128 = 1_696_544_475_317_221_318;
const FIXED_ONE: u128 = 1 << 62;
/// Poisson means above this (in thousandths) are drawn in parts, to keep the smallest probability representable.
const POISSON_PART: u32 = 16_000;

impl Random {
    /// The stream for one purpose: streams of different purposes, or of different seeds, do not disturb each other.
    #[must_use]
    pub fn stream(seed: Seed, purpose: &str) -> Self {
        // FNV-1a over the purpose, then mixed with the seed.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in purpose.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut random = Self { state: seed.0 ^ hash };
        random.state = random.next_u64() ^ hash.rotate_left(32);
        random
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n - 1`; 0 if `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        let product = u128::from(self.next_u64()) * u128::from(n);
        u32::try_from(product >> 64).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included; `low` if the range is empty.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = (i64::from(high) - i64::from(low)).max(0) + 1;
        let step = self.below(u32::try_from(span).unwrap_or(u32::MAX));
        i32::try_from(i64::from(low) + i64::from(step)).unwrap_or(high)
    }

    /// True `numerator` times in `denominator`.
    pub fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        self.below(denominator) < numerator
    }

    /// A position in `weights`, drawn in proportion to them; 0 if they are all 0.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        let mut left = u64::try_from((u128::from(self.next_u64()) * u128::from(total)) >> 64).unwrap_or_default();
        for (position, weight) in weights.iter().enumerate() {
            if left < u64::from(*weight) {
                return position;
            }
            left -= u64::from(*weight);
        }
        0
    }

    /// One of `items`, each as likely as any other; none if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let position = self.below(u32::try_from(items.len()).unwrap_or(u32::MAX));
        items.get(usize::try_from(position).unwrap_or_default())
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
            items.swap(last, usize::try_from(self.below(bound)).unwrap_or_default());
        }
    }

    /// A Poisson count with the mean given in thousandths.
    pub fn poisson(&mut self, mean_milli: u32) -> u32 {
        let parts = mean_milli.div_ceil(POISSON_PART).max(1);
        (0..parts).map(|part| self.small_poisson(mean_milli / parts + u32::from(part < mean_milli % parts))).sum()
    }

    /// Inversion in fixed point: subtract P(0), P(1), ... from a uniform number until it is used up.
    fn small_poisson(&mut self, mean_milli: u32) -> u32 {
        let mut uniform = u128::from(self.next_u64() >> 2);
        let mut probability = exp_minus(mean_milli);
        let mut count = 0_u32;
        while uniform >= probability && count < 200 {
            uniform -= probability;
            count += 1;
            probability = probability * u128::from(mean_milli) / (1_000 * u128::from(count));
        }
        count
    }

    /// How many of `n` independent trials succeed, each `numerator` times in `denominator`.
    pub fn binomial(&mut self, n: u32, numerator: u32, denominator: u32) -> u32 {
        (0..n).map(|_| u32::from(self.chance(numerator, denominator))).sum()
    }
}

/// e^(-x/1000) as a fraction of 2^62: powers of e^-1 for the whole part, a Taylor series for the rest.
fn exp_minus(x_milli: u32) -> u128 {
    let mut result = FIXED_ONE;
    for _ in 0..x_milli / 1_000 {
        result = (result * E_TO_MINUS_ONE) >> 62;
    }
    let fraction = u128::from(x_milli % 1_000);
    let (mut positive, mut negative, mut term) = (0_u128, 0_u128, result);
    for step in 1..=20_u128 {
        if step % 2 == 1 {
            positive += term;
        } else {
            negative += term;
        }
        term = term * fraction / (1_000 * step);
    }
    positive - negative.min(positive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_independent() {
        let draw = |seed, purpose| {
            let mut random = Random::stream(Seed(seed), purpose);
            (0..8).map(|_| random.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "fire"), draw(1, "fire"));
        assert_ne!(draw(1, "fire"), draw(1, "crime"));
        assert_ne!(draw(1, "fire"), draw(2, "fire"));
    }

    #[test]
    fn bounds_hold_at_the_edges() {
        let mut random = Random::stream(Seed(1), "bounds");
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
        assert_eq!(random.between(5, 5), 5);
        assert_eq!(random.between(5, 4), 5);
        assert_eq!(random.weighted(&[]), 0);
        assert_eq!(random.weighted(&[0, 0]), 0);
        assert_eq!(random.weighted(&[0, 3, 0]), 1);
        assert_eq!(random.pick::<u8>(&[]), None);
        assert!((0..1_000).all(|_| (-3..=3).contains(&random.between(-3, 3))));
        assert!(!random.chance(0, 10));
        assert!(random.chance(10, 10));
    }

    #[test]
    fn distributions_have_the_stated_means() {
        let mut random = Random::stream(Seed(1), "means");
        // (mean in thousandths, tolerance in thousandths of the sum's mean: five standard errors of 20,000 draws)
        for mean in [0_u32, 1, 250, 1_000, 3_500, 15_999, 16_001, 90_000] {
            let draws: Vec<u64> = (0..20_000).map(|_| u64::from(random.poisson(mean))).collect();
            let sum: u64 = draws.iter().sum();
            let expected = u64::from(mean) * 20;
            assert!(sum.abs_diff(expected) <= 5 * expected.isqrt() + 1, "{mean}: {sum} for {expected}");
            let squares: u64 = draws.iter().map(|d| d * d).sum();
            let variance = i64::try_from((squares * 20_000 - sum * sum) / 400_000).unwrap();
            assert!((variance - i64::from(mean)).abs() <= i64::from(mean / 12) + 5, "{mean}: variance {variance}");
        }
        let heads = random.binomial(10_000, 3, 10);
        assert!((2_750..=3_250).contains(&heads), "{heads}");
        let ones = (0..9_000).filter(|_| random.weighted(&[2, 1]) == 1).count();
        assert!((2_750..=3_250).contains(&ones), "{ones}");
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::stream(Seed(1), "shuffle").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
