//! Areas made of LSOAs: wards, primary care networks, beats and bespoke neighbourhoods; and the LSOAs of 2011.

use super::grow::{Region, Site, at, divide, patches};
use super::places::{BEATS, CHORLEY_WARDS, NEIGHBOURHOODS, PCNS, Place, SOUTH_RIBBLE_WARDS};
use super::plan::{Plan, position};
use crate::random::{Random, Seed};
use crate::world::{Change, Lsoa11, TestkitError};

/// Which ward, network, beat and neighbourhood every LSOA belongs to.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) ward: Vec<usize>,
    pub(crate) pcn: Vec<usize>,
    pub(crate) beat: Vec<usize>,
    pub(crate) neighbourhood: Vec<Option<usize>>,
}

impl Groups {
    pub(crate) fn draw(plan: &Plan) -> Result<Self, TestkitError> {
        let region = plan.region();
        let wards = [CHORLEY_WARDS.as_slice(), SOUTH_RIBBLE_WARDS.as_slice()];
        let (chorley_beats, south_ribble_beats) = BEATS.split_at(BEATS.len() / 2);
        let neighbourhoods: Vec<Site> = NEIGHBOURHOODS
            .iter()
            .map(|(place, size)| Site { point: position(*place), share: i64::from(*size) })
            .collect();
        Ok(Self {
            ward: by_district(plan, &region, &wards)?,
            pcn: complete(divide(&region, &sites(&PCNS), 2))?,
            beat: by_district(plan, &region, &[chorley_beats, south_ribble_beats])?,
            neighbourhood: patches(&region, &neighbourhoods),
        })
    }
}

fn sites(places: &[Place]) -> Vec<Site> {
    places.iter().map(|place| Site { point: position(*place), share: 1 }).collect()
}

fn complete(labels: Vec<Option<usize>>) -> Result<Vec<usize>, TestkitError> {
    let count = labels.len();
    let labels: Vec<usize> = labels.into_iter().flatten().collect();
    if labels.len() == count { Ok(labels) } else { Err(TestkitError::World("an LSOA belongs to no group".to_owned())) }
}

/// Divides each district on its own; numbers run through the districts.
fn by_district(plan: &Plan, region: &Region, places: &[&[Place]]) -> Result<Vec<usize>, TestkitError> {
    let mut all = Vec::new();
    let mut first = 0;
    for (district, places) in places.iter().enumerate() {
        let members: Vec<usize> =
            (0..plan.patches.len()).filter(|l| plan.patches.get(*l).is_some_and(|p| p.district == district)).collect();
        let part = Region {
            points: members.iter().map(|l| region.points.get(*l).copied().unwrap_or_default()).collect(),
            weights: members.iter().map(|l| at(&region.weights, *l)).collect(),
            neighbours: members
                .iter()
                .map(|l| {
                    let near = region.neighbours.get(*l).into_iter().flatten();
                    near.filter_map(|n| members.binary_search(n).ok()).collect()
                })
                .collect(),
        };
        let labels = complete(divide(&part, &sites(places), 1))?;
        all.extend(labels.into_iter().map(|label| first + label));
        first += places.len();
    }
    Ok(all)
}

/// How many 2021 areas the 2011 areas that were split became, how many pairs were merged, how many pairs are irregular;
/// Chorley and South Ribble. As many as in the real lookup, and one irregular pair.
const CHANGES: [(&[usize], usize, usize); 2] = [(&[2, 4, 2], 1, 1), (&[2, 2], 2, 0)];

/// A 2011 area before it has a code: its middle-layer area, its change, and the 2021 areas it became.
type Former = (usize, Change, Vec<usize>);

/// The LSOAs of 2011, without deprivation, from those of 2021: `msoa` gives every LSOA's middle-layer area.
pub(crate) fn former_lsoas(seed: Seed, plan: &Plan, msoa: &[usize], msoa_names: &[String]) -> Vec<Lsoa11> {
    let mut random = Random::stream(seed, "lsoa11");
    let region = plan.region();
    let mut former: Vec<Former> = Vec::new();
    for (district, (splits, merges, irregular)) in CHANGES.iter().enumerate() {
        let mut free: Vec<usize> =
            (0..plan.patches.len()).filter(|l| plan.patches.get(*l).is_some_and(|p| p.district == district)).collect();
        random.shuffle(&mut free);
        for size in splits.iter() {
            if let Some((area, cluster)) = take_cluster(&region, msoa, &mut free, *size) {
                former.push((area, Change::Split, cluster));
            }
        }
        for _ in 0..*merges {
            if let Some((area, cluster)) = take_cluster(&region, msoa, &mut free, 1) {
                former.push((area, Change::Merged, cluster.clone()));
                former.push((area, Change::Merged, cluster));
            }
        }
        for _ in 0..*irregular {
            if let Some((area, cluster)) = take_cluster(&region, msoa, &mut free, 2) {
                // The first became parts of both; the second became part of the last only.
                former.push((area, Change::Irregular, cluster.clone()));
                former.push((area, Change::Irregular, cluster.last().copied().into_iter().collect()));
            }
        }
        former.extend(free.into_iter().map(|lsoa| (at(msoa, lsoa), Change::Unchanged, vec![lsoa])));
    }
    former.sort_by_key(|(area, change, lsoas)| (*area, lsoas.first().copied(), *change, lsoas.len()));
    let mut letters = vec![0_u8; msoa_names.len()];
    former
        .into_iter()
        .zip(1..)
        .map(|((area, change, lsoas), number)| {
            let letter = letters.get_mut(area).map_or(0, |next| std::mem::replace(next, *next + 1));
            let name = msoa_names.get(area).map_or("", String::as_str);
            let district = lsoas.first().and_then(|l| plan.patches.get(*l)).map_or(0, |patch| patch.district);
            Lsoa11 {
                code: format!("E0198{number:04}"),
                name: format!("{name}{}", char::from(b'A' + letter)),
                district,
                change,
                lsoas,
                imd_rank: 0,
                imd_decile: 0,
                imd_score_milli: 0,
            }
        })
        .collect()
}

/// Takes the first connected cluster of a size within one middle-layer area out of the free LSOAs.
fn take_cluster(region: &Region, msoa: &[usize], free: &mut Vec<usize>, size: usize) -> Option<(usize, Vec<usize>)> {
    for start in free.clone() {
        let area = at(msoa, start);
        let mut cluster = vec![start];
        let mut next = 0;
        while let Some(lsoa) = cluster.get(next).copied() {
            for neighbour in region.neighbours.get(lsoa).into_iter().flatten() {
                let fits = cluster.len() < size && at(msoa, *neighbour) == area && free.contains(neighbour);
                if fits && !cluster.contains(neighbour) {
                    cluster.push(*neighbour);
                }
            }
            next += 1;
        }
        if cluster.len() == size {
            cluster.sort_unstable();
            free.retain(|lsoa| !cluster.contains(lsoa));
            return Some((area, cluster));
        }
    }
    None
}
