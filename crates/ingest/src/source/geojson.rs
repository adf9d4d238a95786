//! GeoJSON points: properties as columns, with `longitude` and `latitude` from the geometry.

use std::collections::BTreeSet;

use csv::StringRecord;
use geojson::{FeatureCollection, GeometryValue, JsonValue};

use crate::error::IngestError;
use crate::request::Limits;
use crate::source::{Numbered, limit};

/// The names of the columns made from the geometry. Properties of these names are not read.
const PLACES: [&str; 2] = ["longitude", "latitude"];

/// A header and one record a feature, numbered from 1. A feature without a point has empty coordinates.
pub(super) fn rows(text: &str, limits: &Limits) -> Result<Vec<Numbered>, IngestError> {
    let collection: FeatureCollection = text.parse().map_err(|_| IngestError::Structure {
        line: 1,
        message: "not a GeoJSON feature collection: send features with a point geometry and properties",
    })?;
    let mut names = BTreeSet::new();
    for feature in &collection.features {
        let properties = feature.properties.iter().flat_map(|p| p.keys());
        names.extend(properties.filter(|name| !PLACES.contains(&name.as_str())).map(String::as_str));
        if u64::try_from(names.len()).unwrap_or(u64::MAX) > limits.columns {
            return Err(limit("the features have columns", limits.columns, " properties"));
        }
    }
    let header: StringRecord = names.iter().copied().chain(PLACES).collect();
    let mut rows = vec![(0, header)];
    for (feature, number) in collection.features.iter().zip(1..) {
        let point = feature.geometry.as_ref().and_then(|geometry| match &geometry.value {
            GeometryValue::Point { coordinates } => match coordinates.as_slice() {
                [longitude, latitude, ..] => Some((longitude, latitude)),
                _ => None,
            },
            _ => None,
        });
        let mut record = StringRecord::new();
        for name in &names {
            record.push_field(&text_of(feature.property(name)));
        }
        record.push_field(&point.map(|(longitude, _)| longitude.to_string()).unwrap_or_default());
        record.push_field(&point.map(|(_, latitude)| latitude.to_string()).unwrap_or_default());
        rows.push((number, record));
    }
    Ok(rows)
}

fn text_of(value: Option<&JsonValue>) -> String {
    match value {
        None | Some(JsonValue::Null) => String::new(),
        Some(JsonValue::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_rows() {
        let text = r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","properties":{"kind":"park, large","size":3},"geometry":{"type":"Point","coordinates":[-2.7,53.6]}},
            {"type":"Feature","properties":{"open":true,"longitude":9},"geometry":null}]}"#;
        let rows = rows(text, &Limits::default()).unwrap();
        let rows: Vec<(u64, Vec<&str>)> = rows.iter().map(|(n, r)| (*n, r.iter().collect())).collect();
        assert_eq!(rows[0], (0, vec!["kind", "open", "size", "longitude", "latitude"]));
        assert_eq!(rows[1], (1, vec!["park, large", "", "3", "-2.7", "53.6"]));
        assert_eq!(rows[2], (2, vec!["", "true", "", "", ""]));
    }

    #[test]
    fn other_json_is_refused() {
        for text in ["{}", "{\"type\":\"Feature\"}", "{\"type\":\"FeatureCollection\"", "[1]"] {
            assert!(rows(text, &Limits::default()).is_err(), "{text}");
        }
    }
}
