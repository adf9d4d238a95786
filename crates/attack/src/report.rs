//! What the attacker found.

use std::fmt;

use serde::Serialize;

/// How a finding was reached; the weakest attack that suffices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Sums, differences and intervals of single sums.
    Interval,
    /// A linear combination of released cells.
    Rank,
    /// Bounds over all real-valued worlds.
    Bounds,
    /// Bounds over whole-number worlds.
    Integer,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "sums and intervals",
            Self::Rank => "linear combination",
            Self::Bounds => "linear programming",
            Self::Integer => "whole-number worlds",
        }
    }
}

/// A withheld cell of which too much can be proved.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The cell: table and codes.
    pub cell: String,
    /// It is at least this.
    pub lower: i64,
    /// It is at most this.
    pub upper: i64,
    /// So many of these are the attacker's own.
    pub own: i64,
    /// How it was found.
    pub method: Method,
}

/// The values are about people: they are in the fields, not in debugging output.
impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.cell, self.method.as_str())
    }
}

/// A cell that shows that all, or all but fewer than the threshold, of a group or population share its category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupDisclosure {
    /// The cell: table and codes.
    pub cell: String,
}

/// How many withheld cells have a range this wide. Safe cells are only shown to be *at least* as wide, unless exact
/// ranges were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Widths {
    /// One value left.
    pub zero: usize,
    /// 1 to k - 1.
    pub below_k: usize,
    /// k to 2k - 1.
    pub below_2k: usize,
    /// 2k or more.
    pub from_2k: usize,
}

impl Widths {
    pub(crate) fn add(&mut self, width: i64, k: i64) {
        match width {
            0 => self.zero += 1,
            width if width < k => self.below_k += 1,
            width if width < 2 * k => self.below_2k += 1,
            _ => self.from_2k += 1,
        }
    }
}

/// What one attacker found in a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Cells with one possible value.
    pub recovered: Vec<Finding>,
    /// Cells whose largest possible value, without the attacker's own records, is below the threshold (recovered ones
    /// included).
    pub provably_small: Vec<Finding>,
    /// Cells that are not small, but whose possible values span less than the threshold.
    pub narrow: Vec<Finding>,
    /// Groups all, or nearly all, of whose members share an attribute.
    pub group_disclosed: Vec<GroupDisclosure>,
    /// Cells that public facts alone prove small, and that the release does not narrow further.
    pub small_in_public: usize,
    /// How wide the possible values are.
    pub widths: Widths,
    /// Cells that a limit or the solver left undecided: they may be unsafe.
    pub not_finished: Vec<String>,
    /// Cells that real-valued worlds show to be safe, but no whole-number world was found within the limits: an attacker
    /// who reasons in whole numbers might know more.
    pub unconfirmed: Vec<String>,
    /// Optimisations run.
    pub solves: usize,
}

/// A difference of released cells that is from 1 to k - 1: so many people are in one and not in the others.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Sliver {
    /// The cells.
    pub cells: String,
    /// The difference.
    pub count: i64,
}

/// The count is about people: it is in the field, not in debugging output.
impl fmt::Debug for Sliver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cells)
    }
}

/// What somebody found who knows records of their own, beyond what everybody finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declared {
    /// Who it is.
    pub attacker: String,
    /// What they found.
    pub findings: Findings,
    /// Differences of released cells that are small without their own records, and are not for everybody.
    pub slivers: Vec<Sliver>,
}

/// What was found in one protection group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    /// The group.
    pub name: String,
    /// Its threshold.
    pub threshold: i64,
    /// Distinct cells of tables that are not open.
    pub cells: usize,
    /// Withheld cells among them.
    pub withheld: usize,
    /// Cells published as a range: rounded, perturbed, or an interval.
    pub blurred: usize,
    /// Cells published as a figure that may be older: no difference is made of them.
    pub older: usize,
    /// Atoms that may hold something, after merging.
    pub atoms: usize,
    /// Unknowns in the components that were attacked.
    pub columns: usize,
    /// Independent components.
    pub components: usize,
    /// Found by who also uses what the marks tell.
    pub with_marks: Findings,
    /// Found from released values alone, among the cells that the marks expose.
    pub from_values: Findings,
    /// Small differences of released cells.
    pub slivers: Vec<Sliver>,
    /// Found by attackers with records of their own; any single contributor is listed only with findings.
    pub declared: Vec<Declared>,
}

/// What was found in all groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One entry per group.
    pub groups: Vec<GroupReport>,
}

impl Report {
    /// Cells published as a figure that may be older.
    #[must_use]
    pub fn older(&self) -> usize {
        self.groups.iter().map(|group| group.older).sum()
    }

    /// Distinct cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.groups.iter().map(|group| group.cells).sum()
    }

    /// Withheld cells.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.groups.iter().map(|group| group.withheld).sum()
    }

    /// Cells recovered exactly, by the strongest attacker.
    #[must_use]
    pub fn recovered(&self) -> Vec<&Finding> {
        self.groups.iter().flat_map(|group| &group.with_marks.recovered).collect()
    }

    /// Cells proved small, by the strongest attacker.
    #[must_use]
    pub fn provably_small(&self) -> Vec<&Finding> {
        self.groups.iter().flat_map(|group| &group.with_marks.provably_small).collect()
    }

    /// Groups disclosed, by the strongest attacker.
    #[must_use]
    pub fn group_disclosed(&self) -> Vec<&GroupDisclosure> {
        self.groups.iter().flat_map(|group| &group.with_marks.group_disclosed).collect()
    }

    /// What no attack has decided.
    #[must_use]
    pub fn not_finished(&self) -> Vec<&str> {
        self.groups.iter().flat_map(|group| &group.with_marks.not_finished).map(String::as_str).collect()
    }
}

/// What breaks a promise about published tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The group.
    pub group: String,
    /// Who found it.
    pub attacker: String,
    /// Which promise.
    pub promise: Promise,
    /// In how many cells.
    pub cells: usize,
}

/// What is promised of published tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// No withheld cell has one possible value.
    NoRecovery,
    /// The possible values of every withheld cell reach the threshold, and are as wide.
    NoProofOfSmallness,
    /// No group shares an attribute.
    NoGroupDisclosure,
    /// No difference of released cells is small.
    NoSliver,
    /// Every cell was decided.
    Decided,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.promise {
            Promise::NoRecovery => "recovered",
            Promise::NoProofOfSmallness => "proved small, or to within less than the threshold",
            Promise::NoGroupDisclosure => "disclose a group",
            Promise::NoSliver => "are small differences of released cells",
            Promise::Decided => "were not decided within the limits",
        };
        write!(f, "{}: {} cells {what} ({})", self.group, self.cells, self.attacker)
    }
}

impl Findings {
    /// How many cells break each promise.
    fn broken(&self) -> [(Promise, usize); 4] {
        [
            (Promise::NoRecovery, self.recovered.len()),
            (Promise::NoProofOfSmallness, self.provably_small.len() + self.narrow.len()),
            (Promise::NoGroupDisclosure, self.group_disclosed.len()),
            (Promise::Decided, self.not_finished.len()),
        ]
    }
}

impl Report {
    /// Every broken promise, by group and attacker. Which of them count as a failure is for the caller to say.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        for group in &self.groups {
            let everybody = ("everybody", &group.with_marks, &group.slivers);
            let declared = group.declared.iter().map(|d| (d.attacker.as_str(), &d.findings, &d.slivers));
            let broken = [everybody].into_iter().chain(declared).flat_map(|(attacker, findings, slivers)| {
                let slivers = (Promise::NoSliver, slivers.len());
                findings.broken().into_iter().chain([slivers]).map(move |(promise, cells)| (attacker, promise, cells))
            });
            for (attacker, promise, cells) in broken.filter(|(.., cells)| *cells > 0) {
                let (group, attacker) = (group.name.clone(), attacker.to_owned());
                failures.push(Failure { group, attacker, promise, cells });
            }
        }
        failures
    }
}

/// Findings listed by name in the readable report, per kind and group.
const LISTED: usize = 10;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<36} {:>7} {:>8} {:>9} {:>6} {:>6} {:>9} {:>6} {:>11} {:>8}",
            "group",
            "cells",
            "withheld",
            "recovered",
            "small",
            "narrow",
            "disclosed",
            "public",
            "unconfirmed",
            "not done"
        )?;
        for group in &self.groups {
            let declared = group.declared.iter().map(|d| (&d.findings, format!(" ({})", d.attacker)));
            let both = [(&group.with_marks, String::new()), (&group.from_values, " (ignoring marks)".to_owned())];
            for (findings, knowledge) in both.into_iter().chain(declared) {
                writeln!(
                    f,
                    "{:<36} {:>7} {:>8} {:>9} {:>6} {:>6} {:>9} {:>6} {:>11} {:>8}",
                    format!("{}{knowledge}", group.name),
                    group.cells,
                    group.withheld,
                    findings.recovered.len(),
                    findings.provably_small.len(),
                    findings.narrow.len(),
                    findings.group_disclosed.len(),
                    findings.small_in_public,
                    findings.unconfirmed.len(),
                    findings.not_finished.len()
                )?;
            }
        }
        for group in &self.groups {
            write_group(f, group)?;
        }
        Ok(())
    }
}

fn write_group(f: &mut fmt::Formatter<'_>, group: &GroupReport) -> fmt::Result {
    let found = &group.with_marks;
    let w = found.widths;
    writeln!(
        f,
        "\n{}: threshold {}, {} atoms, {} unknowns in {} components, {} optimisations",
        group.name, group.threshold, group.atoms, group.columns, group.components, found.solves
    )?;
    writeln!(
        f,
        "  width of possible values: 0: {}, below k: {}, k to 2k - 1: {}, from 2k: {}",
        w.zero, w.below_k, w.below_2k, w.from_2k
    )?;
    for (title, findings) in
        [("recovered", &found.recovered), ("provably small", &found.provably_small), ("narrow", &found.narrow)]
    {
        for finding in findings.iter().take(LISTED) {
            writeln!(f, "  {title}: {} (by {})", finding.cell, finding.method.as_str())?;
        }
        if findings.len() > LISTED {
            writeln!(f, "  {title}: and {} more", findings.len() - LISTED)?;
        }
    }
    for sliver in group.slivers.iter().take(LISTED) {
        writeln!(f, "  small difference: {}", sliver.cells)?;
    }
    for disclosure in found.group_disclosed.iter().take(LISTED) {
        writeln!(f, "  group disclosed: {}", disclosure.cell)?;
    }
    for (title, cells) in [("not finished", &found.not_finished), ("unconfirmed in whole numbers", &found.unconfirmed)]
    {
        for cell in cells.iter().take(LISTED) {
            writeln!(f, "  {title}: {cell}")?;
        }
        if cells.len() > LISTED {
            writeln!(f, "  {title}: and {} more", cells.len() - LISTED)?;
        }
    }
    Ok(())
}
