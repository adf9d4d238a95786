//! What cleaning asks of a gazetteer, and how the gazetteer of `geography` answers.

use geography::{AtomIndex, Gazetteer, Part, PostcodeProblem, Validity};
use model::area::{AreaCode, AreaType, BoundaryYear};
use model::period::Month;

pub use geography::{Change, Method};

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// In this area of the partnership.
    Inside(AreaCode),
    /// Known, and not in the partnership.
    Outside,
    /// The gazetteer does not know it.
    Unknown,
}

/// What a postcode says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostcodeAnswer {
    /// A well-formed postcode.
    Read {
        /// Where it is.
        place: Answer,
        /// Whether it was no longer in use at the date; still accepted, with a finding.
        terminated: bool,
    },
    /// Not a postcode.
    Malformed,
}

/// One part of a supplied area in today's geography.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Today's area; `None` if it is outside the partnership.
    pub area: Option<AreaCode>,
    /// What totals are allocated by and scores averaged with: the population of the part, or 1 where the lookup does not
    /// say.
    pub weight: u64,
}

/// What an area code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeAnswer {
    /// A current code of the partnership, stored as supplied.
    Current(AreaCode),
    /// A code of another vintage, converted.
    Converted {
        /// How it changed.
        change: Change,
        /// Its parts, in the order of their codes.
        pieces: Vec<Piece>,
    },
    /// A well-formed code of another place.
    Outside,
    /// Not an area code of that type.
    Unknown,
}

/// What cleaning asks of a gazetteer. Answers are of the current spine.
pub trait Locator {
    /// The area of a postcode at a month. Terminated postcodes are answered.
    fn postcode(&self, text: &str, as_at: Month) -> PostcodeAnswer;
    /// The atom of a point, WGS84 degrees.
    fn locate_lonlat(&self, longitude: f64, latitude: f64) -> Answer;
    /// The atom of a point, British National Grid metres.
    fn locate_bng(&self, easting: f64, northing: f64) -> Answer;
    /// The current areas of a code of a type and vintage.
    fn area_code(&self, area_type: AreaType, year: BoundaryYear, code: &str) -> CodeAnswer;
    /// The primary care network of a general practice.
    fn practice(&self, code: &str) -> Answer;
}

impl Locator for Gazetteer {
    fn postcode(&self, text: &str, as_at: Month) -> PostcodeAnswer {
        let (place, terminated) = match Self::postcode(self, text, Some(as_at)) {
            Ok(found) => (atom(self, Some(found.atom)), matches!(found.validity, Validity::Terminated(_))),
            Err(PostcodeProblem::Malformed) => return PostcodeAnswer::Malformed,
            Err(PostcodeProblem::Outside) => (Answer::Outside, false),
            Err(PostcodeProblem::Pseudo | PostcodeProblem::Unknown) => (Answer::Unknown, false),
        };
        PostcodeAnswer::Read { place, terminated }
    }

    fn locate_lonlat(&self, longitude: f64, latitude: f64) -> Answer {
        atom(self, Self::locate_lonlat(self, longitude, latitude).atom())
    }

    fn locate_bng(&self, easting: f64, northing: f64) -> Answer {
        // A position off the grid is no position at all.
        Self::locate_bng(self, easting, northing).map_or(Answer::Unknown, |location| atom(self, location.atom()))
    }

    fn area_code(&self, area_type: AreaType, year: BoundaryYear, code: &str) -> CodeAnswer {
        let former = geography::is_carried_over(area_type, year);
        if let Some(conversion) = self.convert_lsoa11(code).filter(|_| former) {
            let code_of = |part: &Part| part.atom.and_then(|atom| self.atom_area(atom)).map(|area| area.code.clone());
            let pieces = conversion.parts.iter().map(|part| Piece { area: code_of(part), weight: part.weight });
            return CodeAnswer::Converted { change: conversion.change, pieces: pieces.collect() };
        }
        match self.area(area_type, code).filter(|_| !former) {
            Some(area) => CodeAnswer::Current(area.code.clone()),
            None if is_gss(code) => CodeAnswer::Outside,
            None => CodeAnswer::Unknown,
        }
    }

    fn practice(&self, code: &str) -> Answer {
        Self::practice(self, code).map_or(Answer::Unknown, |practice| Answer::Inside(practice.area.clone()))
    }
}

fn atom(gazetteer: &Gazetteer, atom: Option<AtomIndex>) -> Answer {
    match atom.and_then(|atom| gazetteer.atom_area(atom)) {
        Some(area) => Answer::Inside(area.code.clone()),
        None => Answer::Outside,
    }
}

/// Whether a code has the form of the national statistics' area codes, so that an unknown one is of another place.
fn is_gss(code: &str) -> bool {
    let mut bytes = code.bytes();
    code.len() == 9 && bytes.next().is_some_and(|b| b.is_ascii_uppercase()) && bytes.all(|b| b.is_ascii_digit())
}
