//! The faults of the real feed: rows without a place, of other places, just over a border, and sent twice.

use super::{Counts, MapPoint, Row, STREETS, crime_id, distance2, model};
use crate::random::{Random, Seed};
use crate::world::{Area, Point, World};

/// Metres by which rounding of coordinates might move a point, kept from a border that must not be crossed.
const SAFE: i32 = 2;

#[derive(Debug)]
pub(super) struct Dirt<'a> {
    random: Random,
    world: &'a World,
}

impl<'a> Dirt<'a> {
    pub(super) fn new(seed: Seed, world: &'a World) -> Self {
        Self { random: Random::stream(seed, "street-crime-dirt"), world }
    }

    /// Takes the place off a fortieth of the rows and moves three in a hundred just over the border.
    pub(super) fn soil(&mut self, mut row: Row, lsoa: usize, counts: &mut Counts) -> Row {
        if self.random.chance(1, 40) {
            row.place = None;
            row.lsoa = None;
            counts.without_place += 1;
        } else if self.random.chance(3, 100)
            && let Some(point) = self.over_the_border(lsoa)
            && let Some(place) = &mut row.place
        {
            place.point = point;
            counts.displaced += 1;
        }
        row
    }

    /// A point a few metres outside an LSOA and inside another of the partnership.
    fn over_the_border(&mut self, lsoa: usize) -> Option<Point> {
        let world = self.world;
        let own = world.lsoas.get(lsoa)?;
        for _ in 0..20 {
            let vertex = *self.random.pick(&own.polygon.outer)?;
            let point = Point {
                easting: vertex.easting + self.random.between(-18, 18),
                northing: vertex.northing + self.random.between(-18, 18),
            };
            let outside =
                [(SAFE, SAFE), (SAFE, -SAFE), (-SAFE, SAFE), (-SAFE, -SAFE), (0, 0)].into_iter().all(|(e, n)| {
                    !own.polygon.contains(Point { easting: point.easting + e, northing: point.northing + n })
                });
            let elsewhere = |l: &crate::world::Lsoa| {
                distance2(l.centroid, point) < 100_000_000 && l.polygon.contains_with_margin(point, SAFE)
            };
            if outside && world.lsoas.iter().any(elsewhere) {
                return Some(point);
            }
        }
        None
    }

    /// Adds rows of other districts of the county, as the force's file covers all of it.
    pub(super) fn add_outside(&mut self, rows: &mut Vec<Row>, month: usize, counts: &mut Counts) {
        for _ in 0..rows.len() / 22 {
            let district = self.random.below(self.world.context.len() as u32) as usize;
            let Some(area) = self.world.context.get(district) else { continue };
            let Some(point) = self.inside(area) else { continue };
            let number = self.random.below(60);
            let name = self.random.pick(&STREETS).copied().unwrap_or_default();
            let crime_type = 1 + self.random.below(13) as usize;
            rows.push(Row {
                id: crime_id(&mut self.random),
                month,
                place: Some(MapPoint { point, location: format!("On or near {name}") }),
                lsoa: Some((
                    format!("E0199{:04}", 5_000 + district as u32 * 100 + number),
                    format!("{} {:03}A", area.name, number + 1),
                )),
                crime_type,
                outcome: model::outcome(&mut self.random, crime_type, month),
            });
            counts.outside += 1;
        }
    }

    fn inside(&mut self, area: &Area) -> Option<Point> {
        let polygon = area.polygons.first()?;
        for _ in 0..60 {
            // Halfway between two points of the outline lies inside more often than not.
            let (a, b) = (*self.random.pick(&polygon.outer)?, *self.random.pick(&polygon.outer)?);
            let point =
                Point { easting: i32::midpoint(a.easting, b.easting), northing: i32::midpoint(a.northing, b.northing) };
            if polygon.contains_with_margin(point, 50) {
                return Some(point);
            }
        }
        None
    }

    /// Repeats one identified row in three hundred, with the same identifier.
    pub(super) fn add_duplicates(&mut self, rows: &mut Vec<Row>, counts: &mut Counts) {
        let again: Vec<Row> = rows
            .iter()
            .filter(|row| !row.id.is_empty() && row.place.is_some() && self.random.chance(1, 300))
            .cloned()
            .collect();
        counts.duplicates += again.len() as u32;
        rows.extend(again);
    }
}
