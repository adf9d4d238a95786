//! Realistic faults: at most one a row, drawn from a feed's plan and counted.

use model::Period;

use super::calendar::{Date, DateForm};
use super::people::Person;
use super::postcodes::{self, PostcodeForm, Postcodes};
use super::sheet::{Fate, Record};
use crate::random::Random;
use crate::world::World;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Duplicate,
    BlankPlace,
    MalformedPlace,
    UnknownPlace,
    TerminatedPostcode,
    OtherDateForm,
    BadDate,
    MissingDate,
    OtherPeriod,
    Ragged,
    BlankLink,
    InvalidLink,
    ImpossibleAge,
    SexUnknown,
}

impl Fault {
    /// The name in `truth.json`; none for a row that is as it should be.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Duplicate => Some("duplicate"),
            Self::BlankPlace => Some("blank-place"),
            Self::MalformedPlace => Some("malformed-place"),
            Self::UnknownPlace => Some("unknown-place"),
            Self::TerminatedPostcode => Some("terminated-postcode"),
            Self::OtherDateForm => Some("other-date-form"),
            Self::BadDate => Some("bad-date"),
            Self::MissingDate => Some("missing-date"),
            Self::OtherPeriod => Some("other-period"),
            Self::Ragged => Some("ragged"),
            Self::BlankLink => Some("blank-identifier"),
            Self::InvalidLink => Some("invalid-identifier"),
            Self::ImpossibleAge => Some("impossible-age"),
            Self::SexUnknown => Some("sex-unknown"),
        }
    }

    /// What becomes of a row that would otherwise be kept as `record`.
    pub(super) fn fate(self, record: Record) -> Fate {
        match self {
            Self::BlankPlace | Self::MalformedPlace | Self::UnknownPlace => Fate::WithoutLocation,
            Self::BadDate | Self::MissingDate | Self::OtherPeriod | Self::Ragged => Fate::Refused,
            _ => Fate::Kept(record),
        }
    }
}

/// Faults with their share of rows in ten thousand.
pub(super) type Plan = &'static [(Fault, u32)];

/// Draws what is wrong with a row.
pub(super) fn draw(random: &mut Random, plan: Plan) -> Fault {
    let mut left = random.below(10_000);
    for (fault, share) in plan {
        if left < *share {
            return *fault;
        }
        left -= share;
    }
    Fault::None
}

/// The text of a date, with its fault.
pub(super) fn date(
    random: &mut Random,
    date: Date,
    forms: (DateForm, DateForm),
    fault: Fault,
    period: Period,
) -> String {
    let (usual, other) = forms;
    match fault {
        Fault::MissingDate => String::new(),
        Fault::BadDate => {
            random.pick(&["31/02/2024", "00/00/0000", "tbc", "2024-13-01"]).copied().unwrap_or_default().to_owned()
        }
        Fault::OtherPeriod => Date { month: period.end().plus(1), day: date.day.min(28) }.write(usual),
        Fault::OtherDateForm => date.write(other),
        _ => date.write(usual),
    }
}

/// The text of a postcode, with its fault.
pub(super) fn postcode(
    random: &mut Random,
    world: &World,
    known: &Postcodes,
    at: (usize, usize),
    form: PostcodeForm,
    fault: Fault,
) -> String {
    let (lsoa, position) = at;
    let position = match fault {
        Fault::BlankPlace => return String::new(),
        Fault::MalformedPlace => return postcodes::malformed(random),
        Fault::UnknownPlace => return postcodes::elsewhere(random),
        Fault::TerminatedPostcode => known.ended(random, lsoa).unwrap_or(position),
        _ => position,
    };
    // One row in fifty was typed by hand.
    let form = if random.chance(1, 50) { PostcodeForm::Lower } else { form };
    world.postcodes.get(position).map(|postcode| postcodes::write(&postcode.text, form)).unwrap_or_default()
}

/// The text of an NHS number, with its fault.
pub(super) fn nhs(person: &Person, fault: Fault) -> String {
    match fault {
        Fault::BlankLink => String::new(),
        // The next check digit is never right.
        Fault::InvalidLink => (person.nhs / 10 * 10 + (person.nhs + 1) % 10).to_string(),
        _ => person.nhs.to_string(),
    }
}

/// How a release codes sex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SexForm {
    /// 1 male, 2 female, 9 not stated.
    Digits,
    /// M, F, U.
    Letters,
    /// Male, Female, Unknown.
    Words,
}

/// Code as written and value as stored.
pub(super) const fn sex(male: bool, form: SexForm, fault: Fault) -> (&'static str, &'static str) {
    let unknown = matches!(fault, Fault::SexUnknown);
    match (unknown, male, form) {
        (true, _, SexForm::Digits) => ("9", "unknown"),
        (true, _, SexForm::Letters) => ("U", "unknown"),
        (true, _, SexForm::Words) => ("Unknown", "unknown"),
        (_, true, SexForm::Digits) => ("1", "male"),
        (_, true, SexForm::Letters) => ("M", "male"),
        (_, true, SexForm::Words) => ("Male", "male"),
        (_, false, SexForm::Digits) => ("2", "female"),
        (_, false, SexForm::Letters) => ("F", "female"),
        (_, false, SexForm::Words) => ("Female", "female"),
    }
}

/// Age as written and band as stored, bands 0-15, 16-64, 65+.
pub(super) fn age(random: &mut Random, years: i32, fault: Fault) -> (String, &'static str) {
    if fault == Fault::ImpossibleAge {
        let text = random.pick(&["134", "-1", "999", "200"]).copied().unwrap_or_default();
        return (text.to_owned(), "unknown");
    }
    let band = match years {
        ..16 => "0-15",
        16..65 => "16-64",
        _ => "65+",
    };
    (years.to_string(), band)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn shares_are_those_of_the_plan() {
        let mut random = Random::stream(Seed(1), "dirt");
        let plan: Plan = &[(Fault::BadDate, 100), (Fault::Ragged, 1_000)];
        let drawn: Vec<Fault> = (0..20_000).map(|_| draw(&mut random, plan)).collect();
        let number = |fault| drawn.iter().filter(|d| **d == fault).count();
        assert!((130..=270).contains(&number(Fault::BadDate)));
        assert!((1_800..=2_200).contains(&number(Fault::Ragged)));
        assert_eq!(number(Fault::Duplicate), 0);
    }

    #[test]
    fn impossible_ages_are_unknown_and_bands_have_closed_ends() {
        let mut random = Random::stream(Seed(1), "age");
        for (years, band) in [(0, "0-15"), (15, "0-15"), (16, "16-64"), (64, "16-64"), (65, "65+"), (97, "65+")] {
            assert_eq!(age(&mut random, years, Fault::None), (years.to_string(), band));
        }
        let (text, band) = age(&mut random, 40, Fault::ImpossibleAge);
        assert_eq!(band, "unknown");
        assert!(!(0..=120).contains(&text.parse::<i32>().unwrap()));
    }
}
