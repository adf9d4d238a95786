//! Who may do what with a dataset, as a table that an information-governance lead can read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use model::{DatasetId, OrganisationId, PurposeId, Tier};
use serde::Serialize;

use crate::about::one_line;
use crate::agreement::{Agreement, TermsClause};
use crate::evaluate::evaluate;
use crate::level::Levels;
use crate::links::LinkTerms;
use crate::noise::NoiseTerms;
use crate::principal::{ActionKind, Principal, Recipient, Role};
use crate::registry::Snapshot;
use crate::request::{OptOutEvidence, Request};
use crate::terms::{Method, Zeros};

/// What each recipient may do, and for what.
pub(crate) type Capabilities = BTreeMap<Recipient, BTreeSet<(ActionKind, PurposeId)>>;

/// Who may do what with a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The dataset.
    pub dataset: DatasetId,
    /// The agreements that govern new versions, each with where it stands.
    pub agreements: Vec<String>,
    /// What is wrong with the files about it; the dataset is closed if this is not empty.
    pub faults: Vec<String>,
    /// The terms, each as a line.
    pub terms: Vec<String>,
    /// What may be taken, by column.
    pub columns: Vec<String>,
    /// Who may do what.
    pub rows: Vec<ExplanationRow>,
}

/// Some recipients with the same rights.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ExplanationRow {
    /// Who; each entry is some roles of some organisations.
    pub who: Vec<String>,
    /// What they may do.
    pub may: String,
    /// For what.
    pub purposes: String,
}

/// Explains a dataset: every row is the outcome of decisions, not a reading of the grants. Evidence of opt-outs is
/// taken to be fresh, and tables as fine as the terms allow.
#[must_use]
pub fn explain(snapshot: &Snapshot, dataset: &DatasetId, now: Timestamp) -> Explanation {
    let governing = snapshot.governing(dataset, now);
    let agreements: Vec<&Agreement> =
        governing.agreements.iter().filter_map(|digest| snapshot.agreement(digest)).collect();
    let describe = |agreement: &&Agreement| {
        let status = snapshot.status(&agreement.digest(), now).map_or_else(String::new, |status| status.to_string());
        let header = &agreement.document().agreement;
        format!("{} ({status}; {} to {}): {}", agreement.name(), header.effective, header.expires, header.title)
    };
    let columns = crate::evaluate::agreed_columns(snapshot, &governing);
    Explanation {
        dataset: dataset.clone(),
        agreements: agreements.iter().map(describe).collect(),
        faults: snapshot.faults(dataset).iter().map(ToString::to_string).collect(),
        terms: agreements.iter().flat_map(|agreement| terms_in_words(agreement, dataset)).collect(),
        columns: columns
            .iter()
            .map(|(name, column)| format!("{name}: {}", format!("{:?}", column.treatment).to_lowercase()))
            .collect(),
        rows: rows(&capabilities(snapshot, dataset, &agreements, now)),
    }
}

/// What an agreement asks for, a sentence each.
pub(crate) fn terms_in_words(agreement: &Agreement, dataset: &DatasetId) -> Vec<String> {
    let retention = &agreement.document().retention;
    let tier = if agreement.document().terms.tier == Tier::Public { "anyone" } else { "partners" };
    let open = agreement.dataset(dataset).is_some_and(|dataset| dataset.exposure.is_open());
    let mut lines = if open {
        vec!["public already: shown as it was published, nothing is withheld".to_owned()]
    } else {
        protection(&agreement.document().terms)
    };
    if !open && agreement.document().grants.iter().any(|grant| grant.actions.contains(&ActionKind::Link)) {
        let silent = "no figures about people known to several services are published: nothing says how much they may tell (`[terms.links]`)";
        let links = agreement.document().terms.links;
        lines.push(links.map_or_else(|| silent.to_owned(), LinkTerms::in_words));
    }
    lines.extend([
        format!("finest tables: {}", agreement.levels()),
        format!("widest audience: {tier}"),
        format!(
            "agreed, not yet enforced: files kept {} days, tables kept {} days",
            retention.raw_days, retention.derived_days
        ),
    ]);
    let approval = &agreement.document().terms.approval;
    if !approval.is_empty() {
        let roles: Vec<&str> = approval.iter().map(|role| role.as_str()).collect();
        lines.push(format!("each publication waits for approval by: {}", roles.join(" and ")));
    }
    if let Some(optout) = &agreement.document().optout {
        let actions: Vec<_> = optout.applies.iter().map(|action| action.as_str()).collect();
        let (scheme, by, days) = (&optout.scheme, &optout.applied_by, optout.max_age_days);
        lines.push(format!("{scheme} applied by {by} within {days} days before {}", actions.join(", ")));
    }
    lines.extend(agreement.document().terms.obligations.iter().map(|duty| format!("duty: {duty}")));
    lines
}

/// How figures are protected, a sentence each.
fn protection(terms: &TermsClause) -> Vec<String> {
    let rounding = match terms.rounding {
        0 | 1 => String::new(),
        base => format!("; figures are rounded to multiples of {base}"),
    };
    let mut lines = match Method::used(&terms.methods) {
        Some(Method::Perturb) => noisy(terms, &rounding),
        _ => withheld(terms, &rounding),
    };
    lines.extend(terms.primary.in_words(terms.k));
    lines
}

fn withheld(terms: &TermsClause, rounding: &str) -> Vec<String> {
    let methods: Vec<_> = terms.methods.iter().map(|method| format!("{method:?}").to_lowercase()).collect();
    let zeros = if terms.zeros == Zeros::Protect { "protected too" } else { "shown" };
    vec![
        format!("counts of fewer than {} people or events are protected ({})", terms.k, methods.join(" or ")),
        format!("zeros are {zeros}{rounding}"),
    ]
}

/// Noise withholds no count for being small, whatever k is, and leaves zeros as they are, whatever the agreement says of them.
fn noisy(terms: &TermsClause, rounding: &str) -> Vec<String> {
    let mut lines = vec![format!(
        "counts of fewer than {} people or events are not withheld: noise protects them (perturb)",
        terms.k
    )];
    lines.extend(terms.noise.into_iter().flat_map(NoiseTerms::in_words));
    lines.push(format!("zeros stay zero, and small counts may be shown as zero too{rounding}"));
    lines
}

fn capabilities(snapshot: &Snapshot, dataset: &DatasetId, agreements: &[&Agreement], now: Timestamp) -> Capabilities {
    let named: BTreeSet<&Recipient> =
        agreements.iter().flat_map(|agreement| agreement.grants()).flat_map(|(_, recipients)| recipients).collect();
    let all = Levels::at_least_as_coarse_as(crate::level::Level::all());
    let levels = agreements.iter().fold(all, |levels, agreement| levels.meet(agreement.levels()));
    let opt_outs: Vec<_> = agreements
        .iter()
        .filter_map(|agreement| agreement.document().optout.as_ref())
        .map(|rule| OptOutEvidence { dataset: dataset.clone(), scheme: rule.scheme.clone(), applied_at: now })
        .collect();
    let mut capabilities = Capabilities::new();
    let (governing, finest) = (snapshot.governing(dataset, now), levels.finest());
    for recipient in named {
        for purpose in &snapshot.partnership().purposes {
            let principal = principal(recipient, &purpose.id);
            let role = principal.role;
            let request = Request::new(principal, purpose.id.clone(), vec![governing.clone()])
                .with_outputs(finest.iter().copied())
                .with_opt_outs(opt_outs.clone());
            for action in ActionKind::ALL.into_iter().filter(|action| role.permits(*action)) {
                if evaluate(snapshot, &request, action, now).blockers.is_empty() {
                    capabilities.entry(recipient.clone()).or_default().insert((action, purpose.id.clone()));
                }
            }
        }
    }
    capabilities
}

fn principal(recipient: &Recipient, purpose: &PurposeId) -> Principal {
    match recipient {
        Recipient::Public => Principal::public(),
        Recipient::Partner { organisation, role } => Principal::new(organisation.clone(), *role, [purpose.clone()]),
    }
}

/// Puts recipients who may do the same for the same purposes together.
pub(crate) fn rows(capabilities: &Capabilities) -> Vec<ExplanationRow> {
    let mut alike: BTreeMap<(Vec<ActionKind>, BTreeSet<&str>), Vec<&Recipient>> = BTreeMap::new();
    for (recipient, rights) in capabilities {
        let mut actions: BTreeMap<BTreeSet<&str>, Vec<ActionKind>> = BTreeMap::new();
        for action in ActionKind::ALL {
            let own = rights.iter().filter(|(right, _)| *right == action);
            let purposes: BTreeSet<_> = own.map(|(_, purpose)| purpose.as_str()).collect();
            if !purposes.is_empty() {
                actions.entry(purposes).or_default().push(action);
            }
        }
        for (purposes, actions) in actions {
            alike.entry((actions, purposes)).or_default().push(recipient);
        }
    }
    let row =
        |((actions, purposes), recipients): ((Vec<ActionKind>, BTreeSet<&str>), Vec<&Recipient>)| ExplanationRow {
            who: who(&recipients),
            may: actions.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(", "),
            purposes: purposes.iter().copied().collect::<Vec<_>>().join(", "),
        };
    alike.into_iter().map(row).collect()
}

/// `analyst, dashboard of a, b, c`: organisations with the same roles together.
fn who(recipients: &[&Recipient]) -> Vec<String> {
    let mut roles: BTreeMap<&OrganisationId, Vec<Role>> = BTreeMap::new();
    let mut lines = Vec::new();
    for recipient in recipients {
        match recipient {
            Recipient::Public => lines.push("the public".to_owned()),
            Recipient::Partner { organisation, role } => roles.entry(organisation).or_default().push(*role),
        }
    }
    let mut organisations: BTreeMap<Vec<Role>, Vec<&str>> = BTreeMap::new();
    for (organisation, roles) in roles {
        organisations.entry(roles).or_default().push(organisation.as_str());
    }
    for (roles, organisations) in organisations {
        let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
        lines.push(format!("{} of {}", roles.join(", "), organisations.join(", ")));
    }
    lines
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.dataset)?;
        let sections = [
            ("agreement", &self.agreements),
            ("closed because", &self.faults),
            ("terms", &self.terms),
            ("columns", &self.columns),
        ];
        for (name, lines) in sections {
            for (index, line) in lines.iter().enumerate() {
                writeln!(f, "  {:<14}  {}", if index == 0 { name } else { "" }, one_line(line))?;
            }
        }
        if self.rows.is_empty() {
            writeln!(f, "  nobody may do anything with it")?;
        }
        write_rows(f, &self.rows)
    }
}

/// Writes rows as `may / for / who`, the longest part last.
pub(crate) fn write_rows(f: &mut fmt::Formatter<'_>, rows: &[ExplanationRow]) -> fmt::Result {
    for row in rows {
        writeln!(f, "  may {}", row.may)?;
        writeln!(f, "      for {}", row.purposes)?;
        for who in &row.who {
            writeln!(f, "      {who}")?;
        }
    }
    Ok(())
}
