//! Postcodes: form, dates of use and the area each lies in.

use std::collections::BTreeMap;

use model::Month;
use serde::{Deserialize, Serialize};

use crate::area::AtomIndex;

/// A postcode in one form: capital letters, no spaces. At most seven characters; no `Debug` output, since a postcode can
/// tell where a person lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Postcode([u8; 7]);

impl std::fmt::Debug for Postcode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postcode(..)")
    }
}

impl Postcode {
    /// Reads any of the usual forms: `PR7 1AB`, `PR71AB`, `PR7  1AB` (7 or 8 characters, outward code padded), lower
    /// case, with spaces around. Spaces elsewhere are accepted too: the inward code is always the last three characters.
    ///
    /// `None` if the form is not one of `A9 9AA`, `A99 9AA`, `AA9 9AA`, `AA99 9AA`, `A9A 9AA`, `AA9A 9AA` with an inward
    /// code free of the letters that postcodes do not use there (Royal Mail, Programmers' Guide to the Postcode Address
    /// File), or the two irregular ones, `GIR 0AA` and the pseudo-postcodes `ZZ99 ...` of the health service.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut code = [0_u8; 7];
        let mut length = 0;
        for byte in text.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            *code.get_mut(length)? = byte.to_ascii_uppercase();
            length += 1;
        }
        let (outward, inward) = code.get(..length)?.split_at_checked(length.checked_sub(3)?)?;
        (is_outward(outward) && is_inward(outward, inward)).then_some(Self(code))
    }

    /// Whether it is one of the health service's pseudo-postcodes (`ZZ99`): no fixed abode, unknown, or abroad.
    #[must_use]
    pub(crate) fn is_pseudo(&self) -> bool {
        self.0.starts_with(b"ZZ99")
    }

    /// The characters, without spaces.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        self.0.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

fn is_outward(outward: &[u8]) -> bool {
    let letter = |b: &u8| b.is_ascii_uppercase();
    let digit = |b: &u8| b.is_ascii_digit();
    match outward {
        b"GIR" => true,
        [a, b] => letter(a) && digit(b),
        [a, b, c] => letter(a) && ((digit(b) && (digit(c) || letter(c))) || (letter(b) && digit(c))),
        [a, b, c, d] => letter(a) && letter(b) && digit(c) && (digit(d) || letter(d)),
        _ => false,
    }
}

fn is_inward(outward: &[u8], inward: &[u8]) -> bool {
    let used = |b: &u8| b.is_ascii_uppercase() && (outward == b"ZZ99" || !b"CIKMOV".contains(b));
    matches!(inward, [digit, a, b] if digit.is_ascii_digit() && used(a) && used(b))
}

/// One period of use of a postcode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Use {
    /// Where it is; `None` outside the partnership.
    #[serde(rename = "a")]
    pub(crate) atom: Option<AtomIndex>,
    /// First month of use, if known.
    #[serde(rename = "i")]
    pub(crate) introduced: Option<Month>,
    /// Month of termination, if terminated.
    #[serde(rename = "t")]
    pub(crate) terminated: Option<Month>,
    /// Positional quality as the supplier writes it.
    #[serde(rename = "q")]
    pub(crate) quality: Option<u8>,
}

/// Whether a postcode was in use at the time asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// In use then (or now, if no time was given).
    InUse,
    /// Terminated in this month, at or before that time: people go on writing it, so it counts, with a warning.
    Terminated(Month),
    /// Introduced in this month, after that time.
    NotYet(Month),
}

/// A postcode's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostcodeMatch {
    /// Its atom.
    pub atom: AtomIndex,
    /// Whether it was in use.
    pub validity: Validity,
    /// Whether the postcode has had several places: without a date the latest is taken.
    pub reused: bool,
    /// Positional quality as the supplier writes it (ONS 1 best to 9 none; Code-Point 10 best to 90 none).
    pub quality: Option<u8>,
}

/// Why a postcode gives no atom. Carries no text of the postcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum PostcodeProblem {
    /// Not the form of a postcode.
    #[error("the text has not the form of a postcode")]
    Malformed,
    /// A pseudo-postcode.
    #[error("the postcode stands for no fixed abode, an unknown place or a place abroad")]
    Pseudo,
    /// In no list.
    #[error("the postcode is not in the postcode table")]
    Unknown,
    /// Known, but elsewhere.
    #[error("the postcode lies outside the partnership")]
    Outside,
}

/// All postcodes of a geography. Kept sorted by postcode; the uses of one by date.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PostcodeTable {
    uses: BTreeMap<Postcode, Vec<Use>>,
}

impl PostcodeTable {
    /// Adds a use. `false` if the very same period of use is already there.
    pub(crate) fn add(&mut self, postcode: Postcode, new: Use) -> bool {
        let uses = self.uses.entry(postcode).or_default();
        let key = |u: &Use| (u.introduced, u.terminated.is_none(), u.terminated);
        match uses.binary_search_by_key(&key(&new), key) {
            Ok(_) => false,
            Err(position) => {
                uses.insert(position, new);
                true
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.uses.len()
    }

    pub(crate) fn reused(&self) -> usize {
        self.uses.values().filter(|uses| uses.len() > 1).count()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Postcode, &[Use])> {
        self.uses.iter().map(|(postcode, uses)| (postcode, uses.as_slice()))
    }

    /// Looks a postcode up as it was in a month (`None`: now, the latest use).
    pub(crate) fn find(&self, text: &str, as_at: Option<Month>) -> Result<PostcodeMatch, PostcodeProblem> {
        let postcode = Postcode::parse(text).ok_or(PostcodeProblem::Malformed)?;
        let Some(uses) = self.uses.get(&postcode) else {
            return Err(if postcode.is_pseudo() { PostcodeProblem::Pseudo } else { PostcodeProblem::Unknown });
        };
        let begun = |u: &&Use| as_at.is_none_or(|month| u.introduced.is_none_or(|start| start <= month));
        let ended = |u: &Use| u.terminated.filter(|&end| as_at.is_none_or(|month| end <= month));
        let started = || uses.iter().rev().filter(begun);
        // In use at the time, else the last one to have ended by then, else the first to come.
        let chosen = started().find(|u| ended(u).is_none()).or_else(|| started().next()).or_else(|| uses.first());
        let found = chosen.ok_or(PostcodeProblem::Unknown)?;
        let validity = match (begun(&found), found.introduced, ended(found)) {
            (false, Some(start), _) => Validity::NotYet(start),
            (_, _, Some(end)) => Validity::Terminated(end),
            _ => Validity::InUse,
        };
        let atom = found.atom.ok_or(PostcodeProblem::Outside)?;
        Ok(PostcodeMatch { atom, validity, reused: uses.len() > 1, quality: found.quality })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let cases = [
            ("PR7 1AB", Some("PR71AB")),
            ("pr71ab", Some("PR71AB")),
            ("PR7  1AB", Some("PR71AB")),
            (" PR25 1AB ", Some("PR251AB")),
            ("PR251AB", Some("PR251AB")),
            ("M1 1AA", Some("M11AA")),
            ("M  11AA", Some("M11AA")),
            ("M60 1NW", Some("M601NW")),
            ("CR2 6XH", Some("CR26XH")),
            ("W1A 1HQ", Some("W1A1HQ")),
            ("EC1A 1BB", Some("EC1A1BB")),
            ("GIR 0AA", Some("GIR0AA")),
            ("ZZ99 3VZ", Some("ZZ993VZ")),
            ("PR7", None),
            ("", None),
            ("1AB", None),
            ("PR7 1ABC", None),
            ("PR7 11B", None),
            ("PR7 1CB", None),
            ("PR77 7", None),
            ("7PR 1AB", None),
            ("PRR 1AB", None),
            ("PR7-1AB", None),
            ("PR7 1A\u{e9}", None),
            ("PR123 1AB", None),
        ];
        for (text, expect) in cases {
            assert_eq!(Postcode::parse(text).as_ref().map(Postcode::as_str), expect, "{text:?}");
        }
        assert!(!format!("{:?}", Postcode::parse("PR7 1AB")).contains("PR7"));
    }

    fn month(text: &str) -> Option<Month> {
        (!text.is_empty()).then(|| text.parse().unwrap())
    }

    #[test]
    fn dates_decide_between_uses() {
        let mut table = PostcodeTable::default();
        let mut add = |code: &str, atom: Option<u16>, introduced: &str, terminated: &str| {
            let (introduced, terminated) = (month(introduced), month(terminated));
            let atom = atom.map(AtomIndex);
            table.add(Postcode::parse(code).unwrap(), Use { atom, introduced, terminated, quality: Some(1) })
        };
        assert!(add("PR7 1AA", Some(1), "1980-01", ""));
        assert!(!add("PR7 1AA", Some(2), "1980-01", ""));
        assert!(add("PR7 1AB", Some(2), "1980-01", "2010-06"));
        assert!(add("PR7 1AD", Some(4), "2015-01", ""));
        assert!(add("PR7 1AD", Some(3), "1980-01", "2010-06"));
        assert!(add("PR7 1AE", None, "", ""));
        assert!(add("PR7 1AF", Some(5), "", "2000-01"));
        assert_eq!((table.len(), table.reused()), (5, 1));
        let ok = |atom, validity, reused| Ok((AtomIndex(atom), validity, reused));
        let ended = |text| Validity::Terminated(month(text).unwrap());
        let later = |text| Validity::NotYet(month(text).unwrap());
        let cases = [
            ("pr71aa", "", ok(1, Validity::InUse, false)),
            ("pr71aa", "2020-01", ok(1, Validity::InUse, false)),
            ("pr71aa", "1979-12", ok(1, later("1980-01"), false)),
            ("PR7 1AB", "2010-05", ok(2, Validity::InUse, false)),
            ("PR7 1AB", "2010-06", ok(2, ended("2010-06"), false)),
            ("PR7 1AB", "", ok(2, ended("2010-06"), false)),
            ("PR7 1AD", "", ok(4, Validity::InUse, true)),
            ("PR7 1AD", "2000-01", ok(3, Validity::InUse, true)),
            ("PR7 1AD", "2012-01", ok(3, ended("2010-06"), true)),
            ("PR7 1AD", "2015-01", ok(4, Validity::InUse, true)),
            ("PR7 1AD", "1970-01", ok(3, later("1980-01"), true)),
            ("PR7 1AF", "1990-01", ok(5, Validity::InUse, false)),
            ("PR7 1AE", "", Err(PostcodeProblem::Outside)),
            ("PR7 1AX", "", Err(PostcodeProblem::Unknown)),
            ("ZZ99 3VZ", "", Err(PostcodeProblem::Pseudo)),
            ("nonsense", "", Err(PostcodeProblem::Malformed)),
        ];
        for (text, as_at, expect) in cases {
            let found = table.find(text, month(as_at)).map(|m| (m.atom, m.validity, m.reused));
            assert_eq!(found, expect, "{text} {as_at}");
        }
    }
}
