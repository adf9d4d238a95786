//! An agreement as an information-governance lead reads it: between whom, why it is lawful, who signed, who may stop it, and what
//! happened to it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::OrganisationId;

use crate::agreement::{Agreement, AgreementKind, Legal};
use crate::event::{Event, State};
use crate::party::{Party, PartyRole};
use crate::registry::Snapshot;

/// What there is to say about an agreement, apart from who may do what, which [`explain`](crate::explain()) says by dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name and where it stands, `fire-incidents@1: active`.
    pub heading: String,
    /// Sections, each a name and lines.
    pub sections: Vec<(&'static str, Vec<String>)>,
}

/// Describes an agreement that is loaded.
#[must_use]
pub fn about(snapshot: &Snapshot, agreement: &Agreement, now: Timestamp) -> About {
    let digest = agreement.digest();
    let status = snapshot.status(&digest, now).map_or_else(|| "not loaded".to_owned(), |status| status.to_string());
    let header = &agreement.document().agreement;
    let log = snapshot.events(&digest);
    let state = log.map_or(State::Unsigned, |log| log.state(now));
    let control = &agreement.document().control;
    let name = |digest| snapshot.agreement(&digest).map_or_else(|| format!("{digest}, not here"), Agreement::name);
    let sections = [
        ("title", vec![header.title.clone()]),
        ("kind", vec![kind(header.kind).to_owned()]),
        (
            "holds",
            vec![format!(
                "from {} until before {}; to be reviewed by {}",
                header.effective, header.expires, header.review_by
            )],
        ),
        ("file", vec![agreement.file().to_owned()]),
        ("digest", vec![digest.to_string()]),
        ("replaces", header.supersedes.map(name).into_iter().collect()),
        ("replaced by", snapshot.successors(&digest, now).map(name).collect()),
        ("datasets", agreement.document().datasets.iter().map(|dataset| dataset.id.to_string()).collect()),
        ("law", law(&agreement.document().legal)),
        ("parties", agreement.document().parties.iter().map(party).collect()),
        ("may suspend", list(&control.suspend)),
        ("may resume", list(&control.resume)),
        ("may terminate", list(&control.terminate)),
        ("events", log.map_or(&[][..], |log| log.events()).iter().map(|event| happened(event, now)).collect()),
        ("state", vec![next_step(agreement, state)]),
        ("ask", vec![agreement.contact().to_owned()]),
    ];
    About {
        heading: format!("{}: {status}", agreement.name()),
        sections: sections.into_iter().filter(|(_, lines)| !lines.is_empty()).collect(),
    }
}

const fn kind(kind: AgreementKind) -> &'static str {
    match kind {
        AgreementKind::JointControllers => "joint controllers: the parties decide together (UK GDPR article 26)",
        AgreementKind::ControllerToController => "one controller discloses to others",
        AgreementKind::ControllerToProcessor => "a processor works for a controller (UK GDPR article 28)",
    }
}

fn law(legal: &Legal) -> Vec<String> {
    let mut lines = vec![format!("regime: {}", legal.regime)];
    for (name, points) in
        [("article 6", &legal.article_6), ("article 9", &legal.article_9), ("schedule 1", &legal.schedule_1)]
    {
        if !points.is_empty() {
            lines.push(format!("{name}: {}", points.join(", ")));
        }
    }
    lines.extend(legal.article_10.iter().map(|authority| format!("article 10: {authority}")));
    lines.push(format!("power: {}", legal.power));
    lines.push(format!("gateway: {}", legal.gateway));
    lines.push(format!("confidentiality: {}", legal.confidentiality));
    let assessment = legal.dpia.as_ref();
    lines
        .extend(assessment.map(|dpia| format!("impact assessment: {}, to be reviewed by {}", dpia.id, dpia.review_by)));
    lines
}

fn party(party: &Party) -> String {
    let role = match party.role {
        PartyRole::Controller => "controller",
        PartyRole::JointController => "joint controller",
        PartyRole::Processor => "processor",
    };
    let signed = party.signature.as_ref().map_or_else(
        || "has not signed".to_owned(),
        |signature| format!("signed on {} by {}", signature.at.to_zoned(TimeZone::UTC).date(), signature.by),
    );
    format!("{} ({role}, {} partner): {signed}", party.id, party.membership)
}

fn list(organisations: &BTreeSet<OrganisationId>) -> Vec<String> {
    let names: Vec<_> = organisations.iter().map(OrganisationId::as_str).collect();
    vec![if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }]
}

fn happened(event: &Event, now: Timestamp) -> String {
    let Event { kind, at, by, reason, .. } = event;
    let later = if *at > now { " (counts from then on)" } else { "" };
    format!("{at} {} by {by}: {reason}{later}", kind.as_str())
}

/// What somebody could do next.
fn next_step(agreement: &Agreement, state: State) -> String {
    let missing: Vec<_> = agreement.unsigned().map(|party| party.id.as_str()).collect();
    let control = &agreement.document().control;
    match state {
        State::Unsigned if missing.is_empty() => {
            "everybody has signed: one party brings it into force by `commonground agreements sign`".to_owned()
        }
        State::Unsigned => format!("waits for the signature of {}", missing.join(", ")),
        State::InForce => "in force as far as its dates and later versions let it".to_owned(),
        State::Suspended => format!("suspended until resumed by {}", list(&control.resume).join("")),
        State::Terminated => "terminated for good: only a new agreement allows anything".to_owned(),
    }
}

/// What somebody wrote, as one line of text: without anything that a terminal would obey.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.heading)?;
        for (name, lines) in &self.sections {
            for (index, line) in lines.iter().enumerate() {
                writeln!(f, "  {:<14}  {}", if index == 0 { name } else { "" }, one_line(line))?;
            }
        }
        Ok(())
    }
}
