//! LSOA 2011 to LSOA 2021: unchanged, split, merged or irregular, with totals conserved.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::{AreaCode, AreaType, BoundaryYear};
use serde::{Deserialize, Serialize};

use crate::area::{AtomIndex, Method};

/// Whether codes of a type and vintage are carried over to the atoms: those of LSOAs of 2011.
#[must_use]
pub fn is_carried_over(area_type: AreaType, year: BoundaryYear) -> bool {
    area_type == AreaType::Lsoa && year.get() == 2011
}

/// What happened to a 2011 area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Change {
    /// Unchanged: one to one.
    #[serde(rename = "U")]
    Unchanged,
    /// Split into several: apportioned by weight, labelled modelled.
    #[serde(rename = "S")]
    Split,
    /// Merged with others into one: summed, exact.
    #[serde(rename = "M")]
    Merged,
    /// Redrawn irregularly: not comparable; apportioned by weight, with a caveat.
    #[serde(rename = "X")]
    Irregular,
}

impl Change {
    /// Reads the letter of the published lookup.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "U" => Some(Self::Unchanged),
            "S" => Some(Self::Split),
            "M" => Some(Self::Merged),
            "X" => Some(Self::Irregular),
            _ => None,
        }
    }

    /// The method of values carried over.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Unchanged | Self::Merged => Method::Exact,
            Self::Split | Self::Irregular => Method::Modelled,
        }
    }

    /// Whether values before and after can be compared.
    #[must_use]
    pub const fn is_comparable(self) -> bool {
        !matches!(self, Self::Irregular)
    }
}

/// A part of a 2011 area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The 2021 atom it lies in; `None` for a part outside the partnership.
    pub atom: Option<AtomIndex>,
    /// Its share of the area is `weight` out of the sum of all its parts' weights.
    pub weight: u64,
}

/// How a 2011 area is carried over to 2021 atoms. Only counts may be: never split a rate, rebuild it from its numerator
/// and denominator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// The 2011 code.
    pub code: AreaCode,
    /// What happened to it.
    pub change: Change,
    /// Its parts, sorted by atom, the part outside (if any) first; never empty, weights never all 0.
    pub parts: Vec<Part>,
    /// Whether the weights are people; otherwise every part counts the same.
    pub by_population: bool,
}

impl Conversion {
    /// The method of values carried over.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.change.method()
    }
}

/// What the conversion from 2011 makes of the figures of an area. It follows from the lookup alone, whatever the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedOver {
    /// A 2011 area lies in this area and in others: its counts are divided between them, and what is left here is modelled.
    /// One that lies inside as a whole is not divided, however many atoms it became.
    pub divided: bool,
    /// All that is carried over to this area is divided.
    pub wholly: bool,
    /// What is divided was redrawn irregularly, so that figures before and after cannot be compared.
    pub irregular: bool,
    /// Several 2011 areas became one atom. Their counts add up exactly; a score is a mean of theirs.
    pub averaged: bool,
    /// Some of this is done without knowing how many people live in the parts.
    pub without_weights: bool,
}

impl CarriedOver {
    /// Of the area that consists of these atoms, sorted.
    pub(crate) fn of<'a>(conversions: impl Iterator<Item = &'a Conversion>, atoms: &[AtomIndex]) -> Self {
        let inside = |part: &Part| part.atom.is_some_and(|atom| atoms.binary_search(&atom).is_ok());
        let mut found = Self { wholly: true, ..Self::default() };
        let mut sources: BTreeMap<AtomIndex, (u32, bool)> = BTreeMap::new();
        let mut any = false;
        for conversion in conversions.filter(|conversion| conversion.parts.iter().any(inside)) {
            any = true;
            let divided = !conversion.parts.iter().all(inside);
            found.divided |= divided;
            found.wholly &= divided;
            found.irregular |= divided && !conversion.change.is_comparable();
            found.without_weights |= divided && !conversion.by_population;
            for atom in conversion.parts.iter().filter(|part| inside(part)).filter_map(|part| part.atom) {
                let (count, weighted) = sources.entry(atom).or_insert((0, true));
                (*count, *weighted) = (*count + 1, *weighted && conversion.by_population);
            }
        }
        for (_, weighted) in sources.into_values().filter(|(count, _)| *count > 1) {
            found.averaged = true;
            found.without_weights |= !weighted;
        }
        found.wholly &= any;
        found
    }
}

/// Divides a count by weights with the largest-remainder method (Hamilton): exact quotas are rounded down, and what is
/// left goes, one each, to the largest remainders (ties: the larger weight, then the earlier part). The shares always add
/// up to the count. Without any weight the first part takes all. Negative counts (corrections) are divided by size and
/// keep their sign.
#[must_use]
pub fn apportion(count: i64, weights: &[u64]) -> Vec<i64> {
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    if sum == 0 {
        return (0..weights.len()).map(|index| if index == 0 { count } else { 0 }).collect();
    }
    let size = u128::from(count.unsigned_abs());
    let quota = |weight: &u64| size * u128::from(*weight);
    let mut shares: Vec<u128> = weights.iter().map(|weight| quota(weight) / sum).collect();
    let assigned: u128 = shares.iter().sum();
    let mut order: Vec<(usize, &u64)> = weights.iter().enumerate().collect();
    order.sort_by_key(|(index, weight)| (Reverse(quota(weight) % sum), Reverse(**weight), *index));
    let left = usize::try_from(size.saturating_sub(assigned)).unwrap_or(usize::MAX);
    for (index, _) in order.into_iter().take(left) {
        if let Some(share) = shares.get_mut(index) {
            *share += 1;
        }
    }
    // Only the size of the least count has no positive counterpart, and only one part can have all of it.
    let signed = |share: u128| i64::try_from(share).map_or(i64::MIN, |share| if count < 0 { -share } else { share });
    shares.into_iter().map(signed).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn largest_remainders() {
        let cases: [(&[u64], i64, &[i64]); 11] = [
            (&[1], 7, &[7]),
            (&[1, 1], 7, &[4, 3]),
            (&[1, 1, 1], 10, &[4, 3, 3]),
            (&[1600, 900], 10, &[6, 4]),
            (&[3, 1], -5, &[-4, -1]),
            (&[0, 5], 3, &[0, 3]),
            (&[1, 1], i64::MIN, &[i64::MIN / 2, i64::MIN / 2]),
            (&[1], i64::MIN, &[i64::MIN]),
            (&[1, 2], 1, &[0, 1]),
            (&[0, 0], 5, &[5, 0]),
            (&[], 3, &[]),
        ];
        for (weights, count, expect) in cases {
            assert_eq!(apportion(count, weights), expect, "{weights:?} {count}");
        }
    }

    proptest! {
        #[test]
        fn totals_are_conserved(weights in prop::collection::vec(0_u64..10_000, 1..6), count in any::<i64>()) {
            prop_assume!(weights.iter().any(|&w| w > 0));
            let found = apportion(count, &weights);
            prop_assert_eq!(found.iter().map(|&s| i128::from(s)).sum::<i128>(), i128::from(count));
            let total: u64 = weights.iter().sum();
            for (share, weight) in found.iter().zip(&weights) {
                // Within one of the exact quota, and nothing to a part without weight.
                let (share, quota) = (i128::from(*share), i128::from(count) * i128::from(*weight));
                prop_assert!((share * i128::from(total) - quota).abs() < i128::from(total));
                prop_assert!(*weight > 0 || share == 0);
            }
        }
    }

    #[test]
    fn letters() {
        for (text, change, method) in [
            ("U", Some(Change::Unchanged), Method::Exact),
            ("M ", Some(Change::Merged), Method::Exact),
            ("S", Some(Change::Split), Method::Modelled),
            ("X", Some(Change::Irregular), Method::Modelled),
        ] {
            assert_eq!(Change::parse(text), change);
            assert_eq!(change.unwrap().method(), method);
        }
        assert_eq!(Change::parse("u"), None);
    }
}
