//! A gazetteer as bytes: a versioned header, the tables as JSON, and the vertices as numbers, exactly as imported.

use std::collections::BTreeMap;

use model::{AreaCode, AreaType, BoundaryYear};
use serde::{Deserialize, Serialize};

use crate::area::{Area, Layer};
use crate::conversion::Conversion;
use crate::error::GeographyError;
use crate::gazetteer::{About, Context, Gazetteer, Practice};
use crate::geometry::{Point, Polygon, Shape};
use crate::locate::PointIndex;
use crate::postcode::{Postcode, PostcodeTable, Use};

/// First bytes of the format; the last two are the version.
const MAGIC: &[u8; 16] = b"commonground-g01";

/// Lengths of the rings of a shape, by polygon, shell first.
type Rings = Vec<Vec<u32>>;

/// An area and the lengths of its rings.
type Outlined = (Area, Rings);

#[derive(Serialize, Deserialize)]
struct Stored {
    about: About,
    layers: BTreeMap<AreaType, (Layer, Vec<Rings>)>,
    context: Vec<(AreaType, BoundaryYear, Vec<Outlined>)>,
    conversions: BTreeMap<AreaCode, Conversion>,
    postcodes: Vec<(String, Vec<Use>)>,
    practices: BTreeMap<String, Practice>,
    /// Of each atom; none in what was stored before there were any.
    #[serde(default)]
    populations: Vec<u64>,
}

impl Gazetteer {
    /// The gazetteer as bytes for [`Self::from_bytes`]; the same gazetteer always gives the same bytes.
    ///
    /// # Errors
    /// If a table cannot be written as JSON, which does not happen for an imported gazetteer.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GeographyError> {
        let mut vertices = Vec::new();
        let stored = Stored {
            about: self.about.clone(),
            layers: self
                .layers
                .iter()
                .map(|(&area_type, layer)| {
                    let rings = layer.shapes.iter().map(|shape| write_shape(shape, &mut vertices)).collect();
                    (area_type, (layer.clone(), rings))
                })
                .collect(),
            context: self
                .context
                .iter()
                .map(|(&(area_type, year), areas)| {
                    let write = |c: &Context| (c.area.clone(), write_shape(&c.shape, &mut vertices));
                    (area_type, year, areas.iter().map(write).collect())
                })
                .collect(),
            conversions: self.conversions.clone(),
            postcodes: self.postcodes.iter().map(|(code, uses)| (code.as_str().to_owned(), uses.to_vec())).collect(),
            practices: self.practices.clone(),
            populations: self.populations.clone(),
        };
        let json = serde_json::to_vec(&stored).map_err(|error| stored_error(error.to_string()))?;
        let mut bytes = Vec::with_capacity(MAGIC.len() + 8 + json.len() + vertices.len() * 8);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&json);
        bytes.extend(vertices.iter().flat_map(|number| number.to_le_bytes()));
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the bytes are of another version, cut short or inconsistent.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GeographyError> {
        let short = || stored_error("it is cut short");
        let (magic, rest) = bytes.split_first_chunk::<16>().ok_or_else(short)?;
        if magic != MAGIC {
            return Err(stored_error("it is of another version or no geography"));
        }
        let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
        let (json, numbers) = rest.split_at_checked(length).ok_or_else(short)?;
        let stored: Stored = serde_json::from_slice(json).map_err(|error| stored_error(error.to_string()))?;
        let (numbers, excess) = numbers.as_chunks::<8>();
        let mut vertices = numbers.iter().map(|chunk| f64::from_le_bytes(*chunk));
        if !excess.is_empty() {
            return Err(short());
        }
        let gazetteer = stored.build(&mut vertices)?;
        if vertices.next().is_some() { Err(stored_error("it has vertices of no area")) } else { Ok(gazetteer) }
    }
}

impl Stored {
    fn build(self, vertices: &mut impl Iterator<Item = f64>) -> Result<Gazetteer, GeographyError> {
        let atoms = self.layers.get(&AreaType::Lsoa).map_or(0, |(layer, _)| layer.areas.len());
        let mut layers = BTreeMap::new();
        for (area_type, (mut layer, rings)) in self.layers {
            layer.shapes = rings.iter().map(|rings| read_shape(rings, vertices)).collect::<Result<_, _>>()?;
            if !layer.index(atoms) || !layer.areas.is_sorted_by(|a, b| a.code < b.code) {
                return Err(stored_error(format!("its {area_type} areas do not fit its atoms")));
            }
            layers.insert(area_type, layer);
        }
        let mut context = BTreeMap::new();
        for (area_type, year, areas) in self.context {
            let read = |(area, rings): Outlined| Ok(Context { area, shape: read_shape(&rings, vertices)? });
            context.insert((area_type, year), areas.into_iter().map(read).collect::<Result<_, GeographyError>>()?);
        }
        let mut postcodes = PostcodeTable::default();
        for (text, uses) in self.postcodes {
            let postcode = Postcode::parse(&text).ok_or_else(|| stored_error("it has a malformed postcode"))?;
            for one in uses {
                postcodes.add(postcode, one);
            }
        }
        let shapes = layers.get(&AreaType::Lsoa).map(|layer| layer.shapes.as_slice()).unwrap_or_default();
        if shapes.len() != atoms {
            return Err(stored_error("its atoms have no outlines"));
        }
        if !self.populations.is_empty() && self.populations.len() != atoms {
            return Err(stored_error("its populations are not those of its atoms"));
        }
        let index = PointIndex::new(shapes);
        let (about, conversions, practices) = (self.about, self.conversions, self.practices);
        let populations = self.populations;
        Ok(Gazetteer { about, layers, context, conversions, postcodes, practices, populations, index })
    }
}

fn stored_error(problem: impl Into<String>) -> GeographyError {
    GeographyError::Stored { problem: problem.into() }
}

fn write_shape(shape: &Shape, vertices: &mut Vec<f64>) -> Rings {
    let mut write = |ring: &Vec<Point>| {
        vertices.extend(ring.iter().flatten());
        u32::try_from(ring.len()).unwrap_or(u32::MAX)
    };
    let polygons = shape.polygons.iter();
    polygons.map(|p| std::iter::once(&p.shell).chain(&p.holes).map(&mut write).collect()).collect()
}

fn read_shape(rings: &Rings, vertices: &mut impl Iterator<Item = f64>) -> Result<Shape, GeographyError> {
    let mut read = |&length: &u32| {
        let mut ring = Vec::new();
        for _ in 0..length {
            let (Some(x), Some(y)) = (vertices.next(), vertices.next()) else {
                return Err(stored_error("it is cut short"));
            };
            ring.push([x, y]);
        }
        Ok(ring)
    };
    let mut polygons = Vec::with_capacity(rings.len());
    for polygon in rings {
        let mut rings = polygon.iter().map(&mut read);
        let shell = rings.next().unwrap_or_else(|| Err(stored_error("it has a polygon without a shell")))?;
        polygons.push(Polygon { shell, holes: rings.collect::<Result<_, _>>()? });
    }
    Ok(Shape { polygons })
}
