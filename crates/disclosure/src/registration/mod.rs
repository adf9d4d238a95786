//! What is refused when a geography or a table is registered, before any data: areas with too few people, slivers between areas,
//! more overlapping geographies or windows than one group may have, tables that are too large or too sparse.

mod register;

use std::collections::{BTreeMap, BTreeSet};

use model::{AgeBand, AreaType, PeriodType};

pub use self::register::{Counted, Geographies, Register, RegisteredTable};

/// Why a registration is refused. What it names is public.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Few live there.
    #[error("area `{area}` has {population} people, fewer than {floor}: join it with a neighbour")]
    SmallArea {
        /// The area.
        area: String,
        /// Who lives there.
        population: u64,
        /// The least allowed.
        floor: u64,
    },
    /// Two areas that overlap nearly: subtracting one from the other shows a few people.
    #[error(
        "areas `{one}` and `{other}` differ by a sliver of {population} people, fewer than {floor}: use one boundary"
    )]
    Sliver {
        /// One area.
        one: String,
        /// The other.
        other: String,
        /// Who lives in what only one of them has.
        population: u64,
        /// The least allowed.
        floor: u64,
    },
    /// Nobody says how many people live there.
    #[error(
        "nothing says how many people live in the areas, so that too small ones cannot be told: add a file of kind \
         `population` to the geography and import it again"
    )]
    NoPopulation,
    /// A third geography that overlaps two others: what they differ by is in no one's boundary.
    #[error(
        "table `{table}` is by {third} beside {one} and {other} for a period and breakdown, and these three overlap: at most two \
         such geographies are published; leave one out"
    )]
    Overlapping {
        /// The table.
        table: String,
        /// A geography that is registered.
        one: AreaType,
        /// Another.
        other: AreaType,
        /// The one too many.
        third: AreaType,
    },
    /// Windows of time that share months without one being made of the other: their difference is a window nobody registered.
    #[error(
        "table `{table}` is by {new}, but `{other}` is by {old}, and such periods share months without containing each other: \
         use {old}, or periods that make it up"
    )]
    Windows {
        /// The table.
        table: String,
        /// Its periods.
        new: PeriodType,
        /// A table that is registered.
        other: String,
        /// The periods of that.
        old: PeriodType,
    },
    /// Periods that share months with the next of their own kind.
    #[error(
        "table `{0}` is by {1}, and one such period shares months with the next, so that two of them show single months: \
         use calendar-year"
    )]
    Rolling(String, PeriodType),
    /// Age bands that share ages without one containing the other.
    #[error(
        "table `{table}` has ages {new}, but `{other}` has {old}, and these share ages without one containing the other: use \
         the same bands, or join whole ones"
    )]
    Ages {
        /// The table.
        table: String,
        /// Its band.
        new: AgeBand,
        /// A table that is registered.
        other: String,
        /// The band of that.
        old: AgeBand,
    },
    /// Filters of one dimension that share categories without one containing the other.
    #[error(
        "table `{table}` counts a choice of `{dimension}` that shares categories with that of `{other}` without one containing the \
         other, so that sums and differences of them show what neither does: count whole choices, or each category by itself"
    )]
    Filters {
        /// The table.
        table: String,
        /// A table that is registered.
        other: String,
        /// What both choose from.
        dimension: String,
    },
    /// Too many cells.
    #[error("table `{table}` has {cells} cells, more than {most}: publish fewer categories or longer periods")]
    TooLarge {
        /// The table.
        table: String,
        /// Its cells.
        cells: u64,
        /// The most allowed.
        most: u64,
    },
    /// Too many cells expected to be small.
    #[error(
        "table `{table}` would withhold about {percent} % of its cells, with {mean:.1} records each: publish larger areas, \
         longer periods or fewer categories"
    )]
    TooSparse {
        /// The table.
        table: String,
        /// Records in a cell, on average.
        mean: f64,
        /// Cells expected from 1 to k - 1, in percent.
        percent: u64,
    },
}

impl Refusal {
    /// Whether it is about boundaries, whatever is published of them.
    #[must_use]
    pub const fn is_of_areas(&self) -> bool {
        matches!(self, Self::SmallArea { .. } | Self::Sliver { .. })
    }
}

/// An area as a set of small areas, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredArea {
    /// Its code.
    pub code: String,
    /// The small areas that it is made of.
    pub parts: BTreeSet<u32>,
}

/// Checks areas and every pair of them that overlaps; `population` of each small area, by number. All refusals, in order.
#[must_use]
pub fn screen_areas(areas: &[RegisteredArea], population: &[u64], floor: u64) -> Vec<Refusal> {
    let people = |parts: &mut dyn Iterator<Item = &u32>| -> u64 {
        parts.filter_map(|part| population.get(*part as usize)).sum()
    };
    let mut refusals = Vec::new();
    let mut by_part: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, area) in areas.iter().enumerate() {
        let population = people(&mut area.parts.iter());
        if population < floor {
            refusals.push(Refusal::SmallArea { area: area.code.clone(), population, floor });
        }
        area.parts.iter().for_each(|part| by_part.entry(*part).or_default().push(index));
    }
    let pairs: BTreeSet<(usize, usize)> = by_part
        .values()
        .flat_map(|list| list.iter().flat_map(move |one| list.iter().map(move |other| (*one, *other))))
        .filter(|(one, other)| one != other)
        .collect();
    for (one, other) in pairs {
        let (Some(one), Some(other)) = (areas.get(one), areas.get(other)) else { continue };
        let mut rest = one.parts.difference(&other.parts).peekable();
        if rest.peek().is_none() {
            continue;
        }
        let population = people(&mut rest);
        if population < floor {
            let (one, other) = (one.code.clone(), other.code.clone());
            refusals.push(Refusal::Sliver { one, other, population, floor });
        }
    }
    refusals
}

/// Share of cells that may be expected small, in percent.
const MOST_SMALL: f64 = 40.0;

/// Checks a table with so many cells, over which about so many records are expected to spread evenly.
///
/// The expected share of cells from 1 to k - 1 is that of a Poisson distribution: the sum of `exp(-m) m^i / i!`.
///
/// # Errors
/// If the table is too large or too sparse.
pub fn screen_table(table: &str, cells: u64, most: u64, records: u64, k: u64) -> Result<(), Refusal> {
    if cells > most {
        return Err(Refusal::TooLarge { table: table.to_owned(), cells, most });
    }
    #[allow(clippy::cast_precision_loss, reason = "an expectation, not a count")]
    let mean = records as f64 / cells.max(1) as f64;
    let mut term = (-mean).exp();
    let mut small = 0.0;
    for i in 1..k {
        #[allow(clippy::cast_precision_loss, reason = "k is small")]
        let divisor = i as f64;
        term *= mean / divisor;
        small += term;
    }
    let percent = 100.0 * small;
    if percent > MOST_SMALL {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
        let percent = percent.round() as u64;
        return Err(Refusal::TooSparse { table: table.to_owned(), mean, percent });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(code: &str, parts: &[u32]) -> RegisteredArea {
        RegisteredArea { code: code.to_owned(), parts: parts.iter().copied().collect() }
    }

    #[test]
    fn small_areas_and_slivers_are_refused() {
        let population = [1000, 900, 40, 800];
        let check = |areas: &[RegisteredArea]| -> Vec<String> {
            screen_areas(areas, &population, 100).iter().map(ToString::to_string).collect()
        };
        assert!(check(&[area("A", &[0, 1]), area("B", &[2, 3]), area("C", &[0, 1, 2, 3])]).is_empty());
        let sliver = check(&[area("A", &[0, 1]), area("B", &[0, 1, 2])]);
        assert_eq!(sliver.len(), 1);
        assert!(sliver[0].contains("`B` and `A` differ by a sliver of 40 people"), "{sliver:?}");
        // Overlapping without containing: what each has alone counts.
        assert_eq!(check(&[area("A", &[0, 2]), area("B", &[0, 1])]).len(), 1);
        assert!(check(&[area("A", &[2])])[0].contains("`A` has 40 people"));
    }

    #[test]
    fn large_and_sparse_tables_are_refused() {
        assert_eq!(screen_table("t", 100, 1000, 2_000, 5), Ok(()));
        assert_eq!(screen_table("t", 100, 1000, 20, 5), Ok(()), "nearly all zeros, which are shown");
        assert!(matches!(screen_table("t", 2_000, 1000, 90_000, 5), Err(Refusal::TooLarge { .. })));
        let Err(Refusal::TooSparse { percent, .. }) = screen_table("t", 100, 1000, 200, 5) else { panic!() };
        assert_eq!(percent, 81);
    }
}
