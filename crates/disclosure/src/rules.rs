//! The primary rules: what makes a cell unsafe, and what worlds have to show about every withheld one.
//!
//! Each rule is a predicate on the true contributions with a demand on worlds. See `docs/gate.md`.

use serde::{Deserialize, Serialize};

use crate::contributions::Concentration;
use crate::ids::CellId;
use crate::policy::{Dominance, Policy};

/// Why a cell is withheld. For reviewers and the ledger only: from outside all look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Fewer than k, or fewer than k distinct contributors.
    Threshold,
    /// Fewer than k contributors besides the rows of a partner who knows them.
    Partner,
    /// One or a few contributors or partners make up too much.
    Dominance,
    /// All, or all but fewer than k, of a row or population share a sensitive category.
    GroupDisclosure,
    /// A rule of the group needs contributions, and there are none for this cell: nothing can be proved.
    RuleUndefined,
    /// One of the zeros that a key hides, so that a mark says nothing about zeros.
    HiddenZero,
    /// Drawn by a key, so that a mark does not say that a cell is unsafe.
    Decoy,
    /// Withheld by an earlier plan.
    Earlier,
    /// Withheld before a correction, or too close to what was released of the same cell then.
    Correction,
    /// To protect other cells.
    Secondary,
}

/// Which rules are in force, and what of a group the proof takes account of. All of it is, but in tests that show what each is
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "a list of switches")]
pub(crate) struct Rules {
    pub(crate) threshold: bool,
    pub(crate) contributors: bool,
    pub(crate) partners: bool,
    pub(crate) coalitions: bool,
    pub(crate) dominance: bool,
    pub(crate) group_disclosure: bool,
    pub(crate) differences: bool,
    pub(crate) overlaps: bool,
    pub(crate) marks: bool,
    pub(crate) witnesses: bool,
    pub(crate) own_records: bool,
    pub(crate) revisions: bool,
    /// Figures that are not there any more.
    pub(crate) gone: bool,
    /// Whether what is new is decided in months of which others were decided before.
    pub(crate) late: bool,
    /// Whether a block stays as it was only where nothing in it changed.
    pub(crate) blocks: bool,
    /// Public upper limits of counts.
    pub(crate) open: bool,
    /// Zeros that a key hides.
    pub(crate) zeros: bool,
    pub(crate) decoys: bool,
    /// Which cells the proof takes account of: totals, ...
    pub(crate) totals: bool,
    /// ... geographies besides the first, ...
    pub(crate) areas: bool,
    /// ... windows of time besides the first, ...
    pub(crate) periods: bool,
    /// ... indicators besides the first.
    pub(crate) measures: bool,
}

impl Rules {
    pub(crate) const ALL: Self = Self {
        threshold: true,
        contributors: true,
        partners: true,
        coalitions: true,
        dominance: true,
        group_disclosure: true,
        differences: true,
        overlaps: true,
        marks: true,
        witnesses: true,
        own_records: true,
        revisions: true,
        gone: true,
        late: true,
        blocks: true,
        open: true,
        zeros: true,
        decoys: true,
        totals: true,
        areas: true,
        periods: true,
        measures: true,
    };

    /// Whether the proof takes no account of some cells.
    pub(crate) const fn blind(&self) -> bool {
        !(self.totals && self.areas && self.periods && self.measures)
    }

    /// Whether the proof takes account of a cell beside the first cell of the group.
    pub(crate) fn see(&self, id: &CellId, headline: bool, first: &CellId) -> bool {
        (self.totals || !headline)
            && (self.areas || id.key.area_type == first.key.area_type)
            && (self.periods || id.key.period.period_type() == first.key.period.period_type())
            && (self.measures || id.measure == first.measure)
    }
}

/// What is known of a cell besides its count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) value: u64,
    /// Distinct contributors.
    pub(crate) contributors: u64,
    pub(crate) concentration: Concentration,
    /// Everybody knows that the count is at most this.
    pub(crate) upper: Option<u64>,
    /// The category is sensitive.
    pub(crate) sensitive: bool,
    /// Contributions are known for every record.
    pub(crate) complete: bool,
}

/// What the rules say of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Why it must be withheld.
    pub(crate) unsafe_for: Option<Reason>,
    /// If withheld, a world must have at least this.
    pub(crate) reach: u64,
    /// If withheld, a world must have at most this.
    pub(crate) fall: Option<u64>,
}

/// Judges a cell.
pub(crate) fn judge(facts: &Facts, policy: &Policy, rules: Rules) -> Verdict {
    let Facts { value, contributors, upper, .. } = *facts;
    let k = policy.k;
    let few = rules.contributors && contributors < k;
    let largest = facts.concentration.largest.first().copied().unwrap_or(0);
    // Records beyond one for each contributor are no further people: a world must hold k people all the same.
    let repeats = if contributors < k { value.saturating_sub(contributors) } else { 0 };
    let own = if policy.own_records && rules.own_records { largest } else { 0 };
    let mut verdict = Verdict { unsafe_for: None, reach: k + repeats.max(own), fall: None };
    if value > 0 {
        if rules.threshold && (value < k || few) {
            verdict.unsafe_for = Some(Reason::Threshold);
        } else if rules.partners && partner_is_left_few(facts, policy) {
            verdict.unsafe_for = Some(Reason::Partner);
        }
        if rules.dominance {
            dominated(facts, &policy.dominance, &mut verdict);
        }
    }
    if rules.group_disclosure
        && facts.sensitive
        && let Some(population) = upper
        && population >= k
        && value > population - k
    {
        verdict.unsafe_for.get_or_insert(Reason::GroupDisclosure);
        verdict.fall = Some(verdict.fall.unwrap_or(u64::MAX).min(population - k));
    }
    verdict
}

/// Somebody who knows rows of their own, a partner or several together, is left with fewer than k others.
fn partner_is_left_few(facts: &Facts, policy: &Policy) -> bool {
    let left_few = |(amount, others): &(u64, u64)| {
        let rest = facts.value - amount.min(&facts.value);
        *amount > 0 && rest > 0 && (rest < policy.k || *others < policy.k)
    };
    facts.concentration.readers.iter().any(left_few)
}

/// Dominance rules, with the width that hides the largest.
fn dominated(facts: &Facts, dominance: &Dominance, verdict: &mut Verdict) {
    if !dominance.any() {
        return;
    }
    if !facts.complete {
        verdict.unsafe_for = Some(Reason::RuleUndefined);
        return;
    }
    let amount = |list: &[u64], index: usize| list.get(index).copied().unwrap_or(0);
    let p_rule = |list: &[u64], percent: u8| {
        let (first, second) = (amount(list, 0), amount(list, 1));
        let wanted = (first * u64::from(percent)).div_ceil(100);
        wanted.saturating_sub(facts.value.saturating_sub(first + second))
    };
    let mut width = 0;
    if let Some(share) = dominance.largest {
        let top: u64 = facts.concentration.largest.iter().take(usize::from(share.contributors)).sum();
        let percent = u64::from(share.percent.clamp(1, 100));
        if top * 100 > percent * facts.value {
            width = (top * 100).div_ceil(percent).saturating_sub(facts.value).max(1);
        }
    }
    if let Some(percent) = dominance.p_percent {
        width = width.max(p_rule(&facts.concentration.largest, percent));
    }
    if let Some(percent) = dominance.partner_p_percent {
        let mut partners: Vec<u64> = facts.concentration.partners.values().copied().collect();
        partners.sort_unstable_by(|a, b| b.cmp(a));
        // One partner alone has nobody to hide from.
        if partners.len() > 1 {
            width = width.max(p_rule(&partners, percent));
        }
    }
    if width > 0 {
        verdict.unsafe_for.get_or_insert(Reason::Dominance);
        verdict.reach = verdict.reach.max(facts.value + width);
        verdict.fall = Some(facts.value.saturating_sub(width));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::policy::Share;

    fn facts(largest: &[u64], partners: &[(u64, u64)], upper: Option<u64>) -> Facts {
        let value = largest.iter().sum();
        let contributors = largest.len() as u64;
        let amounts: BTreeMap<u16, u64> = (0..).zip(partners.iter().map(|(amount, _)| *amount)).collect();
        let (largest, readers) = (largest.to_vec(), partners.to_vec());
        let concentration = Concentration { contributors, largest, partners: amounts, readers };
        Facts { value, contributors, concentration, upper, sensitive: upper.is_some(), complete: true }
    }

    fn check(facts: &Facts, policy: &Policy, expect: (Option<Reason>, u64, Option<u64>)) {
        let verdict = judge(facts, policy, Rules::ALL);
        assert_eq!((verdict.unsafe_for, verdict.reach, verdict.fall), expect, "{facts:?}");
    }

    #[test]
    fn every_rule_has_its_predicate_and_its_demand() {
        let k5 = Policy::threshold(5);
        let ones = |n: usize| vec![1; n];
        check(&facts(&[], &[], None), &k5, (None, 5, None));
        check(&facts(&ones(4), &[], None), &k5, (Some(Reason::Threshold), 5, None));
        check(&facts(&ones(5), &[], None), &k5, (None, 5, None));
        check(&facts(&[6], &[], None), &k5, (Some(Reason::Threshold), 10, None));
        let own = Policy { own_records: true, ..Policy::threshold(5) };
        check(&facts(&[3, 1, 1, 1, 1, 1], &[], None), &own, (None, 8, None));
        // 20 records, 17 of them a partner's own: 3 others.
        check(&facts(&ones(20), &[(17, 3), (3, 17)], None), &k5, (Some(Reason::Partner), 5, None));
        check(&facts(&ones(20), &[(20, 0)], None), &k5, (None, 5, None));
        // All but four, all, and all but five, of a population.
        check(&facts(&ones(16), &[], Some(20)), &k5, (Some(Reason::GroupDisclosure), 5, Some(15)));
        check(&facts(&ones(20), &[], Some(20)), &k5, (Some(Reason::GroupDisclosure), 5, Some(15)));
        check(&facts(&ones(15), &[], Some(20)), &k5, (None, 5, None));
    }

    #[test]
    fn dominance_hides_the_largest_by_its_width() {
        let with = |dominance| Policy { dominance, own_rows: false, ..Policy::threshold(3) };
        let largest = with(Dominance { largest: Some(Share { contributors: 1, percent: 70 }), ..Dominance::NONE });
        // 80 of 100: the total could be 115 at which 80 is 70 %.
        check(&facts(&[80, 10, 6, 4], &[], None), &largest, (Some(Reason::Dominance), 115, Some(85)));
        check(&facts(&[70, 20, 6, 4], &[], None), &largest, (None, 3, None));
        let p = with(Dominance { p_percent: Some(10), ..Dominance::NONE });
        // Without the two largest 4 remain, 10 % of the largest are 8.
        check(&facts(&[80, 16, 2, 2], &[], None), &p, (Some(Reason::Dominance), 104, Some(96)));
        check(&facts(&[80, 12, 4, 4], &[], None), &p, (None, 3, None));
        let partners = with(Dominance { partner_p_percent: Some(10), ..Dominance::NONE });
        check(&facts(&[25; 4], &[(80, 4), (16, 4), (4, 4)], None), &partners, (Some(Reason::Dominance), 104, Some(96)));
        check(&facts(&[25; 4], &[(100, 0)], None), &partners, (None, 3, None));
        let unknown = Facts { complete: false, ..facts(&[25; 4], &[], None) };
        check(&unknown, &p, (Some(Reason::RuleUndefined), 3, None));
        assert_eq!(judge(&unknown, &p, Rules { dominance: false, ..Rules::ALL }).unsafe_for, None);
    }
}
