//! Names of what the gate protects: groups, measures, cells.

use std::fmt;
use std::str::FromStr;

use model::{AgeBand, CellKey, Sex};
use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not a group or measure id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {kind}: use 1 to 400 printable characters without spaces at either end")]
pub struct NameError {
    kind: &'static str,
    value: String,
}

fn checked(kind: &'static str, text: &str) -> Result<String, NameError> {
    let length = text.chars().count();
    let valid = (1..=400).contains(&length) && !text.chars().any(char::is_control) && text.trim() == text;
    if valid { Ok(text.to_owned()) } else { Err(NameError { kind, value: text.chars().take(80).collect() }) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                checked($kind, text).map(Self)
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
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A protection group: everything published about overlapping records, protected together.
    GroupId,
    "protection group"
);
name!(
    /// What a cell counts: dataset, measure and filter, for example `dataset|count|outcome=x`. Two indicators with the same
    /// numerator have the same measure and so share their cells.
    MeasureId,
    "measure"
);

/// One cell of a group. The same id in two views is the same cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// What is counted.
    pub measure: MeasureId,
    /// Where, when and of whom.
    pub key: CellKey,
}

impl CellId {
    /// Whether it counts one category of something: a sex, an age, a kind.
    pub(crate) fn is_broken_down(&self) -> bool {
        let CellKey { sex, age, breakdown, .. } = &self.key;
        *sex != Sex::All || *age != AgeBand::All || breakdown.is_some()
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.measure, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_validated() {
        for (text, valid) in
            [("fire.incidents|count|deliberate fire", true), ("a", true), ("", false), (" a", false), ("a\n", false)]
        {
            assert_eq!(text.parse::<MeasureId>().is_ok(), valid, "{text:?}");
            assert_eq!(text.parse::<GroupId>().is_ok(), valid, "{text:?}");
        }
        assert!("x".repeat(401).parse::<GroupId>().is_err());
    }
}
