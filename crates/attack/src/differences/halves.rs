//! Half-sums: three released cells of which every atom lies in exactly two give away what any two of them share. With cells AB,
//! BC and AC, (AB + AC - BC) / 2 is A, though no cell less others is.
//!
//! Sought are sets of cells in which every atom lies an even number of times, so that every sum of them, some added and some
//! subtracted, is even in every atom:
//!
//! - *three cells*, all such sets;
//! - *four cells*, all such sets that are two pairs of overlapping cells (any other is no more than a difference);
//! - *five cells* in a ring: AB, BC, CD, DE, EA.
//!
//! Each set of atoms has a number, the exclusive or of numbers of its atoms, so that what is missing to a set is looked up
//! instead of tried. A number stands for the wrong set about once in 2^128; what is found is checked atom by atom.

use std::collections::{BTreeMap, HashMap};

use crate::search::Options;
use crate::util::at;

/// Sets of released cells in which every class of atoms lies an even number of times.
#[derive(Default)]
pub(super) struct Loops {
    pub(super) sets: Vec<Vec<u32>>,
    /// Whether the limits allowed to look at everything.
    pub(super) complete: bool,
}

/// Distinct released cells by place, and what they share.
struct Finder {
    cells: Vec<u32>,
    /// The number of each cell's atoms.
    marks: Vec<u128>,
    place_of: HashMap<u128, u32>,
    /// For each cell the cells it overlaps, by the number of what they share.
    near: Vec<Vec<(u128, u32)>>,
    sets: Vec<Vec<u32>>,
    /// How many more pairs and sets may be kept.
    room: usize,
    /// How much more may be looked at.
    steps: u64,
}

/// The number of a class: SplitMix64 (Steele, Lea and Flood 2014), twice.
fn mark(class: u32) -> u128 {
    let mixed = |number: u64| {
        let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(z ^ (z >> 31))
    };
    let number = 2 * u64::from(class) + 1;
    (mixed(number) << 64) | mixed(number + 1)
}

impl Loops {
    /// `cells` are released, in an order that does not depend on the input's; `of_cell` are the classes of each, `of_class` the
    /// released cells of each class.
    pub(super) fn new(cells: &[u32], of_cell: &[Vec<u32>], of_class: &[Vec<u32>], options: &Options) -> Self {
        let mut finder = Finder {
            cells: Vec::new(),
            marks: Vec::new(),
            place_of: HashMap::new(),
            near: Vec::new(),
            sets: Vec::new(),
            room: options.max_overlaps,
            steps: options.max_steps,
        };
        for cell in cells {
            let classes = of_cell.get(*cell as usize).map_or(&[][..], Vec::as_slice);
            let number = classes.iter().fold(0, |sum, class| sum ^ mark(*class));
            let place = crate::util::id(finder.cells.len());
            // Cells of the same atoms have the same count: one of them is enough.
            if *finder.place_of.entry(number).or_insert(place) == place {
                finder.cells.push(*cell);
                finder.marks.push(number);
            }
        }
        let complete = finder.find_near(of_cell, of_class).and_then(|()| finder.threes());
        let complete = complete.and_then(|()| finder.fours()).and_then(|()| finder.fives());
        finder.sets.sort_unstable();
        finder.sets.dedup();
        let name = |set: Vec<u32>| set.into_iter().map(|place| at(&finder.cells, place)).collect();
        Self { sets: finder.sets.into_iter().map(name).collect(), complete: complete.is_some() }
    }
}

/// All of them `None` where a limit is reached.
impl Finder {
    fn spend(&mut self, steps: usize) -> Option<()> {
        self.steps = self.steps.checked_sub(steps as u64)?;
        Some(())
    }

    fn keep(&mut self, mut set: Vec<u32>) -> Option<()> {
        self.room = self.room.checked_sub(1)?;
        set.sort_unstable();
        self.sets.push(set);
        Some(())
    }

    fn find_near(&mut self, of_cell: &[Vec<u32>], of_class: &[Vec<u32>]) -> Option<()> {
        let places: HashMap<u32, u32> = self.cells.iter().copied().zip(0..).collect();
        for (cell, place) in self.cells.clone().into_iter().zip(0_u32..) {
            let mut shared: BTreeMap<u32, u128> = BTreeMap::new();
            for class in of_cell.get(cell as usize).into_iter().flatten() {
                let others = of_class.get(*class as usize).map_or(&[][..], Vec::as_slice);
                self.spend(others.len())?;
                for other in others.iter().filter_map(|other| places.get(other)).filter(|other| **other != place) {
                    *shared.entry(*other).or_default() ^= mark(*class);
                }
            }
            self.room = self.room.checked_sub(shared.len())?;
            let mut near: Vec<(u128, u32)> = shared.into_iter().map(|(other, number)| (number, other)).collect();
            near.sort_unstable();
            self.near.push(near);
        }
        Some(())
    }

    fn mark(&self, place: u32) -> u128 {
        at(&self.marks, place)
    }

    /// Pairs of overlapping cells, each once, with the number of what they share.
    fn pairs(&self) -> Vec<(u32, u32, u128)> {
        let of = |(place, near): (u32, &Vec<(u128, u32)>)| {
            let later = near.iter().filter(move |(_, other)| *other > place);
            later.map(move |(shared, other)| (place, *other, *shared)).collect::<Vec<_>>()
        };
        (0..).zip(&self.near).flat_map(of).collect()
    }

    /// The cells that share exactly this with a cell.
    fn sharing(&self, place: u32, shared: u128) -> Vec<u32> {
        let near = self.near.get(place as usize).map_or(&[][..], Vec::as_slice);
        let from = near.partition_point(|(number, _)| *number < shared);
        let those = near.iter().skip(from).take_while(|(number, _)| *number == shared);
        those.map(|(_, other)| *other).collect()
    }

    fn threes(&mut self) -> Option<()> {
        for (one, two, shared) in self.pairs() {
            self.spend(1)?;
            let (a, b) = (self.mark(one), self.mark(two));
            // Of two cells one inside the other, no half-sum is new.
            if shared != a
                && shared != b
                && let Some(third) = self.place_of.get(&(a ^ b)).copied().filter(|third| *third > two)
            {
                self.keep(vec![one, two, third])?;
            }
        }
        Some(())
    }

    fn fours(&mut self) -> Option<()> {
        let pairs = self.pairs();
        let mut pairs: Vec<(u128, u32, u32)> =
            pairs.into_iter().map(|(one, two, _)| (self.mark(one) ^ self.mark(two), one, two)).collect();
        pairs.sort_unstable();
        for same in pairs.chunk_by(|one, two| one.0 == two.0) {
            for (number, (_, a, b)) in same.iter().enumerate() {
                for (_, c, d) in same.iter().skip(number + 1) {
                    self.spend(1)?;
                    self.keep(vec![*a, *b, *c, *d])?;
                }
            }
        }
        Some(())
    }

    /// From the first cell of a ring, both ways round, to the one that closes it.
    fn fives(&mut self) -> Option<()> {
        for (one, two, shared) in self.pairs() {
            let (of_one, of_two) = (self.mark(one) ^ shared, self.mark(two) ^ shared);
            if of_one == 0 || of_two == 0 {
                continue;
            }
            let (last, next) = (self.sharing(one, of_one), self.sharing(two, of_two));
            for five in last.iter().filter(|five| **five > two) {
                for three in next.iter().filter(|three| **three > one && *three != five) {
                    self.spend(1)?;
                    let open = self.mark(*three) ^ of_two ^ self.mark(*five) ^ of_one;
                    let four = self.place_of.get(&open).copied();
                    if let Some(four) = four.filter(|four| *four > one && ![two, *three, *five].contains(four)) {
                        self.keep(vec![one, two, *three, four, *five])?;
                    }
                }
            }
            self.spend(1)?;
        }
        Some(())
    }
}

impl super::Search<'_> {
    /// Half of sums of these cells, where every atom is counted twice or not at all.
    pub(super) fn halves(&mut self) {
        let shared = self.shared;
        for set in &shared.loops.sets {
            let values: Vec<i64> = set.iter().map(|cell| at(&self.rest, *cell)).collect();
            for signs in 1..1_u32 << set.len() {
                let added = |number: usize| signs >> number & 1 == 1;
                let signed = values.iter().enumerate().map(|(n, value)| if added(n) { *value } else { -*value });
                // Odd only where records are known that lie nobody knows in which of the cells: not more than it may be.
                let count = (signed.sum::<i64>() + 1).div_euclid(2);
                if (1..self.k).contains(&count) {
                    self.half(set, &added, count);
                }
            }
        }
    }

    fn half(&mut self, set: &[u32], added: &impl Fn(usize) -> bool, count: i64) {
        let mut times: BTreeMap<u32, i32> = BTreeMap::new();
        for (number, cell) in set.iter().enumerate() {
            let classes = self.classes_of(*cell);
            self.steps = self.steps.saturating_sub(classes.len() as u64);
            let sign = if added(number) { 1 } else { -1 };
            classes.iter().for_each(|class| *times.entry(*class).or_insert(0) += sign);
        }
        if times.values().all(|times| matches!(times, 0 | 2)) {
            let inside: Vec<u32> = times.into_iter().filter(|(_, times)| *times == 2).map(|(class, _)| class).collect();
            let side = |wanted: bool| -> Vec<u32> {
                let cells = set.iter().enumerate().filter(|(number, _)| added(*number) == wanted);
                cells.map(|(_, cell)| *cell).collect()
            };
            self.note_as("half of ", inside, (&side(true), &side(false)), count);
        }
    }
}
