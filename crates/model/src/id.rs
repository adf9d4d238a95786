//! Newtype identifiers, validated on every path, serde included.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a string is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {kind}: {rule}")]
pub struct IdError {
    /// What kind of identifier was expected.
    pub kind: &'static str,
    /// The offending text, shortened to 80 characters.
    pub value: String,
    /// The rule it breaks, in words.
    pub rule: &'static str,
}

impl IdError {
    pub(crate) fn new(kind: &'static str, value: &str, rule: &'static str) -> Self {
        Self { kind, value: value.chars().take(80).collect(), rule }
    }
}

const SLUG_RULE: &str = "use 3 to 64 lower-case letters, digits and hyphens";

fn is_slug(text: &str) -> bool {
    (3..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Implements the parts every validated string newtype has in common.
macro_rules! string_newtype {
    ($name:ident) => {
        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::load::from_text(deserializer)
            }
        }
    };
}
pub(crate) use string_newtype;

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);
        string_newtype!($name);
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_slug(text) { Ok(Self(text.to_owned())) } else { Err(IdError::new($kind, text, SLUG_RULE)) }
            }
        }
    };
}

slug_id!(
    /// An organisation, for example `lancashire-constabulary`.
    OrganisationId,
    "organisation id"
);
slug_id!(
    /// A sharing agreement, for example `fire-incidents-2024`.
    AgreementId,
    "agreement id"
);
slug_id!(
    /// A purpose that data are used for, as registered by the partnership, for example `service-planning`.
    PurposeId,
    "purpose id"
);
slug_id!(
    /// An indicator, for example `deliberate-fires`.
    IndicatorId,
    "indicator id"
);

/// A dataset: `{organisation}.{dataset}`, for example `lancashire-fire-and-rescue.incidents`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatasetId(String);
string_newtype!(DatasetId);

impl DatasetId {
    /// The organisation that supplies the dataset.
    ///
    /// # Errors
    /// Never for a parsed id; the result is kept because the parts are parsed again.
    pub fn organisation(&self) -> Result<OrganisationId, IdError> {
        self.0.split('.').next().unwrap_or_default().parse()
    }
}

impl FromStr for DatasetId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('.') {
            Some((organisation, dataset)) if is_slug(organisation) && is_slug(dataset) => Ok(Self(text.to_owned())),
            _ => Err(IdError::new(
                "dataset id",
                text,
                "write `{organisation}.{dataset}`, each 3 to 64 lower-case letters, digits and hyphens",
            )),
        }
    }
}

/// A registered table of an indicator: `{indicator}/{view}`, for example `deliberate-fires/lsoa-year`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(String);
string_newtype!(ViewId);

impl ViewId {
    /// Joins an indicator and the name of one of its views.
    ///
    /// # Errors
    /// If `view` is not 3 to 64 lower-case letters, digits and hyphens.
    pub fn new(indicator: &IndicatorId, view: &str) -> Result<Self, IdError> {
        format!("{indicator}/{view}").parse()
    }

    /// The part before the slash.
    #[must_use]
    pub fn indicator(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The part after the slash.
    #[must_use]
    pub fn view(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }
}

impl FromStr for ViewId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once('/') {
            Some((indicator, view)) if is_slug(indicator) && is_slug(view) => Ok(Self(text.to_owned())),
            _ => Err(IdError::new(
                "view id",
                text,
                "write `{indicator}/{view}`, each 3 to 64 lower-case letters, digits and hyphens",
            )),
        }
    }
}

/// A short machine-made name: a role, a purpose, a code, a credential id, a key name. Never text that a caller typed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);
string_newtype!(Label);

impl FromStr for Label {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._/:".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::new("label", text, "use 1 to 128 lower-case letters, digits and `-._/:`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_validated() {
        let cases =
            [("lancashire-constabulary", true), ("ab", false), ("Upper", false), ("under_score", false), ("", false)];
        for (text, valid) in cases {
            assert_eq!(text.parse::<OrganisationId>().is_ok(), valid, "{text}");
        }
        assert!("x".repeat(65).parse::<OrganisationId>().is_err());
        let dataset: DatasetId = "lancashire-fire-and-rescue.incidents".parse().unwrap();
        assert_eq!(dataset.organisation().unwrap().as_str(), "lancashire-fire-and-rescue");
        for bad in ["incidents", "a.b", "one.two.three", "one.", ".two"] {
            assert!(bad.parse::<DatasetId>().is_err(), "{bad}");
        }
        let view: ViewId = "deliberate-fires/lsoa-year".parse().unwrap();
        assert_eq!((view.indicator(), view.view()), ("deliberate-fires", "lsoa-year"));
    }

    #[test]
    fn labels_are_names_not_text() {
        let long = "a".repeat(129);
        let cases = [("pseudonym/nhs", true), ("a", true), ("", false), ("Jane Doe", false), ("a\nb", false)];
        for (text, valid) in cases.into_iter().chain([("é", false), (long.as_str(), false)]) {
            assert_eq!(text.parse::<Label>().is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn serde_validates_too() {
        assert!(serde_json::from_str::<DatasetId>("\"no dot\"").is_err());
        let id: DatasetId = serde_json::from_str("\"one-org.two-set\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"one-org.two-set\"");
    }
}
