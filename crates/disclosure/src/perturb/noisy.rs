//! Answers with the noise that a release fixed.

use std::collections::BTreeMap;
use std::fmt;

use model::{Digest, Period};

use super::draw::Place;
use super::noise::Noise;
use super::sums::SumNoise;
use super::table::NoiseTable;
use crate::counts::{CountsError, Summed, UnreleasedCounts};
use crate::ids::GroupId;
use crate::receipt::AnswerReceipt;
use crate::released::Released;

/// Adds to counts the noise that a release fixed. There is one only of a release that ledger and audit log hold.
pub struct Noisy {
    pub(super) group: GroupId,
    pub(super) revision: Digest,
    pub(super) table: NoiseTable,
    pub(super) states: BTreeMap<Period, Digest>,
    pub(super) sums: BTreeMap<String, SumNoise>,
}

impl Noisy {
    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        &self.group
    }

    /// Digest over everything that its figures stand on.
    #[must_use]
    pub const fn revision(&self) -> Digest {
        self.revision
    }

    /// The parameters of the noise, which are public.
    #[must_use]
    pub const fn noise(&self) -> &Noise {
        self.table.noise()
    }

    /// Sums that may be asked for, by column.
    #[must_use]
    pub const fn sums(&self) -> &BTreeMap<String, SumNoise> {
        &self.sums
    }

    /// The state of the data of a registered period, if there are any.
    #[must_use]
    pub fn state(&self, period: Period) -> Option<Digest> {
        self.states.get(&period).copied()
    }

    /// The figures of a table that was asked for, in the order of its counts: of what is added up, if anything is; then there are none
    /// where few are counted.
    ///
    /// # Errors
    /// If the receipt is of another release, or the counts are.
    pub fn answer(
        &self,
        counts: &UnreleasedCounts,
        receipt: &AnswerReceipt,
    ) -> Result<Released<Vec<Option<u64>>>, CountsError> {
        if (&receipt.group, receipt.revision) != (&self.group, self.revision) {
            return Err(CountsError::Other { wanted: self.group.clone(), found: receipt.group.clone() });
        }
        self.answered(counts).map(Released::new)
    }
}

/// What is looked up for each cell: the uniform numbers of its count, and of its sum if there are sums.
struct Draws<'a> {
    counts: Vec<(u64, u64)>,
    sums: Option<(&'a Summed, Vec<[u64; 2]>)>,
}

impl<'a> Draws<'a> {
    fn new(
        counts: &'a UnreleasedCounts,
        (group, revision): (&GroupId, Digest),
        states: &BTreeMap<Period, Digest>,
    ) -> Result<Self, CountsError> {
        let space = &counts.space;
        let state = |period: &Period| {
            let no_data = || CountsError::NoData { group: group.clone(), period: *period };
            Ok((period.to_string(), states.get(period).ok_or_else(no_data)?))
        };
        let periods: Vec<(String, &Digest)> = space.periods.iter().map(state).collect::<Result<_, _>>()?;
        let combinations = space.names_of_combinations();
        let mut cells = counts.keyed(group, revision)?;
        let mut draws = Self {
            counts: Vec::with_capacity(counts.cells()),
            sums: counts.summed().map(|summed| (summed, Vec::with_capacity(counts.cells()))),
        };
        for area in space.names_of_areas() {
            for (period, state) in &periods {
                let place = Place::new(&area, period.as_bytes(), &state.0);
                let of_sums =
                    counts.summed().map(|summed| Place::of_sums(&summed.column, &area, period.as_bytes(), &state.0));
                for (combination, (count, key)) in combinations.iter().zip(&mut cells) {
                    let [uniform, _] = place.draw(combination, key);
                    draws.counts.push((count, uniform));
                    if let Some(((_, numbers), place)) = draws.sums.as_mut().zip(of_sums.as_ref()) {
                        numbers.push(place.draw(combination, key));
                    }
                }
            }
        }
        Ok(draws)
    }
}

/// Each count with the noise of its cell.
pub(super) fn figures(
    table: &NoiseTable,
    counts: &UnreleasedCounts,
    of: (&GroupId, Digest),
    states: &BTreeMap<Period, Digest>,
) -> Result<Vec<u64>, CountsError> {
    let draws = Draws::new(counts, of, states)?;
    Ok(draws.counts.into_iter().map(|(count, uniform)| table.with_noise(count, uniform)).collect())
}

impl Noisy {
    /// Each count; or each sum with noise of its own, where the count that is shown says that enough are counted.
    fn answered(&self, counts: &UnreleasedCounts) -> Result<Vec<Option<u64>>, CountsError> {
        let Self { group, revision, table, states, sums: registered } = self;
        let draws = Draws::new(counts, (group, *revision), states)?;
        let shown = draws.counts.into_iter().map(|(count, uniform)| table.with_noise(count, uniform));
        let Some((Summed { column, most, sums }, numbers)) = draws.sums else {
            return Ok(shown.map(Some).collect());
        };
        if registered.get(column).is_none_or(|noise| noise.most() != *most) {
            return Err(CountsError::Unregistered { group: group.clone(), column: column.clone() });
        }
        let few = SumNoise::few(table.noise());
        let sum = |(shown, (sum, numbers)): (u64, (&u64, [u64; 2]))| {
            (shown > few).then(|| table.sum_with_noise(*sum, *most, numbers))
        };
        Ok(shown.zip(sums.iter().zip(numbers)).map(sum).collect())
    }
}

impl fmt::Debug for Noisy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Noisy({}, {})", self.group, self.revision)
    }
}
