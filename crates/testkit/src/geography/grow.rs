//! Dividing a set of places into compact, connected parts of about the right size.

use std::collections::BTreeSet;

use crate::world::Point;

/// A copy of the item, or its default where there is none.
pub(crate) fn at<T: Copy + Default>(items: &[T], position: usize) -> T {
    items.get(position).copied().unwrap_or_default()
}

/// Puts a value in its place, if there is that place.
pub(crate) fn put<T>(items: &mut [T], position: usize, value: T) {
    if let Some(item) = items.get_mut(position) {
        *item = value;
    }
}

/// Adds to the number in a place, if there is that place.
fn add(items: &mut [i64], position: usize, amount: i64) {
    if let Some(item) = items.get_mut(position) {
        *item += amount;
    }
}

/// The square of the distance between two points.
pub(crate) fn distance2(a: Point, b: Point) -> i64 {
    let (e, n) = (i64::from(a.easting - b.easting), i64::from(a.northing - b.northing));
    e * e + n * n
}

/// Places with weights and neighbours: what is divided.
#[derive(Debug, Default)]
pub(crate) struct Region {
    /// Where each place is.
    pub(crate) points: Vec<Point>,
    /// How much each place weighs (people).
    pub(crate) weights: Vec<i64>,
    /// Positions of each place's neighbours.
    pub(crate) neighbours: Vec<Vec<usize>>,
}

/// A part to be grown: where it begins and how much it should weigh in relation to the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) point: Point,
    pub(crate) share: i64,
}

/// Divides the whole region among the sites. After each but the last of `rounds` every site moves to the weighted middle
/// of what it got. The answer has the number of a site for each place; a place not connected to any site has none.
pub(crate) fn divide(region: &Region, sites: &[Site], rounds: u32) -> Vec<Option<usize>> {
    let mut sites = sites.to_vec();
    let mut labels = grow(region, &sites, None);
    for _ in 1..rounds {
        recentre(region, &mut sites, &labels);
        labels = grow(region, &sites, None);
    }
    smooth(region, &mut labels, sites.len());
    labels
}

/// Grows every site to its share in *number of places* and stops; what is left over has no label.
pub(crate) fn patches(region: &Region, sites: &[Site]) -> Vec<Option<usize>> {
    grow(region, sites, Some(()))
}

fn recentre(region: &Region, sites: &mut [Site], labels: &[Option<usize>]) {
    for (number, site) in sites.iter_mut().enumerate() {
        let (mut total, mut easting, mut northing) = (0_i64, 0_i64, 0_i64);
        for ((point, weight), label) in region.points.iter().zip(&region.weights).zip(labels) {
            if *label == Some(number) {
                let weight = weight.max(&1);
                total += weight;
                easting += weight * i64::from(point.easting);
                northing += weight * i64::from(point.northing);
            }
        }
        if total > 0 {
            site.point = Point { easting: (easting / total) as i32, northing: (northing / total) as i32 };
        }
    }
}

/// The part that has least of its share takes the nearest place it touches, until nothing is left to take.
fn grow(region: &Region, sites: &[Site], stop_at_share: Option<()>) -> Vec<Option<usize>> {
    let mut labels = vec![None; region.points.len()];
    let mut weight_of = vec![0_i64; sites.len()];
    let mut frontiers: Vec<BTreeSet<(i64, usize)>> = vec![BTreeSet::new(); sites.len()];
    for (frontier, site) in frontiers.iter_mut().zip(sites) {
        let taken = |place: &usize| at(&labels, *place).is_none();
        let nearest = (0..region.points.len())
            .filter(taken)
            .min_by_key(|place| (distance2(at_point(region, *place), site.point), *place));
        if let Some(place) = nearest {
            frontier.insert((0, place));
            put(&mut labels, place, Some(usize::MAX));
        }
    }
    // The starting places were only reserved so that no two sites start at one.
    labels.iter_mut().for_each(|label| *label = None);
    loop {
        let next = (0..sites.len())
            .filter(|part| frontiers.get(*part).is_some_and(|f| !f.is_empty()))
            .min_by_key(|part| (at(&weight_of, *part) * 1_000 / share(sites, *part), *part));
        let Some(part) = next else { return labels };
        let Some(frontier) = frontiers.get_mut(part) else { return labels };
        if stop_at_share.is_some() && at(&weight_of, part) >= share(sites, part) {
            frontier.clear();
            continue;
        }
        let Some((_, place)) = frontier.pop_first() else { continue };
        if at(&labels, place).is_some() {
            continue;
        }
        put(&mut labels, place, Some(part));
        let gained = if stop_at_share.is_some() { 1 } else { at(&region.weights, place).max(1) };
        add(&mut weight_of, part, gained);
        let centre = sites.get(part).map_or(Point::default(), |site| site.point);
        for neighbour in region.neighbours.get(place).into_iter().flatten() {
            if at(&labels, *neighbour).is_none() {
                frontier.insert((distance2(at_point(region, *neighbour), centre), *neighbour));
            }
        }
    }
}

fn share(sites: &[Site], part: usize) -> i64 {
    sites.get(part).map_or(1, |site| site.share.max(1))
}

fn at_point(region: &Region, place: usize) -> Point {
    region.points.get(place).copied().unwrap_or_default()
}

/// How often [`relax`] redraws the parts, and how many of these rounds only settle.
const ROUNDS: usize = 14;
const SETTLING: usize = 4;

/// Makes grown parts compact: every place goes to the part whose middle is nearest in relation to the part's size, and
/// pieces cut off by that go to a part they touch. Sizes follow how far a part is from its share; of several rounds the one
/// with the fairest least part is kept.
pub(crate) fn relax(region: &Region, labels: &mut Vec<Option<usize>>, sites: &[Site]) {
    let parts = sites.len();
    let shares = sites.iter().map(|site| site.share).sum::<i64>().max(1);
    let total: i64 = region.weights.iter().sum();
    let mut sizes: Vec<i64> = (0..parts).map(|part| count(labels, part) * 1_000).collect();
    let mut drawn = labels.clone();
    let mut best = (-1, labels.clone());
    for round in 0..ROUNDS {
        let middles: Vec<Point> = (0..parts).map(|part| middle(region, &drawn, part)).collect();
        let nearest = |point: &Point| {
            (0..parts)
                .min_by_key(|part| (distance2(*point, at(&middles, *part)) * 1_000 / at(&sizes, *part).max(1), *part))
        };
        drawn = region.points.iter().map(nearest).collect();
        reattach(region, &mut drawn, parts);
        let mut least = i64::MAX;
        for part in 0..parts {
            let weight =
                region.weights.iter().zip(&drawn).filter(|(_, l)| **l == Some(part)).map(|(w, _)| w).sum::<i64>();
            let fair = (total * share(sites, part) / shares).max(1);
            least = least.min(if count(&drawn, part) < 4 { 0 } else { weight * 1_000 / fair });
            let wanted = (fair * 1_000 / weight.max(1)).clamp(500, 2_000);
            let size = (at(&sizes, part) * (1_000 + wanted) / 2_000).max(500);
            put(&mut sizes, part, size);
        }
        if round >= SETTLING && least > best.0 {
            best = (least, drawn.clone());
        }
    }
    *labels = best.1;
    smooth(region, labels, parts);
}

fn count(labels: &[Option<usize>], part: usize) -> i64 {
    i64::try_from(labels.iter().filter(|label| **label == Some(part)).count()).unwrap_or(i64::MAX)
}

fn middle(region: &Region, labels: &[Option<usize>], part: usize) -> Point {
    let (mut places, mut easting, mut northing) = (0_i64, 0_i64, 0_i64);
    for (point, _) in region.points.iter().zip(labels).filter(|(_, label)| **label == Some(part)) {
        places += 1;
        easting += i64::from(point.easting);
        northing += i64::from(point.northing);
    }
    let places = places.max(1);
    Point { easting: (easting / places) as i32, northing: (northing / places) as i32 }
}

/// Keeps the largest connected piece of every part and lets the rest join what it touches.
fn reattach(region: &Region, labels: &mut [Option<usize>], parts: usize) {
    let mut largest: Vec<Vec<usize>> = vec![Vec::new(); parts];
    let mut seen = vec![false; labels.len()];
    for start in 0..labels.len() {
        let Some(part) = at(labels, start).filter(|_| !at(&seen, start)) else { continue };
        let mut piece = vec![start];
        put(&mut seen, start, true);
        let mut next = 0;
        while let Some(place) = piece.get(next).copied() {
            for neighbour in region.neighbours.get(place).into_iter().flatten() {
                if at(labels, *neighbour) == Some(part) && !at(&seen, *neighbour) {
                    put(&mut seen, *neighbour, true);
                    piece.push(*neighbour);
                }
            }
            next += 1;
        }
        if let Some(best) = largest.get_mut(part).filter(|best| best.len() < piece.len()) {
            *best = piece;
        }
    }
    labels.fill(None);
    let mut queue: Vec<usize> = Vec::new();
    for (part, piece) in largest.into_iter().enumerate() {
        piece.iter().for_each(|place| put(labels, *place, Some(part)));
        queue.extend(piece);
    }
    let mut next = 0;
    while let Some(place) = queue.get(next).copied() {
        for neighbour in region.neighbours.get(place).into_iter().flatten() {
            if at(labels, *neighbour).is_none() {
                let joined = at(labels, place);
                put(labels, *neighbour, joined);
                queue.push(*neighbour);
            }
        }
        next += 1;
    }
}

/// Gives away places that hang on by little: where most neighbours belong to one other part and nothing is cut off.
fn smooth(region: &Region, labels: &mut [Option<usize>], parts: usize) {
    let mut size = vec![0_i64; parts];
    for label in labels.iter().flatten() {
        add(&mut size, *label, 1);
    }
    for _ in 0..3 {
        for place in 0..labels.len() {
            let Some(own) = at(labels, place) else { continue };
            let Some(neighbours) = region.neighbours.get(place) else { continue };
            let around: Vec<usize> = neighbours.iter().filter_map(|n| at(labels, *n)).collect();
            let Some(best) = around
                .iter()
                .copied()
                .filter(|l| *l != own)
                .max_by_key(|l| (around.iter().filter(|other| *other == l).count(), std::cmp::Reverse(*l)))
            else {
                continue;
            };
            let mine: Vec<usize> = neighbours.iter().copied().filter(|n| at(labels, *n) == Some(own)).collect();
            let theirs = around.iter().filter(|l| **l == best).count();
            if theirs >= 4 && theirs > mine.len() && at(&size, own) > 4 && hang_together(region, &mine) {
                put(labels, place, Some(best));
                add(&mut size, own, -1);
                add(&mut size, best, 1);
            }
        }
    }
}

/// Whether these few places touch one another in one chain, so that the place between them is not needed.
fn hang_together(region: &Region, places: &[usize]) -> bool {
    let mut reached: Vec<usize> = places.first().copied().into_iter().collect();
    let mut next = 0;
    while let Some(place) = reached.get(next).copied() {
        for neighbour in region.neighbours.get(place).into_iter().flatten() {
            if places.contains(neighbour) && !reached.contains(neighbour) {
                reached.push(*neighbour);
            }
        }
        next += 1;
    }
    reached.len() == places.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(side: usize) -> Region {
        let mut region = Region::default();
        for place in 0..side * side {
            let (column, row) = (place % side, place / side);
            region.points.push(Point { easting: column as i32 * 100, northing: row as i32 * 100 });
            region.weights.push(10);
            let mut near = Vec::new();
            if column > 0 {
                near.push(place - 1);
            }
            if column + 1 < side {
                near.push(place + 1);
            }
            if row > 0 {
                near.push(place - side);
            }
            if row + 1 < side {
                near.push(place + side);
            }
            region.neighbours.push(near);
        }
        region
    }

    fn connected(region: &Region, labels: &[Option<usize>], part: usize) -> bool {
        let places: Vec<usize> = (0..labels.len()).filter(|p| labels[*p] == Some(part)).collect();
        !places.is_empty() && hang_together(region, &places)
    }

    #[test]
    fn parts_are_connected_and_near_their_shares() {
        let region = grid(20);
        let sites: Vec<Site> = [(0, 0, 1), (1_900, 1_900, 1), (1_000, 900, 2)]
            .map(|(easting, northing, share)| Site { point: Point { easting, northing }, share })
            .to_vec();
        let labels = divide(&region, &sites, 4);
        assert!(labels.iter().all(Option::is_some));
        for (part, share) in [(0, 100), (1, 100), (2, 200)] {
            let got = labels.iter().filter(|l| **l == Some(part)).count();
            assert!(got.abs_diff(share) <= 20, "{part}: {got}");
            assert!(connected(&region, &labels, part));
        }
    }

    #[test]
    fn patches_stop_at_their_share() {
        let region = grid(10);
        let sites = [Site { point: Point { easting: 500, northing: 500 }, share: 7 }];
        let labels = patches(&region, &sites);
        assert_eq!(labels.iter().flatten().count(), 7);
        assert!(connected(&region, &labels, 0));
    }

    #[test]
    fn two_sites_in_one_place_start_apart() {
        let site = Site { point: Point { easting: 0, northing: 0 }, share: 1 };
        let labels = divide(&grid(4), &[site, site], 1);
        assert_eq!(labels.iter().filter(|l| **l == Some(0)).count(), 8);
    }
}
