//! Which cell of the lattice belongs to which LSOA, middle-layer area and district.

use std::collections::BTreeMap;

use super::border::NONE;
use super::grow::{Region, Site, at, distance2, divide, put, relax};
use super::lattice::Lattice;
use super::noise::Warp;
use super::places::{
    BEYOND, CHORLEY_MSOAS, CHORLEY_WARDS, CONTEXT, Place, SETTLEMENTS, SOUTH_RIBBLE_MSOAS, SOUTH_RIBBLE_WARDS,
};
use crate::random::{Random, Seed};
use crate::world::{Point, TestkitError};

/// Labels of the two districts while the county is divided; context districts follow.
const CHORLEY: u16 = 0;
const SOUTH_RIBBLE: u16 = 1;
const FIRST_CONTEXT: u16 = 2;
/// Farther than this from the nearest named place there is no county, metres.
const REACH: i64 = 8_500;

/// Fewest cells of an LSOA.
const LEAST_CELLS: usize = 3;

/// An LSOA as a set of cells.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    /// 0 Chorley, 1 South Ribble.
    pub(crate) district: usize,
    /// Number of the middle-layer area within the district.
    pub(crate) msoa: usize,
    /// Its cells.
    pub(crate) cells: Vec<usize>,
    /// The weighted middle of its cells.
    pub(crate) middle: Point,
    /// What its cells weigh.
    pub(crate) weight: i64,
}

/// The division of the lattice.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) lattice: Lattice,
    /// Label of every cell: an LSOA's number, then 140 and up for the context districts, or none.
    pub(crate) labels: Vec<u16>,
    /// People's weight of every cell.
    pub(crate) density: Vec<i64>,
    /// The LSOAs, by district, middle-layer area, and from north to south.
    pub(crate) patches: Vec<Patch>,
}

/// A place's position in metres.
pub(crate) fn position(place: Place) -> Point {
    Point { easting: place.1 * 100, northing: place.2 * 100 }
}

/// A bump that is 1,000 at the middle and 0 from the radius (hundreds of metres) on.
pub(crate) fn bump(from: Point, place: Place, radius_hundreds: i64) -> i64 {
    let radius2 = radius_hundreds * radius_hundreds * 10_000;
    let near = (radius2 - distance2(from, position(place))).max(0) / 1_000;
    near * 1_000 / (radius2 / 1_000).max(1)
}

impl Plan {
    /// Divides the county into districts, the two districts into middle-layer areas and these into LSOAs.
    pub(crate) fn draw(seed: Seed) -> Result<Self, TestkitError> {
        let lattice = Lattice::new(seed);
        let warp = Warp::new(seed);
        let districts = county(&lattice, warp);
        let density: Vec<i64> = (0..lattice.len())
            .map(|cell| if at(&districts, cell) <= SOUTH_RIBBLE { people(warp.apply(lattice.centre(cell))) } else { 0 })
            .collect();
        let mut patches = Vec::new();
        let mut random = Random::stream(seed, "lsoas");
        let msoas = [CHORLEY_MSOAS.as_slice(), SOUTH_RIBBLE_MSOAS.as_slice()];
        for (district, msoas) in msoas.into_iter().enumerate() {
            let cells: Vec<usize> =
                (0..lattice.len()).filter(|cell| usize::from(at(&districts, *cell)) == district).collect();
            let sites: Vec<Site> =
                msoas.iter().map(|(p, n)| Site { point: position(*p), share: i64::from(*n) }).collect();
            let parts = split(&lattice, warp, &density, &cells, &sites, 2);
            for (msoa, (cells, (_, count))) in parts.iter().zip(msoas).enumerate() {
                let lsoas = lsoa_cells(&lattice, warp, &density, cells, *count, &mut random);
                let mut lsoas: Vec<Patch> =
                    lsoas.into_iter().map(|cells| patch(&lattice, &density, district, msoa, cells)).collect();
                lsoas.sort_by_key(|lsoa| (-lsoa.middle.northing, lsoa.middle.easting));
                patches.extend(lsoas);
            }
        }
        let tiny = patches.iter().find(|patch| patch.cells.len() < LEAST_CELLS);
        if let Some(Patch { district, msoa, cells, .. }) = tiny {
            let size = patches.iter().filter(|p| (p.district, p.msoa) == (*district, *msoa)).map(|p| p.cells.len());
            return Err(TestkitError::World(format!(
                "an LSOA of middle-layer area {msoa} of district {district} has only {} of its {} cells",
                cells.len(),
                size.sum::<usize>()
            )));
        }
        let mut labels: Vec<u16> = districts
            .iter()
            .map(|label| match *label {
                NONE => NONE,
                other => 140 + other.saturating_sub(FIRST_CONTEXT),
            })
            .collect();
        for (label, patch) in patches.iter().enumerate() {
            patch.cells.iter().for_each(|cell| put(&mut labels, *cell, label as u16));
        }
        Ok(Self { lattice, labels, density, patches })
    }

    /// The LSOAs as places to be grouped: where they are, what they weigh, what they touch.
    pub(crate) fn region(&self) -> Region {
        let mut region = Region::default();
        for patch in &self.patches {
            region.points.push(patch.middle);
            region.weights.push(patch.weight);
            let mut near: Vec<usize> = patch
                .cells
                .iter()
                .flat_map(|cell| self.lattice.neighbours(*cell))
                .map(|cell| usize::from(at(&self.labels, cell)))
                .filter(|label| *label < self.patches.len())
                .collect();
            near.sort_unstable();
            near.dedup();
            region.neighbours.push(near);
        }
        for (own, near) in region.neighbours.iter_mut().enumerate() {
            near.retain(|other| *other != own);
        }
        region
    }
}

/// The district of every cell: that of the nearest named place, in warped space.
fn county(lattice: &Lattice, warp: Warp) -> Vec<u16> {
    let mut places: Vec<(Point, u16)> = Vec::new();
    places.extend(CHORLEY_WARDS.iter().map(|place| (position(*place), CHORLEY)));
    places.extend(SOUTH_RIBBLE_WARDS.iter().map(|place| (position(*place), SOUTH_RIBBLE)));
    for (label, (_, _, points)) in (FIRST_CONTEXT..).zip(CONTEXT) {
        places.extend(points.iter().map(|(e, n)| (Point { easting: e * 100, northing: n * 100 }, label)));
    }
    places.extend(BEYOND.iter().map(|(e, n)| (Point { easting: e * 100, northing: n * 100 }, NONE)));
    let mut labels: Vec<u16> = (0..lattice.len())
        .map(|cell| {
            if lattice.is_rim(cell) {
                return NONE;
            }
            let point = warp.apply(lattice.centre(cell));
            let nearest = places.iter().map(|(place, label)| (distance2(point, *place), *label)).min();
            nearest.filter(|(distance, _)| *distance < REACH * REACH).map_or(NONE, |(_, label)| label)
        })
        .collect();
    absorb_fragments(lattice, &mut labels);
    labels
}

/// Keeps the largest connected piece of every label and gives the others to a neighbour.
fn absorb_fragments(lattice: &Lattice, labels: &mut [u16]) {
    let mut seen = vec![false; labels.len()];
    let mut pieces: BTreeMap<u16, Vec<Vec<usize>>> = BTreeMap::new();
    for start in 0..labels.len() {
        if at(&seen, start) {
            continue;
        }
        let label = at(labels, start);
        let mut piece = vec![start];
        put(&mut seen, start, true);
        let mut next = 0;
        while let Some(cell) = piece.get(next).copied() {
            for neighbour in lattice.neighbours(cell) {
                if at(labels, neighbour) == label && !at(&seen, neighbour) {
                    put(&mut seen, neighbour, true);
                    piece.push(neighbour);
                }
            }
            next += 1;
        }
        pieces.entry(label).or_default().push(piece);
    }
    for (label, mut pieces) in pieces {
        pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
        for piece in pieces.into_iter().skip(1) {
            // What reaches the rim is the world outside, not a fragment.
            if label == NONE
                && piece.iter().any(|c| lattice.is_rim(*c) || lattice.neighbours(*c).any(|n| lattice.is_rim(n)))
            {
                continue;
            }
            let mut around: BTreeMap<u16, usize> = BTreeMap::new();
            for neighbour in piece.iter().flat_map(|cell| lattice.neighbours(*cell)) {
                let other = at(labels, neighbour);
                if other != label {
                    *around.entry(other).or_default() += 1;
                }
            }
            if let Some((other, _)) = around.into_iter().max_by_key(|(_, count)| *count) {
                piece.iter().for_each(|cell| put(labels, *cell, other));
            }
        }
    }
}

/// People's weight of a cell: open country, and the settlements it lies in.
fn people(point: Point) -> i64 {
    let towns: i64 =
        SETTLEMENTS.iter().map(|(place, peak, radius)| peak * bump(point, *place, *radius) / 1_000).max().unwrap_or(0);
    2 + towns
}

/// Divides cells among sites.
fn split(
    lattice: &Lattice,
    warp: Warp,
    density: &[i64],
    cells: &[usize],
    sites: &[Site],
    rounds: u32,
) -> Vec<Vec<usize>> {
    let place: BTreeMap<usize, usize> = cells.iter().enumerate().map(|(place, cell)| (*cell, place)).collect();
    let region = Region {
        points: cells.iter().map(|cell| warp.apply(lattice.centre(*cell))).collect(),
        weights: cells.iter().map(|cell| at(density, *cell)).collect(),
        neighbours: cells
            .iter()
            .map(|cell| lattice.neighbours(*cell).filter_map(|n| place.get(&n).copied()).collect())
            .collect(),
    };
    let mut labels = divide(&region, sites, rounds);
    relax(&region, &mut labels, sites);
    let mut parts = vec![Vec::new(); sites.len()];
    for (cell, label) in cells.iter().zip(labels) {
        if let Some(part) = label.and_then(|label| parts.get_mut(label)) {
            part.push(*cell);
        }
    }
    parts
}

/// Divides a middle-layer area into LSOAs. Starting points that leave no room for one of them are drawn again.
fn lsoa_cells(
    lattice: &Lattice,
    warp: Warp,
    density: &[i64],
    cells: &[usize],
    count: u32,
    random: &mut Random,
) -> Vec<Vec<usize>> {
    let mut parts = Vec::new();
    for _ in 0..20 {
        let sites = scatter(lattice, warp, density, cells, count, random);
        parts = split(lattice, warp, density, cells, &sites, 9);
        if parts.iter().all(|part| part.len() >= LEAST_CELLS) {
            break;
        }
    }
    parts
}

/// Starting points for LSOAs: cells drawn by weight, each the farthest of a few from those drawn before.
fn scatter(
    lattice: &Lattice,
    warp: Warp,
    density: &[i64],
    cells: &[usize],
    count: u32,
    random: &mut Random,
) -> Vec<Site> {
    let weights: Vec<u32> = cells.iter().map(|cell| at(density, *cell) as u32).collect();
    let mut sites: Vec<Site> = Vec::new();
    for _ in 0..count {
        let candidates: Vec<Point> =
            (0..6).map(|_| warp.apply(lattice.centre(at(cells, random.weighted(&weights))))).collect();
        let clearance = |point: &Point| sites.iter().map(|site| distance2(site.point, *point)).min().unwrap_or(0);
        if let Some(point) = candidates.iter().copied().max_by_key(clearance) {
            sites.push(Site { point, share: i64::from(random.between(85, 115)) });
        }
    }
    sites
}

fn patch(lattice: &Lattice, density: &[i64], district: usize, msoa: usize, cells: Vec<usize>) -> Patch {
    let (mut weight, mut easting, mut northing) = (0_i64, 0_i64, 0_i64);
    for cell in &cells {
        let (people, centre) = (at(density, *cell), lattice.centre(*cell));
        weight += people;
        easting += people * i64::from(centre.easting);
        northing += people * i64::from(centre.northing);
    }
    let middle = Point { easting: (easting / weight.max(1)) as i32, northing: (northing / weight.max(1)) as i32 };
    Patch { district, msoa, cells, middle, weight }
}
