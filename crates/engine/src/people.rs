//! Who stands behind the atoms of a measure: contributors, and partners by way of whom their records came.

use crate::error::EngineError;
use crate::facts::Facts;
use crate::nested::Family;
use crate::request::GroupRequest;

/// What one contributor adds to one atom by way of one partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contribution {
    position: usize,
    /// The pseudonym; `None` is whoever is behind rows without one, who may be one person.
    pub(crate) who: Option<[u8; 16]>,
    pub(crate) partner: u16,
    pub(crate) amount: u64,
}

/// All contributions to a measure, by atom.
pub(crate) struct People {
    list: Vec<Contribution>,
    /// Where each atom's begin; and one more, where all end.
    starts: Vec<usize>,
}

impl People {
    /// `None` where nobody is told apart: then each record is somebody's of its own, or nobody's.
    ///
    /// # Errors
    /// If an amount is negative, a part is more than its whole, or there are more partners than are told apart.
    pub(crate) fn new(
        facts: &Facts,
        family: &Family<'_>,
        (positions, size): (&[Option<usize>], usize),
        request: &GroupRequest,
    ) -> Result<Option<Self>, EngineError> {
        if request.contributor_column().is_none() {
            return Ok(None);
        }
        let stored =
            |problem: &str| EngineError::Stored { dataset: request.dataset.to_string(), problem: problem.to_owned() };
        let mut list = Vec::new();
        for (row, position) in facts.rows.iter().zip(positions) {
            let Some(position) = *position else { continue };
            let partner = u16::try_from(row.partner).map_err(|_| stored("it names more than 65,536 partners"))?;
            for of in family.amounts(row, request)? {
                let negative = |_| stored("somebody's records add up to less than nothing");
                let amount = u64::try_from(of.amount).map_err(negative)?;
                // What adds nothing is nobody's.
                if amount > 0 {
                    let position = of.layer * size + position;
                    list.push(Contribution { position, who: row.contributor, partner, amount });
                }
            }
        }
        list.sort_unstable();
        let mut starts = vec![0; family.layers() * size + 1];
        for one in &list {
            if let Some(start) = starts.get_mut(one.position + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Ok(Some(Self { list, starts }))
    }

    /// The contributions to one atom.
    pub(crate) fn of(&self, position: usize) -> &[Contribution] {
        let start = |index: usize| self.starts.get(index).copied().unwrap_or_default();
        self.list.get(start(position)..start(position + 1)).unwrap_or_default()
    }

    /// How many different contributors these atoms have.
    pub(crate) fn distinct(&self, positions: &[usize]) -> u64 {
        let mut people: Vec<Option<[u8; 16]>> =
            positions.iter().flat_map(|position| self.of(*position)).map(|one| one.who).collect();
        people.sort_unstable();
        people.dedup();
        u64::try_from(people.len()).unwrap_or(u64::MAX)
    }
}
