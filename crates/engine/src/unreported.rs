//! What no figure came for, in datasets whose rows are figures of whole areas.

use std::collections::{BTreeMap, BTreeSet};

use model::{Month, Period};

use crate::facts::Facts;

/// Numbers of areas and months of which nothing was reported: the area has no row in the partition that holds the month.
/// An area with a row reports: for the categories that it left out intake has written rows without a figure. A partition
/// without any row is one whose supplier confirmed that there was nothing to report.
pub(crate) fn unreported(
    facts: &Facts,
    areas: &BTreeMap<String, usize>,
    months: &[Month],
    partitions: &[Period],
) -> Vec<(usize, usize)> {
    let rows: BTreeSet<(i32, usize)> = facts.rows.iter().map(|row| (row.month, row.area)).collect();
    let mut reporting: BTreeMap<Period, BTreeSet<&str>> = BTreeMap::new();
    for (ordinal, area) in rows {
        let (Some(month), Some(code)) = (Month::from_ordinal(ordinal), facts.areas.texts().get(area)) else { continue };
        for partition in partitions.iter().filter(|partition| partition.contains(month)) {
            reporting.entry(*partition).or_default().insert(code);
        }
    }
    let mut missing = Vec::new();
    for (partition, codes) in reporting {
        for (_, area) in areas.iter().filter(|(code, _)| !codes.contains(code.as_str())) {
            let inside = (0..).zip(months).filter(|(_, month)| partition.contains(**month));
            missing.extend(inside.map(|(index, _)| (*area, index)));
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use model::PeriodType;

    use super::*;
    use crate::facts::Row;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    /// Rows as area and month; what is missing as area and month.
    fn check(rows: &[(&str, &str)], expect: &[(&str, &str)]) {
        let mut facts = Facts::default();
        for (area, at) in rows {
            let area = facts.areas.number(area);
            let month = month(at).ordinal();
            let row = Row { area, month, categories: Vec::new(), contributor: None, partner: 0, sums: vec![(1, true)] };
            facts.rows.push(row);
        }
        let codes = ["E01", "E02"];
        let areas = codes.iter().enumerate().map(|(number, code)| ((*code).to_owned(), number)).collect();
        let partitions = ["2025-01", "2025-04"].map(|start| Period::new(PeriodType::Quarter, month(start)).unwrap());
        let months = ["2025-01", "2025-03", "2025-04", "2025-06"];
        let found = unreported(&facts, &areas, &months.map(month), &partitions);
        let found: Vec<_> = found.into_iter().map(|(area, at)| (codes[area], months[at])).collect();
        assert_eq!(found, expect, "{rows:?}");
        assert_eq!(unreported(&facts, &areas, &months.map(month), &[]), [], "events are where they are");
    }

    #[test]
    fn an_area_without_a_row_in_a_partition_was_not_reported() {
        // A figure of one month of the quarter reports the quarter.
        check(&[("E01", "2025-03"), ("E02", "2025-01"), ("E01", "2025-06"), ("E02", "2025-06")], &[]);
        check(
            &[("E01", "2025-03"), ("E02", "2025-06")],
            &[("E02", "2025-01"), ("E02", "2025-03"), ("E01", "2025-04"), ("E01", "2025-06")],
        );
        // A partition without any row was confirmed to be empty.
        check(&[("E01", "2025-03")], &[("E02", "2025-01"), ("E02", "2025-03")]);
        check(&[], &[]);
        // An area that no table asks about still shows that the partition is not empty.
        check(&[("E09", "2025-03")], &[("E01", "2025-01"), ("E01", "2025-03"), ("E02", "2025-01"), ("E02", "2025-03")]);
    }
}
