//! What a publication releases and withholds, in words for the lead for information governance. Nothing in it is the count of a
//! withheld cell. Of what withheld cells hold together it says only in which of five coarse bands their share lies, and of few
//! cells not even that. How many are withheld for which reason is confidential, and no part of a preview.

mod noise;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{AgeBand, AreaType, PeriodType, Sex};

use crate::changes::Shown;
use crate::ids::{CellId, GroupId, MeasureId};
use crate::ledger::{AuthenticatedEntry, Entry, LedgerError, Outcome};
use crate::perturb::{Found, Geometric, Noise, SumNoise};
use crate::policy::{Policy, Rounding, ZeroPolicy};
use crate::rules::Reason;
use crate::verify::verify;
pub use noise::report_noise;

/// Below so many withheld cells nothing is said of their value.
const FEW_CELLS: usize = 50;
/// Last line of every table.
pub(crate) const TOGETHER: &str = "everything together";

/// Share of a value that is withheld, in a band: exact shares would narrow what is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShareBand {
    /// Nothing is withheld.
    Nothing,
    /// Less than 5 %.
    Under5,
    /// 5 % and more, less than 10 %.
    To10,
    /// 10 % and more, less than 25 %.
    To25,
    /// 25 % and more, up to 50 %.
    To50,
    /// More than 50 %.
    Over50,
}

impl ShareBand {
    fn of(part: u64, whole: u64) -> Self {
        let (part, whole) = (u128::from(part) * 100, u128::from(whole));
        if part > whole * 50 {
            Self::Over50
        } else if whole == 0 || part < whole * 5 {
            Self::Under5
        } else if part < whole * 10 {
            Self::To10
        } else if part < whole * 25 {
            Self::To25
        } else {
            Self::To50
        }
    }

    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Under5 => "under 5 %",
            Self::To10 => "5 to 10 %",
            Self::To25 => "10 to 25 %",
            Self::To50 => "25 to 50 %",
            Self::Over50 => "over 50 %",
        }
    }
}

/// A view, as the cells that it shows of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedView {
    /// Its name for people.
    pub name: String,
    /// What it shows: numerator, denominator, or both where they are of this group.
    pub measures: BTreeSet<MeasureId>,
    /// Its areas.
    pub area_type: AreaType,
    /// Its periods.
    pub period_type: PeriodType,
    /// Its categories, by dimension; it shows the totals too.
    pub by: BTreeMap<String, BTreeSet<String>>,
}

impl ReportedView {
    pub(crate) fn shows(&self, id: &CellId) -> bool {
        let key = &id.key;
        let has = |dimension: &str, category: &str| {
            self.by.get(dimension).is_some_and(|categories| categories.contains(category))
        };
        self.measures.contains(&id.measure)
            && key.area_type == self.area_type
            && key.period.period_type() == self.period_type
            && (key.sex == Sex::All || has("sex", key.sex.as_str()))
            && (key.age == AgeBand::All || has("age", &key.age.to_string()))
            && key.breakdown.as_ref().is_none_or(|breakdown| has(&breakdown.dimension, &breakdown.category))
    }
}

/// What some cells lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loss {
    /// All cells for which the source has a figure.
    pub cells: usize,
    /// Withheld ones.
    pub withheld: usize,
    /// Sum over all cells, and over the withheld ones.
    value: (u64, u64),
    /// Whether a part of it is left unsaid, which would follow from the whole.
    part_unsaid: bool,
}

impl Loss {
    fn add(&mut self, withheld: bool, count: u64) {
        self.cells += 1;
        self.value.0 += count;
        if withheld {
            self.withheld += 1;
            self.value.1 += count;
        }
    }

    /// Share of cells withheld, for people.
    #[must_use]
    pub fn share_of_cells(&self) -> String {
        match (self.withheld, (200 * self.withheld + self.cells).checked_div(2 * self.cells)) {
            (1.., Some(0)) => "under 1 %".to_owned(),
            (_, percent) => format!("{} %", percent.unwrap_or(0)),
        }
    }

    /// Whether so much of it is withheld that it should be coarser.
    #[must_use]
    pub const fn is_too_fine(&self) -> bool {
        !Shown { cells: self.cells, numbers: self.cells.saturating_sub(self.withheld) }.is_enough()
    }

    /// Share of the value withheld; `None` where so few cells are withheld that, beside a small total, it would narrow what each
    /// of them holds, or what the cells of a part hold of which it is not said.
    #[must_use]
    pub fn share_of_value(&self) -> Option<ShareBand> {
        match self.withheld {
            0 => Some(ShareBand::Nothing),
            few if few < FEW_CELLS || self.part_unsaid => None,
            _ => Some(ShareBand::of(self.value.1, self.value.0)),
        }
    }
}

/// How figures are protected.
#[derive(Debug, Clone, PartialEq)]
pub enum Protection {
    /// Some are withheld by these rules.
    Withheld(Policy),
    /// All have noise.
    Noise {
        /// Its parameters.
        noise: Noise,
        /// Sums that may be asked for, by column.
        sums: BTreeMap<String, SumNoise>,
        /// What the registration was found to give away.
        found: Found,
        /// How many figures of views are so small that nothing is proved of them.
        few: usize,
    },
    /// All have noise without a largest value: they are about people whose records are linked.
    Links(Geometric),
}

/// What a publication releases and withholds.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicationReport {
    /// The group.
    pub group: GroupId,
    /// What is known of it elsewhere, such as when it was published: a word and what there is to say.
    pub facts: Vec<(&'static str, String)>,
    /// How it is protected.
    pub protection: Protection,
    /// By view, in the order given.
    pub views: Vec<(String, Loss)>,
    /// All cells of the group, those that no view shows any more included.
    pub all: Loss,
    /// How many cells are withheld for which reason; empty in a preview.
    pub reasons: BTreeMap<Reason, usize>,
    /// By way of how many partners the records came; none where that is not known.
    pub partners: Option<usize>,
    /// Whether it is known which records are of one person or incident.
    pub contributors: bool,
    /// Worlds in the proof.
    pub worlds: usize,
    /// Withheld cells that public bounds alone prove to be below k.
    pub provably_small: usize,
}

/// Reports on an entry, after checking it.
///
/// # Errors
/// If the entry cannot be read, or does not hold.
pub fn report(entry: &AuthenticatedEntry, views: &[ReportedView]) -> Result<PublicationReport, LedgerError> {
    let entry: Entry = entry.decode()?;
    let checked = verify(&entry).map_err(LedgerError::Unproven)?;
    let mut losses = vec![Loss::default(); views.len()];
    let (mut all, mut reasons) = (Loss::default(), BTreeMap::new());
    for cell in entry.cells.iter().filter(|cell| cell.outcome != Outcome::NotAvailable) {
        let withheld = cell.outcome == Outcome::Withheld;
        all.add(withheld, cell.count);
        for (_, loss) in views.iter().zip(&mut losses).filter(|(view, _)| view.shows(&cell.id)) {
            loss.add(withheld, cell.count);
        }
        cell.reason.iter().for_each(|reason| *reasons.entry(*reason).or_insert(0) += 1);
    }
    all.part_unsaid = losses.iter().any(|loss| loss.share_of_value().is_none());
    let partners: BTreeSet<u16> = entry.contributions.iter().map(|(_, _, partner, _)| *partner).collect();
    Ok(PublicationReport {
        facts: Vec::new(),
        views: views.iter().map(|view| view.name.clone()).zip(losses).collect(),
        all,
        reasons,
        partners: (!partners.is_empty()).then_some(partners.len()),
        contributors: entry.contributions.iter().any(|(_, contributor, ..)| *contributor != 0),
        worlds: checked.worlds,
        provably_small: checked.provably_small,
        group: entry.group,
        protection: Protection::Withheld(entry.policy),
    })
}

/// The family of a rule, for people.
const fn family(reason: Reason) -> &'static str {
    match reason {
        Reason::Threshold => "few people or records",
        Reason::Partner => "few beside what a partner knows",
        Reason::Dominance => "one or two contributors make up too much",
        Reason::GroupDisclosure => "would tell something of everybody in a group",
        Reason::RuleUndefined => "a rule could not be judged",
        Reason::HiddenZero => "zeros, drawn by a key",
        Reason::Decoy => "drawn by a key, so that a mark tells nothing",
        Reason::Earlier => "withheld by an earlier publication",
        Reason::Correction => "withheld before a correction, or changed by too few",
        Reason::Secondary => "would let others be worked out",
    }
}

impl PublicationReport {
    fn rules(&self) -> Vec<String> {
        match &self.protection {
            Protection::Withheld(policy) => self.rules_of(policy),
            Protection::Noise { noise, sums, .. } => noise::rules_of_noise(noise, sums),
            Protection::Links(noise) => noise::rules_of_links(noise),
        }
    }

    fn rules_of(&self, policy: &Policy) -> Vec<String> {
        let Policy { k, zeros, rounding, decoys_per_thousand, .. } = policy;
        let mut rules = vec![format!("counts of fewer than {k} people or records are withheld")];
        rules.push(match zeros {
            ZeroPolicy::Publish => "zeros are shown".to_owned(),
            ZeroPolicy::HideShare { per_thousand } => {
                format!("of 1,000 zeros, {per_thousand} are withheld too, drawn by a key")
            }
        });
        rules.push(match decoys_per_thousand {
            0 if self.reasons.contains_key(&Reason::Decoy) => {
                "cells are withheld without need only where a revision decided them anew, drawn by a key".to_owned()
            }
            0 => "no cell is withheld without need".to_owned(),
            decoys => format!("of 1,000 cells that could be shown, {decoys} are withheld, drawn by a key"),
        });
        if let Rounding::Nearest(base) = rounding {
            rules.push(format!("counts are rounded to the nearest {base}"));
        }
        rules
    }

    /// Whom the proof holds against, and whom it does not.
    fn readers(&self) -> Vec<String> {
        let policy = match &self.protection {
            Protection::Withheld(policy) => policy,
            Protection::Noise { noise, found, few, .. } => return noise::proof_of_noise(noise, found, *few),
            Protection::Links(noise) => return noise::proof_of_links(noise),
        };
        let mut readers = vec![
            "holds against anybody who has everything that was ever published of it, and knows these rules".to_owned(),
        ];
        readers.push(match (policy.own_rows, self.partners) {
            (true, Some(partners)) if partners > 1 => {
                format!("holds against each of {partners} partners who knows the rows that came from it")
            }
            (_, Some(1)) => "all records came from one partner, who knows them all".to_owned(),
            (_, None) => {
                "needs none against partners who know their own rows: all are the supplier's, who knows them".to_owned()
            }
            _ => "is not made against partners who know their own rows: the rules do not ask for it".to_owned(),
        });
        readers.push(match (policy.own_records, self.contributors) {
            (true, true) => "holds against each person who knows their own records".to_owned(),
            (true, false) => {
                "holds against each person who knows one record: it is not known which are of one person".to_owned()
            }
            (false, _) => {
                "is not made against people who know their own records: the rules do not ask for it".to_owned()
            }
        });
        readers
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.views.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(TOGETHER.len());
        writeln!(f, "\n{:<width$}  {:>16}  {:>9}  {:>10}", "", "cells withheld", "of cells", "of value")?;
        let all = (TOGETHER.to_owned(), self.all);
        for (name, loss) in self.views.iter().chain(std::iter::once(&all)) {
            let value = loss.share_of_value().map_or("not said", ShareBand::as_str);
            let withheld = format!("{} of {}", loss.withheld, loss.cells);
            let note = if loss.is_too_fine() { "  too fine: publish a coarser view" } else { "" };
            writeln!(f, "{name:<width$}  {withheld:>16}  {:>9}  {value:>10}{note}", loss.share_of_cells())?;
        }
        if self.views.iter().chain(std::iter::once(&all)).any(|(_, loss)| loss.share_of_value().is_none()) {
            writeln!(
                f,
                "(not said: of fewer than {FEW_CELLS} cells a share of the value would narrow what they hold)"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for PublicationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.group)?;
        self.facts.iter().try_for_each(|(word, text)| list(f, word, std::slice::from_ref(text)))?;
        list(f, "rules", &self.rules())?;
        list(f, "the proof", &self.readers())?;
        let worlds = match self.all.withheld {
            _ if !matches!(self.protection, Protection::Withheld(_)) => {
                "figures with noise, all of which are shown".to_owned()
            }
            0 => "nothing: no cell is withheld".to_owned(),
            _ => format!("{} other sets of data that would look the same, checked again just now", self.worlds),
        };
        let small = format!("{} withheld cells are small by what was public before", self.provably_small);
        list(f, "made of", &[worlds, small])?;
        self.table(f)?;
        if self.reasons.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nwhy cells are withheld (confidential: from outside they all look the same)")?;
        let width = self.reasons.keys().map(|reason| family(*reason).len()).max().unwrap_or(0);
        self.reasons.iter().try_for_each(|(reason, cells)| writeln!(f, "  {:<width$}  {cells:>6}", family(*reason)))
    }
}

/// A heading in front of lines.
fn list(f: &mut fmt::Formatter<'_>, heading: &str, lines: &[String]) -> fmt::Result {
    for (index, line) in lines.iter().enumerate() {
        writeln!(f, "  {:<10}  {line}", if index == 0 { heading } else { "" })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_by_its_band() {
        for (part, whole, band) in [
            (0, 0, "under 5 %"),
            (0, 1_000, "under 5 %"),
            (49, 1_000, "under 5 %"),
            (50, 1_000, "5 to 10 %"),
            (99, 1_000, "5 to 10 %"),
            (100, 1_000, "10 to 25 %"),
            (249, 1_000, "10 to 25 %"),
            (250, 1_000, "25 to 50 %"),
            (500, 1_000, "25 to 50 %"),
            (501, 1_000, "over 50 %"),
            (u64::MAX, u64::MAX, "over 50 %"),
        ] {
            assert_eq!(ShareBand::of(part, whole).as_str(), band, "{part} of {whole}");
        }
    }

    #[test]
    fn sixty_of_a_hundred_are_enough() {
        for (cells, numbers, enough, percent) in
            [(0, 0, true, 100), (5, 3, true, 60), (1_000, 599, false, 59), (1_000, 600, true, 60), (7, 7, true, 100)]
        {
            let shown = Shown { cells, numbers };
            assert_eq!((shown.is_enough(), shown.percent()), (enough, percent), "{shown:?}");
        }
    }

    #[test]
    fn no_share_is_told_of_few_cells_nor_of_a_whole_with_such_a_part() {
        let mut loss = Loss::default();
        (0..30).for_each(|_| loss.add(false, 10));
        assert_eq!(loss.share_of_value(), Some(ShareBand::Nothing));
        for withheld in 1..=60 {
            loss.add(true, 2);
            assert_eq!(loss.share_of_value().is_some(), withheld >= 50, "{withheld}");
        }
        assert_eq!(loss.share_of_value(), Some(ShareBand::To50));
        loss.part_unsaid = true;
        assert_eq!(loss.share_of_value(), None);
    }
}
