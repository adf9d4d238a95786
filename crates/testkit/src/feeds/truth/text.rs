//! The truths in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Expectation, Truth};

/// The section of `TRUTH.md`; writing to a `String` cannot fail, so results are not looked at.
pub(super) fn markdown(truth: &Truth) -> String {
    let mut out = String::from(
        "## Partners' controlled feeds\n\n\
         Everything here is invented. The numbers are what an intake must find after cleaning; `truth.json` has them file by\n\
         file, quarter by quarter and district by district.\n\n",
    );
    fates(&mut out, &truth.files);
    planted(&mut out, truth);
    people(&mut out, truth);
    out
}

fn fates(out: &mut String, files: &[Expectation]) {
    out.push_str(
        "### What becomes of the rows\n\n\
         A row without a usable place (blank, malformed or unknown postcode, coordinates that are no numbers) is *without\n\
         location*; one placed beyond the partnership is *outside*; ragged rows, rows without a readable date, and rows of\n\
         another period are *refused*; rows written twice are *duplicates*; totals, percentages and people who opted out\n\
         are *skipped*. Invalid NHS numbers and impossible ages do not refuse a row: it has no contributor, or age unknown.\n\n\
         | dataset | files | read | kept | refused | outside | without location | duplicates | skipped |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let mut datasets: BTreeMap<&str, [u32; 8]> = BTreeMap::new();
    for file in files {
        let own = [
            1,
            file.rows_read,
            file.kept,
            file.refused,
            file.outside,
            file.without_location,
            file.duplicates,
            file.skipped,
        ];
        let sums = datasets.entry(&file.dataset).or_default();
        sums.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
    }
    for (dataset, sums) in &datasets {
        let _ = write!(out, "| {dataset} |");
        for sum in sums {
            let _ = write!(out, " {sum} |");
        }
        out.push('\n');
    }
    let mut planted: BTreeMap<&str, u32> = BTreeMap::new();
    for (kind, number) in files.iter().flat_map(|file| &file.planted) {
        *planted.entry(kind).or_default() += number;
    }
    let list: Vec<String> = planted.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
    let _ = writeln!(
        out,
        "\nPlanted faults: {}. One wellbeing file is Windows-1252, others\n\
         have a byte-order mark, carriage returns and blank lines at the end; headers, codes of sex, date forms and postcode forms change from release to release.\n",
        list.join(", ")
    );
}

fn planted(out: &mut String, truth: &Truth) {
    let planted = &truth.planted;
    out.push_str("### What the tables must show\n\n");
    for spot in &planted.nuisance_hot_spots {
        let _ = writeln!(
            out,
            "- **Hot spot**: anti-social behaviour in `{}`, {} incidents in three years (median LSOA {}).",
            spot.lsoa, spot.incidents, spot.median
        );
    }
    let fires = &planted.deliberate_fires;
    let _ = writeln!(
        out,
        "- **Deliberate fires** gather in `{}`: {} in three years, {} per 100,000 people a year, elsewhere {}.",
        fires.neighbourhood, fires.fires, fires.rate, fires.rate_elsewhere
    );
    for (word, trend) in [("fall", &planted.emergency_falling), ("rise", &planted.emergency_rising)] {
        let _ = writeln!(
            out,
            "- **Trend**: emergency attendances {word} in `{}`: {}.",
            trend.neighbourhood,
            series(&trend.by_year)
        );
    }
    let gap = &planted.inequality;
    let _ = writeln!(
        out,
        "- **Inequality**: emergency attendances in 2024 per 1,000 people, {} in decile {} (most deprived here), {} in decile {}.",
        gap.rate_there, gap.most_deprived_decile, gap.rate_here, gap.least_deprived_decile
    );
    let project = &planted.falls_project;
    let _ = writeln!(
        out,
        "- **Intervention**: a falls project in `{}` from {}, made to cut ambulance call-outs by 30 %. Eighteen months before and\n  \
         after: {} and {}; elsewhere {} and {}; ratio of ratios {} in thousandths.",
        project.neighbourhood,
        project.begins,
        project.before,
        project.after,
        project.before_elsewhere,
        project.after_elsewhere,
        project.ratio_of_ratios_milli
    );
    for stages in &planted.wellbeing_stages {
        let list: Vec<String> = stages.referrals.iter().map(|(stage, number)| format!("{stage} {number}")).collect();
        let _ = writeln!(out, "- **Shift** of wellbeing referrals, {}: {}.", stages.year, list.join(", "));
    }
    let _ = writeln!(out, "- **Relief duties** in Chorley fall: {}.\n", series(&planted.relief_duties.by_year));
}

fn people(out: &mut String, truth: &Truth) {
    let planted = &truth.planted;
    let one = &planted.one_person_six_call_outs;
    let _ = writeln!(
        out,
        "### People\n\n- **One contributor**: `{}` has {} ambulance call-outs in {}, all of {} person (by year: {}). The count passes a\n  \
         threshold of five; the person must not be shown.",
        one.lsoa,
        one.call_outs,
        one.year,
        one.people,
        series(&one.by_year)
    );
    for cases in &planted.casework {
        let _ = writeln!(
            out,
            "- **Casework** {}: {} cases, {} men, {} aged 40 to 59; contacts {} before, {} after.",
            cases.year, cases.cases, cases.men, cases.aged_40_to_59, cases.contacts_before, cases.contacts_after
        );
    }
    out.push_str(
        "\nDistinct people (valid NHS numbers of kept rows) known to ambulance, hospital, wellbeing service and action team:\n\n\
         | year | district | one service | two | three or more |\n|---|---|--:|--:|--:|\n",
    );
    for known in &planted.known_to_services {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            known.year, known.district, known.one, known.two, known.three_or_more
        );
    }
}

fn series(by_year: &BTreeMap<i32, u64>) -> String {
    let list: Vec<String> = by_year.iter().map(|(year, number)| format!("{number} in {year}")).collect();
    list.join(", ")
}
