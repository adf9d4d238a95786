//! What the lead for information governance reads.

use std::collections::BTreeMap;

use model::{AreaType, Digest, Exposure, PeriodType, Sex};

use super::{cell_id, key, name};
use crate::ledger::{AuthenticatedEntry, Outcome};
use crate::{
    CellFacts, LedgerState, Policy, PublicationReport, ReportedView, Unreleased, UnreleasedBuilder, ZeroPolicy, plan,
    report,
};

/// Six areas, two months and both sexes; records of people by way of two partners.
fn group() -> Unreleased {
    let mut builder = UnreleasedBuilder::new(name("a-council.visits"), Digest([0; 32]), Exposure::Controlled);
    let mut cells: BTreeMap<_, (Vec<_>, u64)> = BTreeMap::new();
    let mut person = 0_u8;
    for area in 0..6_u64 {
        for month in 1..3_i32 {
            for sex in [Sex::Female, Sex::Male] {
                let count = (area * 7 + month as u64 * 5 + u64::from(sex == Sex::Male) * 3) % 12;
                let atom = builder.atom(count);
                for _ in 0..count {
                    person = person.wrapping_add(1);
                    builder.contribution(atom, Some([person; 16]), u16::from(person % 2), 1);
                }
                for sex in [sex, Sex::All] {
                    for (area_type, area) in
                        [(AreaType::Lsoa, format!("AREA-{area}")), (AreaType::District, "AREA-D".to_owned())]
                    {
                        let id = cell_id("visits", area_type, &area, month, sex, model::AgeBand::All);
                        let cell = cells.entry(id).or_default();
                        cell.0.push(atom);
                        cell.1 += count;
                    }
                }
            }
        }
    }
    for (id, (atoms, count)) in cells {
        let headline = id.key.area_type == AreaType::District;
        builder.cell(id, atoms, count, CellFacts { headline, ..CellFacts::default() });
    }
    builder.finish().unwrap()
}

fn view(name: &str, area_type: AreaType, by: &[(&str, &[&str])]) -> ReportedView {
    let categories = |list: &[&str]| list.iter().map(|category| (*category).to_owned()).collect();
    ReportedView {
        name: name.to_owned(),
        measures: ["visits".parse().unwrap()].into(),
        area_type,
        period_type: PeriodType::Month,
        by: by.iter().map(|(dimension, list)| ((*dimension).to_owned(), categories(list))).collect(),
    }
}

fn reported(policy: &Policy) -> (PublicationReport, AuthenticatedEntry) {
    let plan = plan(&LedgerState::empty(name("a-council.visits")), &group(), policy, &key(3)).unwrap();
    let entry = AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec());
    let views = [
        view("visits/small-areas", AreaType::Lsoa, &[]),
        view("visits/small-areas-by-sex", AreaType::Lsoa, &[("sex", &["female", "male"])]),
        view("visits/district", AreaType::District, &[("sex", &["female", "male"])]),
    ];
    let mut report = report(&entry, &views).unwrap();
    report.facts.push(("released", "27 November 2026, 12:00 UTC".to_owned()));
    report.facts.push(("under", "visits@1".to_owned()));
    (report, entry)
}

fn policy() -> Policy {
    Policy {
        zeros: ZeroPolicy::HideShare { per_thousand: 250 },
        decoys_per_thousand: 100,
        own_records: true,
        ..Policy::threshold(5)
    }
}

/// To be read by people: look at the file, then replace it by what the test prints.
#[test]
fn the_report_is_readable() {
    let text = reported(&policy()).0.to_string();
    assert_eq!(text, include_str!("report.txt"), "\n{text}");
}

/// Nothing in it depends on the counts of withheld cells but shares of the value, and these only of many cells.
#[test]
fn of_few_cells_no_share_of_their_value_is_told() {
    let (report, entry) = reported(&policy());
    let entry = entry.decode().unwrap();
    for (name, loss) in &report.views {
        assert_eq!(loss.share_of_value().is_some(), loss.withheld == 0 || loss.withheld >= 50, "{name}");
    }
    assert_eq!(report.all.share_of_value(), None, "it would tell of the views of which it is not said");
    let withheld = entry.cells.iter().filter(|cell| cell.outcome == Outcome::Withheld).count();
    assert_eq!((report.all.withheld, report.all.cells), (withheld, entry.cells.len()));
    assert_eq!(report.reasons.values().sum::<usize>(), withheld);
}
