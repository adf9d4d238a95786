//! What a rate is over: the denominator's cell and period that go with one of the numerator.

use disclosure::MeasureId;
use model::contract::DatasetContract;
use model::{AgeBand, CellKey, DatasetId, Period, PeriodType, Sex};

/// How a denominator's cells are found from the numerator's.
pub(crate) struct DenominatorRule {
    pub(crate) measure: MeasureId,
    pub(crate) open: bool,
    /// Dimensions that the denominator's dataset has too.
    pub(crate) shared: Vec<String>,
    pub(crate) periods: DenominatorPeriods,
    /// Whether a figure that its source does not have is marked like one that is withheld.
    pub(crate) conceals_gaps: bool,
}

impl DenominatorRule {
    /// The cell of the denominator under one of the numerator; `None` if there is no period for it.
    pub(crate) fn key(&self, numerator: &CellKey) -> Option<CellKey> {
        let shares = |name: &str| self.shared.iter().any(|dimension| dimension == name);
        Some(CellKey {
            period: self.periods.for_period(numerator.period)?,
            sex: if shares("sex") { numerator.sex } else { Sex::All },
            age: if shares("age") { numerator.age } else { AgeBand::All },
            breakdown: numerator.breakdown.clone().filter(|b| shares(&b.dimension)),
            ..numerator.clone()
        })
    }
}

/// Which period of the denominator goes with a period of the numerator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DenominatorPeriods {
    /// The same one.
    Same,
    /// The period of this type that holds the numerator's first month, or else the latest before, or else the first after.
    Nearest(PeriodType, Vec<Period>),
}

impl DenominatorPeriods {
    /// The rule for a denominator of a dataset whose partitions are these.
    pub(crate) fn of(numerator: &DatasetId, contract: &DatasetContract, available: &[Period]) -> Self {
        if contract.id == *numerator { Self::Same } else { Self::Nearest(contract.partition, available.to_vec()) }
    }

    pub(crate) fn for_period(&self, period: Period) -> Option<Period> {
        match self {
            Self::Same => Some(period),
            Self::Nearest(kind, available) => {
                let wanted = kind.containing(period.start());
                available.iter().rev().find(|p| **p <= wanted).or_else(|| available.first()).copied()
            }
        }
    }

    /// The period that stands in for the one that holds the numerator's first month, where there is none of that.
    pub(super) fn stand_in(&self, period: Period) -> Option<Period> {
        match self {
            Self::Same => None,
            Self::Nearest(..) => self.for_period(period).filter(|of| !of.contains(period.start())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_denominator_is_taken() {
        let year = |text| Period::parse(text, PeriodType::CalendarYear).unwrap();
        let years = ["2023-01-01/P1Y", "2024-01-01/P1Y"].map(year).into();
        let rule = DenominatorPeriods::Nearest(PeriodType::CalendarYear, years);
        for (text, expect, stand_in) in [
            ("2023-04-01/P3M", "2023", false),
            ("2024-10-01/P3M", "2024", false),
            ("2025-01-01/P3M", "2024", true),
            ("2022-10-01/P3M", "2023", true),
        ] {
            let period = Period::parse(text, PeriodType::Quarter).unwrap();
            assert_eq!(rule.for_period(period).unwrap().label(), expect, "{text}");
            assert_eq!(rule.stand_in(period).is_some(), stand_in, "{text}");
            assert_eq!(DenominatorPeriods::Same.stand_in(period), None);
        }
    }
}
