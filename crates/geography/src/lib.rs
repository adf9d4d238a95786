//! Places: areas and their vintages, lookups between them, postcodes, points in polygons and boundaries for display.
//!
//! A [`Manifest`] says which files make up a geography; an [`Importer`] reads them into a [`Gazetteer`], which answers
//! every question and never changes. The atoms are the partnership's LSOAs of 2021; every registered geography is a set
//! of atoms, and every edge keeps how it was made.
//!
//! **Architecture invariant:** no files, no network, no clock: bytes in, bytes out.

mod area;
mod codec;
mod conversion;
mod display;
mod error;
#[cfg(test)]
mod fixture;
mod gazetteer;
mod geometry;
mod grid;
mod import;
mod locate;
mod manifest;
mod postcode;
mod report;

pub use area::{Area, AtomIndex, Method, Parent};
pub use conversion::{CarriedOver, Change, Conversion, Part, apportion, is_carried_over};
pub use error::GeographyError;
pub use gazetteer::{About, Gazetteer, PlaceCheck, Practice};
pub use grid::{GridProblem, bng_to_lonlat, lonlat_to_bng};
pub use import::{ImportLimits, Importer};
pub use locate::Location;
pub use manifest::Manifest;
pub use postcode::{PostcodeMatch, PostcodeProblem, Validity};
pub use report::{FileReport, Finding, FindingKind, ImportReport};
