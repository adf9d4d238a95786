//! How much figures may tell about people whose records are linked over several datasets.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::beside::Beside;

const ODDS: RangeInclusive<u32> = 2..=20;

/// `[terms.links]`, for figures of how many people are known to one, two and more of several datasets. Whether records may be linked is
/// what grants say; an agreement without this table lets no such figure be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkTerms {
    /// By how many times the odds of any two possibilities about one person may change for anybody, over everything that is ever published
    /// of the links of one period, whatever else they know: 2 to 20. Less is stricter.
    pub odds: u32,
}

impl LinkTerms {
    /// The terms that allow what both do.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self { odds: self.odds.min(other.odds) }
    }

    /// What is out of range: the key, and what is wrong with it.
    pub(crate) fn mistakes(self) -> Option<(&'static str, String)> {
        let (odds, least, most) = (self.odds, ODDS.start(), ODDS.end());
        (!ODDS.contains(&odds)).then(|| {
            let why = format!("below {least} figures would tell nothing, and above {most} they protect hardly anybody");
            ("odds", format!("the odds about a person may change by {odds} times, but {why}: choose {least} to {most}"))
        })
    }

    /// What the terms mean.
    pub(crate) fn in_words(self) -> String {
        format!(
            "figures about people known to several services have noise: over all that is ever published of one period, the odds of any two \
             possibilities about one person change by at most {} times for anybody",
            self.odds
        )
    }
}

/// The terms that allow what both do: nothing where one allows nothing.
pub(crate) fn meet(a: Option<LinkTerms>, b: Option<LinkTerms>) -> Option<LinkTerms> {
    a.zip(b).map(|(a, b)| a.meet(b))
}

/// The clause, as it is in one version and in a later one.
pub(crate) fn beside(before: Option<LinkTerms>, later: Option<LinkTerms>) -> Beside {
    let both = meet(before, later);
    Beside::of("terms.links.odds", [&before, &later, &both], |terms| {
        terms.map_or_else(|| "no figures".to_owned(), |terms| terms.odds.to_string())
    })
}
