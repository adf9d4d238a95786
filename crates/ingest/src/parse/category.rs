//! Values of dimensions: recoded, checked, banded, and interned.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use model::classification::AgeBand;
use model::contract::{Column, ColumnType, Treatment};

use crate::findings::Kind;
use crate::intern::Interner;
use crate::parse::{integer, listed};

/// What is stored for a missing or unusable value.
const UNKNOWN: &str = "unknown";
/// What is stored for a value the contract does not list.
const OTHER: &str = "other";

/// How a column's texts become values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `female`, `male`, anything else `unknown`.
    Sex,
    /// An age in years put in a band.
    Band,
    /// A whole number.
    Number,
    /// Lower-case text.
    Text,
}

/// One dimension's values: texts seen before are looked up, not parsed.
#[derive(Debug)]
pub(crate) struct Category<'c> {
    column: &'c Column,
    style: Style,
    recode: BTreeMap<String, &'c str>,
    known: HashMap<String, (u32, Option<Kind>)>,
    pub(crate) values: Interner,
}

impl<'c> Category<'c> {
    /// For a column under its effective treatment.
    pub(crate) fn new(column: &'c Column, treatment: Treatment) -> Self {
        let style = if column.name == "sex" {
            Style::Sex
        } else if treatment == Treatment::Band {
            Style::Band
        } else if column.column_type == ColumnType::Integer {
            Style::Number
        } else {
            Style::Text
        };
        let recode = column.recode.iter().map(|(from, to)| (from.trim().to_lowercase(), to.as_str())).collect();
        Self { column, style, recode, known: HashMap::new(), values: Interner::default() }
    }

    /// The value's number, and what was wrong if it had to be replaced.
    pub(crate) fn read(&mut self, text: &str) -> (u32, Option<Kind>) {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let (value, issue) = self.parse(text);
        let found = (self.values.intern(&value), issue);
        self.known.insert(text.to_owned(), found);
        found
    }

    /// The number of the value for "not recorded".
    pub(crate) fn unknown(&mut self) -> u32 {
        self.values.intern(UNKNOWN)
    }

    /// The number of an age or month that was worked out elsewhere; `None` is "not recorded".
    pub(crate) fn derived(&mut self, value: Option<&str>) -> u32 {
        self.values.intern(value.unwrap_or(UNKNOWN))
    }

    /// The band of an age in completed years.
    pub(crate) fn band(&self, age: u8) -> Option<AgeBand> {
        self.column.bands.iter().copied().find(|band| band.contains(age))
    }

    fn parse(&self, text: &str) -> (String, Option<Kind>) {
        let lower = text.trim().to_lowercase();
        let value = self.recode.get(&lower).map_or(lower, |to| to.trim().to_lowercase());
        match self.style {
            Style::Sex => match value.as_str() {
                "female" | "male" | UNKNOWN => (value, None),
                _ => (UNKNOWN.to_owned(), Some(Kind::NotAllowed)),
            },
            Style::Band => self.banded(&value),
            Style::Number => match integer(&value) {
                _ if value == UNKNOWN => (value, None),
                Some(number) if self.in_range(number) => (number.to_string(), None),
                Some(_) => (UNKNOWN.to_owned(), Some(Kind::OutOfRange)),
                None => (UNKNOWN.to_owned(), Some(Kind::NotANumber)),
            },
            Style::Text if self.column.allowed.is_empty() || listed(&self.column.allowed, &value) => (value, None),
            Style::Text if self.column.name == "age" => (UNKNOWN.to_owned(), Some(Kind::NotAllowed)),
            Style::Text => (OTHER.to_owned(), Some(Kind::NotAllowed)),
        }
    }

    fn banded(&self, value: &str) -> (String, Option<Kind>) {
        let unknown = |kind| (UNKNOWN.to_owned(), kind);
        if value == UNKNOWN {
            return unknown(None);
        }
        let band = match integer(value) {
            Some(number) if !self.in_range(number) => return unknown(Some(Kind::OutOfRange)),
            Some(number) => u8::try_from(number).ok().and_then(|age| self.band(age)),
            // A supplier's own band is kept where it is one of the contract's.
            None => match value.parse::<AgeBand>() {
                Ok(band) => self.column.bands.iter().copied().find(|b| *b == band),
                Err(_) => return unknown(Some(Kind::NotANumber)),
            },
        };
        band.map_or_else(|| unknown(Some(Kind::OutOfRange)), |band| (band.to_string(), None))
    }

    fn in_range(&self, number: i64) -> bool {
        self.column.range.is_none_or(|(least, greatest)| number >= least && number <= greatest)
    }
}

/// Age in completed years at a day; `None` before birth or over 120.
pub(crate) fn birth_age(birth: Date, at: Date) -> Option<u8> {
    let before_birthday = (at.month(), at.day()) < (birth.month(), birth.day());
    let years = at.year() - birth.year() - i16::from(before_birthday);
    u8::try_from(years).ok().filter(|age| *age <= 120)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(toml: &str) -> Column {
        let text = format!(
            "id = \"one-org.two-set\"\ntitle = \"t\"\ndescription = \"d\"\nrelease = \"1\"\nlevel = \"event\"\n\
             partition = \"month\"\nexposure = {{ kind = \"controlled\" }}\nfile = {{ format = \"csv\" }}\n\
             geography = {{ area_type = \"lsoa\", boundary_year = 2021, sources = [\"postcode\"] }}\n\
             [[column]]\nsource = \"P\"\nname = \"p\"\ntype = \"text\"\nrole = \"geography\"\nplace = \"postcode\"\n\
             [[column]]\nsource = \"C\"\nrole = \"dimension\"\n{toml}"
        );
        let contract = model::DatasetContract::parse("c.toml", &text).unwrap();
        contract.columns.last().unwrap().clone()
    }

    fn check(toml: &str, cases: &[(&str, &str, Option<Kind>)]) {
        let column = column(toml);
        let mut category = Category::new(&column, column.treatment);
        for (text, expect, issue) in cases {
            for _ in 0..2 {
                let (id, found) = category.read(text);
                assert_eq!((category.values.name(id), found), (*expect, *issue), "{text}");
            }
        }
    }

    #[test]
    fn texts_are_recoded_and_checked() {
        check(
            "name = \"kind\"\ntype = \"text\"\nallowed = [\"damp and mould\", \"heating\"]\n\
             recode = { \"Damp & Mould\" = \"damp and mould\" }",
            &[
                ("DAMP & MOULD ", "damp and mould", None),
                ("Heating", "heating", None),
                ("Lifts", "other", Some(Kind::NotAllowed)),
            ],
        );
        check("name = \"kind\"\ntype = \"text\"", &[(" Any Thing", "any thing", None)]);
    }

    #[test]
    fn sexes_and_ages_are_the_common_ones() {
        check(
            "name = \"sex\"\ntype = \"text\"\nrecode = { M = \"male\", F = \"female\", \"9\" = \"unknown\" }",
            &[
                ("f", "female", None),
                ("Male", "male", None),
                ("9", "unknown", None),
                ("X", "unknown", Some(Kind::NotAllowed)),
            ],
        );
        check(
            "name = \"age\"\ntype = \"integer\"\ntreatment = \"band\"\nbands = [\"0-15\", \"16-64\", \"65+\"]\n\
             range = [0, 120]",
            &[
                ("15", "0-15", None),
                ("16", "16-64", None),
                ("16.0", "16-64", None),
                ("120", "65+", None),
                ("121", "unknown", Some(Kind::OutOfRange)),
                ("-1", "unknown", Some(Kind::OutOfRange)),
                ("65+", "65+", None),
                ("18-24", "unknown", Some(Kind::OutOfRange)),
                ("abc", "unknown", Some(Kind::NotANumber)),
                ("unknown", "unknown", None),
            ],
        );
        check(
            "name = \"age\"\ntype = \"integer\"\nrange = [0, 90]",
            &[("07", "7", None), ("91", "unknown", Some(Kind::OutOfRange))],
        );
    }

    #[test]
    fn ages_turn_over_on_the_birthday() {
        let cases = [
            ("2000-03-10", "2024-03-09", Some(23)),
            ("2000-03-10", "2024-03-10", Some(24)),
            ("2000-02-29", "2023-02-28", Some(22)),
            ("2024-03-10", "2024-03-09", None),
            ("1890-01-01", "2024-01-01", None),
        ];
        for (birth, at, expect) in cases {
            assert_eq!(birth_age(birth.parse().unwrap(), at.parse().unwrap()), expect, "{birth} {at}");
        }
    }
}
