//! Population projections: real figures, not synthetic ones. Source: Office for National Statistics, 2012-based
//! sub-national population projections, as published in the partnership's papers of 2015 (rounded to hundreds). Only the
//! codes of the districts are this project's own.

use super::path;
use crate::output::{csv_row, packed};
use crate::world::{SampleFile, TestkitError};

/// Years of the published tables.
const YEARS: [&str; 3] = ["2012", "2025", "2037"];

/// Code and name of a district, and its people of all ages in each year.
const DISTRICTS: [(&str, &str, [u32; 3]); 14] = [
    ("E07990117", "Burnley", [87_100, 87_100, 86_900]),
    ("E07990118", "Chorley", [109_100, 119_700, 125_400]),
    ("E07990119", "Fylde", [76_000, 80_000, 82_700]),
    ("E07990120", "Hyndburn", [80_200, 79_900, 79_500]),
    ("E07990121", "Lancaster", [139_700, 144_000, 148_000]),
    ("E07990122", "Pendle", [89_600, 92_900, 94_200]),
    ("E07990123", "Preston", [140_500, 142_600, 145_500]),
    ("E07990124", "Ribble Valley", [57_600, 59_700, 61_000]),
    ("E07990125", "Rossendale", [68_400, 73_100, 75_500]),
    ("E07990126", "South Ribble", [109_000, 114_600, 117_400]),
    ("E07990127", "West Lancashire", [110_900, 111_800, 112_500]),
    ("E07990128", "Wyre", [107_900, 112_300, 115_200]),
    ("E06990008", "Blackburn with Darwen", [147_700, 150_600, 152_000]),
    ("E06990009", "Blackpool", [142_000, 141_900, 143_500]),
];

/// People of Chorley by age band in each year, as published; they do not quite add up to the total.
const CHORLEY_AGES: [(&str, [u32; 3]); 19] = [
    ("0-4", [6_400, 6_400, 6_200]),
    ("5-9", [6_200, 6_800, 6_500]),
    ("10-14", [6_000, 7_000, 6_800]),
    ("15-19", [6_200, 6_400, 6_500]),
    ("20-24", [6_000, 5_000, 5_800]),
    ("25-29", [6_500, 6_400, 6_900]),
    ("30-34", [6_500, 7_500, 6_900]),
    ("35-39", [7_200, 6_700, 7_200]),
    ("40-44", [8_600, 7_600, 6_300]),
    ("45-49", [8_600, 7_100, 8_500]),
    ("50-54", [7_700, 8_100, 6_800]),
    ("55-59", [6_800, 8_500, 7_100]),
    ("60-64", [7_100, 8_200, 6_900]),
    ("65-69", [6_700, 6_800, 8_100]),
    ("70-74", [4_600, 5_900, 7_600]),
    ("75-79", [3_300, 6_100, 6_200]),
    ("80-84", [2_300, 4_000, 4_700]),
    ("85-89", [1_500, 2_400, 3_800]),
    ("90+", [800, 1_500, 3_300]),
];

pub(super) fn files() -> Result<Vec<SampleFile>, TestkitError> {
    YEARS
        .into_iter()
        .enumerate()
        .map(|(position, year)| {
            let path = path("office-for-national-statistics", "projections", year, "csv");
            packed(&path, text(year, position).as_bytes())
        })
        .collect()
}

/// One year's table. The total and the people by age are in separate columns, so that summing one never counts anybody
/// twice.
fn text(year: &str, position: usize) -> String {
    let mut out = String::from("AREA_CODE,AREA_NAME,YEAR,AGE_GROUP,POPULATION_ALL_AGES,POPULATION_BY_AGE\n");
    let number = |people: &[u32; 3]| people.get(position).map(u32::to_string).unwrap_or_default();
    for (code, name, people) in &DISTRICTS {
        csv_row(&mut out, [*code, *name, year, "All ages", number(people).as_str(), ""]);
        if *name == "Chorley" {
            for (age, people) in &CHORLEY_AGES {
                csv_row(&mut out, [*code, *name, year, *age, "", number(people).as_str()]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_papers() {
        // Published with the tables: growth from 2012 to 2037 of 14.9 % and 7.7 %, and people of 75 and over in Chorley.
        for (name, permille) in [("Chorley", 149), ("South Ribble", 77), ("Burnley", -2)] {
            let (_, _, [first, _, last]) = DISTRICTS.iter().find(|d| d.1 == name).unwrap();
            let growth = (i64::from(*last) - i64::from(*first)) * 10_000 / i64::from(*first);
            assert!((growth - permille * 10).abs() <= 6, "{name}: {growth}");
        }
        // The bands of the published table add up to these, not to its totals.
        let by_age = [0, 1, 2].map(|year| CHORLEY_AGES.iter().map(|(_, people)| people[year]).sum::<u32>());
        assert_eq!(by_age, [109_000, 118_400, 122_100]);
    }

    #[test]
    fn every_year_has_fourteen_totals_and_nineteen_ages() {
        let text = text("2037", 2);
        assert_eq!(text.lines().count(), 1 + 14 + 19);
        assert!(text.contains("E07990118,Chorley,2037,90+,,3300\n"));
        assert!(text.contains("E07990126,South Ribble,2037,All ages,117400,\n"));
    }
}
