//! Mid-year population by LSOA, sex and single year of age, in the columns of the national file.

use std::fmt::Write as _;

use super::path;
use crate::output::{csv_row, packed};
use crate::world::{SampleFile, TestkitError, World};

/// Years with an estimate.
const YEARS: [i32; 3] = [2023, 2024, 2025];

pub(super) fn files(world: &World) -> Result<Vec<SampleFile>, TestkitError> {
    YEARS
        .into_iter()
        .map(|year| {
            let path = path("office-for-national-statistics", "population", &year.to_string(), "csv");
            packed(&path, text(world, year).as_bytes())
        })
        .collect()
}

fn text(world: &World, year: i32) -> String {
    let mut out = String::from("LAD 2023 Code,LAD 2023 Name,LSOA 2021 Code,LSOA 2021 Name,Total");
    for sex in ['F', 'M'] {
        for age in 0..=90 {
            // Writing to a string cannot fail.
            let _ = write!(out, ",{sex}{age}");
        }
    }
    out.push('\n');
    for lsoa in &world.lsoas {
        let people = lsoa.people(year);
        let district = world.districts.get(lsoa.district).map_or(["", ""], |d| [d.code.as_str(), d.name.as_str()]);
        let words = district.into_iter().chain([lsoa.code.as_str(), lsoa.name.as_str()]).map(str::to_owned);
        let numbers = std::iter::once(people.total()).chain(people.female.iter().chain(&people.male).copied());
        csv_row(&mut out, words.chain(numbers.map(|number| number.to_string())));
    }
    out
}

/// Totals by district and year.
pub(super) fn truth(world: &World) -> String {
    let mut out = String::from(
        "### Population\n\n| district | mid-2023 | mid-2024 | mid-2025 | aged 75 and over, mid-2025 |\n|---|---|---|---|---|\n",
    );
    for (number, district) in world.districts.iter().enumerate() {
        let of = |year: i32| -> u32 {
            world.lsoas.iter().filter(|l| l.district == number).map(|l| l.people(year).total()).sum()
        };
        let older: u32 = world
            .lsoas
            .iter()
            .filter(|l| l.district == number)
            .map(|l| l.people(2025).count(true, 75, 90) + l.people(2025).count(false, 75, 90))
            .sum();
        let [a, b, c] = YEARS.map(of);
        let _ = writeln!(out, "| {} | {a} | {b} | {c} | {older} |", district.name);
    }
    out
}
