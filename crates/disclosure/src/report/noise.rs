//! What is said of figures that have noise.

use std::collections::BTreeMap;

use super::{Loss, Protection, PublicationReport, ReportedView};
use crate::ids::GroupId;
use crate::ledger::{AuthenticatedEntry, LedgerError};
use crate::perturb::{Found, Geometric, Noise, NoiseEntry, NoiseKind, SumNoise, read_noise};

/// Reports on an entry of a plan of noise: everything is shown.
///
/// # Errors
/// If it cannot be read, or is no such plan of the group.
pub fn report_noise(
    group: &GroupId,
    entry: &AuthenticatedEntry,
    views: &[ReportedView],
) -> Result<PublicationReport, LedgerError> {
    let entry = read_noise(entry, group)?;
    let (mut losses, mut all) = (vec![Loss::default(); views.len()], Loss::default());
    for (id, _) in &entry.cells {
        all.add(false, 0);
        views.iter().zip(&mut losses).filter(|(view, _)| view.shows(id)).for_each(|(_, loss)| loss.add(false, 0));
    }
    Ok(PublicationReport {
        group: group.clone(),
        facts: Vec::new(),
        protection: protection_of(&entry)?,
        views: views.iter().map(|view| view.name.clone()).zip(losses).collect(),
        all,
        reasons: BTreeMap::new(),
        partners: None,
        contributors: false,
        worlds: 0,
        provably_small: 0,
    })
}

fn protection_of(entry: &NoiseEntry) -> Result<Protection, LedgerError> {
    let noise = match entry.table.kind() {
        NoiseKind::Geometric(noise) => return Ok(Protection::Links(noise)),
        NoiseKind::CellKey(noise) => noise,
    };
    let found = entry.found.clone().ok_or(LedgerError::Unreadable)?;
    let most = u64::from(noise.largest() + noise.least_shown());
    let few = entry.cells.iter().filter(|(_, value)| *value <= most).count();
    Ok(Protection::Noise { noise, sums: entry.sums.clone(), found, few })
}

pub(super) fn rules_of_noise(noise: &Noise, sums: &BTreeMap<String, SumNoise>) -> Vec<String> {
    let mut rules = vec![format!(
        "every count above zero has noise of at most {} either way, variance {}; a cell has the same noise until the data of its period change",
        noise.largest(),
        noise.variance()
    )];
    if noise.least_shown() > 0 {
        rules.push(format!("no count from 1 to {} is shown", noise.least_shown()));
    }
    rules.extend(sums.iter().map(|(column, sum)| {
        format!(
            "sums of `{column}` may be asked for: what is above {0} in a cell counts as {0}, noise is that of a count for {0}, and there is none beside a count of at most {1}",
            sum.most(),
            SumNoise::few(noise)
        )
    }));
    rules
}

pub(super) fn rules_of_links(noise: &Geometric) -> Vec<String> {
    let mut rules = vec![format!(
        "every count has noise without a largest value: 95 % of figures are within {} of their count; a total is the sum of its figures, so that its noise is as much more, and nothing less than 0 is shown",
        noise.within_95(1)
    )];
    if noise.rounding() > 1 {
        rules.push(format!("figures are rounded to the nearest {}", noise.rounding()));
    }
    rules
}

/// What holds whatever else is published or known.
pub(super) fn proof_of_links(noise: &Geometric) -> Vec<String> {
    let odds = noise.odds();
    vec![
        format!(
            "no figure excludes anything: over all that is ever published of the links of one period, the odds of any two possibilities about one person change by at most {odds} times, whatever else is published or known"
        ),
        format!(
            "about somebody who is counted in several periods, by that much for each of them; about several people, for each of them"
        ),
    ]
}

/// What was found before any data, and what it is not about.
pub(super) fn proof_of_noise(noise: &Noise, found: &Found, few: usize) -> Vec<String> {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    vec![
        format!(
            "of all that may ever be asked for, a best guess of a count is right with at most {} (agreed: {}), most for {}",
            percent(found.guess),
            percent(found.cap),
            found.of.join(" by ")
        ),
        format!(
            "for counts above {} of which all were equally probable before; {few} figures of views are not above, and more of finer \
             tables that may be asked for",
            noise.largest() + noise.least_shown()
        ),
        format!(
            "zeros stay zero: a 0 is a true one with {} by itself, and more where others beside it are 0",
            percent(found.zero)
        ),
    ]
}
