//! Doing what the blockers of a denial ask for, and nothing else.

use std::collections::BTreeSet;

use super::random::permissive;
use super::reference::governing;
use super::world::*;
use crate::*;

/// The world and query with these blockers removed, and nothing else.
pub(super) fn fix(world: &World, query: &Query, blockers: &[Blocker]) -> (World, Query) {
    let (mut world, mut query) = (world.clone(), query.clone());
    let before = query.clone();
    let governed = governing(&world, &query);
    for blocker in blockers {
        let number = blocker
            .agreement
            .as_deref()
            .map(|name| name.trim_start_matches("agreement-").trim_end_matches("@1").parse::<usize>().unwrap());
        match number {
            Some(number) => {
                let mine: BTreeSet<usize> =
                    governed.iter().filter(|(_, bound)| bound.contains(&number)).map(|(dataset, _)| *dataset).collect();
                fix_agreement(&mut world.agreements[number], &mut query, &before, &mine, blocker);
            }
            None => fix_request(&mut world, &mut query, &governed, blocker),
        }
    }
    (world, query)
}

fn fix_agreement(plain: &mut Plain, query: &mut Query, before: &Query, mine: &BTreeSet<usize>, blocker: &Blocker) {
    let position = |names: &[&str]| names.iter().position(|name| *name == blocker.actual).unwrap();
    match blocker.code {
        BlockerCode::NotSigned | BlockerCode::Suspended | BlockerCode::Terminated => {
            plain.events = vec![(EventKind::Signed, 0)];
        }
        BlockerCode::NotYetEffective => plain.effective = -10,
        BlockerCode::Expired => plain.expires = 400,
        BlockerCode::NoGrant => plain.grant_for(before, mine),
        BlockerCode::ForbiddenPurpose => {
            plain.forbid_purposes.remove(&query.purpose);
        }
        BlockerCode::ForbiddenLink => {
            plain.forbid_links.remove(&position(&DATASETS));
        }
        BlockerCode::ForbiddenRecipient => {
            // Several may be removed: the clause counts them as they were, so a removed one leaves a hole.
            let index: usize = blocker.clause.rsplit('.').next().unwrap().parse().unwrap();
            plain.forbid_recipients[index - 1] = Pattern::Both(2, Role::Operator).unless_met_by(query);
        }
        BlockerCode::OptOutEvidence => {
            let dataset = DATASETS.iter().position(|name| blocker.clause.ends_with(name)).unwrap();
            query.evidence.insert(dataset, query.now);
        }
        BlockerCode::PeriodNotCovered => {
            let dataset = DATASETS.iter().position(|name| blocker.clause.ends_with(name)).unwrap();
            plain.from_years[dataset] = 2019;
        }
        BlockerCode::TierExceeded => plain.public_tier = true,
        BlockerCode::LevelTooFine => {
            let needed = LEVELS.iter().position(|name| *name == blocker.actual);
            // A district by year is not among the levels of these worlds; districts by month include it.
            plain.finest.insert(needed.unwrap_or(2));
        }
        BlockerCode::OnwardNotAllowed => plain.onward = true,
        other => panic!("an agreement does not give {other}"),
    }
}

impl Pattern {
    /// A prohibition of somebody else than who asks here.
    fn unless_met_by(self, query: &Query) -> Self {
        if query.organisation == 2 { Self::Both(1, Role::Operator) } else { self }
    }
}

fn fix_request(world: &mut World, query: &mut Query, governed: &[(usize, BTreeSet<usize>)], blocker: &Blocker) {
    let dataset = || DATASETS.iter().position(|name| *name == blocker.clause || *name == blocker.actual).unwrap();
    let involved: BTreeSet<usize> = governed.iter().flat_map(|(_, bound)| bound).copied().collect();
    match blocker.code {
        BlockerCode::PurposeNotHeld => {
            query.held.insert(query.purpose);
        }
        BlockerCode::NoOutput => {
            query.outputs.insert("county by calendar-year".parse().unwrap());
        }
        BlockerCode::DatasetClosed => {
            world.faulty.remove(&dataset());
        }
        BlockerCode::NoAgreement | BlockerCode::AgreementUnknown => {
            let law = involved.iter().find_map(|n| world.agreements.get(*n)).is_some_and(|plain| plain.law_enforcement);
            let mine = BTreeSet::from([dataset()]);
            let number = world.agreements.len();
            world.agreements.push(permissive(query, &mine, law));
            let originals = query.original.iter_mut().flat_map(|original| &mut original.inputs);
            for (_, bound) in query.inputs.iter_mut().chain(originals).filter(|(known, _)| mine.contains(known)) {
                let amiss = match blocker.code {
                    BlockerCode::NoAgreement => bound.is_empty(),
                    _ => bound.remove(&99),
                };
                if amiss {
                    bound.insert(number);
                }
            }
        }
        BlockerCode::RegimesMixed => {
            for plain in &mut world.agreements {
                plain.law_enforcement = false;
            }
        }
        BlockerCode::MethodConflict => {
            for plain in &mut world.agreements {
                plain.methods = [Method::Suppress, Method::Perturb].into();
            }
        }
        BlockerCode::BeyondOriginal => {
            let original = query.original.as_mut().unwrap();
            match blocker.clause.as_str() {
                "purpose" => original.purpose = query.purpose,
                "tier" => original.public = true,
                "outputs" => {
                    original.outputs.insert(blocker.actual.parse().unwrap());
                }
                "inputs" => original.inputs.push((dataset(), BTreeSet::new())),
                _ => query.original = None,
            }
        }
        other => panic!("a request does not give {other}"),
    }
}
