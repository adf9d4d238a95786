//! Parameters of the primary rules of disclosure control beside threshold, zeros and rounding: what an agreement may ask for before
//! anything of its data is shown.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::beside::Beside;

/// Most contributors that a rule on the largest may name: so many are told apart.
pub(crate) const MOST_LARGEST: u8 = 8;
/// Most cells of 1,000 that may be withheld without need.
pub(crate) const MOST_DECOYS: u16 = 500;

/// `[terms.primary]`. What it leaves out has the value of [`PrimaryRules::default`]; where protection costs little, that is the
/// stricter one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrimaryRules {
    /// Of 1,000 cells that could be shown (headline totals apart), how many a key withholds without need, so that a mark does
    /// not say that a count is small. More is stricter.
    pub decoys_per_thousand: u16,
    /// Whether nobody who knows their own records may work out somebody else's. Yes is stricter.
    pub own_records: bool,
    /// Whether no partner that knows the rows which came by way of it may work out the others'. Yes is stricter.
    pub own_rows: bool,
    /// When a few contributors make up too much of a figure.
    pub dominance: Option<LargestShare>,
    /// The p % rule: a figure is withheld if its second largest contributor could estimate the largest to within so many percent.
    /// More is stricter.
    pub p_percent: Option<u8>,
    /// The same between the partners by way of whom the records came.
    pub partner_p_percent: Option<u8>,
    /// The fewest residents that an area of a table, or what two areas differ by, may have; 0 is no limit.
    pub minimum_population: u32,
    /// Sensitive columns: dimensions, no category of which may be shown to be that of all, or nearly all, of a group; and measures, of
    /// which the same must not be shown of a whole or a population that they are part of (`count` is every row).
    pub sensitive: BTreeSet<String>,
}

/// A figure is withheld if its largest contributors make up more than a share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LargestShare {
    /// How many of the largest, 1 to 8.
    pub contributors: u8,
    /// Their share at most, 1 to 100 percent.
    pub percent: u8,
}

impl Default for PrimaryRules {
    fn default() -> Self {
        Self {
            decoys_per_thousand: 0,
            own_records: true,
            own_rows: true,
            dominance: None,
            p_percent: None,
            partner_p_percent: None,
            minimum_population: 0,
            sensitive: BTreeSet::new(),
        }
    }
}

impl PrimaryRules {
    /// The rules that withhold whatever either would. Two shares of largest contributors become one that implies both: as many
    /// contributors as the larger, and as little as the smaller.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            decoys_per_thousand: self.decoys_per_thousand.max(other.decoys_per_thousand),
            own_records: self.own_records || other.own_records,
            own_rows: self.own_rows || other.own_rows,
            dominance: match (self.dominance, other.dominance) {
                (Some(a), Some(b)) => Some(a.meet(b)),
                (a, b) => a.or(b),
            },
            // No limit is below every limit.
            p_percent: self.p_percent.max(other.p_percent),
            partner_p_percent: self.partner_p_percent.max(other.partner_p_percent),
            minimum_population: self.minimum_population.max(other.minimum_population),
            sensitive: self.sensitive.union(&other.sensitive).cloned().collect(),
        }
    }

    /// Every rule, as it is here and in a later version.
    pub(crate) fn beside(&self, later: &Self) -> [Beside; 8] {
        let both = self.meet(later);
        let percent = |p: &Option<u8>| p.map_or_else(|| "no limit".to_owned(), |p| format!("{p} %"));
        let share = |share: &Option<LargestShare>| share.map_or_else(|| "no limit".to_owned(), |s| s.to_string());
        let names = |names: &BTreeSet<String>| {
            if names.is_empty() {
                "nothing".to_owned()
            } else {
                Vec::from_iter(names.iter().map(String::as_str)).join(", ")
            }
        };
        macro_rules! part {
            ($field:ident, $words:expr) => {
                Beside::of(
                    concat!("terms.primary.", stringify!($field)),
                    [&self.$field, &later.$field, &both.$field],
                    $words,
                )
            };
        }
        [
            part!(decoys_per_thousand, u16::to_string),
            part!(own_records, bool::to_string),
            part!(own_rows, bool::to_string),
            part!(dominance, share),
            part!(p_percent, percent),
            part!(partner_p_percent, percent),
            part!(minimum_population, u32::to_string),
            part!(sensitive, names),
        ]
    }

    /// Each rule with whether a later version keeps it: as it was, or stricter. What is sensitive must stay the same, since marks
    /// that are out already would get another meaning: zeros of sensitive categories may be withheld, others not.
    pub(crate) fn kept_by(&self, later: &Self) -> [(&'static str, bool); 8] {
        let same = self.sensitive == later.sensitive;
        self.beside(later).map(|one| (one.clause, one.stricter && (same || one.clause != "terms.primary.sensitive")))
    }

    /// What the rules mean, a sentence each, beside a threshold.
    pub(crate) fn in_words(&self, k: u32) -> Vec<String> {
        let mut lines = Vec::new();
        if self.decoys_per_thousand > 0 {
            lines.push(format!(
                "of other cells {} % are withheld at random, so that a mark does not say that a count is small",
                tenths(self.decoys_per_thousand)
            ));
        }
        match (self.own_records, self.own_rows) {
            (true, true) => {
                lines.push("protected too from who knows their own records, and partners their rows".to_owned())
            }
            (true, false) => lines.push("protected too from who knows their own records".to_owned()),
            (false, true) => lines.push("protected too from partners that know their own rows".to_owned()),
            (false, false) => {}
        }
        if let Some(share) = self.dominance {
            lines.push(format!("figures are withheld of which {share}"));
        }
        if let Some(percent) = self.p_percent {
            lines.push(format!(
                "figures are withheld from which the second largest contributor could tell the largest to within {percent} %"
            ));
        }
        if let Some(percent) = self.partner_p_percent {
            lines.push(format!(
                "figures are withheld from which one partner could tell another's share to within {percent} %"
            ));
        }
        if self.minimum_population > 0 {
            lines.push(format!("no areas of fewer than {} residents", self.minimum_population));
        }
        if !self.sensitive.is_empty() {
            let names: Vec<&str> = self.sensitive.iter().map(String::as_str).collect();
            lines.push(format!(
                "sensitive: {}; no group is shown to be alike in it, or all but fewer than {k}",
                names.join(", ")
            ));
        }
        lines
    }
}

impl LargestShare {
    fn meet(self, other: Self) -> Self {
        Self { contributors: self.contributors.max(other.contributors), percent: self.percent.min(other.percent) }
    }
}

impl fmt::Display for LargestShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.contributors {
            1 => write!(f, "one contributor makes up more than {} %", self.percent),
            several => write!(f, "{several} contributors make up more than {} %", self.percent),
        }
    }
}

/// A share of 1,000 in percent.
pub(crate) fn tenths(per_thousand: u16) -> String {
    match per_thousand % 10 {
        0 => (per_thousand / 10).to_string(),
        rest => format!("{}.{rest}", per_thousand / 10),
    }
}
