//! What happened to an agreement: a chain of signed events, from which its state is derived.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use model::{DefinitionError, Digest, OrganisationId, load};
use serde::{Deserialize, Serialize};

use crate::agreement::{Agreement, Control};
use crate::canonical::{sha256, write_string};
use crate::date;
use crate::partnership::Partnership;
use crate::position::Locator;
use crate::position::Step::{Index, Key};
use crate::signature::{PublicKey, SignatureBytes};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Every party has signed and the agreement comes into force.
    Signed,
    /// A party stops all use.
    Suspended,
    /// Use may go on.
    Resumed,
    /// It is over, for good.
    Terminated,
}

impl EventKind {
    /// The name used in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Terminated => "terminated",
        }
    }
}

/// One event, signed by the party that caused it and chained to the event before.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// From when it counts.
    #[serde(deserialize_with = "date::timestamp")]
    pub at: Timestamp,
    /// The party that caused it.
    pub by: OrganisationId,
    /// Why, in words.
    pub reason: String,
    /// The digest of the agreement.
    pub agreement: Digest,
    /// The digest of the event before; of the agreement for the first.
    pub previous: Digest,
    /// The key of the party.
    pub key: PublicKey,
    /// The signature of [`Event::message`].
    pub signature: SignatureBytes,
}

/// Where an agreement stands after its events so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not signed by everyone, or not yet brought into force.
    Unsigned,
    /// In force.
    InForce,
    /// Suspended.
    Suspended,
    /// Over.
    Terminated,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "not in force",
            Self::InForce => "in force",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
        })
    }
}

/// How far an agreement's events were seen. Kept by whoever loads agreements, it shows later that no event was taken back: a
/// chain proves what it holds, and nothing about an end that was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// How many events there were, at least 1.
    pub events: usize,
    /// The digest of the last one.
    pub head: Digest,
}

/// The events of one agreement in order; verified when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventLog {
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventFile {
    #[serde(default, rename = "event")]
    events: Vec<Event>,
}

impl Event {
    /// The text that is signed, and whose digest the next event names: everything but the signature.
    #[must_use]
    pub fn message(&self) -> String {
        let mut text = String::from("commonground agreement event v1\n");
        let Self { kind, at, by, agreement, previous, key, .. } = self;
        // Writing to a String cannot fail.
        let _ = write!(text, "{}\n{at}\n{by}\n{agreement}\n{previous}\n{key}\n", kind.as_str());
        write_string(&mut text, &self.reason);
        text
    }

    /// The digest that the next event names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        sha256(&self.message())
    }

    /// The event as it is appended to the file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { kind, at, by, agreement, previous, key, signature, .. } = self;
        let mut text = String::from("[[event]]\n");
        let _ = write!(text, "kind = \"{}\"\nat = {at}\nby = \"{by}\"\nreason = ", kind.as_str());
        write_string(&mut text, &self.reason);
        let _ = write!(text, "\nagreement = \"{agreement}\"\nprevious = \"{previous}\"\n");
        let _ = writeln!(text, "key = \"{key}\"\nsignature = \"{signature}\"");
        text
    }
}

impl EventLog {
    /// Events that nobody has verified, for tests that ask many logs what follows from them.
    #[cfg(test)]
    pub(crate) const fn unchecked(events: Vec<Event>) -> Self {
        Self { events }
    }

    /// Reads the events of an agreement and checks the chain: each is about this agreement, signed with a registered
    /// key by a party that `[control]` allows, not before the one before, and possible in the state it meets.
    ///
    /// # Errors
    /// The first thing that is wrong, with file, line and column.
    pub fn parse(
        file: &str,
        text: &str,
        agreement: &Agreement,
        partnership: &Partnership,
    ) -> Result<Self, DefinitionError> {
        let EventFile { events } = load::parse(file, text)?;
        let mut log = Self::default();
        for (index, event) in events.into_iter().enumerate() {
            if let Err((key, message)) = log.accepts(&event, agreement, partnership) {
                return Err(Locator::new(file, text).error(&[Key("event"), Index(index), Key(key)], message));
            }
            log.events.push(event);
        }
        Ok(log)
    }

    /// Whether an event can follow these; otherwise the key that is wrong, and why.
    pub(crate) fn accepts(
        &self,
        event: &Event,
        agreement: &Agreement,
        partnership: &Partnership,
    ) -> Result<(), (&'static str, String)> {
        if event.agreement != agreement.digest() {
            let message = format!("this event is about another text than {}: the file was changed", agreement.name());
            return Err(("agreement", message));
        }
        if event.previous != self.head(agreement) {
            return Err((
                "previous",
                "the chain is broken: an event before this one was changed or removed".to_owned(),
            ));
        }
        if self.events.last().is_some_and(|last| event.at < last.at) {
            return Err(("at", "events are in order of time".to_owned()));
        }
        if agreement.party(&event.by).is_none() || !may(&agreement.document().control, event) {
            let message = format!("`{}` may not do this: `[control]` names who may", event.by);
            return Err(("by", message));
        }
        if !partnership.has_key(&event.by, &event.key) {
            return Err(("key", format!("the key is not registered for `{}`", event.by)));
        }
        if !event.key.verifies(event.message().as_bytes(), &event.signature) {
            return Err(("signature", "the signature is not over this event: it was changed after signing".to_owned()));
        }
        if event.kind == EventKind::Signed
            && let Some(party) = agreement.unsigned().next()
        {
            return Err(("kind", format!("`{}` has not signed yet", party.id)));
        }
        let state = self.events.last().map_or(State::Unsigned, |last| after(last.kind));
        let possible = match event.kind {
            EventKind::Signed => state == State::Unsigned,
            EventKind::Suspended => state == State::InForce,
            EventKind::Resumed => state == State::Suspended,
            EventKind::Terminated => matches!(state, State::InForce | State::Suspended),
        };
        if !possible {
            let message = format!("an agreement that is {state} cannot be {}", event.kind.as_str());
            return Err(("kind", message));
        }
        Ok(())
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The digest that the next event must name.
    #[must_use]
    pub fn head(&self, agreement: &Agreement) -> Digest {
        self.events.last().map_or_else(|| agreement.digest(), Event::digest)
    }

    /// How far they go; nothing without an event.
    #[must_use]
    pub fn seen(&self) -> Option<Seen> {
        self.events.last().map(|last| Seen { events: self.events.len(), head: last.digest() })
    }

    /// Whether everything that was seen is still there. Each event names the one before, so the last one stands for all.
    #[must_use]
    pub fn contains(&self, seen: &Seen) -> bool {
        let last = seen.events.checked_sub(1).and_then(|index| self.events.get(index));
        last.is_some_and(|event| event.digest() == seen.head)
    }

    /// The state at an instant; an event counts from its own instant on.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        self.events.iter().take_while(|event| event.at <= now).last().map_or(State::Unsigned, |event| after(event.kind))
    }

    /// Whether use was stopped after the first `seen` events or after the instant `since`, up to `now`.
    #[must_use]
    pub fn stopped_since(&self, seen: usize, since: Timestamp, now: Timestamp) -> bool {
        let stops = |event: &Event| matches!(event.kind, EventKind::Suspended | EventKind::Terminated);
        self.events
            .iter()
            .enumerate()
            .any(|(index, event)| stops(event) && event.at <= now && (index >= seen || event.at > since))
    }
}

const fn after(kind: EventKind) -> State {
    match kind {
        EventKind::Signed | EventKind::Resumed => State::InForce,
        EventKind::Suspended => State::Suspended,
        EventKind::Terminated => State::Terminated,
    }
}

fn may(control: &Control, event: &Event) -> bool {
    match event.kind {
        // Bringing into force only records that everybody has signed, so any party may.
        EventKind::Signed => true,
        EventKind::Suspended => control.suspend.contains(&event.by),
        EventKind::Resumed => control.resume.contains(&event.by),
        EventKind::Terminated => control.terminate.contains(&event.by),
    }
}
