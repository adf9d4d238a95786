//! Which records of earlier data are still there: each atom before and after becomes what stayed, what went and what came.
//!
//! Records have no names, so what stayed is what both have in common: by contributor and partner where those are known, by number
//! otherwise. Any other division would give every cell of every plan the same count, so the division says nothing false; it
//! only decides what the worlds may change. Where something changed, records may have come everywhere in the same periods: nobody is
//! told where it was. Of a source that only ever adds records readers may be sure that none has gone. Where some have, others may
//! have gone and come anywhere in those periods, so that nothing need have stayed. Atoms of other periods stay whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::Period;

use crate::contributions::{Contribution, Contributions};
use crate::table::{Rows, add, at, set};

/// Atoms before or after.
pub(crate) struct Side<'a> {
    pub(crate) truth: &'a [i64],
    pub(crate) contributions: &'a Contributions,
    /// For each atom, the cells that both sides have and that contain it. Atoms with the same are one place. Cells of which there is no
    /// figure after tell places apart like others.
    pub(crate) signatures: &'a Rows,
    /// For each atom, the first of its place.
    pub(crate) origins: &'a [u32],
}

/// The atoms of both sides, together.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    pub(crate) truth: Vec<i64>,
    pub(crate) contributions: Vec<Contribution>,
    /// By atom before: the atoms that it became.
    pub(crate) of_old: Vec<Vec<u32>>,
    /// By atom after: the atoms that it is made of.
    pub(crate) of_new: Vec<Vec<u32>>,
    /// By atom before: where nothing need have stayed, the atoms of its place after.
    pub(crate) again: Vec<Vec<u32>>,
    /// For each atom, the first of its place: of those that differ in nothing but when their records came and went.
    pub(crate) origins: Vec<u32>,
}

/// Records that nothing tells apart: whose they are, where that is known, and how many.
type Token = (Option<(u64, u16)>, i64);

/// The records of one atom, by whose they are.
type Holding = BTreeMap<Option<(u64, u16)>, i64>;

/// Matches two sides; of the cells that both have, in the order of the signatures: the period, and whether there is a figure of it after.
pub(crate) fn matched<'a>(old: &Side<'a>, new: &Side<'a>, cells: &[(Period, bool)]) -> Matched {
    let periods: Vec<Period> = cells.iter().map(|(period, _)| *period).collect();
    let compares = |cell: &u32| cells.get(*cell as usize).is_none_or(|(_, is_there)| *is_there);
    let (signatures, atoms) = by_place(old, new);
    let mut out = Matched {
        of_old: vec![Vec::new(); old.truth.len()],
        of_new: vec![Vec::new(); new.truth.len()],
        again: vec![Vec::new(); old.truth.len()],
        ..Matched::default()
    };
    let place = |(signature, number): (&&'a [u32], u32)| {
        let [before, after] = atoms.each_ref().map(|atoms| atoms.row(number));
        // What is in no figure of both sides has nothing to do with anything on the other.
        let is_told = signature.iter().any(compares);
        let stayed = match (before, after) {
            _ if !is_told => Stayed::Some(BTreeMap::new()),
            ([b], [a]) if old.is_same(*b, new, *a) => Stayed::All(*b, *a),
            _ => Stayed::Some(stayed(old, before, new, after)),
        };
        Place { signature, before, after, stayed }
    };
    let places: Vec<Place<'_>> = signatures.iter().zip(0_u32..).map(place).collect();
    let changes = Changes::new(&places, (old, new), &periods);
    for Place { signature, before, after, stayed: all } in places {
        let mut open = [false, false];
        if !changes.periods.is_empty() {
            open = changes.may_be_in(signature, &all, &periods);
        }
        let pairs = match all {
            Stayed::All(b, a) if open == [false, false] => {
                out.whole(old, b, a);
                continue;
            }
            _ if open[0] => Pairs::new(),
            Stayed::All(..) => stayed(old, before, new, after),
            Stayed::Some(pairs) => pairs,
        };
        out.place((old, before), (new, after), &pairs, open[1]);
        if open[0] {
            out.note_again(before, after);
        }
    }
    out.find_origins(old);
    out
}

/// The signature of each place, in the order met, and by place its atoms before and after.
fn by_place<'a>(old: &Side<'a>, new: &Side<'a>) -> (Vec<&'a [u32]>, [Rows; 2]) {
    let mut known: HashMap<&[u32], u32> = HashMap::new();
    let mut signatures: Vec<&[u32]> = Vec::new();
    let of = [old, new].map(|side| {
        let place = |atom| {
            let signature = side.signatures.row(atom);
            let next = u32::try_from(signatures.len()).unwrap_or(u32::MAX);
            let place = *known.entry(signature).or_insert(next);
            if place == next {
                signatures.push(signature);
            }
            place
        };
        side.atoms().map(place).collect::<Vec<u32>>()
    });
    let rows = of.map(|places| Rows::grouped(|| places.iter().copied().zip(0_u32..), signatures.len()));
    (signatures, rows)
}

/// What each pair of atoms has in common. Each atom is in a pair if the other side has any, though nothing stayed: records could
/// have.
type Pairs = BTreeMap<(u32, u32), Vec<Token>>;

/// The atoms of one place on both sides, and what stayed of them.
struct Place<'a> {
    signature: &'a [u32],
    before: &'a [u32],
    after: &'a [u32],
    stayed: Stayed,
}

/// What stayed of a place.
enum Stayed {
    /// All records of the one atom that it has on either side.
    All(u32, u32),
    Some(Pairs),
}

impl Stayed {
    /// Whether anything could have.
    fn is_possible(&self) -> bool {
        !matches!(self, Self::Some(pairs) if pairs.is_empty())
    }
}

/// Whether anything went, and in which periods anything changed.
struct Changes {
    went: bool,
    periods: BTreeSet<Period>,
}

impl Changes {
    fn new(places: &[Place<'_>], (old, new): (&Side<'_>, &Side<'_>), periods: &[Period]) -> Self {
        let mut changes = Self { went: false, periods: BTreeSet::new() };
        for Place { signature, before, after, stayed } in places.iter().filter(|place| place.stayed.is_possible()) {
            let Stayed::Some(stayed) = stayed else { continue };
            let of = |side: &Side<'_>, atoms: &[u32]| atoms.iter().map(|atom| at(side.truth, *atom)).sum::<i64>();
            let kept: i64 = stayed.values().flatten().map(|token| token.1).sum();
            let (went, came) = (of(old, before) > kept, of(new, after) > kept);
            changes.went |= went;
            if went || came {
                // The shortest say when it was.
                let of_place = || signature.iter().filter_map(|cell| periods.get(*cell as usize));
                let shortest = of_place().map(|period| period.months().count()).min();
                changes.periods.extend(of_place().filter(|period| Some(period.months().count()) == shortest));
            }
        }
        changes
    }

    /// Whether records of this place may have gone, and come.
    fn may_be_in(&self, signature: &[u32], stayed: &Stayed, periods: &[Period]) -> [bool; 2] {
        let inside = |cell: &u32| periods.get(*cell as usize).is_some_and(|period| self.periods.contains(period));
        let same = stayed.is_possible() && signature.iter().any(inside);
        [same && self.went, same]
    }
}

fn stayed(old: &Side<'_>, before: &[u32], new: &Side<'_>, after: &[u32]) -> Pairs {
    let mut left: BTreeMap<u32, Vec<Token>> = before.iter().map(|atom| (*atom, old.tokens(*atom))).collect();
    let mut wanted: BTreeMap<u32, Vec<Token>> = after.iter().map(|atom| (*atom, new.tokens(*atom))).collect();
    let mut pairs = Pairs::new();
    same_people(&mut left, &mut wanted, &mut pairs);
    let unnamed =
        |side: &BTreeMap<u32, Vec<Token>>| side.values().flatten().any(|token| token.0.is_none() && token.1 > 0);
    if unnamed(&left) || unnamed(&wanted) {
        as_many(&mut left, &mut wanted, &mut pairs);
    }
    if let (Some(first), Some(other)) = (before.first(), after.first()) {
        let (mut seen_before, mut seen_after): (Vec<u32>, Vec<u32>) = pairs.keys().copied().unzip();
        seen_before.sort_unstable();
        seen_after.sort_unstable();
        for atom in after.iter().filter(|atom| seen_after.binary_search(atom).is_err()) {
            pairs.entry((*first, *atom)).or_default();
        }
        for atom in before.iter().filter(|atom| seen_before.binary_search(atom).is_err()) {
            pairs.entry((*atom, *other)).or_default();
        }
    }
    pairs
}

/// Takes the records of the same people from both sides.
fn same_people(left: &mut BTreeMap<u32, Vec<Token>>, wanted: &mut BTreeMap<u32, Vec<Token>>, pairs: &mut Pairs) {
    let mut holders: HashMap<(u64, u16), Vec<(u32, usize)>> = HashMap::new();
    for (atom, tokens) in left.iter() {
        for (index, token) in tokens.iter().enumerate() {
            if let Some(who) = token.0 {
                holders.entry(who).or_default().push((*atom, index));
            }
        }
    }
    for (after, tokens) in wanted.iter_mut() {
        for (who, amount) in tokens.iter_mut() {
            let Some(who) = *who else { continue };
            for (before, index) in holders.get(&who).into_iter().flatten() {
                let Some(held) = left.get_mut(before).and_then(|tokens| tokens.get_mut(*index)) else { continue };
                move_common(&mut held.1, amount, Some(who), pairs, (*before, *after));
            }
        }
    }
}

/// Takes as many records as both sides still have, where one of them does not know whose they are.
fn as_many(left: &mut BTreeMap<u32, Vec<Token>>, wanted: &mut BTreeMap<u32, Vec<Token>>, pairs: &mut Pairs) {
    let unnamed = |tokens: &&mut Token| tokens.0.is_none();
    for (after, tokens) in wanted.iter_mut() {
        for (who, amount) in tokens.iter_mut().filter(|token| token.1 > 0) {
            for (before, held) in left.iter_mut() {
                // Two who are known are the same or not: that is settled.
                for (other, held) in held.iter_mut().filter(|held| who.is_none() || unnamed(held)) {
                    move_common(held, amount, who.or(*other), pairs, (*before, *after));
                }
                if *amount == 0 {
                    break;
                }
            }
        }
        left.retain(|_, held| held.iter().any(|token| token.1 > 0));
    }
}

fn move_common(held: &mut i64, wanted: &mut i64, who: Option<(u64, u16)>, pairs: &mut Pairs, pair: (u32, u32)) {
    let common = (*held).min(*wanted);
    if common > 0 {
        *held -= common;
        *wanted -= common;
        pairs.entry(pair).or_default().push((who, common));
    }
}

impl Side<'_> {
    fn atoms(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.truth.len()).unwrap_or(0)
    }

    /// Whether an atom of this side has the records of one of the other.
    fn is_same(&self, atom: u32, other: &Self, of_other: u32) -> bool {
        let who = |entry: &Contribution| (entry.contributor, entry.partner, entry.amount);
        let [here, there] = [self.contributions.of(atom), other.contributions.of(of_other)];
        at(self.truth, atom) == at(other.truth, of_other) && here.iter().map(who).eq(there.iter().map(who))
    }

    fn tokens(&self, atom: u32) -> Vec<Token> {
        let named = self.contributions.of(atom);
        if named.is_empty() {
            return vec![(None, at(self.truth, atom))];
        }
        let amount = |entry: &Contribution| i64::try_from(entry.amount).unwrap_or(i64::MAX);
        named.iter().map(|entry| (Some((entry.contributor, entry.partner)), amount(entry))).collect()
    }
}

impl Matched {
    /// Adds an atom in which nothing changed.
    fn whole(&mut self, old: &Side<'_>, before: u32, after: u32) {
        let number = u32::try_from(self.truth.len()).unwrap_or(u32::MAX);
        self.truth.push(at(old.truth, before));
        let contributions = old.contributions.of(before).iter();
        self.contributions.extend(contributions.map(|entry| Contribution { atom: number, ..*entry }));
        push(&mut self.of_old, before, number);
        push(&mut self.of_new, after, number);
    }

    /// Adds the atoms of one place: what stayed, and from each side what is left, or might be.
    fn place(
        &mut self,
        (old, before): (&Side<'_>, &[u32]),
        (new, after): (&Side<'_>, &[u32]),
        stayed: &Pairs,
        may_have_come: bool,
    ) {
        let of = |side: &Side<'_>, atoms: &[u32]| -> BTreeMap<u32, Holding> {
            atoms.iter().map(|atom| (*atom, side.tokens(*atom).into_iter().collect())).collect()
        };
        let (mut gone, mut come) = (of(old, before), of(new, after));
        let paired_before: BTreeSet<u32> = stayed.keys().map(|pair| pair.0).collect();
        let paired_after: BTreeSet<u32> = stayed.keys().map(|pair| pair.1).collect();
        for ((b, a), tokens) in stayed {
            for (who, amount) in tokens {
                take(gone.get_mut(b), *who, *amount);
                take(come.get_mut(a), *who, *amount);
            }
            let number = self.atom(tokens);
            push(&mut self.of_old, *b, number);
            push(&mut self.of_new, *a, number);
        }
        let sides = [(gone, paired_before, true), (come, paired_after, false)];
        for (rest, paired, is_old) in sides {
            let open = may_have_come && !is_old;
            for (atom, tokens) in rest {
                let tokens: Vec<Token> = tokens.into_iter().filter(|(_, amount)| *amount > 0).collect();
                // An atom without a pair stays an atom.
                if tokens.is_empty() && paired.contains(&atom) && !open {
                    continue;
                }
                let number = self.atom(&tokens);
                push(if is_old { &mut self.of_old } else { &mut self.of_new }, atom, number);
            }
        }
    }

    fn note_again(&mut self, before: &[u32], after: &[u32]) {
        let of = |atom: &u32| self.of_new.get(*atom as usize).map_or(&[][..], Vec::as_slice);
        let now: Vec<u32> = after.iter().flat_map(of).copied().collect();
        before.iter().for_each(|atom| set(&mut self.again, *atom, now.clone()));
    }

    /// What stayed comes before what went and what came, so the first of an atom is of its place. Places that nothing shown tells apart
    /// any more stay what they were as long as nothing came to them: it would be in either.
    fn find_origins(&mut self, old: &Side<'_>) {
        let mut origins: Vec<u32> = (0..).take(self.truth.len()).collect();
        let mut was_there = vec![false; origins.len()];
        self.of_old.iter().flatten().for_each(|atom| set(&mut was_there, *atom, true));
        for (parts, atom) in self.of_old.iter().zip(0_u32..) {
            let place = self.of_old.get(at(old.origins, atom) as usize).and_then(|parts| parts.first()).copied();
            for part in parts {
                set(&mut origins, *part, place.unwrap_or(*part));
            }
        }
        for parts in self.of_new.iter().filter(|parts| parts.iter().any(|part| !at(&was_there, *part))) {
            let place = parts.first().map_or(0, |first| at(&origins, *first));
            for part in parts {
                if at(&origins, *part) == *part {
                    set(&mut origins, *part, place);
                }
            }
        }
        self.origins = origins;
    }

    fn atom(&mut self, tokens: &[Token]) -> u32 {
        let number = u32::try_from(self.truth.len()).unwrap_or(u32::MAX);
        self.truth.push(0);
        for (who, amount) in tokens {
            add(&mut self.truth, number, *amount);
            if let Some((contributor, partner)) = *who {
                let amount = u64::try_from(*amount).unwrap_or(0);
                self.contributions.push(Contribution { atom: number, contributor, partner, amount });
            }
        }
        number
    }
}

/// Takes records of somebody, or of nobody known where the side does not know them.
fn take(tokens: Option<&mut Holding>, who: Option<(u64, u16)>, amount: i64) {
    let Some(tokens) = tokens else { return };
    let key = if tokens.contains_key(&who) { who } else { None };
    if let Some(left) = tokens.get_mut(&key) {
        *left -= amount;
    }
}

fn push(lists: &mut [Vec<u32>], index: u32, atom: u32) {
    if let Some(list) = lists.get_mut(index as usize) {
        list.push(atom);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(list: &[(u32, u64, u64)], atoms: usize) -> Contributions {
        let entry = |(atom, contributor, amount): &(u32, u64, u64)| Contribution {
            atom: *atom,
            contributor: *contributor,
            partner: 0,
            amount: *amount,
        };
        Contributions::new(list.iter().map(entry).collect(), atoms)
    }

    /// Counts of the parts of each atom, before and after.
    fn parts(old: (&[i64], &[(u32, u64, u64)]), new: (&[i64], &[(u32, u64, u64)]), places: [&[u32]; 2]) -> Matched {
        let rows =
            |places: &[u32]| Rows::new(places.iter().map(|place| if *place == 0 { vec![] } else { vec![*place] }));
        let (before, after) = (named(old.1, old.0.len()), named(new.1, new.0.len()));
        let numbers = [0, 1, 2, 3];
        matched(
            &Side { truth: old.0, contributions: &before, signatures: &rows(places[0]), origins: &numbers },
            &Side { truth: new.0, contributions: &after, signatures: &rows(places[1]), origins: &numbers },
            &[],
        )
    }

    fn sums(matched: &Matched, lists: &[Vec<u32>]) -> Vec<Vec<i64>> {
        lists.iter().map(|list| list.iter().map(|atom| at(&matched.truth, *atom)).collect()).collect()
    }

    #[test]
    fn what_stayed_is_what_both_have() {
        let found = parts((&[4, 7, 0], &[]), (&[6, 7, 2], &[]), [&[1, 2, 3], &[1, 2, 3]]);
        assert_eq!(sums(&found, &found.of_old), [vec![4], vec![7], vec![0]]);
        assert_eq!(sums(&found, &found.of_new), [vec![4, 2], vec![7], vec![0, 2]]);
        for parts in found.of_old.iter().chain(&found.of_new) {
            assert!(parts.iter().all(|part| found.origins[*part as usize] == parts[0]));
        }
        let found = parts((&[4], &[]), (&[1], &[]), [&[1], &[1]]);
        assert_eq!((sums(&found, &found.of_old), sums(&found, &found.of_new)), (vec![vec![1, 3]], vec![vec![1]]));
    }

    #[test]
    fn people_stay_by_name() {
        let old: &[(u32, u64, u64)] = &[(0, 7, 2), (0, 8, 1)];
        let found = parts((&[3], old), (&[3], &[(0, 7, 2), (0, 9, 1)]), [&[1], &[1]]);
        assert_eq!(sums(&found, &found.of_old), [vec![2, 1]]);
        assert_eq!(sums(&found, &found.of_new), [vec![2, 1]]);
        let names: Vec<u64> = found.contributions.iter().map(|entry| entry.contributor).collect();
        assert_eq!(names, [7, 8, 9]);
        // Where one side does not know them, as many stay.
        let found = parts((&[3], old), (&[5], &[]), [&[1], &[1]]);
        assert_eq!((sums(&found, &found.of_old), sums(&found, &found.of_new)), (vec![vec![3]], vec![vec![3, 2]]));
    }

    #[test]
    fn places_that_became_finer_or_coarser_keep_their_sums() {
        let found = parts((&[5], &[]), (&[3, 1, 4], &[]), [&[1], &[1, 1, 1]]);
        assert_eq!(sums(&found, &found.of_old).concat().iter().sum::<i64>(), 5);
        let after: Vec<i64> = sums(&found, &found.of_new).iter().map(|list| list.iter().sum()).collect();
        assert_eq!(after, [3, 1, 4]);
        let found = parts((&[5, 6], &[]), (&[4], &[]), [&[1, 1], &[1]]);
        let before: Vec<i64> = sums(&found, &found.of_old).iter().map(|list| list.iter().sum()).collect();
        assert_eq!((before, sums(&found, &found.of_new).concat().iter().sum::<i64>()), (vec![5, 6], 4));
    }

    #[test]
    fn what_has_no_place_on_the_other_side_is_whole() {
        let found = parts((&[5, 0], &[]), (&[3, 9], &[]), [&[1, 0], &[2, 0]]);
        assert_eq!(sums(&found, &found.of_old), [vec![5], vec![0]]);
        assert_eq!(sums(&found, &found.of_new), [vec![3], vec![9]]);
        assert_eq!(found.truth.len(), 4);
    }
}
