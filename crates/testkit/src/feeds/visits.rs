//! Rows about a person who meets a service: what ambulance, hospital and wellbeing extracts have in common.

use model::{Month, Period};

use super::calendar::{Date, DateForm};
use super::canary::Carries;
use super::context::Context;
use super::demand;
use super::dirt::{self, Fault, SexForm};
use super::people::{Person, Picker};
use super::postcodes::PostcodeForm;
use super::sheet::{Place, Record};
use crate::random::Random;
use crate::world::Lsoa;

/// How a release of a feed writes things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forms {
    /// The usual form of dates, and the one some rows use instead.
    pub(super) dates: (DateForm, DateForm),
    pub(super) postcode: PostcodeForm,
    pub(super) sex: SexForm,
}

/// One meeting of a person and a service.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) person: &'a Person,
    pub(super) date: Date,
    /// Planted: the row has no fault.
    pub(super) planted: bool,
}

/// Draws `total` visits: where and when in proportion to `place`, who lives there in proportion to `who`. Sorted by day.
pub(super) fn draw<'a>(
    context: &'a Context<'_>,
    random: &mut Random,
    total: u32,
    place: impl Fn(usize, &Lsoa, Month) -> u64,
    who: impl Fn(&Person) -> u32,
) -> Vec<Visit<'a>> {
    let picker = Picker::new(&context.people, who);
    demand::draw(random, context.world, total, place)
        .into_iter()
        .filter_map(|event| {
            let person = picker.pick(random, &context.people, event.lsoa)?;
            Some(Visit { person, date: event.date, planted: false })
        })
        .collect()
}

/// The common fields as written, and the row as stored with dimensions sex and age.
pub(super) struct Shown {
    pub(super) date: String,
    pub(super) nhs: String,
    pub(super) postcode: String,
    pub(super) sex: String,
    pub(super) age: String,
    pub(super) born: String,
    pub(super) name: String,
    pub(super) record: Record,
}

/// Writes the common fields of a visit with its fault.
pub(super) fn show(
    context: &Context<'_>,
    random: &mut Random,
    visit: &Visit<'_>,
    forms: Forms,
    fault: Fault,
    period: Period,
    carries: Carries<'_>,
) -> Shown {
    let person = visit.person;
    let at = (person.lsoa, person.postcode);
    let years = visit.date.age(person.born);
    let (sex, sex_stored) = dirt::sex(person.male, forms.sex, fault);
    let (age, band) = dirt::age(random, years, fault);
    let linked = !matches!(fault, Fault::BlankLink | Fault::InvalidLink);
    let (nhs, contributor) = match carries {
        Carries::Kept(_, Some(number)) => (number.to_string(), Some(number)),
        _ => (dirt::nhs(person, fault), linked.then_some(person.nhs)),
    };
    Shown {
        date: dirt::date(random, visit.date, forms.dates, fault, period),
        nhs,
        postcode: dirt::postcode(random, context.world, &context.postcodes, at, forms.postcode, fault),
        sex: sex.to_owned(),
        age,
        born: person.born.write(forms.dates.0),
        name: carries.text().unwrap_or(&person.name).to_owned(),
        record: Record {
            place: Place::Lsoa(person.lsoa),
            month: visit.date.month,
            dims: vec![sex_stored, band],
            values: vec![Some(1)],
            contributor,
        },
    }
}
