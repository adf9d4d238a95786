//! Expected decisions: a table beside the agreements that a non-engineer writes and reads, checked whenever an
//! agreement changes.
//!
//! One line is one decision, its columns separated by `|`:
//!
//! ```text
//! who                        | does    | with                                 | for                 | at                    | audience | opt-outs   | on         | expect
//! analyst of chorley-council | release | lancashire-fire-and-rescue.incidents | neighbourhood-needs | lsoa by calendar-year | partners | -          | 2026-11-22 | allow
//! ```
//! `at` is the tables, or for `ingest` the period of the file as `quarter 2024-01`; `opt-outs` the day on which the
//! list of opt-outs was applied; `expect` is `allow` or every blocker's code. `#` begins a comment.
//!
//! Data are bound to what governs their dataset on that day; `chorley-council.grants (grants@1)` are data that came in under
//! that version, whatever governs the dataset since.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use model::{DatasetId, DefinitionError, Digest, Month, Period, PeriodType, Tier};

use crate::agreement::Agreement;
use crate::date::start_of;
use crate::evaluate::evaluate;
use crate::principal::{ActionKind, Principal, Role};
use crate::registry::Snapshot;
use crate::request::{Governing, OptOutEvidence, Request};

const COLUMNS: [&str; 9] = ["who", "does", "with", "for", "at", "audience", "opt-outs", "on", "expect"];

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The file's line, from 1.
    pub line: usize,
    /// What is asked. Inputs are bound to what governs their datasets when it is checked.
    pub request: Request,
    /// To do what.
    pub action: ActionKind,
    /// When.
    pub on: Timestamp,
    /// The blockers expected; none means that it is allowed.
    pub blockers: BTreeSet<String>,
    schemes_applied: Option<Timestamp>,
    /// The agreements that data came in under, by name, where the line says.
    came_under: BTreeMap<DatasetId, String>,
}

/// Reads a table of expected decisions.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(file: &str, text: &str) -> Result<Vec<Expectation>, DefinitionError> {
    let mut expectations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let cells: Vec<_> = content.split('|').map(str::trim).collect();
        if cells == COLUMNS {
            continue;
        }
        let expectation = expectation(index + 1, &cells)
            .map_err(|message| DefinitionError { line: index + 1, ..DefinitionError::whole(file, message) })?;
        expectations.push(expectation);
    }
    Ok(expectations)
}

/// Checks the table against the agreements.
///
/// # Errors
/// Every line whose decision is another than expected.
pub fn check(file: &str, expectations: &[Expectation], snapshot: &Snapshot) -> Result<(), Vec<DefinitionError>> {
    let mut errors = Vec::new();
    for expectation in expectations {
        let decided = decided(expectation, snapshot);
        if decided != expectation.blockers {
            let words = |codes: &BTreeSet<String>| {
                if codes.is_empty() { "allow".to_owned() } else { codes.iter().cloned().collect::<Vec<_>>().join(", ") }
            };
            let message = format!("expected {}, decided {}", words(&expectation.blockers), words(&decided));
            errors.push(DefinitionError { line: expectation.line, ..DefinitionError::whole(file, message) });
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn decided(expectation: &Expectation, snapshot: &Snapshot) -> BTreeSet<String> {
    let mut request = expectation.request.clone();
    for input in &mut request.inputs {
        *input = match expectation.came_under.get(&input.dataset) {
            // A version that is not loaded is one that nobody knows.
            Some(name) => {
                let named = snapshot.agreements().find(|agreement| agreement.name() == *name);
                let digest = named.map_or(Digest([0; 32]), Agreement::digest);
                Governing { dataset: input.dataset.clone(), agreements: BTreeSet::from([digest]) }
            }
            None => snapshot.governing(&input.dataset, expectation.on),
        };
        let agreements = input.agreements.iter().filter_map(|digest| snapshot.agreement(digest));
        for optout in agreements.filter_map(|agreement| agreement.document().optout.as_ref()) {
            request.opt_outs.extend(expectation.schemes_applied.map(|applied_at| OptOutEvidence {
                dataset: input.dataset.clone(),
                scheme: optout.scheme.clone(),
                applied_at,
            }));
        }
    }
    let evaluation = evaluate(snapshot, &request, expectation.action, expectation.on);
    evaluation.blockers.iter().map(|blocker| blocker.code.to_string()).collect()
}

fn expectation(line: usize, cells: &[&str]) -> Result<Expectation, String> {
    let [who, does, with, purpose, at, audience, opt_outs, on, expect] = cells else {
        return Err(format!("a line has {} columns, separated by `|`: {}", COLUMNS.len(), COLUMNS.join(" | ")));
    };
    let text = |error: model::IdError| error.to_string();
    let purpose: model::PurposeId = purpose.parse().map_err(text)?;
    let principal = match who.split_once(" of ") {
        None if *who == "public" => Principal::public(),
        None => return Err(format!("`{who}`: write `public` or `{{role}} of {{organisation}}`")),
        Some((role, organisation)) => {
            let role: Role = role.trim().parse()?;
            Principal::new(organisation.trim().parse().map_err(text)?, role, [purpose.clone()])
        }
    };
    let (mut inputs, mut came_under) = (Vec::new(), BTreeMap::new());
    for dataset in with.split(',').map(str::trim).filter(|dataset| *dataset != "-") {
        let (dataset, version) = match dataset.split_once(" (").map(|(id, rest)| (id, rest.strip_suffix(')'))) {
            None => (dataset, None),
            Some((id, Some(version))) => (id, Some(version)),
            Some((_, None)) => {
                return Err(format!("`{dataset}`: write the version that data came under as `(grants@1)`"));
            }
        };
        let dataset: DatasetId = dataset.parse().map_err(text)?;
        came_under.extend(version.map(|version| (dataset.clone(), version.to_owned())));
        inputs.push(Governing { dataset, agreements: BTreeSet::new() });
    }
    let action: ActionKind = does.parse()?;
    let mut request = Request::new(principal, purpose, inputs);
    match (action, *at) {
        (_, "-") => {}
        (ActionKind::Ingest, period) => request.period = Some(read_period(period)?),
        (_, levels) => {
            for level in levels.split(',') {
                request.outputs.insert(level.trim().parse()?);
            }
        }
    }
    request.tier = match *audience {
        "partners" | "-" => Tier::Partners,
        "public" => Tier::Public,
        other => return Err(format!("`{other}`: the audience is partners or public")),
    };
    Ok(Expectation {
        line,
        request,
        action,
        on: instant(on)?,
        blockers: expect.split(',').map(str::trim).filter(|code| *code != "allow").map(str::to_owned).collect(),
        came_under,
        schemes_applied: if *opt_outs == "-" { None } else { Some(instant(opt_outs)?) },
    })
}

fn read_period(text: &str) -> Result<Period, String> {
    let error = || format!("`{text}`: write a period as its type and first month, for example `quarter 2024-01`");
    let (kind, month) = text.split_once(' ').ok_or_else(error)?;
    let kind: PeriodType = kind.parse().map_err(|_| error())?;
    let month: Month = month.trim().parse().map_err(|_| error())?;
    Period::new(kind, month).ok_or_else(error)
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let day: Date = text.parse().map_err(|_| format!("`{text}` is not a date such as 2026-11-22"))?;
    start_of(day).map_err(|error| error.to_string())
}
