//! Which ages a dataset can tell apart.

use model::AgeBand;
use model::contract::{Column, ColumnType};

/// From here on the last single year that is listed stands for that year and over: files end at 85, 90, 95 or 100.
const LAST_YEAR: u8 = 85;

/// Ages as a dataset stores them.
pub(super) enum Ages {
    /// In these bands; each with its least and greatest age, in order, and without a greatest where it is open.
    Bands(Vec<(u8, Option<u8>)>),
    /// In single years, from and to where the contract says.
    Years(Option<(i64, i64)>),
}

/// The ages of a dataset whose contract lists these; `None` if it does not say.
pub(super) fn of(listed: &[String], column: Option<&Column>) -> Option<Ages> {
    let mut bands: Vec<(u8, Option<u8>)> = listed.iter().filter_map(|text| ages(text)).collect();
    if !bands.is_empty() {
        bands.sort_unstable();
        bands.dedup();
        // The last single year of all ages is by custom that year and over.
        if let Some(last) = bands.last_mut()
            && last.1 == Some(last.0)
            && last.0 >= LAST_YEAR
        {
            last.1 = None;
        }
        return Some(Ages::Bands(bands));
    }
    match column {
        Some(column) if column.column_type == ColumnType::Text => None,
        Some(column) if column.column_type == ColumnType::Integer => Some(Ages::Years(column.range)),
        // Worked out from a date of birth, or the headers of wide columns.
        _ => Some(Ages::Years(None)),
    }
}

fn ages(text: &str) -> Option<(u8, Option<u8>)> {
    text.parse::<u8>().map(|age| (age, Some(age))).ok().or_else(|| text.parse::<AgeBand>().ok()?.ages())
}

impl Ages {
    /// Whether each stored age is either in the band or not, and the band is made up of them.
    pub(super) fn hold(&self, band: &str) -> Result<(), String> {
        let Some((from, to)) = ages(band) else {
            return Err(format!(
                "names `{band}`, which is no age band: write `16-64` or `65+`; every age is the total"
            ));
        };
        match self {
            Self::Years(range) => {
                let outside = |(least, greatest): (i64, i64)| {
                    i64::from(from) > greatest || to.is_some_and(|to| i64::from(to) < least)
                };
                match range.filter(|range| outside(*range)) {
                    Some((least, greatest)) => {
                        Err(format!("names `{band}`, which no row has: the contract has ages {least} to {greatest}"))
                    }
                    None => Ok(()),
                }
            }
            Self::Bands(stored) if made_up(stored, from, to) => Ok(()),
            Self::Bands(stored) => {
                let known: Vec<String> = stored.iter().map(|(from, to)| written(*from, *to)).collect();
                Err(format!(
                    "names `{band}`, which is not made up of the stored ages: join whole bands of {}",
                    known.join(", ")
                ))
            }
        }
    }
}

/// Whether all ages of one band are in another, and whether any is. Other texts share what they say.
pub(super) fn within_and_share(band: &str, other: &str) -> (bool, bool) {
    let (Some((from, to)), Some((low, high))) = (ages(band), ages(other)) else {
        return (band == other, band == other);
    };
    let ends = high.is_none_or(|high| to.is_some_and(|to| to <= high));
    let meets = high.is_none_or(|high| from <= high) && to.is_none_or(|to| low <= to);
    (low <= from && ends, meets)
}

/// Whether bands in order make up the ages from one to another.
fn made_up(stored: &[(u8, Option<u8>)], from: u8, to: Option<u8>) -> bool {
    let mut next = Some(from);
    for (low, high) in stored.iter().filter(|(_, high)| high.is_none_or(|high| high >= from)) {
        if next.is_none_or(|next| to.is_some_and(|to| next > to)) {
            break;
        }
        if next != Some(*low) {
            return false;
        }
        next = high.map(|high| high.saturating_add(1));
        if to.is_some_and(|to| high.is_none_or(|high| high > to)) {
            return false;
        }
    }
    next == to.map(|to| to.saturating_add(1))
}

fn written(from: u8, to: Option<u8>) -> String {
    match to {
        None => AgeBand::Open(from).to_string(),
        Some(to) if to == from => from.to_string(),
        Some(to) => AgeBand::Closed(from, to).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_is_made_up_of_stored_ages() {
        let bands = ["0-15", "16-64", "65+"].map(str::to_owned);
        let apart = ["16-24", "50+"].map(str::to_owned);
        let years: Vec<String> = (0..=90).map(|age| age.to_string()).collect();
        let young: Vec<String> = (0..=17).map(|age| age.to_string()).collect();
        let cases: [(&[String], &str, bool); 25] = [
            (&young, "0-17", true),
            (&young, "17", true),
            (&young, "16+", false),
            (&bands, "0-15", true),
            (&bands, "0-64", true),
            (&bands, "16+", true),
            (&bands, "0+", true),
            (&bands, "18-64", false),
            (&bands, "16-60", false),
            (&bands, "16-70", false),
            (&bands, "75+", false),
            (&bands, "16-120", false),
            (&bands, "17", false),
            (&bands, "all", false),
            (&bands, "adults", false),
            (&apart, "16-24", true),
            (&apart, "16+", false),
            (&apart, "0-24", false),
            (&apart, "25-49", false),
            (&years, "16-18", true),
            (&years, "17", true),
            (&years, "75+", true),
            (&years, "90+", true),
            (&years, "95+", false),
            (&years, "85-90", false),
        ];
        for (stored, band, expect) in cases {
            assert_eq!(of(stored, None).unwrap().hold(band).is_ok(), expect, "{band} of {stored:?}");
        }
    }

    #[test]
    fn bands_lie_in_each_other_or_meet() {
        let cases = [
            ("50-64", "16-64", (true, true)),
            ("50+", "16-64", (false, true)),
            ("65+", "16-64", (false, false)),
            ("75+", "65+", (true, true)),
            ("17", "16-18", (true, true)),
            ("0-15", "16+", (false, false)),
            ("unknown", "16+", (false, false)),
            ("unknown", "unknown", (true, true)),
        ];
        for (band, other, expect) in cases {
            assert_eq!(within_and_share(band, other), expect, "{band} {other}");
        }
    }

    /// Against every age one by one.
    #[test]
    fn bands_are_joined_as_ages_are_counted() {
        let ends = [0_u8, 5, 10, 15, 20];
        let last = 25;
        let inside = |(from, to): (u8, Option<u8>), age: u8| age >= from && to.is_none_or(|to| age <= to);
        // Every set of bands over five stretches of ages, with and without each; the last is open.
        for mask in 0_u8..32 {
            let stored: Vec<(u8, Option<u8>)> = ends
                .iter()
                .enumerate()
                .filter(|(bit, _)| mask >> bit & 1 == 1)
                .map(|(_, from)| (*from, (*from < 20).then_some(from + 4)))
                .collect();
            for from in 0..last {
                for to in (from..last).map(Some).chain([None]) {
                    let whole = |band: &&(u8, Option<u8>)| {
                        (0..=last).all(|age| !inside(**band, age) || inside((from, to), age))
                            && (band.1.is_some() || to.is_none())
                    };
                    let joined: Vec<_> = stored.iter().filter(whole).collect();
                    let expect =
                        (0..=last).all(|age| inside((from, to), age) == joined.iter().any(|band| inside(**band, age)));
                    assert_eq!(made_up(&stored, from, to), expect, "{from} to {to:?} of {stored:?}");
                }
            }
        }
    }
}
