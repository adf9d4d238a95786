//! Random protection groups, for tests of a protector and of the attacker: hierarchies and overlapping geographies,
//! months and years, sparse and dense, people with several records, an indicator that is part of another, extensions by
//! months, late and corrected records. A group follows from its seed, on every machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{Attacker, Cell, Dimension, Known, Level, Problem, Table, Value};
use crate::revisions::{Feed, revision_atom};

/// A small deterministic generator: SplitMix64 (Steele, Lea and Flood 2014). Not for secrets.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to `n - 1`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let product = u128::from(z ^ (z >> 31)) * (n as u128);
        usize::try_from(product >> 64).unwrap_or_default()
    }

    /// True this often, in percent.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of some items.
    pub fn pick<T: Copy>(&mut self, items: &[T], default: T) -> T {
        items.get(self.below(items.len())).copied().unwrap_or(default)
    }
}

/// How large a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// At most eight atoms with few records: all worlds can be enumerated.
    Tiny,
    /// Tens of cells: hundreds of groups are planned and attacked in a minute.
    Small,
    /// Tens to some hundreds of cells, as in a partnership.
    Medium,
}

/// A table: every combination of the codes.
#[derive(Debug, Clone)]
pub struct View {
    /// Its name.
    pub name: String,
    /// For each dimension the codes it shows.
    pub codes: Vec<Vec<String>>,
}

/// A record about a person.
#[derive(Clone)]
pub struct Record {
    /// For each dimension the number of its atom.
    pub at: Vec<usize>,
    /// Who contributed it.
    pub person: usize,
    /// The partner by way of whom it came.
    pub partner: u16,
    /// The first revision that has it, from 1.
    pub from: usize,
    /// The last revision that has it.
    pub until: usize,
}

/// A random protection group with its true records.
#[derive(Clone)]
pub struct Group {
    /// Its name; it tells the seed.
    pub name: String,
    /// The threshold k.
    pub threshold: u32,
    /// Its dimensions as of the last revision.
    pub dimensions: Vec<Dimension>,
    /// Its tables as of the last revision.
    pub views: Vec<View>,
    /// Its records.
    pub records: Vec<Record>,
    /// How many revisions it has.
    pub revisions: usize,
    /// What happens between revisions.
    pub feed: Feed,
    /// Months that every revision but the last has; later ones are added by the last.
    months_before: usize,
}

/// A cell as it is.
#[derive(Clone)]
pub struct Counted {
    /// One code per dimension.
    pub codes: Vec<String>,
    /// Its records.
    pub count: u64,
    /// Distinct contributors.
    pub people: u64,
}

const PERIOD: usize = 1;
/// How many partners supply records.
const PARTNERS: usize = 3;

/// The group of a seed.
#[must_use]
pub fn random_group(seed: u64, size: Size) -> Group {
    let mut numbers = Numbers::new(seed.wrapping_mul(2).wrapping_add(u64::from(size == Size::Tiny)));
    let medium = size != Size::Tiny;
    let most = if size == Size::Small { 4 } else { 9 };
    let areas = if medium { 4 + numbers.below(most) } else { 2 + numbers.below(2) };
    let months = if medium {
        numbers.pick(if size == Size::Small { &[1, 4, 6, 14] } else { &[1, 4, 12, 24] }, 4)
    } else {
        1 + numbers.below(2)
    };
    let part = medium && numbers.percent(50);
    let sexes = medium && numbers.percent(60) || !medium && areas * months <= 4;
    let mut dimensions = vec![area_dimension(&mut numbers, areas), period_dimension(months)];
    if sexes {
        dimensions.push(plain("sex", &["female", "male"]));
    }
    if medium && sexes && numbers.percent(50) {
        dimensions.push(plain("age", &["0-15", "16-64", "65+"]));
    }
    if part {
        dimensions.push(plain("measure", &["part", "rest"]));
    }
    let kind = numbers.below(4);
    let (revisions, feed) = match kind {
        1 => (2, Feed::Appends),
        2 if medium => (3, Feed::Appends),
        3 => (2, Feed::Corrects),
        _ => (1, Feed::Appends),
    };
    let months_before = if kind == 2 && months > 1 { months - 1 } else { months };
    let views = views(&mut numbers, &dimensions, medium);
    let mut group = Group {
        name: format!("random group {seed}"),
        threshold: if medium { 5 } else { 3 },
        dimensions,
        views,
        records: Vec::new(),
        revisions,
        feed,
        months_before,
    };
    let largest = group.views.iter().map(|view| view.codes.iter().map(Vec::len).product::<usize>()).max().unwrap_or(1);
    let permille = if medium { numbers.pick(&[300, 1_000, 3_000, 8_000, 20_000], 1_000) } else { 1_500 };
    let records = (largest * permille / 1_000).clamp(1, 20_000);
    let again = numbers.pick(&[0, 0, 30, 70], 0);
    for number in 0..records {
        let record = group.record(&mut numbers, number, again);
        group.records.push(record);
    }
    group
}

fn plain(name: &str, atoms: &[&str]) -> Dimension {
    Dimension {
        name: name.to_owned(),
        atoms: atoms.iter().map(|atom| (*atom).to_owned()).collect(),
        levels: Vec::new(),
        total: "all".to_owned(),
    }
}

/// A grouping of some of the atoms `0..atoms`.
fn level(name: &str, atoms: &[String], code: impl Fn(usize) -> Option<String>) -> Level {
    let mut codes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, atom) in atoms.iter().enumerate() {
        if let Some(code) = code(number) {
            codes.entry(code).or_default().push(atom.clone());
        }
    }
    Level { name: name.to_owned(), codes }
}

/// Areas in wards and districts, and sometimes in neighbourhoods that cut through the wards and leave some areas out.
fn area_dimension(numbers: &mut Numbers, areas: usize) -> Dimension {
    let atoms: Vec<String> = (0..areas).map(|number| format!("L{number}")).collect();
    let wide = 2 + numbers.below(2);
    let shift = 1 + numbers.below(wide - 1);
    let mut levels = vec![level("ward", &atoms, |n| Some(format!("W{}", n / wide)))];
    if areas > 2 && numbers.percent(60) {
        let left_out = numbers.below(areas * 2);
        levels.push(level("neighbourhood", &atoms, |n| (n != left_out).then(|| format!("N{}", (n + shift) / wide))));
    }
    if areas > 5 {
        levels.push(level("district", &atoms, |n| Some(format!("D{}", n * 2 / areas))));
    }
    Dimension { name: "area".to_owned(), atoms, levels, total: "all".to_owned() }
}

fn period_dimension(months: usize) -> Dimension {
    let atoms: Vec<String> = (0..months).map(|m| format!("{}-{:02}", 2023 + m / 12, m % 12 + 1)).collect();
    let mut levels = Vec::new();
    if months > 3 {
        levels.push(level("quarter", &atoms, |m| Some(format!("{}-Q{}", 2023 + m / 12, m % 12 / 3 + 1))));
    }
    if months > 12 {
        levels.push(level("year", &atoms, |m| Some(format!("{}", 2023 + m / 12))));
    }
    Dimension { name: "period".to_owned(), atoms, levels, total: "all".to_owned() }
}

/// The codes of a level of a dimension: atoms, a named level, or the total.
fn codes(dimension: &Dimension, level: &str) -> Vec<String> {
    match level {
        "atoms" => dimension.atoms.clone(),
        "total" => vec![dimension.total.clone()],
        name => {
            let level = dimension.levels.iter().find(|level| level.name == name);
            level.map_or_else(|| vec![dimension.total.clone()], |level| level.codes.keys().cloned().collect())
        }
    }
}

/// Some tables of the kind that partnerships publish: fine areas by long periods, large areas by short ones.
fn views(numbers: &mut Numbers, dimensions: &[Dimension], medium: bool) -> Vec<View> {
    let long = if dimensions.get(PERIOD).is_some_and(|p| p.atoms.len() > 12) { "year" } else { "total" };
    let mut shapes = vec![("atoms", long, true), ("total", "total", true)];
    let further = [
        ("ward", if medium { "quarter" } else { "atoms" }, false),
        ("neighbourhood", "quarter", false),
        ("district", "atoms", true),
        ("total", "atoms", false),
        ("ward", long, true),
    ];
    for shape in further {
        if numbers.percent(if medium { 50 } else { 70 }) {
            shapes.push(shape);
        }
    }
    let mut views = Vec::new();
    for (area, period, detailed) in shapes {
        let detailed = detailed && numbers.percent(70);
        for part in [false, true] {
            let codes = dimensions.iter().map(|dimension| match dimension.name.as_str() {
                "area" => codes(dimension, area),
                "period" => codes(dimension, period),
                "measure" if part => vec!["part".to_owned()],
                "measure" => vec![dimension.total.clone()],
                _ if detailed => [codes(dimension, "atoms"), codes(dimension, "total")].concat(),
                _ => vec![dimension.total.clone()],
            });
            let codes: Vec<Vec<String>> = codes.collect();
            let name = format!("{area} by {period}{}", if part { ", part" } else { "" });
            let same = |view: &View| view.codes == codes;
            if (!part || dimensions.iter().any(|d| d.name == "measure")) && !views.iter().any(same) {
                views.push(View { name, codes });
            }
        }
    }
    views
}

impl Group {
    fn record(&self, numbers: &mut Numbers, number: usize, again: usize) -> Record {
        let mut at: Vec<usize> = Vec::new();
        for dimension in &self.dimensions {
            // Small numbers are more likely: some areas and categories are sparse.
            let atoms = dimension.atoms.len();
            at.push(numbers.below(atoms).min(numbers.below(atoms)));
        }
        let repeats = number > 0 && numbers.percent(again);
        let person = if repeats { numbers.below(number) } else { number };
        // Partners serve some areas more than others; their numbers come from a stream of their own.
        let mut partners = Numbers::new(number as u64 ^ 0x7061_7274);
        let area = at.first().copied().unwrap_or_default();
        let partner = if partners.percent(60) { area % PARTNERS } else { partners.below(PARTNERS) };
        let late = numbers.percent(8);
        let month = at.get(PERIOD).copied().unwrap_or_default();
        let new = month >= self.months_before;
        let from = if new || late { self.revisions } else { 1 };
        let withdrawn = self.feed == Feed::Corrects && from == 1 && numbers.percent(5);
        let partner = u16::try_from(partner).unwrap_or_default();
        Record { at, person, partner, from, until: if withdrawn { self.revisions - 1 } else { self.revisions } }
    }

    /// The same with all its months from the first revision on.
    #[must_use]
    pub fn with_all_months(mut self) -> Self {
        for record in &mut self.records {
            if record.at.get(PERIOD).is_some_and(|month| *month >= self.months_before) {
                record.from = 1;
            }
        }
        self.months_before = usize::MAX;
        self
    }

    /// Its dimensions as of a revision (from 1): codes that need later months are not there yet.
    #[must_use]
    pub fn dimensions_as_of(&self, revision: usize) -> Vec<Dimension> {
        let mut dimensions = self.dimensions.clone();
        if revision < self.revisions
            && let Some(period) = dimensions.get_mut(PERIOD)
        {
            period.atoms.truncate(self.months_before);
            let there: BTreeSet<String> = period.atoms.iter().cloned().collect();
            for level in &mut period.levels {
                level.codes.retain(|_, atoms| atoms.iter().all(|atom| there.contains(atom)));
            }
            period.levels.retain(|level| !level.codes.is_empty());
        }
        dimensions
    }

    /// Its tables with their true counts, as of a revision (from 1).
    #[must_use]
    pub fn tables(&self, revision: usize) -> Vec<(String, Vec<Counted>)> {
        let dimensions = self.dimensions_as_of(revision);
        let atoms: Vec<BTreeMap<String, BTreeSet<usize>>> = dimensions.iter().map(members).collect();
        let records: Vec<&Record> =
            self.records.iter().filter(|record| (record.from..=record.until).contains(&revision)).collect();
        let mut tables = Vec::new();
        for view in &self.views {
            let mut combinations: Vec<Vec<String>> = vec![Vec::new()];
            for (codes, known) in view.codes.iter().zip(&atoms) {
                let there = || codes.iter().filter(|code| known.contains_key(*code)).cloned();
                combinations =
                    combinations.iter().flat_map(|head| there().map(|code| [&head[..], &[code]].concat())).collect();
            }
            let count = |codes: Vec<String>| {
                let inside: Vec<&BTreeSet<usize>> =
                    codes.iter().zip(&atoms).filter_map(|(code, known)| known.get(code)).collect();
                let found: Vec<&&Record> = records
                    .iter()
                    .filter(|record| record.at.iter().zip(&inside).all(|(atom, inside)| inside.contains(atom)))
                    .collect();
                let people: BTreeSet<usize> = found.iter().map(|record| record.person).collect();
                Counted { codes, count: found.len() as u64, people: people.len() as u64 }
            };
            let cells: Vec<Counted> = combinations.into_iter().map(count).collect();
            if !cells.is_empty() {
                tables.push((view.name.clone(), cells));
            }
        }
        tables
    }

    /// What partners know of the group once these revisions were released, oldest first, and joined ([`crate::jointly`]): their
    /// own records and when they came and went; of a coalition, those of all of them.
    #[must_use]
    pub fn partners(&self, released: &[usize], coalitions: &[Vec<u16>]) -> Vec<Attacker> {
        let names = |at: &[usize]| -> Vec<String> {
            let name =
                |(dimension, atom): (&Dimension, &usize)| dimension.atoms.get(*atom).cloned().unwrap_or_default();
            self.dimensions.iter().zip(at).map(name).collect()
        };
        let attacker = |partners: &Vec<u16>| {
            let mut own: BTreeMap<Vec<String>, u64> = BTreeMap::new();
            for record in self.records.iter().filter(|record| partners.contains(&record.partner)) {
                let there = |revision: &usize| (record.from..=record.until).contains(revision);
                let (first, last) = (released.iter().position(there), released.iter().rposition(there));
                let (Some(first), Some(last)) = (first, last) else { continue };
                let mut codes = names(&record.at);
                codes.push(revision_atom(self.feed, first + 1, last + 1));
                *own.entry(codes).or_default() += 1;
            }
            let known = own.into_iter().map(|(codes, count)| Known { codes, count }).collect();
            Attacker { name: format!("partners {partners:?}"), known }
        };
        coalitions.iter().map(attacker).collect()
    }

    /// What is released of a revision if these cells are withheld.
    #[must_use]
    pub fn release(&self, revision: usize, zeros_published: bool, hide: impl Fn(&Counted) -> bool) -> Problem {
        let tables = self.tables(revision).into_iter().map(|(name, cells)| Table {
            name,
            zeros_published,
            cells: cells
                .into_iter()
                .map(|cell| {
                    let value = if hide(&cell) { Value::Withheld } else { Value::Released(cell.count) };
                    Cell { codes: cell.codes, value }
                })
                .collect(),
            ..Table::default()
        });
        Problem {
            name: self.name.clone(),
            threshold: self.threshold,
            dimensions: self.dimensions_as_of(revision),
            tables: tables.collect(),
            ..Problem::default()
        }
    }
}

/// The atoms of every code of a dimension.
fn members(dimension: &Dimension) -> BTreeMap<String, BTreeSet<usize>> {
    let position: BTreeMap<&String, usize> = dimension.atoms.iter().zip(0..).collect();
    let mut members: BTreeMap<String, BTreeSet<usize>> =
        position.iter().map(|(atom, number)| ((*atom).clone(), BTreeSet::from([*number]))).collect();
    for (code, atoms) in dimension.levels.iter().flat_map(|level| &level.codes) {
        members.insert(code.clone(), atoms.iter().filter_map(|atom| position.get(atom).copied()).collect());
    }
    members.insert(dimension.total.clone(), (0..dimension.atoms.len()).collect());
    members
}
