//! Deprivation in England's terms: rank, decile and score of every 2011 area.

use super::grow::at;
use crate::world::Lsoa11;

/// LSOAs of England in 2011.
const ENGLAND: i64 = 32_844;
/// How many of 1,000 areas here are in each decile of England, most deprived first: pockets beside affluence.
const DECILES: [i64; 10] = [60, 75, 70, 75, 90, 100, 110, 125, 145, 150];
/// Scores (thousandths) at the start of each decile of England and at the end of the last.
const SCORES: [i64; 11] = [92_700, 37_200, 28_500, 22_800, 18_500, 15_200, 12_400, 10_000, 7_900, 5_700, 540];

/// Gives every 2011 area its rank, decile and score: `raw` is the raw need of the 2021 areas. Two pairs of neighbours in
/// the order are tied, as ranks of real releases are.
pub(crate) fn rank(former: &mut [Lsoa11], raw: &[i64]) {
    let need = |area: &Lsoa11| {
        let sum: i64 = area.lsoas.iter().map(|lsoa| at(raw, *lsoa)).sum();
        sum / i64::try_from(area.lsoas.len()).unwrap_or(1).max(1)
    };
    let mut order: Vec<(i64, usize)> = former.iter().enumerate().map(|(number, area)| (-need(area), number)).collect();
    order.sort_unstable();
    let count = i64::try_from(order.len()).unwrap_or(1).max(1);
    let mut previous = 0;
    for (place, (_, number)) in (0_i64..).zip(order) {
        let tied = place == 40 || place == 97;
        let here = if tied { previous } else { england_rank(place * 1_000_000 / count + 3_000).max(previous + 1) };
        previous = here;
        if let Some(area) = former.get_mut(number) {
            area.imd_rank = here as u32;
            area.imd_decile = ((here - 1) * 10 / ENGLAND + 1) as u32;
            area.imd_score_milli = score_milli(here) as u32;
        }
    }
}

/// The rank in England of the area at a position (millionths) in the order of areas here.
fn england_rank(position_ppm: i64) -> i64 {
    let mut before = 0;
    for (decile, share) in (0_i64..).zip(DECILES) {
        let share = share * 1_000;
        if position_ppm < before + share {
            return (decile * ENGLAND + (position_ppm - before) * ENGLAND / share) / 10 + 1;
        }
        before += share;
    }
    ENGLAND
}

/// The score at a rank in England, thousandths, interpolated within its decile. The first decile's scores fall steeply.
pub(crate) fn score_milli(rank: i64) -> i64 {
    let decile = usize::try_from((rank - 1) * 10 / ENGLAND).unwrap_or(0).min(9);
    let (high, low) = (at(&SCORES, decile), at(&SCORES, decile + 1));
    let within = (rank - 1) * 10 % ENGLAND;
    if decile == 0 {
        // Half of the way is gone in the first fifth of the decile.
        let fifth = ENGLAND / 5;
        let middle = (high + low) / 2;
        return if within < fifth {
            high - (high - middle) * within / fifth
        } else {
            middle - (middle - low) * (within - fifth) / (ENGLAND - fifth)
        };
    }
    high - (high - low) * within / ENGLAND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_fall_with_rank() {
        let scores: Vec<i64> = (1..=ENGLAND).map(score_milli).collect();
        assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]));
        assert_eq!((scores[0], score_milli(ENGLAND) < 600), (92_700, true));
        assert_eq!((england_rank(0), england_rank(999_999) <= ENGLAND), (1, true));
    }
}
