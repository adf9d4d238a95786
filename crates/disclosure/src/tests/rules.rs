//! What each rule is for: a case in which the plan is safe, and a reader convicts the plan that was made without the rule.
//!
//! The reader enumerates every world of the group from what was shown and what they know; nothing here is shared with the search.

use std::collections::BTreeMap;

use model::{AgeBand, AreaType, Digest, Exposure, Sex};

use super::{cell_id, empty, key, name};
use crate::decide::decide;
use crate::rules::Rules;
use crate::{Cell, CellFacts, CellId, Dominance, Policy, Share, Unreleased, UnreleasedBuilder, ZeroPolicy, plan};

pub(super) const K: u64 = 3;

/// The pseudonym of a person.
fn contributor(person: u16) -> [u8; 16] {
    u128::from(person).to_le_bytes()
}

/// A group in which each record has a contributor and a partner.
#[derive(Default, Clone)]
pub(super) struct Case {
    /// By atom: contributor, partner and amount.
    pub(super) atoms: Vec<Vec<(u16, u16, u64)>>,
    /// Cells: name, atoms as bits, and what is known about the cell.
    pub(super) cells: Vec<(CellId, u32, CellFacts)>,
    pub(super) sensitive: bool,
}

impl Case {
    /// People with one record each.
    pub(super) fn of_people(counts: &[u64]) -> Self {
        let mut next = 0;
        let mut people = |count: &u64| -> Vec<(u16, u16, u64)> {
            let first = next;
            next += u16::try_from(*count).unwrap();
            (first..next).map(|person| (person, 0, 1)).collect()
        };
        Self { atoms: counts.iter().map(&mut people).collect(), ..Self::default() }
    }

    pub(super) fn cell(mut self, mask: u32, headline: bool) -> Self {
        let area = format!("AREA-{}", self.cells.len());
        let id = cell_id("test", AreaType::Lsoa, &area, 1, Sex::All, AgeBand::All);
        self.cells.push((id, mask, CellFacts { headline, ..CellFacts::default() }));
        self
    }

    pub(super) fn counts(&self) -> Vec<u64> {
        self.atoms.iter().map(|people| people.iter().map(|person| person.2).sum()).collect()
    }

    fn build(&self) -> Unreleased {
        let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
        let mut indices = Vec::new();
        for (people, count) in self.atoms.iter().zip(self.counts()) {
            let atom = builder.atom(count);
            indices.push(atom);
            for (person, partner, amount) in people {
                builder.contribution(atom, Some(contributor(*person)), *partner, *amount);
            }
        }
        if self.sensitive {
            builder.sensitive_measure("sensitive".parse().unwrap());
        }
        for (id, mask, facts) in &self.cells {
            let inside = (0..indices.len()).filter(|i| mask >> i & 1 == 1).map(|i| indices[i]);
            builder.cell(id.clone(), inside, u64::MAX, *facts);
        }
        builder.finish().unwrap()
    }

    /// What a plan shows, in the order of `cells`.
    pub(super) fn shown(&self, policy: &Policy, rules: Rules) -> Vec<Cell> {
        let truth = self.build();
        if rules == Rules::ALL {
            // The whole way, with the check.
            let _ = plan(&empty(), &truth, policy, &key(1)).unwrap();
        }
        let tables = decide(&empty(), &truth, policy, &key(1), rules, true).unwrap().0.tables();
        self.cells.iter().map(|(id, _, _)| tables.cell(id).unwrap()).collect()
    }

    /// Smallest and largest of every cell over the worlds with these least counts, where a mark means at least one.
    fn intervals(&self, shown: &[Cell], own: &[u64], marks_mean_one: bool) -> Vec<(u64, u64)> {
        let most = self.counts().iter().sum::<u64>() + 2 * K + 4;
        let mut found = vec![(u64::MAX, 0); shown.len()];
        let mut world = Vec::new();
        self.extend(&mut world, &mut found, shown, own, marks_mean_one, most);
        found
    }

    fn extend(
        &self,
        world: &mut Vec<u64>,
        found: &mut [(u64, u64)],
        shown: &[Cell],
        own: &[u64],
        marks_mean_one: bool,
        most: u64,
    ) {
        let decided = (1_u32 << world.len()) - 1;
        let sum = |mask: u32, world: &[u64]| -> u64 {
            world.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, count)| count).sum()
        };
        for ((_, mask, facts), cell) in self.cells.iter().zip(shown) {
            let (sum, complete) = (sum(*mask, world), mask & !decided == 0);
            let fits = match cell {
                Cell::Value(value) => sum == *value || (sum < *value && !complete),
                Cell::Withheld(_) => !complete || sum > 0 || !marks_mean_one,
            };
            if !fits || facts.known_upper.is_some_and(|upper| sum > upper) {
                return;
            }
        }
        if world.len() == self.atoms.len() {
            for ((_, mask, _), interval) in self.cells.iter().zip(found) {
                let value = sum(*mask, world);
                *interval = (interval.0.min(value), interval.1.max(value));
            }
            return;
        }
        let total: u64 = world.iter().sum();
        for count in own[world.len()]..=most.saturating_sub(total) {
            world.push(count);
            self.extend(world, found, shown, own, marks_mean_one, most);
            world.pop();
        }
    }
}

/// Whether somebody who knows these records learns that some withheld cell holds fewer than k others, or nearly what it holds.
fn learns(case: &Case, shown: &[Cell], own: &[u64], marks_mean_one: bool) -> bool {
    let intervals = case.intervals(shown, own, marks_mean_one);
    intervals.iter().zip(shown).zip(&case.cells).any(|(((low, high), cell), (_, mask, _))| {
        let known: u64 = own.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, count)| count).sum();
        cell.value().is_none() && (high - known < K || high - low < K)
    })
}

/// The public learns nothing of the plan, and something without the rule.
fn convicts(case: &Case, policy: &Policy, mutant: Rules, convicted: &dyn Fn(&[Cell]) -> bool) {
    let whole = case.shown(policy, Rules::ALL);
    assert!(!convicted(&whole), "the plan is unsafe: {whole:?}");
    let broken = case.shown(policy, mutant);
    assert!(convicted(&broken), "the rule is not needed here: {broken:?}");
}

fn nobody(case: &Case) -> Vec<u64> {
    vec![0; case.atoms.len()]
}

#[test]
fn counts_of_few_are_withheld() {
    let case =
        Case::of_people(&[2, 9, 8, 7]).cell(1, false).cell(2, false).cell(4, false).cell(8, false).cell(15, true);
    let policy = Policy::threshold(K);
    let small_shown =
        |shown: &[Cell]| shown.iter().any(|cell| cell.value().is_some_and(|value| (1..K).contains(&value)));
    convicts(&case, &policy, Rules { threshold: false, ..Rules::ALL }, &small_shown);
}

#[test]
fn counts_of_few_people_are_withheld_however_many_records_they_have() {
    let mut case = Case::of_people(&[0, 9, 8, 7]);
    case.atoms[0] = vec![(200, 0, 5), (201, 0, 1)];
    let case = case.cell(1, false).cell(2, false).cell(4, false).cell(8, false).cell(15, true);
    let policy = Policy::threshold(K);
    convicts(&case, &policy, Rules { contributors: false, ..Rules::ALL }, &|shown| shown[0].value().is_some());
    // Two cells of seven records and more differ by those of one person.
    let mut case = Case::of_people(&[5, 0, 9, 9]);
    case.atoms[1] = vec![(200, 0, 6)];
    let case = case.cell(1, false).cell(3, false).cell(4, false).cell(8, false).cell(15, true);
    let both = |shown: &[Cell]| shown[0].value().is_some() && shown[1].value().is_some();
    convicts(&case, &policy, Rules { contributors: false, ..Rules::ALL }, &both);
}

#[test]
fn a_withheld_cell_has_another_world_than_the_truth() {
    let case =
        Case::of_people(&[2, 9, 8, 7]).cell(1, false).cell(2, false).cell(4, false).cell(8, false).cell(15, true);
    let public = |shown: &[Cell]| learns(&case, shown, &nobody(&case), true);
    convicts(&case, &Policy::threshold(K), Rules { witnesses: false, ..Rules::ALL }, &public);
}

#[test]
fn a_mark_says_at_least_one_where_zeros_are_shown() {
    let case = Case::of_people(&[1, 1, 1, 9, 8]);
    let case =
        case.cell(1, false).cell(2, false).cell(4, false).cell(7, false).cell(8, false).cell(16, false).cell(31, true);
    let public = |shown: &[Cell]| learns(&case, shown, &nobody(&case), true);
    convicts(&case, &Policy::threshold(K), Rules { marks: false, ..Rules::ALL }, &public);
}

#[test]
fn a_headline_zero_is_never_hidden_so_its_mark_says_at_least_one() {
    let hide = Policy { zeros: ZeroPolicy::HideShare { per_thousand: 1000 }, ..Policy::threshold(K) };
    let zero = Case::of_people(&[0, 9]).cell(1, true).cell(2, false).cell(3, false);
    assert_eq!(zero.shown(&hide, Rules::ALL)[0], Cell::Value(0));
    // Two headlines of one and two, beside a total: with a world of none for one, the other could be all.
    let case = Case::of_people(&[1, 1, 1, 9])
        .cell(1, true)
        .cell(2, true)
        .cell(4, true)
        .cell(7, false)
        .cell(8, false)
        .cell(15, true);
    let shown = case.shown(&hide, Rules::ALL);
    let all_headlines_have_one = |shown: &[Cell]| {
        let mut marked = case.clone();
        marked.cells.truncate(3);
        // Worlds in which a marked headline is zero do not exist; the reader counts without them.
        let own: Vec<u64> = (0..4).map(|atom| u64::from(atom < 3 && shown[atom].value().is_none())).collect();
        case.intervals(shown, &own, false)
    };
    for ((low, high), cell) in all_headlines_have_one(&shown).into_iter().zip(&shown) {
        assert!(cell.value().is_some() || (high >= K && high - low >= K), "{low}..={high} in {shown:?}");
    }
}

#[test]
fn a_partner_is_not_left_with_few_others() {
    let mut case = Case::of_people(&[9, 8, 7, 8]);
    // All but two of the first come from partner 1.
    for (atom, people) in case.atoms.iter_mut().enumerate() {
        for (index, person) in people.iter_mut().enumerate() {
            person.1 = u16::from((atom == 0 && index > 1) || (atom > 0 && index % 2 == 0));
        }
    }
    let case = case.cell(1, false).cell(2, false).cell(4, false).cell(8, false).cell(15, true);
    let own: Vec<u64> = case
        .atoms
        .iter()
        .map(|people| people.iter().filter(|person| person.1 == 1).map(|person| person.2).sum())
        .collect();
    let partner = |shown: &[Cell]| shown[0].value().is_some() || learns(&case, shown, &own, true);
    convicts(&case, &Policy::threshold(K), Rules { partners: false, ..Rules::ALL }, &partner);
}

#[test]
fn the_largest_cannot_be_estimated() {
    let mut case = Case::of_people(&[0, 9, 8, 9]);
    case.atoms[0] = vec![(200, 0, 8), (201, 0, 1), (202, 0, 1)];
    let case = case.cell(1, false).cell(2, false).cell(4, false).cell(8, false).cell(15, true);
    // 8 of 10 are more than 70 %: the total must be possible at 12 and at 8.
    for dominance in [
        Dominance { largest: Some(Share { contributors: 1, percent: 70 }), ..Dominance::NONE },
        Dominance { p_percent: Some(30), ..Dominance::NONE },
    ] {
        let policy = Policy { dominance, ..Policy::threshold(K) };
        let near = |shown: &[Cell]| {
            let (low, high) = case.intervals(shown, &nobody(&case), true)[0];
            low > 8 || high < 12
        };
        convicts(&case, &policy, Rules { dominance: false, ..Rules::ALL }, &near);
    }
}

/// All people of an area, and those of them in a sensitive category, by area; with the whole and its sensitive part.
pub(super) fn row(inside: &[u64], outside: &[u64], population: Option<u64>) -> Case {
    let mut case = Case::of_people(&[inside, outside].concat());
    case.sensitive = true;
    let areas = inside.len();
    let all = (1_u32 << areas) - 1;
    for area in 0..areas {
        let code = format!("AREA-{area}");
        for (measure, mask) in [("everybody", 1 << area | 1 << (area + areas)), ("sensitive", 1 << area)] {
            let upper = population.filter(|_| measure == "sensitive" && area == 0);
            let id = cell_id(measure, AreaType::Lsoa, &code, 1, Sex::All, AgeBand::All);
            case.cells.push((id, mask, CellFacts { known_upper: upper, ..CellFacts::default() }));
        }
    }
    for (measure, mask) in [("everybody", all | all << areas), ("sensitive", all)] {
        let id = cell_id(measure, AreaType::District, "DISTRICT", 1, Sex::All, AgeBand::All);
        case.cells.push((id, mask, CellFacts { headline: true, ..CellFacts::default() }));
    }
    case
}

#[test]
fn no_group_is_shown_to_be_in_one_category() {
    // All seven of the first area, and all but two of the second.
    for inside in [[7, 5, 4], [4, 7, 5]] {
        let case = row(&inside, &[0, 5, 6], None);
        let policy = Policy::threshold(K);
        let all_of_them = |shown: &[Cell]| {
            let rows = case.intervals(shown, &nobody(&case), false);
            let value = |index: usize| (rows[index].0 == rows[index].1).then_some(rows[index].0);
            (0..3).any(|area| match (value(2 * area), value(2 * area + 1)) {
                (Some(everybody), Some(sensitive)) => everybody >= K && everybody - sensitive < K,
                _ => false,
            })
        };
        convicts(&case, &policy, Rules { group_disclosure: false, ..Rules::ALL }, &all_of_them);
    }
}

#[test]
fn no_population_is_shown_to_be_in_one_category() {
    let case = row(&[7, 5, 4], &[6, 5, 6], Some(8));
    let nearly_all = |shown: &[Cell]| case.intervals(shown, &nobody(&case), false)[1].0 > 8 - K;
    convicts(&case, &Policy::threshold(K), Rules { group_disclosure: false, ..Rules::ALL }, &nearly_all);
}

#[test]
fn released_cells_do_not_differ_by_few() {
    let small = |values: &[Option<u64>], whole: usize, parts: &[usize]| {
        let parts: Option<Vec<u64>> = parts.iter().map(|part| values[*part]).collect();
        values[whole].zip(parts).is_some_and(|(whole, parts)| (1..K).contains(&(whole - parts.iter().sum::<u64>())))
    };
    // Nested, and a whole with two parts that leave one over.
    let nested =
        Case::of_people(&[6, 2, 8, 7]).cell(1, false).cell(3, false).cell(4, false).cell(8, false).cell(15, true);
    let remainder =
        Case::of_people(&[6, 5, 1, 9]).cell(1, false).cell(2, false).cell(7, false).cell(8, false).cell(15, true);
    for (case, whole, parts) in [(nested, 1, &[0][..]), (remainder, 2, &[0, 1])] {
        let computed = |shown: &[Cell]| {
            let values: Vec<Option<u64>> = shown.iter().map(|cell| cell.value()).collect();
            small(&values, whole, parts)
        };
        convicts(&case, &Policy::threshold(K), Rules { differences: false, ..Rules::ALL }, &computed);
    }
}

#[test]
fn somebody_in_the_data_learns_nothing_from_their_own_record() {
    // A row of one and two with a total of three: to the one, at most two others.
    let case = Case::of_people(&[1, 2, 5, 6])
        .cell(1, false)
        .cell(2, false)
        .cell(3, false)
        .cell(4, false)
        .cell(8, false)
        .cell(15, true);
    let policy = Policy { own_records: true, zeros: ZeroPolicy::HideShare { per_thousand: 0 }, ..Policy::threshold(K) };
    let anybody = |shown: &[Cell]| {
        (0..4).any(|atom| {
            let own: Vec<u64> = (0..4).map(|other| u64::from(other == atom)).collect();
            learns(&case, shown, &own, false)
        })
    };
    convicts(&case, &policy, Rules { own_records: false, ..Rules::ALL }, &anybody);
}

/// Mutants that forget a part of the group: the same cells planned apart, and shown together.
#[test]
fn what_overlaps_is_planned_together() {
    let case = Case::of_people(&[2, 8, 9, 2, 8, 7]);
    // Rows and columns with their totals: by area, by time, by measure, by overlapping area.
    let rows = [0b00_0111, 0b11_1000];
    let columns = [0b00_1001, 0b01_0010, 0b10_0100];
    let mut whole = case.clone();
    for mask in rows.into_iter().chain(columns).chain((0..6).map(|atom| 1 << atom)) {
        whole = whole.cell(mask, false);
    }
    whole = whole.cell(0b11_1111, true);
    let policy = Policy::threshold(K);
    let together: BTreeMap<CellId, Cell> =
        whole.cells.iter().map(|(id, _, _)| id.clone()).zip(whole.shown(&policy, Rules::ALL)).collect();
    let mut apart: BTreeMap<CellId, Cell> = BTreeMap::new();
    for forgotten in [&rows[..], &columns] {
        let mut half = whole.clone();
        half.cells.retain(|(_, mask, _)| !forgotten.contains(mask));
        let shown = half.shown(&policy, Rules::ALL);
        for ((id, _, _), cell) in half.cells.iter().zip(shown) {
            let best = apart.entry(id.clone()).or_insert(cell);
            *best = (*best).min(cell);
        }
    }
    let list = |cells: &BTreeMap<CellId, Cell>| whole.cells.iter().map(|(id, _, _)| cells[id]).collect::<Vec<Cell>>();
    assert!(!learns(&whole, &list(&together), &nobody(&whole), true));
    assert!(learns(&whole, &list(&apart), &nobody(&whole), true));
}

/// Three sums in which each part is counted twice: half of two less the third is a part that nobody prints.
#[test]
fn half_of_what_three_cells_tell_together_is_not_small() {
    for (counts, all_shown) in [([2, 9, 8], false), ([9, 2, 8], false), ([9, 8, 2], false), ([9, 8, 7], true)] {
        let case = Case::of_people(&counts).cell(0b011, false).cell(0b110, false).cell(0b101, false);
        let out = |cell: &&Cell| matches!(cell, Cell::Value(_));
        let shown = case.shown(&Policy::threshold(K), Rules::ALL);
        assert_eq!(shown.iter().filter(out).count() == 3, all_shown, "{counts:?}: {shown:?}");
        // The check is not the search: it convicts a plan that was made without looking at what is released together.
        let blind = Rules { overlaps: false, ..Rules::ALL };
        assert_eq!(case.shown(&Policy::threshold(K), blind).iter().filter(out).count(), 3);
        let (entry, _) = decide(&empty(), &case.build(), &Policy::threshold(K), &key(1), blind, true).unwrap();
        let verdict = crate::verify::verify(&entry);
        assert_eq!(verdict.is_ok(), all_shown, "{counts:?}: {verdict:?}");
    }
}
