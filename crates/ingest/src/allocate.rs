//! Whole numbers over parts by weight, so that the parts add up to the total.

/// Splits a total by weights with the largest-remainder method: everyone gets the whole part of its quota, and what is
/// left goes one by one to the largest remainders (ties: the larger weight, then the earlier part). Without any weight
/// the first part takes all. The parts always add up to the total.
pub(crate) fn allocate(total: i64, weights: &[u64]) -> Vec<i64> {
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    if sum == 0 {
        return (0..weights.len()).map(|index| if index == 0 { total } else { 0 }).collect();
    }
    let size = u128::from(total.unsigned_abs());
    let quotas = weights.iter().map(|weight| size * u128::from(*weight));
    let mut parts: Vec<(u128, u128)> = quotas.map(|quota| (quota / sum, quota % sum)).collect();
    let given: u128 = parts.iter().map(|(whole, _)| whole).sum();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    let rank = |index: &usize| {
        let remainder = parts.get(*index).map_or(0, |(_, remainder)| *remainder);
        (std::cmp::Reverse(remainder), std::cmp::Reverse(weights.get(*index).copied()), *index)
    };
    order.sort_by_key(rank);
    let left = usize::try_from(size.saturating_sub(given)).unwrap_or(usize::MAX);
    for index in order.into_iter().take(left) {
        if let Some((whole, _)) = parts.get_mut(index) {
            *whole += 1;
        }
    }
    let signed = |whole: u128| i64::try_from(whole).unwrap_or(i64::MAX) * total.signum();
    parts.into_iter().map(|(whole, _)| signed(whole)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn remainders_decide() {
        let cases: [(i64, &[u64], &[i64]); 7] = [
            (10, &[1, 1], &[5, 5]),
            (1, &[1, 1], &[1, 0]),
            (1, &[1, 2], &[0, 1]),
            (7, &[1, 1, 1], &[3, 2, 2]),
            (-7, &[1, 1, 1], &[-3, -2, -2]),
            (5, &[0, 0], &[5, 0]),
            (100, &[1500, 1700, 0], &[47, 53, 0]),
        ];
        for (total, weights, expect) in cases {
            assert_eq!(allocate(total, weights), expect, "{total} {weights:?}");
        }
        assert!(allocate(3, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn totals_are_conserved_and_nobody_is_a_whole_one_off(
            total in -1_000_000_000_000_i64..1_000_000_000_000,
            weights in prop::collection::vec(0_u64..10_000_000, 1..12),
        ) {
            let parts = allocate(total, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            let sum: u128 = weights.iter().copied().map(u128::from).sum();
            for (part, weight) in parts.iter().zip(&weights).filter(|_| sum > 0) {
                let got = u128::from(part.unsigned_abs()) * sum;
                let quota = u128::from(total.unsigned_abs()) * u128::from(*weight);
                prop_assert!(got.abs_diff(quota) < sum);
            }
        }
    }
}
