//! Averaging everything that may be asked for: every table of every type of area, of every state of the data, and sums beside counts.

use super::*;

/// Of each area what an attacker adds up, each with of how many cells it is the sum.
#[derive(Default)]
struct Observed {
    areas: BTreeMap<String, Vec<(f64, f64)>>,
    districts: BTreeMap<String, Vec<(f64, f64)>>,
}

/// What is known of an area: an estimate, and its variance as a multiple of a cell's.
type Estimate = (f64, f64);

impl Observed {
    /// Adds all tables of counts, or of sums of parts that are all as large as `unit`.
    fn add(&mut self, college: &College, analyst: &Caller, sum: Option<(&str, f64)>) {
        for area_type in [AreaType::Lsoa, AreaType::District] {
            for by in [&[][..], &["sex"], &["level"], &["sex", "level"]] {
                let answer = college.ask_of(analyst, area_type, by, sum.map(|(column, _)| column)).unwrap();
                let mut parts: BTreeMap<String, Vec<Option<u64>>> = BTreeMap::new();
                for row in answer.rows.get() {
                    if by.iter().all(|name| category(&answer, row, name).is_some()) {
                        parts.entry(row.area.code.to_string()).or_default().push(row.figure);
                    }
                }
                let into = if area_type == AreaType::Lsoa { &mut self.areas } else { &mut self.districts };
                for (area, parts) in parts {
                    // Where a sum is not shown, the others are not all of the area.
                    let Some(parts) = parts.into_iter().collect::<Option<Vec<u64>>>() else { continue };
                    // Zeros are shown as they are.
                    let cells = parts.iter().filter(|figure| **figure > 0).count().max(1) as f64;
                    let total = parts.iter().sum::<u64>() as f64 / sum.map_or(1.0, |(_, unit)| unit);
                    into.entry(area).or_default().push((total, cells));
                }
            }
        }
    }

    /// Least squares: of each area its own figures, and those of its district less those of the others in it.
    fn estimates(&self, college: &College) -> BTreeMap<String, Estimate> {
        let own: BTreeMap<&str, Estimate> = self.areas.iter().map(|(area, seen)| (&**area, mean(seen))).collect();
        let mut all = BTreeMap::new();
        for (district, seen) in &self.districts {
            let (total, of_total) = mean(seen);
            let inside = college.inside(&district.parse().unwrap());
            let of_all = inside
                .iter()
                .filter_map(|area| own.get(area))
                .fold((0.0, 0.0), |(sum, variance), (one, of)| (sum + one, variance + of));
            for area in inside {
                let Some((one, of)) = own.get(area) else { continue };
                let by_others = (total - (of_all.0 - one), of_total + of_all.1 - of);
                all.insert(area.to_owned(), mean(&[(*one, *of), by_others]));
            }
        }
        all
    }

    /// How many areas with many learners are guessed, and of how many.
    fn guessed(&self, college: &College, but: &BTreeSet<&str>) -> (f64, f64) {
        let (mut right, mut all) = (0.0, 0.0);
        for (area, (estimate, _)) in self.estimates(college) {
            let truth = college.truth(&[area.as_str()].into(), None, None);
            if truth > 3 * LARGEST && !but.contains(area.as_str()) {
                all += 1.0;
                right += f64::from(u8::from((estimate - truth as f64).abs() < 0.5));
            }
        }
        (right, all)
    }
}

/// The mean by the inverse of variances, and its variance.
fn mean(seen: &[(f64, f64)]) -> Estimate {
    let weight: f64 = seen.iter().map(|(_, variance)| 1.0 / variance).sum();
    (seen.iter().map(|(value, variance)| value / variance).sum::<f64>() / weight, 1.0 / weight)
}

/// The probability that the agreement allows.
fn agreed() -> f64 {
    let text = std::fs::read_to_string(root().join(format!("sharing-agreements/{AGREEMENT}.toml"))).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("guess_per_thousand = ")).unwrap();
    line.parse::<f64>().unwrap() / 1000.0
}

/// It does something, and no more than is agreed, by more than four standard deviations.
fn assert_below((right, all): (f64, f64), what: &str) {
    let cap = agreed();
    let allowed = all * cap + 4.0 * (all * cap * (1.0 - cap)).sqrt();
    assert!(all > 60.0 && right <= allowed && right * 20.0 >= all, "{what}: {right} of {all}, {allowed} allowed");
}

#[test]
fn averaging_over_tables_and_states_stays_below_the_cap() {
    let mut college = College::published(None);
    let analyst = college.caller("chorley-council");
    let mut observed = Observed::default();
    observed.add(&college, &analyst, None);
    assert_below(observed.guessed(&college, &BTreeSet::new()), "one state");
    // One learner moves: every figure of the year is drawn anew, and what it is of is known to have stayed.
    let moved = college.learners.len() - 1;
    let (from, to) = (college.learners[moved].1, 0);
    college.learners[moved].1 = to;
    college.take_in(&college.learners);
    college.revise().unwrap();
    observed.add(&college, &analyst, None);
    let places = college.places.clone();
    let changed = [places[from].0.as_str(), places[to].0.as_str()].into();
    assert_below(observed.guessed(&college, &changed), "two states");
    assert!(observed.areas.values().all(|seen| seen.len() == 8), "two of each table");
}

/// Of parts that are all as large as may be, a sum is a count with noise of its own.
#[test]
fn averaging_over_counts_and_sums_stays_below_the_cap() {
    let places = places();
    let few = learners(places.len(), 1);
    let college = sums::published_of(sums::REGISTERED, few, |_| sums::MOST);
    let analyst = college.caller("chorley-council");
    let mut observed = Observed::default();
    observed.add(&college, &analyst, None);
    observed.add(&college, &analyst, Some(("hours", sums::MOST as f64)));
    assert_below(observed.guessed(&college, &BTreeSet::new()), "counts and sums");
    assert!(observed.areas.values().any(|seen| seen.len() > 4), "sums are shown");
}
