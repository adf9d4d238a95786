//! From a row's geography columns to its area, by the contract's sources in order.

use std::collections::HashMap;
use std::rc::Rc;

use model::contract::{GeographySource, Level};
use model::period::Month;

use crate::findings::Kind;
use crate::intern::Interner;
use crate::locate::{Answer, Change, CodeAnswer, Method, Piece, PostcodeAnswer};
use crate::parse::{Cell, decimal};
use crate::plan::Plan;
use crate::request::CleanRequest;

/// One part of a converted area: its number (`None`: outside the partnership) and its weight.
pub(crate) type Part = (Option<u32>, u64);

/// Where a row is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// In one area.
    One(u32),
    /// In several, by weight; at least one of them is in the partnership.
    Parts(Rc<[Part]>),
    /// Outside the partnership.
    Outside,
    /// Not known.
    Unknown,
}

/// One source's answer: place, method, and what was wrong with the text.
type Reading = (Place, Method, Option<Kind>);

/// The verdict over all sources.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) place: Place,
    pub(crate) method: Method,
    /// Whether a later source gave another area.
    pub(crate) disagreement: bool,
    /// What was wrong, by field.
    pub(crate) issues: Vec<(usize, Kind)>,
}

/// Finds areas; codes seen before are looked up here.
pub(crate) struct Places<'a> {
    request: CleanRequest<'a>,
    sources: Vec<(GeographySource, usize, usize)>,
    codes: HashMap<String, Reading>,
    /// Area codes by number.
    pub(crate) areas: Interner,
    /// Whether codes of another vintage were converted.
    pub(crate) converted: bool,
}

impl<'a> Places<'a> {
    /// For the plan's sources.
    pub(crate) fn new(request: CleanRequest<'a>, plan: &Plan<'_>) -> Self {
        let located = plan.sources.iter().filter_map(|source| {
            let mut fields = source.places().iter().filter_map(|place| plan.with_place(*place));
            let first = fields.next()?;
            Some((*source, first, fields.next().unwrap_or(first)))
        });
        Self {
            request,
            sources: located.collect(),
            codes: HashMap::new(),
            areas: Interner::default(),
            converted: false,
        }
    }

    /// The first definite answer wins; later ones are compared with it.
    pub(crate) fn locate<'t>(&mut self, cell: impl Fn(usize) -> Cell<'t>, month: Month) -> Verdict {
        let mut verdict =
            Verdict { place: Place::Unknown, method: Method::Supplied, disagreement: false, issues: Vec::new() };
        for index in 0..self.sources.len() {
            let Some((source, first, second)) = self.sources.get(index).copied() else { break };
            let Cell::Text(text) = cell(first) else { continue };
            let (place, method, issue) = match source {
                GeographySource::AreaCode | GeographySource::Practice => self.code(source, text),
                GeographySource::Postcode => self.postcode(text, month),
                GeographySource::LongitudeLatitude | GeographySource::EastingNorthing => {
                    let Cell::Text(other) = cell(second) else { continue };
                    self.point(source, text, other)
                }
            };
            verdict.issues.extend(issue.map(|kind| (first, kind)));
            match (&verdict.place, &place) {
                (_, Place::Unknown) => {}
                (Place::Unknown, _) => (verdict.place, verdict.method) = (place, method),
                (found, other) => verdict.disagreement |= disagree(found, other),
            }
        }
        verdict
    }

    fn code(&mut self, source: GeographySource, text: &str) -> Reading {
        if let Some(reading) = self.codes.get(text) {
            return reading.clone();
        }
        let code = text.to_uppercase();
        let rule = &self.request.contract.geography;
        let reading = if source == GeographySource::Practice {
            let answer = self.request.gazetteer.practice(&code);
            self.answer(answer, Method::PracticeList, Kind::UnknownCode)
        } else {
            match self.request.gazetteer.area_code(rule.area_type, rule.boundary_year, &code) {
                CodeAnswer::Current(area) => (Place::One(self.areas.intern(area.as_str())), Method::Supplied, None),
                CodeAnswer::Converted { change, pieces } => self.converted(change, &pieces),
                CodeAnswer::Outside => (Place::Outside, Method::Supplied, None),
                CodeAnswer::Unknown => (Place::Unknown, Method::Supplied, Some(Kind::UnknownCode)),
            }
        };
        self.codes.insert(text.to_owned(), reading.clone());
        reading
    }

    /// A group is allocated over all parts; an event is somewhere, and goes to the part most people live in.
    fn converted(&mut self, change: Change, pieces: &[Piece]) -> Reading {
        self.converted = true;
        let method = change.method();
        let mut parts: Vec<(Option<&str>, u64)> =
            pieces.iter().map(|piece| (piece.area.as_ref().map(model::AreaCode::as_str), piece.weight)).collect();
        parts.sort_unstable();
        let place = if self.request.contract.level == Level::Aggregate {
            let inside = parts.iter().any(|(area, _)| area.is_some());
            let parts = parts.iter().map(|(area, weight)| (area.map(|code| self.areas.intern(code)), *weight));
            let parts: Rc<[Part]> = parts.collect();
            if inside { Place::Parts(parts) } else { Place::Outside }
        } else {
            let largest = parts.iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
            largest.and_then(|(area, _)| *area).map_or(Place::Outside, |code| Place::One(self.areas.intern(code)))
        };
        (place, method, None)
    }

    fn postcode(&mut self, text: &str, month: Month) -> Reading {
        match self.request.gazetteer.postcode(text, month) {
            PostcodeAnswer::Malformed => (Place::Unknown, Method::Postcode, Some(Kind::MalformedPostcode)),
            PostcodeAnswer::Read { place, terminated } => {
                let (place, method, issue) = self.answer(place, Method::Postcode, Kind::UnknownPostcode);
                (place, method, issue.or_else(|| terminated.then_some(Kind::TerminatedPostcode)))
            }
        }
    }

    fn point(&mut self, source: GeographySource, first: &str, second: &str) -> Reading {
        let (Some(first), Some(second)) = (decimal(first), decimal(second)) else {
            return (Place::Unknown, Method::Point, Some(Kind::InvalidCoordinates));
        };
        let answer = if source == GeographySource::LongitudeLatitude {
            self.request.gazetteer.locate_lonlat(first, second)
        } else {
            self.request.gazetteer.locate_bng(first, second)
        };
        self.answer(answer, Method::Point, Kind::InvalidCoordinates)
    }

    fn answer(&mut self, answer: Answer, method: Method, unknown: Kind) -> Reading {
        match answer {
            Answer::Inside(area) => (Place::One(self.areas.intern(area.as_str())), method, None),
            Answer::Outside => (Place::Outside, method, None),
            Answer::Unknown => (Place::Unknown, method, Some(unknown)),
        }
    }
}

fn disagree(found: &Place, other: &Place) -> bool {
    match (found, other) {
        (Place::One(a), Place::One(b)) => a != b,
        (Place::One(a), Place::Parts(parts)) | (Place::Parts(parts), Place::One(a)) => {
            !parts.iter().any(|(area, _)| *area == Some(*a))
        }
        (Place::Outside, Place::One(_) | Place::Parts(_)) | (Place::One(_) | Place::Parts(_), Place::Outside) => true,
        _ => false,
    }
}
