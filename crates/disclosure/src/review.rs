//! What a reviewer may ask of the ledger: is every entry proved, why is a cell withheld, what does a publication lose. No
//! answer holds a count that was not released.

use std::collections::BTreeMap;
use std::fmt;

use model::{AreaType, Mark, PeriodType};

use crate::ids::{CellId, GroupId};
use crate::ledger::{AuthenticatedEntry, Entry, EntryCell, LedgerError, Outcome};
use crate::policy::{Policy, ZeroPolicy};
use crate::released::Cell;
use crate::rules::Reason;
use crate::verify::verify;

/// What the check of a group's ledger found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verification {
    /// Entries, all of which hold.
    pub entries: usize,
    /// Cells of the last entry.
    pub cells: usize,
    /// Worlds checked, over all entries.
    pub worlds: usize,
    /// Withheld cells that public bounds alone prove to be below k, in the last entry.
    pub provably_small: usize,
}

/// Checks all entries of one group, oldest first, from nothing but themselves: each proves what it released, and keeps what
/// was decided before.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_ledger<'a>(
    entries: impl IntoIterator<Item = &'a AuthenticatedEntry>,
) -> Result<Verification, LedgerError> {
    let mut found = Verification::default();
    let mut before = Figures::new();
    for entry in entries {
        let entry = entry.decode()?;
        let checked = verify(&entry).map_err(LedgerError::Unproven)?;
        found.entries += 1;
        found.cells = entry.cells.len();
        found.worlds += checked.worlds;
        found.provably_small = checked.provably_small;
        before = kept(&entry, &before)?;
    }
    Ok(found)
}

/// Figures that were decided, and how many there are of each.
type Figures = BTreeMap<(CellId, Outcome, u64), usize>;

/// Checks that an entry has every figure that was decided before, and that none claims to be earlier which is not; returns all
/// that are decided now.
fn kept(entry: &Entry, before: &Figures) -> Result<Figures, LedgerError> {
    let broken = |id: &CellId, what| LedgerError::Broken { cell: Box::new(id.clone()), what };
    let mut now = Figures::new();
    let mut claimed = Figures::new();
    let decided = |figure: &&EntryCell| figure.outcome != Outcome::NotAvailable;
    let superseded = entry.superseded.iter().map(|figure| (figure, true));
    for (figure, is_superseded) in entry.cells.iter().map(|cell| (cell, false)).chain(superseded) {
        if !decided(&figure) {
            continue;
        }
        let named = (figure.id.clone(), figure.outcome, figure.count);
        *now.entry(named.clone()).or_default() += 1;
        if figure.earlier && figure.outcome != Outcome::Released {
            return Err(broken(&figure.id, "it claims to be released before and is withheld"));
        }
        if is_superseded || figure.earlier || figure.now.is_some() {
            *claimed.entry(named).or_default() += 1;
        }
    }
    for (named, count) in before {
        if now.get(named).copied().unwrap_or(0) < *count {
            return Err(broken(&named.0, "it was decided and is missing"));
        }
    }
    for (named, count) in &claimed {
        if before.get(named).copied().unwrap_or(0) < *count {
            return Err(broken(&named.0, "it claims to be decided before and was not"));
        }
    }
    Ok(now)
}

/// Why a cell looks as it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The cell.
    pub cell: CellId,
    /// What everybody sees.
    pub shown: Cell,
    /// Why it is withheld, for reviewers: from outside all reasons look the same.
    pub reason: Option<Reason>,
    /// The rules of the group.
    pub policy: Policy,
}

impl Explanation {
    /// What may be told to anybody: the mark and the rules, never which rule it was.
    #[must_use]
    pub fn public(&self) -> String {
        let k = self.policy.k;
        match self.shown {
            Cell::Value(_) => format!("released; counts of fewer than {k} people are not"),
            Cell::Withheld(Mark::X) => "[x]: the source has no figure".to_owned(),
            Cell::Withheld(Mark::Low) => "[low]: rounds to zero".to_owned(),
            Cell::Withheld(_) => {
                let zeros = match self.policy.zeros {
                    ZeroPolicy::Publish => "zeros are shown",
                    ZeroPolicy::HideShare { .. } => "some zeros are withheld too",
                };
                let decoys = if self.policy.decoys_per_thousand > 0 { ", some are chosen at random" } else { "" };
                format!(
                    "[c]: withheld to protect people. Counts of fewer than {k} people are withheld, others are so that these \
                     cannot be worked out{decoys}; {zeros}"
                )
            }
        }
    }
}

impl fmt::Display for Explanation {
    /// For reviewers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Policy { k, dominance, .. } = &self.policy;
        write!(f, "{}: {}", self.cell, self.public())?;
        let Some(reason) = self.reason else { return Ok(()) };
        let why = match reason {
            Reason::Threshold => format!("threshold: fewer than {k} contributors or records"),
            Reason::Partner => format!("a partner that knows its own rows would be left with fewer than {k} others"),
            Reason::Dominance => {
                let share = dominance
                    .largest
                    .map(|share| format!("the {} largest over {} %", share.contributors, share.percent));
                let p = dominance.p_percent.map(|p| format!("p % of {p}"));
                let partners = dominance.partner_p_percent.map(|p| format!("p % of {p} between partners"));
                let rules: Vec<String> = share.into_iter().chain(p).chain(partners).collect();
                format!("dominance: {}", rules.join(", "))
            }
            Reason::GroupDisclosure => format!("all, or all but fewer than {k}, would share a sensitive category"),
            Reason::RuleUndefined => "a rule needs contributions that the data do not have".to_owned(),
            Reason::HiddenZero => "one of the zeros that a key withholds".to_owned(),
            Reason::Decoy => "drawn by a key".to_owned(),
            Reason::Earlier => "withheld by an earlier plan".to_owned(),
            Reason::Secondary => "protects other cells".to_owned(),
        };
        write!(f, "\nfor reviewers: {why}")
    }
}

/// Explains a cell of an entry; `None` if the group has no such cell.
///
/// # Errors
/// If the entry cannot be read.
pub fn explain(entry: &AuthenticatedEntry, id: &CellId) -> Result<Option<Explanation>, LedgerError> {
    let entry = entry.decode()?;
    let tables = entry.tables();
    let cell = entry.cells.iter().find(|cell| cell.id == *id);
    Ok(cell.zip(tables.cell(id)).map(|(cell, shown)| Explanation {
        cell: id.clone(),
        shown,
        reason: cell.reason,
        policy: entry.policy.clone(),
    }))
}

/// What one kind of cells lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Loss {
    /// All cells for which the source has a figure.
    pub cells: usize,
    /// Withheld ones.
    pub withheld: usize,
    /// Sum over all cells, and over the withheld ones.
    value: (u64, u64),
}

impl Loss {
    /// Share of cells withheld, in percent.
    #[must_use]
    pub fn percent_of_cells(&self) -> u64 {
        percent(self.withheld as u64, self.cells as u64)
    }

    /// Share of the value withheld, in whole percent; `None` where so few cells are withheld that, beside a small total, it
    /// would narrow what each of them holds.
    #[must_use]
    pub fn percent_of_value(&self) -> Option<u64> {
        (self.withheld == 0 || self.withheld >= FEW_CELLS).then(|| percent(self.value.1, self.value.0))
    }
}

/// Below so many withheld cells nothing is said of their value.
const FEW_CELLS: usize = 10;

fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { (u128::from(part) * 100 / u128::from(whole)).try_into().unwrap_or(100) }
}

/// What a publication releases and withholds, for the lead for information governance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationReport {
    /// The group.
    pub group: GroupId,
    /// Its rules.
    pub policy: Policy,
    /// By area type and period type.
    pub losses: BTreeMap<(AreaType, PeriodType), Loss>,
    /// How many cells are withheld for which reason.
    pub reasons: BTreeMap<Reason, usize>,
    /// Worlds in the proof.
    pub worlds: usize,
}

/// Reports on an entry, after checking it.
///
/// # Errors
/// If the entry cannot be read, or does not hold.
pub fn report(entry: &AuthenticatedEntry) -> Result<PublicationReport, LedgerError> {
    let entry: Entry = entry.decode()?;
    let checked = verify(&entry).map_err(LedgerError::Unproven)?;
    let mut losses: BTreeMap<(AreaType, PeriodType), Loss> = BTreeMap::new();
    let mut reasons = BTreeMap::new();
    for cell in entry.cells.iter().filter(|cell| cell.outcome != Outcome::NotAvailable) {
        let loss = losses.entry((cell.id.key.area_type, cell.id.key.period.period_type())).or_default();
        let withheld = cell.outcome == Outcome::Withheld;
        loss.cells += 1;
        loss.value.0 += cell.count;
        if withheld {
            loss.withheld += 1;
            loss.value.1 += cell.count;
        }
        cell.reason.iter().for_each(|reason| *reasons.entry(*reason).or_insert(0) += 1);
    }
    Ok(PublicationReport { group: entry.group, policy: entry.policy, losses, reasons, worlds: checked.worlds })
}

impl fmt::Display for PublicationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: threshold {}, {} worlds checked", self.group, self.policy.k, self.worlds)?;
        for ((area_type, period_type), loss) in &self.losses {
            writeln!(
                f,
                "  {area_type} by {}: {} of {} cells withheld ({} %), {}{}",
                period_type.as_str(),
                loss.withheld,
                loss.cells,
                loss.percent_of_cells(),
                loss.percent_of_value().map_or_else(
                    || "too few to tell their share of the value".to_owned(),
                    |percent| format!("{percent} % of the value")
                ),
                if loss.percent_of_cells() > 40 { "; too fine: publish a coarser view" } else { "" }
            )?;
        }
        self.reasons.iter().try_for_each(|(reason, cells)| writeln!(f, "  {reason:?}: {cells}"))
    }
}
