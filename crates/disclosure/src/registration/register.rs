//! Tables as they are registered for one protection group, one after the other: each is admitted beside those before it, or refused.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgeBand, AreaType, PeriodType};

use super::{Refusal, RegisteredArea, screen_areas, screen_table};

/// Everything that registration needs to know about boundaries.
pub struct Geographies {
    /// How many areas each type has.
    areas: BTreeMap<AreaType, u64>,
    /// Why two types may not both be published, a type with itself included.
    refused: BTreeMap<(AreaType, AreaType), Refusal>,
    /// Pairs of types of which some areas share people without one containing the other.
    overlapping: BTreeSet<(AreaType, AreaType)>,
}

impl Geographies {
    /// Compares all areas of all types; `population` is that of each small area, by number, where it is known.
    #[must_use]
    pub fn new(types: &BTreeMap<AreaType, Vec<RegisteredArea>>, population: Option<&[u64]>, floor: u64) -> Self {
        let (mut refused, mut overlapping) = (BTreeMap::new(), BTreeSet::new());
        for (one, of_one) in types {
            for (other, of_other) in types.range(one..) {
                let areas: Vec<RegisteredArea> = if one == other {
                    of_one.clone()
                } else {
                    if overlap(of_one, of_other) {
                        overlapping.insert((*one, *other));
                    }
                    of_one.iter().chain(of_other).cloned().collect()
                };
                let refusal = population.map_or(Some(Refusal::NoPopulation), |population| {
                    screen_areas(&areas, population, floor).into_iter().next()
                });
                refused.extend(refusal.map(|refusal| ((*one, *other), refusal)));
            }
        }
        let areas = types.iter().map(|(kind, areas)| (*kind, areas.len() as u64)).collect();
        Self { areas, refused, overlapping }
    }

    /// Every refusal for a type by itself, and for two together where each alone would do; what is published decides which count.
    pub fn refusals(&self) -> impl Iterator<Item = ((AreaType, AreaType), &Refusal)> {
        self.refused.iter().map(|(types, refusal)| (*types, refusal))
    }

    /// How many areas a type has.
    #[must_use]
    pub fn areas(&self, kind: AreaType) -> u64 {
        self.areas.get(&kind).copied().unwrap_or(0)
    }

    fn between(&self, one: AreaType, other: AreaType) -> Option<&Refusal> {
        self.refused.get(&(one.min(other), one.max(other)))
    }

    fn overlap(&self, one: AreaType, other: AreaType) -> bool {
        self.overlapping.contains(&(one.min(other), one.max(other)))
    }
}

fn overlap(one: &[RegisteredArea], other: &[RegisteredArea]) -> bool {
    one.iter().any(|a| {
        other
            .iter()
            .any(|b| !a.parts.is_disjoint(&b.parts) && !a.parts.is_subset(&b.parts) && !b.parts.is_subset(&a.parts))
    })
}

/// What is summed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    /// The column; of columns that are parts of each other, the whole.
    pub column: String,
    /// By dimension, the categories that are counted; single years for ages. A dimension that is not here is not filtered.
    pub filter: BTreeMap<String, BTreeSet<String>>,
}

impl Counted {
    /// A dimension of which both count some categories in common, and each some that the other does not.
    fn crosses(&self, other: &Self) -> Option<&str> {
        let crosses = |(dimension, one): &(&String, &BTreeSet<String>)| {
            let with = other.filter.get(*dimension);
            with.is_some_and(|two| !one.is_disjoint(two) && !one.is_subset(two) && !two.is_subset(one))
        };
        let same = self.column == other.column;
        self.filter.iter().filter(|_| same).find(crosses).map(|(dimension, _)| dimension.as_str())
    }
}

/// A table, as far as registration looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredTable {
    /// Its name for people.
    pub name: String,
    /// Its areas.
    pub area_type: AreaType,
    /// Its periods.
    pub period_type: PeriodType,
    /// What its cells are sums of.
    pub counts: BTreeSet<Counted>,
    /// What it is broken down by.
    pub by: BTreeSet<String>,
    /// Its age bands, where it is broken down by age or counts some ages only.
    pub ages: Vec<AgeBand>,
    /// Categories for each area and period, the totals included.
    pub categories: u64,
    /// About how many records a year has, if anybody says so.
    pub records: Option<u64>,
}

/// The tables of one group, admitted one after the other. The order decides which of several is refused: give first what is
/// published already.
pub struct Register<'a> {
    geographies: &'a Geographies,
    /// The threshold.
    k: u64,
    /// The most cells of a table in a year.
    most: u64,
    admitted: Vec<RegisteredTable>,
}

impl<'a> Register<'a> {
    /// A register without tables.
    #[must_use]
    pub const fn new(geographies: &'a Geographies, k: u64, most: u64) -> Self {
        Self { geographies, k, most, admitted: Vec::new() }
    }

    /// Counts a table that is out, though nobody asks for it any more: whatever is admitted stands beside it.
    pub fn keep(&mut self, table: RegisteredTable) {
        self.admitted.push(table);
    }

    /// Admits a table beside those before it.
    ///
    /// # Errors
    /// The first reason against it; then it counts for nothing that comes after.
    pub fn admit(&mut self, table: RegisteredTable) -> Result<(), Refusal> {
        self.areas(&table)?;
        self.overlapping(&table)?;
        self.windows(&table)?;
        self.ages(&table)?;
        self.filters(&table)?;
        let periods = u64::try_from(12 / table.period_type.months().max(1)).unwrap_or(1).max(1);
        let cells = self.geographies.areas(table.area_type).saturating_mul(periods).saturating_mul(table.categories);
        // Where nobody says how many records to expect, only the number of cells is judged here.
        let records = table.records.unwrap_or(u64::MAX);
        screen_table(&table.name, cells, self.most, records, self.k)?;
        self.admitted.push(table);
        Ok(())
    }

    fn areas(&self, table: &RegisteredTable) -> Result<(), Refusal> {
        let own = table.area_type;
        let others = self.admitted.iter().map(|other| other.area_type);
        let refusal = std::iter::once(own).chain(others).find_map(|other| self.geographies.between(own, other));
        refusal.map_or(Ok(()), |refusal| Err(refusal.clone()))
    }

    /// A table can be added up to coarser periods, and over its categories: with each that it can be added up to, at most two
    /// geographies overlap.
    fn overlapping(&self, table: &RegisteredTable) -> Result<(), Refusal> {
        let tables = || self.admitted.iter().chain(std::iter::once(table));
        for target in tables() {
            let reaches =
                |one: &RegisteredTable| made_of(target.period_type, one.period_type) && target.by.is_subset(&one.by);
            if !reaches(table) {
                continue;
            }
            let types: BTreeSet<AreaType> = tables().filter(|one| reaches(one)).map(|one| one.area_type).collect();
            let mine: Vec<AreaType> =
                types.into_iter().filter(|other| self.geographies.overlap(*other, table.area_type)).collect();
            for (index, one) in mine.iter().enumerate() {
                let second = mine.iter().skip(index + 1).find(|other| self.geographies.overlap(*one, **other));
                if let Some(other) = second {
                    let (table, third) = (table.name.clone(), table.area_type);
                    return Err(Refusal::Overlapping { table, one: *one, other: *other, third });
                }
            }
        }
        Ok(())
    }

    fn windows(&self, table: &RegisteredTable) -> Result<(), Refusal> {
        let new = table.period_type;
        if new == PeriodType::Rolling12 {
            return Err(Refusal::Rolling(table.name.clone(), new));
        }
        let crosses = |other: &&RegisteredTable| {
            let old = other.period_type;
            !made_of(new, old) && !made_of(old, new)
        };
        self.admitted.iter().find(crosses).map_or(Ok(()), |other| {
            let old = other.period_type;
            Err(Refusal::Windows { table: table.name.clone(), new, other: other.name.clone(), old })
        })
    }

    fn ages(&self, table: &RegisteredTable) -> Result<(), Refusal> {
        for other in &self.admitted {
            let pairs = table.ages.iter().flat_map(|new| other.ages.iter().map(move |old| (*new, *old)));
            for (new, old) in pairs {
                if crossing(new, old) {
                    let (table, other) = (table.name.clone(), other.name.clone());
                    return Err(Refusal::Ages { table, new, other, old });
                }
            }
        }
        Ok(())
    }

    /// Of three choices that share categories two by two, half of a sum is what nobody printed; of five, or seven, too.
    fn filters(&self, table: &RegisteredTable) -> Result<(), Refusal> {
        for other in self.admitted.iter().chain(std::iter::once(table)) {
            let mut pairs = table.counts.iter().flat_map(|new| other.counts.iter().map(move |old| (new, old)));
            if let Some(dimension) = pairs.find_map(|(new, old)| new.crosses(old)) {
                let (table, other) = (table.name.clone(), other.name.clone());
                return Err(Refusal::Filters { table, other, dimension: dimension.to_owned() });
            }
        }
        Ok(())
    }
}

/// Whether every period of one type is made up of whole periods of another.
fn made_of(whole: PeriodType, part: PeriodType) -> bool {
    whole == part
        || part == PeriodType::Month
        || (part == PeriodType::Quarter && matches!(whole, PeriodType::CalendarYear | PeriodType::FinancialYear))
}

/// Whether two age bands share ages and each has some that the other lacks.
fn crossing(one: AgeBand, other: AgeBand) -> bool {
    let (Some((a, b)), Some((c, d))) = (one.ages(), other.ages()) else { return false };
    let (b, d) = (b.unwrap_or(u8::MAX), d.unwrap_or(u8::MAX));
    (a < c && c <= b && b < d) || (c < a && a <= d && d < b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight small areas in a row; each type groups them otherwise.
    fn types(cuts: &[(AreaType, &[&[u32]])]) -> BTreeMap<AreaType, Vec<RegisteredArea>> {
        let areas = |kind: AreaType, groups: &[&[u32]]| {
            let area = |(index, parts): (usize, &&[u32])| RegisteredArea {
                code: format!("{kind}-{index}"),
                parts: parts.iter().copied().collect(),
            };
            groups.iter().enumerate().map(area).collect()
        };
        cuts.iter().map(|(kind, groups)| (*kind, areas(*kind, groups))).collect()
    }

    const MSOAS: &[&[u32]] = &[&[0, 1, 2, 3], &[4, 5, 6, 7]];
    const WARDS: &[&[u32]] = &[&[0, 1], &[2, 3, 4, 5], &[6, 7]];
    const BEATS: &[&[u32]] = &[&[0, 1, 2], &[3, 4], &[5, 6, 7]];
    const DISTRICT: &[&[u32]] = &[&[0, 1, 2, 3, 4, 5, 6, 7]];

    fn geographies(population: u64, floor: u64) -> Geographies {
        let types = types(&[
            (AreaType::Msoa, MSOAS),
            (AreaType::Ward, WARDS),
            (AreaType::Beat, BEATS),
            (AreaType::District, DISTRICT),
        ]);
        Geographies::new(&types, Some(&[population; 8]), floor)
    }

    fn table(text: &str) -> RegisteredTable {
        let mut words = text.split(' ');
        let (area_type, period_type) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap());
        let (filters, rest): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
        let filter = filters.iter().filter_map(|word| word.split_once('='));
        let filter = filter.map(|(name, chosen)| (name.to_owned(), chosen.split('/').map(str::to_owned).collect()));
        let ages: Vec<AgeBand> = rest.iter().filter_map(|word| word.parse().ok()).collect();
        let by = rest.iter().filter(|word| word.parse::<AgeBand>().is_err()).map(|word| (*word).to_owned());
        RegisteredTable {
            name: text.to_owned(),
            area_type,
            period_type,
            counts: BTreeSet::from([Counted { column: "count".to_owned(), filter: filter.collect() }]),
            by: by.chain((!ages.is_empty()).then(|| "age".to_owned())).collect(),
            ages,
            categories: 1,
            records: None,
        }
    }

    /// What is said of the last of some tables, of which the others are admitted; empty if it is, too.
    fn last(geographies: &Geographies, texts: &[&str]) -> String {
        let mut register = Register::new(geographies, 5, 1_000);
        let (last, before) = texts.split_last().unwrap();
        for text in before {
            register.admit(table(text)).unwrap();
        }
        register.admit(table(last)).err().map_or_else(String::new, |refusal| refusal.to_string())
    }

    #[test]
    fn each_reason_is_found_and_nothing_else() {
        let fine = geographies(1_000, 1_000);
        for (tables, expect) in [
            (&["msoa quarter", "ward quarter", "district month", "msoa calendar-year sex"][..], ""),
            (&["msoa quarter", "ward quarter", "beat quarter"], "these three overlap"),
            // A quarter is made of months and a table by sex holds the total.
            (&["msoa month", "ward quarter", "beat calendar-year"], "these three overlap"),
            (&["msoa quarter sex", "ward quarter", "beat quarter"], "these three overlap"),
            // The finer table comes last.
            (&["msoa calendar-year", "ward calendar-year", "beat month"], "these three overlap"),
            // Two and two, never three for one breakdown.
            (&["msoa quarter sex", "ward quarter sex", "district quarter"], ""),
            (&["msoa quarter sex", "ward quarter type", "msoa quarter type"], ""),
            (&["msoa quarter sex", "ward quarter type", "beat quarter"], "these three overlap"),
            (&["msoa calendar-year", "district financial-year"], "share months without containing each other"),
            (&["msoa quarter", "district academic-year"], "share months without containing each other"),
            (&["msoa month", "district academic-year"], ""),
            (&["msoa rolling-12"], "use calendar-year"),
            (
                &["msoa quarter 0-17 18+", "district quarter 16-64"],
                "has ages 16-64, but `msoa quarter 0-17 18+` has 0-17",
            ),
            (&["msoa quarter 0-17 18+", "district quarter 0-15 16-17 18-64 65+"], ""),
            (
                &["msoa quarter type=a/b", "msoa quarter type=b/c"],
                "shares categories with that of `msoa quarter type=a/b`",
            ),
            (&["msoa quarter type=a/b", "district month place=x type=b/c"], "counts a choice of `type`"),
            (&["msoa quarter type=a/b", "msoa quarter type=b", "msoa quarter type=c", "msoa quarter type=a/b/c"], ""),
            (&["msoa quarter type=a/b", "msoa quarter place=x/y", "msoa quarter", "msoa quarter type=a place=y"], ""),
        ] {
            let refusal = last(&fine, tables);
            assert!(
                if expect.is_empty() { refusal.is_empty() } else { refusal.contains(expect) },
                "{tables:?}: {refusal}"
            );
        }
    }

    #[test]
    fn small_areas_and_slivers_count_where_both_are_published() {
        // Areas of at least two small areas have enough people; what a ward and a beat differ by, one small area, has not.
        let slivers = geographies(600, 1_000);
        assert_eq!(last(&slivers, &["msoa quarter", "district quarter"]), "");
        assert_eq!(last(&slivers, &["msoa quarter", "ward quarter"]), "", "they differ by two small areas at least");
        let refusal = last(&slivers, &["ward quarter", "beat calendar-year"]);
        assert!(refusal.contains("sliver of 600 people"), "{refusal}");
        assert_eq!(last(&slivers, &["beat calendar-year"]), "");
        let small = geographies(400, 1_000);
        assert!(last(&small, &["ward quarter"]).contains("`ward-0` has 800 people"));
        assert_eq!(last(&small, &["district quarter"]), "");
        let unknown = Geographies::new(&types(&[(AreaType::District, DISTRICT)]), None, 1);
        assert!(last(&unknown, &["district quarter"]).contains("kind `population`"));
    }

    #[test]
    fn tables_are_judged_by_a_year() {
        let fine = geographies(1_000, 1_000);
        let judge = |categories, records| {
            let table = RegisteredTable { categories, records, ..table("msoa month") };
            Register::new(&fine, 5, 1_000).admit(table)
        };
        // 2 areas and 12 months.
        assert_eq!(judge(1, None), Ok(()));
        assert_eq!(judge(41, None), Ok(()));
        assert!(matches!(judge(42, None), Err(Refusal::TooLarge { cells: 1_008, most: 1_000, .. })));
        assert_eq!(judge(1, Some(24 * 9)), Ok(()));
        assert!(matches!(judge(1, Some(24 * 2)), Err(Refusal::TooSparse { .. })));
        // What was refused does not stand in the way of anything.
        let mut register = Register::new(&fine, 5, 1_000);
        assert!(register.admit(table("msoa rolling-12")).is_err());
        assert_eq!(register.admit(table("msoa quarter")), Ok(()));
    }
}
