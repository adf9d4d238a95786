//! Quintiles and classes of areas.

use crate::StatisticsError;

/// Fewer areas than this are not divided into quintiles.
pub const MIN_AREAS: usize = 5;

/// The population-weighted quintile (1 lowest value to 5 highest) of each area, in the order given; `None` for an area
/// without a value.
///
/// Areas are put in order of value, and in the order given where values are equal; an area belongs to the quintile in
/// which the middle of its population lies when the populations are laid end to end: quintile = 1 + floor(5 (P + p/2) /
/// total), P the population before it and p its own. Areas with equal values are given the same quintile, that of the
/// middle of all of them together. Values are `(value, population)`.
///
/// # Errors
/// If fewer than five areas have a value, a population is negative or not a number, or nobody lives there.
pub fn quintiles(areas: &[(Option<f64>, f64)]) -> Result<Vec<Option<u8>>, StatisticsError> {
    let mut order: Vec<(usize, f64, f64)> = Vec::new();
    for (index, (value, population)) in areas.iter().enumerate() {
        if !population.is_finite() || *population < 0.0 || value.is_some_and(|v| !v.is_finite()) {
            return Err(StatisticsError::NotANumber);
        }
        if let Some(value) = value {
            order.push((index, *value, *population));
        }
    }
    if order.len() < MIN_AREAS {
        return Err(StatisticsError::TooFewAreas { needed: MIN_AREAS });
    }
    order.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let total: f64 = order.iter().map(|(_, _, population)| population).sum();
    if total <= 0.0 {
        return Err(StatisticsError::NoDenominator);
    }
    let mut result = vec![None; areas.len()];
    let mut before = 0.0;
    for equal in order.chunk_by(|a, b| a.1.total_cmp(&b.1).is_eq()) {
        let population: f64 = equal.iter().map(|(_, _, population)| population).sum();
        let middle = (before + population / 2.0) / total;
        let quintile = (1..5).fold(1, |q, step| if middle >= f64::from(step) / 5.0 { step + 1 } else { q });
        for (index, ..) in equal {
            if let Some(slot) = result.get_mut(*index) {
                *slot = Some(quintile);
            }
        }
        before += population;
    }
    Ok(result)
}

/// Upper limits of `classes` classes with equally many values each (the last is the largest value): sample quantiles by
/// linear interpolation between order statistics (type 7 of Hyndman and Fan, The American Statistician 50 (1996) 361).
/// Equal limits are given once, so that there can be fewer classes.
///
/// # Errors
/// If there are fewer values than classes, no class, or a value that is not a number.
pub fn quantile_breaks(values: &[f64], classes: usize) -> Result<Vec<f64>, StatisticsError> {
    if values.iter().any(|value| !value.is_finite()) {
        return Err(StatisticsError::NotANumber);
    }
    if classes == 0 || values.len() < classes {
        return Err(StatisticsError::TooFewAreas { needed: classes.max(1) });
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len() - 1;
    let mut breaks: Vec<f64> = Vec::new();
    for class in 1..=classes {
        // In whole numbers, so that no limit depends on rounding.
        let (below, rest) = (last * class / classes, last * class % classes);
        let low = sorted.get(below).copied().unwrap_or(f64::NAN);
        let high = sorted.get(below + 1).copied().unwrap_or(low);
        let value = low + (high - low) * (rest as f64) / (classes as f64);
        if breaks.last() != Some(&value) {
            breaks.push(value);
        }
    }
    Ok(breaks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quintiles_by_population() {
        let even = |n: i32| (0..n).map(|v| (Some(f64::from(v)), 100.0)).collect::<Vec<_>>();
        let q = |areas: &[(Option<f64>, f64)]| {
            quintiles(areas).unwrap().into_iter().map(|q| q.map_or(0, i32::from)).collect::<Vec<_>>()
        };
        assert_eq!(q(&even(5)), [1, 2, 3, 4, 5]);
        assert_eq!(q(&even(10)), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
        // One area holds most of the people: its middle is in the middle.
        assert_eq!(
            q(&[(Some(1.0), 10.0), (Some(2.0), 10.0), (Some(3.0), 960.0), (Some(4.0), 10.0), (Some(5.0), 10.0)]),
            [1, 1, 3, 5, 5]
        );
        // Equal values share a quintile; an area without a value has none.
        assert_eq!(
            q(&[(Some(7.0), 1.0), (Some(7.0), 1.0), (None, 1.0), (Some(7.0), 1.0), (Some(7.0), 1.0), (Some(7.0), 1.0)]),
            [3, 3, 0, 3, 3, 3]
        );
        assert_eq!(quintiles(&even(4)), Err(StatisticsError::TooFewAreas { needed: 5 }));
        assert_eq!(quintiles(&[(Some(1.0), f64::NAN)]), Err(StatisticsError::NotANumber));
        assert_eq!(quintiles(&[(Some(1.0), 0.0); 5]), Err(StatisticsError::NoDenominator));
    }

    #[test]
    fn breaks_by_type_7() {
        let values: Vec<f64> = (1..=11).map(f64::from).collect();
        assert_eq!(quantile_breaks(&values, 5).unwrap(), [3.0, 5.0, 7.0, 9.0, 11.0]);
        assert_eq!(quantile_breaks(&[1.0, 2.0, 4.0, 8.0], 2).unwrap(), [3.0, 8.0]);
        assert_eq!(quantile_breaks(&[2.0, 2.0, 2.0, 3.0], 4).unwrap(), [2.0, 2.25, 3.0]);
        assert_eq!(quantile_breaks(&[1.0], 2), Err(StatisticsError::TooFewAreas { needed: 2 }));
        assert_eq!(quantile_breaks(&[f64::NAN, 1.0], 1), Err(StatisticsError::NotANumber));
        assert_eq!(quantile_breaks(&[1.0], 0), Err(StatisticsError::TooFewAreas { needed: 1 }));
    }

    proptest! {
        /// A higher value never has a lower quintile, and order of input does not matter where values differ.
        #[test]
        fn quintiles_rise_with_the_value(areas in prop::collection::vec((0.0_f64..10.0, 1.0_f64..1000.0), 5..60)) {
            let given: Vec<_> = areas.iter().map(|(v, p)| (Some(*v), *p)).collect();
            let q = quintiles(&given).unwrap();
            for (a, qa) in areas.iter().zip(&q) {
                for (b, qb) in areas.iter().zip(&q) {
                    prop_assert!(a.0 < b.0 || qa >= qb);
                }
            }
            let mut reversed = given.clone();
            reversed.reverse();
            let mut r = quintiles(&reversed).unwrap();
            r.reverse();
            prop_assert_eq!(q, r);
        }
    }
}
