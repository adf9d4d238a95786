//! Measures that are parts of others, and measures that may not be missing: what disclosure control has to know of columns.

use std::collections::BTreeMap;

use super::{Column, ColumnType, DatasetContract, Level, Role};

/// The measure that counts rows.
const COUNT: &str = "count";

impl DatasetContract {
    /// Every measure that is part of another in each row, with that other: as declared by `part_of`, and whatever is 0 or 1 in rows about
    /// people or events, which is part of `count`. Chains are given by their links.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<&str, &str> {
        let flags = self.level != Level::Aggregate;
        let measures = self.columns.iter().filter(|column| column.role == Role::Measure);
        let related = measures.filter_map(|column| {
            let implied = (flags && is_flag(column)).then_some(COUNT);
            Some((column.name.as_str(), column.part_of.as_deref().or(implied)?))
        });
        related.collect()
    }

    /// The measure that a measure is a part of in the end; itself if it is part of none.
    #[must_use]
    pub fn whole_of<'a>(&'a self, measure: &'a str) -> &'a str {
        let parts = self.parts();
        let chain = std::iter::successors(Some(measure), |measure| parts.get(measure).copied());
        chain.take(parts.len() + 1).last().unwrap_or(measure)
    }

    /// Whether a measure is part of another one, by way of others or not.
    #[must_use]
    pub fn is_part(&self, part: &str, whole: &str) -> bool {
        let parts = self.parts();
        let chain = std::iter::successors(parts.get(part).copied(), |measure| parts.get(measure).copied());
        chain.take(parts.len()).any(|measure| measure == whole)
    }

    /// Whether its rows are people or events that are not public.
    const fn is_protected_record(&self) -> bool {
        !self.exposure.is_open() && !matches!(self.level, Level::Aggregate)
    }

    /// A sum that is not available because a row has no figure says that there is such a row.
    pub(super) fn check_gaps(&self) -> Result<(), String> {
        if !self.is_protected_record() {
            return Ok(());
        }
        let optional = |column: &&Column| column.role == Role::Measure && !column.required;
        if let Some(column) = self.columns.iter().find(optional) {
            return Err(format!(
                "measure `{}` may be empty, and a figure that is not available would show that somebody is there: make it `required`; rows without it are refused",
                column.name
            ));
        }
        if let Some(unpivot) = self.unpivots.first() {
            return Err(format!(
                "columns that begin with `{}` become the measure `{}` and may be empty, and a figure that is not available would show that somebody is there: supply one row each, with a `required` column",
                unpivot.prefix, unpivot.value
            ));
        }
        Ok(())
    }

    /// Parts are told apart from the rest of their wholes, once: of two parts nobody knows what they share.
    pub(super) fn check_parts(&self) -> Result<(), String> {
        // Of open data only what is said is looked at: an agreement may still protect them, and then what cannot be is not released.
        let said = |(part, _): &(&str, &str)| {
            self.columns.iter().any(|column| column.name == *part && column.part_of.is_some())
        };
        let open = self.exposure.is_open();
        let parts: BTreeMap<&str, &str> = self.parts().into_iter().filter(|pair| !open || said(pair)).collect();
        let measures = self.measures();
        for (part, whole) in &parts {
            let integer = |name: &str| {
                let mut columns = self.columns.iter().filter(|column| column.name == name);
                measures.contains(&name) && columns.all(|column| column.column_type == ColumnType::Integer)
            };
            if !integer(whole) || !integer(part) || self.unpivots.iter().any(|unpivot| unpivot.value == **whole) {
                return Err(format!(
                    "`{part}` is `part_of = \"{whole}\"`: name a column with role `measure` and type `integer`, as `{part}` must be; or `count`"
                ));
            }
            if self.is_part(part, part) {
                return Err(format!("`{part}` is part of itself: `part_of` names what is larger"));
            }
            if let Some((other, _)) = parts.iter().find(|(other, of)| *other != part && *of == whole) {
                return Err(format!(
                    "`{part}` and `{other}` are both parts of `{whole}`, and nobody knows what they have in common, so that their figures cannot be protected together: supply them as rows with a dimension that tells them apart, or say of one that it is `part_of` the other"
                ));
            }
            if *whole == COUNT && !self.columns.iter().any(|column| column.name == *part && is_flag(column)) {
                return Err(format!("`{part}` is part of `count`, which is 1 in each row: say `range = [0, 1]`"));
            }
        }
        let flag = |column: &&Column| self.is_protected_record() && is_flag(column);
        match self.columns.iter().filter(flag).find(|column| !self.is_part(&column.name, COUNT)) {
            Some(column) => Err(format!(
                "`{}` is 0 or 1 in each row and so part of `count`, but it says that it is part of something else: make it a dimension, and filter by it",
                column.name
            )),
            None => Ok(()),
        }
    }
}

/// Whether a measure is 0 or 1.
fn is_flag(column: &Column) -> bool {
    column.role == Role::Measure && column.range.is_some_and(|(least, greatest)| least >= 0 && greatest <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(name: &str, more: &str) -> String {
        format!("[[column]]\nsource = \"{name}\"\nname = \"{name}\"\ntype = \"integer\"\nrole = \"measure\"\n{more}\n")
    }

    fn contract(level: &str, exposure: &str, measures: &[(&str, &str)]) -> Result<DatasetContract, String> {
        let text = format!(
            r#"
id = "an-organisation.figures"
title = "t"
description = "d"
release = "1"
level = "{level}"
partition = "calendar-year"
exposure = {{ {exposure} }}
file = {{ format = "csv" }}
geography = {{ area_type = "lsoa", boundary_year = 2021, sources = ["area-code"] }}
[[column]]
source = "Code"
name = "code"
type = "text"
role = "geography"
place = "area-code"
treatment = "truncate"
{}"#,
            measures.iter().map(|(name, more)| measure(name, more)).collect::<String>()
        );
        DatasetContract::parse("contract.toml", &text).map_err(|error| error.to_string())
    }

    const CONTROLLED: &str = "kind = \"controlled\"";
    const OPEN: &str = "kind = \"open\", source = \"s\", licence = \"l\"";
    const FLAG: &str = "required = true\nrange = [0, 1]";

    #[test]
    fn parts_are_declared_or_follow_from_what_a_row_is() {
        let of_list = "part_of = \"list\"";
        let figures = contract("aggregate", CONTROLLED, &[("register", of_list), ("list", "")]).unwrap();
        assert_eq!(figures.parts(), BTreeMap::from([("register", "list")]));
        assert!(figures.is_part("register", "list") && !figures.is_part("list", "register"));
        assert_eq!((figures.whole_of("register"), figures.whole_of("list")), ("list", "list"));
        let chain = [("severe", "part_of = \"register\""), ("register", of_list), ("list", "")];
        let chain = contract("aggregate", CONTROLLED, &chain).unwrap();
        assert!(chain.is_part("severe", "list") && chain.whole_of("severe") == "list");
        let people = contract("person", CONTROLLED, &[("attended", FLAG), ("hours", "required = true")]).unwrap();
        assert_eq!(people.parts(), BTreeMap::from([("attended", "count")]));
        let open = contract("person", OPEN, &[("attended", FLAG), ("well", FLAG)]).unwrap();
        assert_eq!(open.parts(), BTreeMap::from([("attended", "count"), ("well", "count")]));
        assert_eq!(contract("aggregate", CONTROLLED, &[("n", "range = [0, 1]")]).unwrap().parts(), BTreeMap::new());
        let inside = [("well", "part_of = \"attended\"\nrequired = true\nrange = [0, 1]"), ("attended", FLAG)];
        assert_eq!(contract("event", CONTROLLED, &inside).unwrap().whole_of("well"), "count");
    }

    #[test]
    fn what_atoms_cannot_say_is_refused() {
        let of = |whole: &str| format!("part_of = \"{whole}\"");
        for (level, measures, expect) in [
            ("aggregate", vec![("a", of("list")), ("b", of("list")), ("list", String::new())], "both parts of `list`"),
            ("aggregate", vec![("a", of("b")), ("b", of("a"))], "part of itself"),
            ("aggregate", vec![("a", of("a"))], "part of itself"),
            ("aggregate", vec![("a", of("missing"))], "name a column"),
            ("aggregate", vec![("a", of("count"))], "name a column"),
            ("person", vec![("a", FLAG.to_owned()), ("b", FLAG.to_owned())], "both parts of `count`"),
            ("person", vec![("a", format!("required = true\n{}", of("count")))], "`range = [0, 1]`"),
            (
                "person",
                vec![("a", format!("{FLAG}\n{}", of("b"))), ("b", "required = true".to_owned())],
                "make it a dimension",
            ),
        ] {
            let measures: Vec<(&str, &str)> = measures.iter().map(|(name, more)| (*name, more.as_str())).collect();
            let found = contract(level, CONTROLLED, &measures).unwrap_err();
            assert!(found.contains(expect), "{measures:?}: {found}");
        }
    }

    /// A figure that is not available says that somebody is there, and where.
    #[test]
    fn a_measure_of_people_or_events_may_not_be_missing() {
        for (level, exposure, more, allowed) in [
            ("person", CONTROLLED, "", false),
            ("event", CONTROLLED, "", false),
            ("person", CONTROLLED, "required = true", true),
            ("person", OPEN, "", true),
            ("aggregate", CONTROLLED, "", true),
        ] {
            let found = contract(level, exposure, &[("contacts", more)]);
            assert_eq!(found.is_ok(), allowed, "{level} {exposure} {more}: {found:?}");
            assert!(found.err().is_none_or(|error| error.contains("make it `required`")));
        }
        let unpivot = "required = true\n[[unpivot]]\nprefix = \"F\"\ninto = \"kind\"\nvalue = \"people\"";
        let wide = contract("person", CONTROLLED, &[("contacts", unpivot)]).unwrap_err();
        assert!(wide.contains("supply one row each"), "{wide}");
    }
}
