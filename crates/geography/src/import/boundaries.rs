//! Boundary files: features to areas with repaired shapes.

use model::AreaCode;
use serde_json::{Map, Value};

use crate::area::read_code;
use crate::error::GeographyError;
use crate::geometry::Shape;
use crate::geometry::geojson::{self, RawFeature};
use crate::geometry::overlap::overlaps;
use crate::geometry::repair::repair;
use crate::import::ImportLimits;
use crate::locate::PointIndex;
use crate::manifest::Boundaries;
use crate::report::{FileReport, FindingKind};

/// An area with its outline.
#[derive(Debug)]
pub(crate) struct Outline {
    pub(crate) code: AreaCode,
    pub(crate) name: Option<String>,
    pub(crate) shape: Shape,
}

/// Reads a boundary file; repairs are noted in the report.
pub(crate) fn read(
    file: &Boundaries,
    bytes: &[u8],
    limits: &ImportLimits,
    report: &mut FileReport,
) -> Result<Vec<Outline>, GeographyError> {
    let features = geojson::read(&file.path, bytes, limits.features, limits.positions)?;
    report.read = features.len() as u64;
    let mut outlines = Vec::with_capacity(features.len());
    for (index, feature) in features.into_iter().enumerate() {
        let kept = file.within.as_ref().is_none_or(|within| {
            text(&feature.properties, &within.column).is_some_and(|value| within.values.contains(value))
        });
        if kept {
            outlines.push(outline(file, index + 1, feature, limits, report)?);
        }
    }
    report.used = outlines.len() as u64;
    Ok(outlines)
}

fn outline(
    file: &Boundaries,
    number: usize,
    feature: RawFeature,
    limits: &ImportLimits,
    report: &mut FileReport,
) -> Result<Outline, GeographyError> {
    let error = |problem: String| GeographyError::feature(&file.path, number, problem);
    let code = text(&feature.properties, &file.code).ok_or_else(|| {
        let names: Vec<&str> = feature.properties.keys().take(40).map(String::as_str).collect();
        error(format!("it has no text property `{}`; its properties are `{}`", file.code, names.join("`, `")))
    })?;
    let code = read_code(code).map_err(|problem| error(problem.to_string()))?;
    let name = file.name.as_ref().and_then(|name| text(&feature.properties, name)).filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.len() > limits.text_bytes) {
        return Err(error(format!("its name is longer than {} bytes", limits.text_bytes)));
    }
    let (shape, findings) = repair(feature.polygons);
    for kind in findings {
        report.find(kind, &code);
    }
    if shape.polygons.is_empty() {
        return Err(error(format!("`{code}` covers no ground: none of its rings has an area")));
    }
    Ok(Outline { name: name.map(str::to_owned), code, shape })
}

fn text<'a>(properties: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Value::as_str).map(str::trim)
}

/// Depth up to which an overlap is only a border written twice with rounding in between, metres.
const ROUNDING_M: f64 = 0.01;

/// Reports areas of one type that overlap.
pub(crate) fn find_overlaps(codes: &[&AreaCode], shapes: &[Shape], index: &PointIndex, report: &mut FileReport) {
    for overlap in overlaps(shapes, index) {
        let (first, second) = overlap.pair;
        let (Some(first), Some(second)) = (codes.get(first), codes.get(second)) else { continue };
        if overlap.depth > ROUNDING_M {
            report.find(FindingKind::Overlap, format_args!("{first} and {second} by {:.2} m", overlap.depth));
        } else {
            let micrometres = overlap.depth * 1e6;
            report.find(
                FindingKind::BorderRounding,
                format_args!("{first} and {second} by {micrometres:.1} micrometres"),
            );
        }
    }
}
