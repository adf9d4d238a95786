//! Signing agreements, and what is done to them later: suspending, resuming, terminating. Each is a text to be written by whoever
//! has the files; here nothing is read or written.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use model::{DefinitionError, Digest, OrganisationId};
use zeroize::Zeroizing;

use crate::agreement::Agreement;
use crate::canonical::{agreement_digest, write_string};
use crate::event::{Event, EventKind, EventLog};
use crate::partnership::Partnership;
use crate::party::PartySignature;
use crate::position::{Locator, Step};
use crate::signature::{PublicKey, SignatureBytes};

const HEADING: &str = "commonground agreement key 1";

/// The secret key with which an organisation signs.
pub struct SecretKey(SigningKey);

/// Who acts: an organisation with its key, at an instant.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    /// The organisation.
    pub organisation: &'a OrganisationId,
    /// Its key.
    pub key: &'a SecretKey,
    /// When.
    pub at: Timestamp,
}

/// Why somebody's signature is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorError {
    /// The file is not a key file.
    #[error("it is not a key file: {0}")]
    KeyFormat(&'static str),
    /// The organisation has no part in the agreement.
    #[error("`{organisation}` is not a party to {agreement}: its parties are {parties}")]
    NotAParty {
        /// Who was to sign.
        organisation: OrganisationId,
        /// The agreement.
        agreement: String,
        /// Who may.
        parties: String,
    },
    /// Everybody has the key.
    #[error(
        "everybody has this key of `{0}`, it is for demonstrations: make the organisation's own with `commonground agreements key new`"
    )]
    PublicKey(OrganisationId),
    /// The key is not the organisation's.
    #[error(
        "this key is not registered for `{organisation}`: use the key whose public half `partnership.toml` names, or add `{key}` to the organisation's `keys` there"
    )]
    WrongKey {
        /// Who was to sign.
        organisation: OrganisationId,
        /// The public half of the key.
        key: PublicKey,
    },
    /// Signing again would change nothing.
    #[error("`{organisation}` has signed {agreement} already, at {at}")]
    AlreadySigned {
        /// Who was to sign.
        organisation: OrganisationId,
        /// The agreement.
        agreement: String,
        /// When it did.
        at: Timestamp,
    },
    /// The event cannot follow those that are there.
    #[error("{agreement} cannot be {kind} so: {reason}")]
    NotPossible {
        /// The agreement.
        agreement: String,
        /// What was to happen.
        kind: &'static str,
        /// Why it cannot.
        reason: String,
    },
    /// The file cannot be changed in the way that a signature needs.
    #[error(transparent)]
    Text(#[from] DefinitionError),
}

impl SecretKey {
    /// The key that follows from 32 secret, random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key file: a heading, and the 32 bytes in base64.
    ///
    /// # Errors
    /// If it is not one. The error holds nothing of the file.
    pub fn parse(text: &str) -> Result<Self, AuthorError> {
        let format = AuthorError::KeyFormat;
        let (heading, line) = text.trim_end().split_once('\n').ok_or(format("it must have two lines"))?;
        if heading.trim_end() != HEADING {
            return Err(format("its first line must be `commonground agreement key 1`"));
        }
        let bytes = STANDARD.decode(line).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| format("its second line is not base64"))?;
        let seed = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| format("the key must have 32 bytes"))?;
        Ok(Self::from_seed(seed))
    }

    /// The text of its key file. Secret.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.0.to_bytes());
        let line = Zeroizing::new(STANDARD.encode(seed.as_slice()));
        Zeroizing::new(format!("{HEADING}\n{}\n", *line))
    }

    /// Its public half, for the register.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::of(&self.0)
    }

    pub(crate) fn sign(&self, message: &str) -> SignatureBytes {
        SignatureBytes::sign(&self.0, message.as_bytes())
    }
}

impl From<SigningKey> for SecretKey {
    fn from(key: SigningKey) -> Self {
        Self(key)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {}, redacted)", self.public())
    }
}

impl Author<'_> {
    /// Whether this organisation has a part in the agreement, and this key is its own and secret.
    fn may_sign(&self, agreement: &Agreement, partnership: &Partnership) -> Result<(), AuthorError> {
        let (organisation, key) = (self.organisation, self.key.public());
        if agreement.party(organisation).is_none() {
            let parties: Vec<_> = agreement.document().parties.iter().map(|party| party.id.as_str()).collect();
            let (agreement, parties) = (agreement.name(), parties.join(", "));
            return Err(AuthorError::NotAParty { organisation: organisation.clone(), agreement, parties });
        }
        if !partnership.partnership.illustrative && partnership.is_public_test_key(&key) {
            return Err(AuthorError::PublicKey(organisation.clone()));
        }
        if !partnership.has_key(organisation, &key) {
            return Err(AuthorError::WrongKey { organisation: organisation.clone(), key });
        }
        Ok(())
    }
}

/// Signs an agreement for a party: its text with the signature in it, everything else as it is. `text` is what `agreement` was read
/// from, `office` who signs for the organisation, by office.
///
/// # Errors
/// If the organisation is no party, the key is not its own, or it has signed already.
pub fn sign(
    agreement: &Agreement,
    text: &str,
    partnership: &Partnership,
    author: Author<'_>,
    office: &str,
) -> Result<String, AuthorError> {
    author.may_sign(agreement, partnership)?;
    let organisation = author.organisation;
    if let Some(signature) = agreement.party(organisation).and_then(|party| party.signature.as_ref()) {
        let (agreement, at) = (agreement.name(), signature.at);
        return Err(AuthorError::AlreadySigned { organisation: organisation.clone(), agreement, at });
    }
    let line = signature_line(&agreement.digest(), author, office);
    Ok(with_lines(agreement.file(), text, &BTreeMap::from([(organisation.as_str(), line)]))?)
}

/// The event that an organisation causes, to be appended to those that are there.
///
/// # Errors
/// If the organisation is no party, `[control]` does not let it, the key is not its own, or the agreement is not in a state in which this
/// can happen.
pub fn new_event(
    agreement: &Agreement,
    log: &EventLog,
    partnership: &Partnership,
    author: Author<'_>,
    (kind, reason): (EventKind, &str),
) -> Result<Event, AuthorError> {
    author.may_sign(agreement, partnership)?;
    let event = signed_event(author, (kind, reason), agreement.digest(), log.head(agreement));
    log.accepts(&event, agreement, partnership).map_err(|(_, reason)| AuthorError::NotPossible {
        agreement: agreement.name(),
        kind: kind.as_str(),
        reason,
    })?;
    Ok(event)
}

/// An event with its signature, whether or not it may follow.
pub(crate) fn signed_event(
    author: Author<'_>,
    (kind, reason): (EventKind, &str),
    agreement: Digest,
    previous: Digest,
) -> Event {
    let mut event = Event {
        kind,
        at: author.at,
        by: author.organisation.clone(),
        reason: reason.to_owned(),
        agreement,
        previous,
        key: author.key.public(),
        signature: author.key.sign(""),
    };
    event.signature = author.key.sign(&event.message());
    event
}

/// The line of a party's signature.
pub(crate) fn signature_line(digest: &Digest, author: Author<'_>, office: &str) -> String {
    let Author { organisation, key, at } = author;
    let value = key.sign(&PartySignature::message(digest, organisation, office, at));
    let mut line = String::from("signature = { by = ");
    write_string(&mut line, office);
    // Writing to a String cannot fail.
    let _ = write!(line, ", at = {at}, key = \"{}\", value = \"{value}\" }}", key.public());
    line
}

/// Puts a line after the line of the id of each party. Comments and layout stay.
///
/// # Errors
/// If the text is not TOML, or not laid out so that a line can stand there.
pub(crate) fn with_lines(file: &str, text: &str, lines: &BTreeMap<&str, String>) -> Result<String, DefinitionError> {
    let digest = agreement_digest(file, text)?;
    let locator = Locator::new(file, text);
    let mut places = BTreeMap::new();
    for (index, id) in party_ids(file, text)?.iter().enumerate() {
        let path = [Step::Key("party"), Step::Index(index), Step::Key("id")];
        if let (Some(line), Some(offset)) = (lines.get(id.as_str()), locator.place(&path)) {
            let end = text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| offset + end);
            places.insert(end, line);
        }
    }
    let (mut signed, mut from) = (String::with_capacity(text.len() + 256 * lines.len()), 0);
    for (end, line) in places {
        signed.push_str(text.get(from..end).unwrap_or_default());
        signed.push('\n');
        signed.push_str(line);
        from = end;
    }
    signed.push_str(text.get(from..).unwrap_or_default());
    // A line that ended up in a text of several lines, or beside a table that is written otherwise, is no signature.
    let there = signatures(file, &signed).ok().is_some_and(|there| lines.keys().all(|id| there.contains(*id)));
    if there && agreement_digest(file, &signed)? == digest {
        return Ok(signed);
    }
    let message =
        "a signature has no place in this file: write each party as `[[party]]` with `id = \"...\"` on its own line";
    Err(DefinitionError::whole(file, message))
}

/// The ids of the parties, in their order.
pub(crate) fn party_ids(file: &str, text: &str) -> Result<Vec<String>, DefinitionError> {
    Ok(parties(file, text)?.into_iter().map(|(id, _)| id).collect())
}

/// The parties that have a signature, good or not.
fn signatures(file: &str, text: &str) -> Result<std::collections::BTreeSet<String>, DefinitionError> {
    Ok(parties(file, text)?.into_iter().filter(|(_, signed)| *signed).map(|(id, _)| id).collect())
}

fn parties(file: &str, text: &str) -> Result<Vec<(String, bool)>, DefinitionError> {
    let table: toml::Table = model::load::parse(file, text)?;
    let parties = table.get("party").and_then(toml::Value::as_array).into_iter().flatten();
    let of = |party: &toml::Value| {
        let id = party.get("id").and_then(toml::Value::as_str).unwrap_or_default();
        (id.to_owned(), party.get("signature").is_some_and(toml::Value::is_table))
    };
    Ok(parties.map(of).collect())
}
