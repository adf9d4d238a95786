//! The reference model: the rule as one would explain it, in plain loops over plain numbers, sharing nothing with the
//! real decision but the names of actions and roles.

use super::world::*;
use crate::{ActionKind, EventKind, Level, Method, Role};
use model::{AreaType, PeriodType};
use std::collections::BTreeSet;

/// What governs each dataset of the query: numbers of agreements.
pub(super) fn governing(world: &World, query: &Query) -> Vec<(usize, BTreeSet<usize>)> {
    let mut result = Vec::new();
    for dataset in 0..DATASETS.len() {
        if !query.inputs.iter().any(|(named, _)| *named == dataset) {
            continue;
        }
        let mut bound = BTreeSet::new();
        for (named, agreements) in &query.inputs {
            if *named == dataset {
                bound.extend(agreements);
            }
        }
        if query.action == ActionKind::Ingest {
            for (number, agreement) in world.agreements.iter().enumerate() {
                if agreement.datasets.contains(&dataset) {
                    bound.insert(number);
                }
            }
        }
        if let Some(original) = &query.original {
            for (named, agreements) in &original.inputs {
                if *named == dataset {
                    bound.extend(agreements);
                }
            }
        }
        result.push((dataset, bound));
    }
    result
}

/// Whether the query is allowed.
pub(super) fn allows(world: &World, query: &Query) -> bool {
    let may = match query.role {
        Role::PartnerOfficer => query.action != ActionKind::Link,
        Role::Analyst => query.action != ActionKind::Ingest,
        Role::Operator => true,
        Role::Public => query.action == ActionKind::Release,
        _ => unreachable!("the worlds of these tests have no such role"),
    };
    if !may || query.role != Role::Public && !query.held.contains(&query.purpose) {
        return false;
    }
    if query.action == ActionKind::Release && query.outputs.is_empty() {
        return false;
    }
    if query.action != ActionKind::Ingest && query.inputs.iter().any(|(_, bound)| bound.is_empty()) {
        return false;
    }
    let inputs = governing(world, query);
    if inputs.is_empty() || !within_original(query, &inputs) {
        return false;
    }
    let mut involved = BTreeSet::new();
    for (dataset, bound) in &inputs {
        if bound.is_empty() || world.faulty.contains(dataset) {
            return false;
        }
        involved.extend(bound);
    }
    for number in &involved {
        let Some(agreement) = world.agreements.get(*number) else { return false };
        let mine: BTreeSet<usize> =
            inputs.iter().filter(|(_, bound)| bound.contains(number)).map(|(dataset, _)| *dataset).collect();
        if !agreement_allows(agreement, query, &mine) {
            return false;
        }
    }
    let chosen: Vec<&Plain> = involved.iter().map(|number| &world.agreements[*number]).collect();
    let shows = matches!(query.action, ActionKind::Derive | ActionKind::Release);
    let common = |method| chosen.iter().all(|agreement| agreement.methods.contains(&method));
    if shows && !common(Method::Suppress) && !common(Method::Perturb) {
        return false;
    }
    chosen.iter().all(|agreement| agreement.law_enforcement)
        || chosen.iter().all(|agreement| !agreement.law_enforcement)
}

/// How what is allowed is protected: by which method, how much noise the agreements ask for, in the order of the file's keys, and the odds
/// that figures of linked records may change, if all of them say.
pub(super) fn protection(world: &World, query: &Query) -> (Option<Method>, Option<PlainNoise>, Option<u32>) {
    let mut numbers = BTreeSet::new();
    for (_, bound) in governing(world, query) {
        numbers.extend(bound);
    }
    let (mut suppress, mut perturb) = (true, true);
    let mut noise: Option<PlainNoise> = None;
    let (mut all_say, mut odds) = (true, 20);
    for agreement in numbers.into_iter().filter_map(|number| world.agreements.get(number)) {
        suppress &= agreement.methods.contains(&Method::Suppress);
        perturb &= agreement.methods.contains(&Method::Perturb);
        all_say &= agreement.odds().is_some();
        odds = agreement.odds().unwrap_or(odds).min(odds);
        let Some(asked) = agreement.noise else { continue };
        let mut all = noise.unwrap_or(asked);
        for part in 0..5 {
            let stricter = if part < 3 { asked[part] > all[part] } else { asked[part] < all[part] };
            if stricter {
                all[part] = asked[part];
            }
        }
        noise = Some(all);
    }
    let method = match (suppress, perturb) {
        (true, _) => Some(Method::Suppress),
        (false, true) => Some(Method::Perturb),
        (false, false) => None,
    };
    (method, noise, all_say.then_some(odds))
}

/// Whether an agreement that governs any of the data protects a count: as one of few, but not as none.
pub(super) fn protects(world: &World, query: &Query, count: u32) -> bool {
    governing(world, query)
        .iter()
        .flat_map(|(_, bound)| bound)
        .any(|number| (1..world.agreements[*number].k).contains(&count))
}

fn within_original(query: &Query, inputs: &[(usize, BTreeSet<usize>)]) -> bool {
    let Some(original) = &query.original else { return true };
    query.action == ActionKind::Release
        && query.purpose == original.purpose
        && (original.public || !query.public)
        && query.outputs.iter().all(|level| original.outputs.iter().any(|fine| coarser(*fine, *level)))
        && inputs.iter().all(|(dataset, _)| original.inputs.iter().any(|(known, _)| known == dataset))
}

fn agreement_allows(agreement: &Plain, query: &Query, mine: &BTreeSet<usize>) -> bool {
    let last = agreement.events.iter().filter(|(_, hour)| *hour <= query.now).map(|(kind, _)| *kind).next_back();
    let in_force = matches!(last, Some(EventKind::Signed | EventKind::Resumed));
    if !in_force || query.now < agreement.effective * 24 || query.now >= agreement.expires * 24 {
        return false;
    }
    if agreement.forbid_purposes.contains(&query.purpose) {
        return false;
    }
    let caller = if query.role == Role::Public { Who::Public } else { Who::Partner(query.organisation, query.role) };
    for who in [caller, query.recipient()] {
        if agreement.forbid_recipients.iter().any(|pattern| meets(pattern, &who)) {
            return false;
        }
    }
    let named: BTreeSet<usize> = query.inputs.iter().map(|(dataset, _)| *dataset).collect();
    if query.action == ActionKind::Link {
        for dataset in &named {
            let with_itself = mine.len() == 1 && mine.contains(dataset);
            if agreement.forbid_links.contains(dataset) && !with_itself {
                return false;
            }
        }
    }
    if let Some((actions, days)) = &agreement.optout
        && actions.contains(&query.action)
    {
        for dataset in mine {
            match query.evidence.get(dataset) {
                Some(hour) if *hour <= query.now && query.now - hour < days * 24 => {}
                _ => return false,
            }
        }
    }
    if query.action == ActionKind::Ingest
        && let Some(year) = query.year
        && mine.iter().any(|dataset| agreement.datasets.contains(dataset) && year < agreement.from_years[*dataset])
    {
        return false;
    }
    if query.action == ActionKind::Release && (query.public || query.role == Role::Public) && !agreement.public_tier {
        return false;
    }
    if matches!(query.action, ActionKind::Derive | ActionKind::Release) {
        for level in &query.outputs {
            if !agreement.finest.iter().any(|fine| coarser(LEVELS[*fine].parse().unwrap(), *level)) {
                return false;
            }
        }
    }
    if query.original.is_some() && !agreement.onward {
        return false;
    }
    agreement.grants.iter().any(|grant| covers(grant, query, mine, &named))
}

fn covers(grant: &PlainGrant, query: &Query, mine: &BTreeSet<usize>, named: &BTreeSet<usize>) -> bool {
    let others_linkable = named
        .iter()
        .all(|dataset| mine.contains(dataset) || grant.datasets.contains(dataset) || grant.link_with.contains(dataset));
    grant.purposes.contains(&query.purpose)
        && grant.actions.contains(&query.action)
        && grant.recipients.contains(&query.recipient())
        && mine.iter().all(|dataset| grant.datasets.contains(dataset))
        && (query.action != ActionKind::Link || others_linkable)
}

fn meets(pattern: &Pattern, who: &Who) -> bool {
    match (pattern, who) {
        (Pattern::Public, Who::Public) => true,
        (Pattern::Organisation(n), Who::Partner(organisation, _)) => n == organisation,
        (Pattern::Role(named), Who::Partner(_, role)) => named == role,
        (Pattern::Both(n, named), Who::Partner(organisation, role)) => n == organisation && named == role,
        _ => false,
    }
}

/// Whether `asked` is `fine` or made of whole ones of it; only the levels of these worlds.
pub(super) fn coarser(fine: Level, asked: Level) -> bool {
    let area = match fine.area {
        AreaType::Lsoa => true,
        AreaType::Msoa => {
            matches!(asked.area, AreaType::Msoa | AreaType::District | AreaType::County | AreaType::Partnership)
        }
        AreaType::District => matches!(asked.area, AreaType::District | AreaType::County | AreaType::Partnership),
        other => other == asked.area,
    };
    let period = match fine.period {
        PeriodType::Month => true,
        PeriodType::Quarter => {
            matches!(asked.period, PeriodType::Quarter | PeriodType::CalendarYear | PeriodType::FinancialYear)
        }
        other => other == asked.period,
    };
    area && period
}
