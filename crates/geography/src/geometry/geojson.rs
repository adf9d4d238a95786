//! Reading GeoJSON feature collections: only what boundaries need, with errors that say where.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Point;
use crate::error::GeographyError;

/// Polygons of a feature as written: polygons, of rings, of positions.
pub(crate) type RawPolygons = Vec<Vec<Vec<Point>>>;

/// A feature with its properties and polygons.
#[derive(Debug)]
pub(crate) struct RawFeature {
    pub(crate) properties: Map<String, Value>,
    pub(crate) polygons: RawPolygons,
}

#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "type")]
    kind: String,
    crs: Option<Value>,
    #[serde(default)]
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Option<Map<String, Value>>,
    geometry: Option<Geometry>,
}

#[derive(Deserialize)]
struct Geometry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    coordinates: Nested,
}

/// Coordinates of any depth, told apart while reading so that positions are stored flat at once.
#[derive(Default)]
enum Nested {
    #[default]
    Empty,
    Number(f64),
    Position(Point),
    Line(Vec<Point>),
    Polygon(Vec<Vec<Point>>),
    MultiPolygon(RawPolygons),
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NestedVisitor)
    }
}

struct NestedVisitor;

impl<'de> Visitor<'de> for NestedVisitor {
    type Value = Nested;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number or an array of coordinates")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Nested, E> {
        Ok(Nested::Number(value))
    }

    #[allow(clippy::cast_precision_loss, reason = "whole degrees are small; anything else fails the range check")]
    fn visit_i64<E>(self, value: i64) -> Result<Nested, E> {
        Ok(Nested::Number(value as f64))
    }

    #[allow(clippy::cast_precision_loss, reason = "whole degrees are small; anything else fails the range check")]
    fn visit_u64<E>(self, value: u64) -> Result<Nested, E> {
        Ok(Nested::Number(value as f64))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Nested, A::Error> {
        let mixed = || serde::de::Error::custom("coordinates of different depth are mixed in one array");
        Ok(match seq.next_element()? {
            None => Nested::Empty,
            Some(Nested::Number(x)) => {
                let y = seq
                    .next_element()?
                    .ok_or_else(|| serde::de::Error::custom("a position has fewer than two numbers"))?;
                // A height may follow.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Nested::Position([x, y])
            }
            Some(Nested::Position(first)) => {
                let mut line = vec![first];
                while let Some(next) = seq.next_element()? {
                    let Nested::Position(position) = next else { return Err(mixed()) };
                    line.push(position);
                }
                Nested::Line(line)
            }
            Some(Nested::Line(first)) => {
                let mut rings = vec![first];
                while let Some(next) = seq.next_element()? {
                    let Nested::Line(ring) = next else { return Err(mixed()) };
                    rings.push(ring);
                }
                Nested::Polygon(rings)
            }
            Some(Nested::Polygon(first)) => {
                let mut polygons = vec![first];
                while let Some(next) = seq.next_element()? {
                    let Nested::Polygon(polygon) = next else { return Err(mixed()) };
                    polygons.push(polygon);
                }
                Nested::MultiPolygon(polygons)
            }
            Some(Nested::Empty | Nested::MultiPolygon(_)) => return Err(mixed()),
        })
    }
}

/// Reads a feature collection of polygons.
///
/// # Errors
/// If the bytes are no feature collection, declare another coordinate system than CRS84, hold other geometries than
/// polygons, or have more features or positions than the limits.
pub(crate) fn read(
    file: &str,
    bytes: &[u8],
    max_features: u64,
    max_positions: u64,
) -> Result<Vec<RawFeature>, GeographyError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let collection: Collection = serde_json::from_slice(bytes).map_err(|error| {
        GeographyError::file(file, format!("it is no GeoJSON feature collection of polygons: {error}"))
    })?;
    if collection.kind != "FeatureCollection" {
        return Err(GeographyError::file(file, format!("its type is `{}`, not `FeatureCollection`", collection.kind)));
    }
    check_crs(file, collection.crs.as_ref())?;
    if collection.features.len() as u64 > max_features {
        return Err(GeographyError::limit(file, "features", max_features));
    }
    let mut positions = 0_u64;
    let mut features = Vec::with_capacity(collection.features.len());
    for (index, feature) in collection.features.into_iter().enumerate() {
        let polygons = match feature.geometry.map(|geometry| (geometry.kind, geometry.coordinates)) {
            Some((kind, Nested::Polygon(rings))) if kind == "Polygon" => vec![rings],
            Some((kind, Nested::MultiPolygon(polygons))) if kind == "MultiPolygon" => polygons,
            _ => {
                let problem = "it has no polygon; remove the feature or give it a Polygon or MultiPolygon";
                return Err(GeographyError::feature(file, index + 1, problem));
            }
        };
        positions += polygons.iter().flatten().map(|ring| ring.len() as u64).sum::<u64>();
        if positions > max_positions {
            return Err(GeographyError::limit(file, "positions", max_positions));
        }
        let outside = |&[x, y]: &Point| !(x.abs() <= 180.0 && y.abs() <= 90.0);
        if polygons.iter().flatten().flatten().any(outside) {
            let problem = "a position is not longitude, latitude in degrees; convert the file to CRS84 (EPSG:4326)";
            return Err(GeographyError::feature(file, index + 1, problem));
        }
        features.push(RawFeature { properties: feature.properties.unwrap_or_default(), polygons });
    }
    Ok(features)
}

/// The 2008 format allowed a `crs` member; RFC 7946 dropped it and fixed CRS84.
fn check_crs(file: &str, crs: Option<&Value>) -> Result<(), GeographyError> {
    let name = crs.and_then(|crs| crs.pointer("/properties/name")).and_then(Value::as_str);
    match name {
        Some(name) if !(name.contains("CRS84") || name.ends_with("4326")) => Err(GeographyError::file(
            file,
            format!("its coordinate system is `{name}`; convert the file to CRS84 (WGS84 longitude, latitude)"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<usize, &str>) {
        match (read("a.geojson", text.as_bytes(), 2, 10), expect) {
            (Ok(features), Ok(positions)) => {
                assert_eq!(features.iter().flat_map(|f| f.polygons.iter().flatten()).flatten().count(), positions);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, expect) => panic!("{text}: {found:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn collections_are_read_or_refused() {
        let feature = |geometry: &str| format!(r#"{{"type":"Feature","properties":{{"a":1}},"geometry":{geometry}}}"#);
        let collection = |rest: &str| format!(r#"{{"type":"FeatureCollection",{rest}}}"#);
        let triangle = "[[0,0],[1,0,99],[1,1],[0,0]]";
        let polygon = feature(&format!(r#"{{"type":"Polygon","coordinates":[{triangle}]}}"#));
        let multi = feature(&format!(r#"{{"coordinates":[[{triangle}],[{triangle}]],"type":"MultiPolygon"}}"#));
        let features = |list: &str| collection(&format!(r#""features":[{list}]"#));
        check(&features(&polygon), Ok(4));
        check(&format!("\u{feff}{}", features(&multi)), Ok(8));
        check(&features(&format!("{polygon},{multi}")), Err("more than 10 positions"));
        check(&features(&format!("{polygon},{polygon},{polygon}")), Err("more than 2 features"));
        check(&features(&polygon.replace("Polygon", "MultiPolygon")), Err("feature 1: it has no polygon"));
        check(&features(&polygon.replace("[1,1]", "[[1,1]]")), Err("mixed"));
        check(&features(&polygon.replace("[1,1]", "[]")), Err("mixed"));
        check(&features(&feature("null")), Err("feature 1: it has no polygon"));
        check(&features(&feature(r#"{"type":"Point","coordinates":[1,2]}"#)), Err("feature 1: it has no polygon"));
        check(&features(&polygon.replace("[1,1]", "[1]")), Err("no GeoJSON"));
        check(&features(&polygon.replace("[1,1]", "[361000,421000]")), Err("not longitude, latitude"));
        let crs = |name: &str| {
            collection(&format!(r#""crs":{{"type":"name","properties":{{"name":"{name}"}}}},"features":[{polygon}]"#))
        };
        check(&crs("urn:ogc:def:crs:OGC:1.3:CRS84"), Ok(4));
        check(&crs("urn:ogc:def:crs:EPSG::27700"), Err("27700"));
        check("{\"type\":\"Feature\"}", Err("not `FeatureCollection`"));
        check("[1,2", Err("no GeoJSON"));
        check(&"[".repeat(100_000), Err("no GeoJSON"));
    }
}
