//! Sums with noise: planned hours of learners.

use super::*;

/// The greatest part of one learner that is registered.
pub(super) const MOST: u64 = 1_000;

/// Planned hours of a row, some of which are more than is registered for a person.
const fn hours(number: u64) -> u64 {
    100 + number % 8 * 150
}

fn file_with_hours(learners: &[Learner], places: &[(String, String)], hours: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut text = "LearnRefNumber,Learner Name,DateOfBirth,Postcode,Sex,Level,LearnStartDate,PlanHours\n".to_owned();
    for (number, area, sex, level) in learners {
        let (postcode, sex, level, hours) = (&places[*area].1, SEXES[*sex].0, LEVELS[*level].0, hours(*number));
        writeln!(text, "{number},Test Person,2007-01-01,{postcode},{sex},{level},2024-09-12,{hours}").unwrap();
    }
    text.into_bytes()
}

/// What the contract registers, and nothing is published yet.
fn described(crossings: &str) -> Small {
    let small = Small::of(&[AGREEMENT]).without_denominator();
    if crossings != "revisions = 2" {
        small.describe(COLLEGE, "revisions = 2", crossings);
    }
    let column = "[[column]]\nsource = \"PlanHours\"\nname = \"hours\"\ntype = \"integer\"\nrole = \"measure\"\nrequired = true\nrange = [0, 2000]\n\n[[column]]\nsource = \"Postcode\"";
    small.describe(COLLEGE, "[[column]]\nsource = \"Postcode\"", column);
    let agreed = "columns = [\n  { name = \"hours\", type = \"integer\", role = \"measure\", treatment = \"keep\" },\n";
    small.amend(AGREEMENT, "columns = [\n", agreed);
    small
}

fn published(crossings: &str) -> College {
    published_of(crossings, on_two_courses(places().len(), 1), hours)
}

/// Learners with planned hours by their numbers.
pub(super) fn published_of(crossings: &str, learners: Vec<Learner>, hours: impl Fn(u64) -> u64) -> College {
    let small = described(crossings);
    let college = College { platform: small.open(), small, places: places(), learners };
    let file = file_with_hours(&college.learners, &college.places, hours);
    Small::take_in(&college.platform, COLLEGE, "2024-09-01/P1Y", &file);
    college.publish();
    college
}

pub(super) const REGISTERED: &str = "revisions = 1\nsums = { hours = 1000 }";

impl College {
    /// Hours of everybody in a cell, of nobody more than is registered.
    fn hours(&self, areas: &BTreeSet<&str>, sex: Option<&str>, level: Option<&str>) -> u64 {
        let inside = |(_, area, of, at): &&Learner| {
            areas.contains(self.places[*area].0.as_str())
                && sex.is_none_or(|sex| SEXES[*of].1 == sex)
                && level.is_none_or(|level| LEVELS[*at].1 == level)
        };
        let mut parts: BTreeMap<u64, u64> = BTreeMap::new();
        // The same row twice is one row.
        for (number, ..) in self.learners.iter().filter(inside).collect::<BTreeSet<_>>() {
            *parts.entry(*number).or_default() += hours(*number);
        }
        parts.into_values().map(|part| part.min(MOST)).sum()
    }
}

/// Every sum is the truth with noise for the greatest part, none where few are counted, and the same by every route and after a start.
#[test]
fn every_sum_is_the_truth_with_its_noise_by_every_route() {
    let college = published(REGISTERED);
    let analyst = college.caller("chorley-council");
    let mut seen: BTreeMap<(String, Option<String>, Option<String>), Option<u64>> = BTreeMap::new();
    let (mut squares, mut cells, mut hidden) = (0.0, 0.0, 0);
    for area_type in [AreaType::Lsoa, AreaType::District] {
        for by in [&[][..], &["sex"], &["level"], &["sex", "level"]] {
            let answer = college.ask_of(&analyst, area_type, by, Some("hours")).unwrap();
            let counts = college.ask(&analyst, area_type, by).unwrap();
            assert_eq!((answer.sum.as_deref(), counts.sum.as_deref()), (Some("hours"), None));
            assert_ne!(answer.etag, counts.etag);
            for (row, count) in answer.rows.get().iter().zip(counts.rows.get()) {
                let (sex, level) = (category(&answer, row, "sex"), category(&answer, row, "level"));
                let truth = college.hours(&college.inside(&row.area.code), sex, level);
                assert_eq!(row.figure.is_some(), count.figure.unwrap() > 2 * LARGEST + 2, "{row:?} {count:?}");
                match row.figure {
                    None => hidden += usize::from(truth > 0),
                    Some(figure) => {
                        let apart = figure.abs_diff(truth);
                        assert!(apart <= LARGEST * MOST + MOST / 2, "{row:?} {truth}");
                        if truth > (LARGEST + 1) * MOST {
                            squares += (apart * apart) as f64;
                            cells += 1.0;
                        }
                    }
                }
                let cell = (row.area.code.to_string(), sex.map(str::to_owned), level.map(str::to_owned));
                assert_eq!(*seen.entry(cell).or_insert(row.figure), row.figure, "one cell, one figure: {row:?}");
            }
        }
    }
    let deviation = (squares / cells).sqrt();
    assert!(cells > 150.0 && (2_500.0..3_600.0).contains(&deviation), "{deviation} of {cells}");
    assert!(hidden > 0, "somebody is in a cell of few");
    let notes = college.ask_of(&analyst, AreaType::District, &[], Some("hours")).unwrap();
    let said = notes.notes.join("; ");
    assert!(said.contains("of one person no more than 1000 is added up in a cell"), "{said}");
    assert!(notes.caveat.contains("at most 10500 either way"), "{}", notes.caveat);
    let cards = college.platform.tables(&analyst);
    assert_eq!(cards[0].sums.iter().map(|sum| sum.name.as_str()).collect::<Vec<_>>(), ["hours"]);
    let reviewer = college.platform.local_reviewer().unwrap();
    let report = college.platform.publication_report(&reviewer, &COLLEGE.parse().unwrap()).unwrap().to_string();
    assert!(
        report.contains("sums of `hours` may be asked for: what is above 1000 in a cell counts as 1000"),
        "{report}"
    );
    // On record with what is added up, and as it was after a start.
    let sums = |entry: &Entry| matches!(entry, Entry::Answered { sum: Some(sum), .. } if sum.as_str() == "hours");
    assert_eq!(college.answered().iter().filter(|entry| sums(entry)).count(), 8);
    let before = college.ask_of(&analyst, AreaType::Lsoa, &["sex"], Some("hours")).unwrap().rows.get().clone();
    drop(college.platform);
    let college = College { platform: college.small.open(), ..college };
    college.publish();
    assert_eq!(*college.ask_of(&analyst, AreaType::Lsoa, &["sex"], Some("hours")).unwrap().rows.get(), before);
}

#[test]
fn sums_that_are_not_registered_or_were_otherwise_are_refused() {
    let college = published(REGISTERED);
    let analyst = college.caller("chorley-council");
    for name in ["level", "learner_ref", "count", ""] {
        let refused = college.ask_of(&analyst, AreaType::Lsoa, &[], Some(name)).unwrap_err();
        assert!(matches!(refused, PlatformError::BadParameter { parameter: "sum", .. }), "{name}: {refused}");
    }
    let shown = college.ask_of(&analyst, AreaType::Lsoa, &[], Some("hours")).unwrap().rows.get().clone();
    // Another greatest part is another noise of the same sums.
    drop(college.platform);
    college.small.describe(COLLEGE, "hours = 1000", "hours = 900");
    let platform = college.small.open();
    let report = platform.publish_pending(&mut |_| ()).unwrap().to_string();
    assert!(report.contains("`crossings.sums.hours` was 1000 at its last release"), "{report}");
    drop(platform);
    college.small.describe(COLLEGE, "hours = 900", "hours = 1000");
    let college = College {
        platform: college.small.open(),
        small: college.small,
        places: college.places,
        learners: college.learners,
    };
    college.publish();
    assert_eq!(*college.ask_of(&analyst, AreaType::Lsoa, &[], Some("hours")).unwrap().rows.get(), shown);
}

/// A sum tells as much as one more publication of every cell: what may be published with two states alone may not be with a sum beside.
#[test]
fn sums_are_judged_before_any_data() {
    let refused = |crossings: &str| {
        let platform = described(crossings).open();
        platform.refused_views().join("; ")
    };
    assert_eq!(refused(REGISTERED), "");
    assert_eq!(refused("revisions = 2"), "");
    let both = refused("revisions = 2\nsums = { hours = 1000 }");
    assert!(both.contains("`[crossings]` are refused"), "{both}");
}

/// What no agreement lists is not kept, nor offered.
#[test]
fn a_sum_that_is_not_agreed_is_not_offered() {
    let small = described(REGISTERED);
    // The sample's agreement lists no hours.
    small.amend(AGREEMENT, "version = 1", "version = 1 ");
    let platform = small.open();
    let refused = platform.refused_views().join("; ");
    assert!(refused.contains("`crossings.sums` names `hours`, which not all of its agreements list"), "{refused}");
    let (places, file) = (places(), file_with_hours(&on_two_courses(20, 1), &places(), hours));
    Small::take_in(&platform, COLLEGE, "2024-09-01/P1Y", &file);
    let college = College { small, platform, places, learners: Vec::new() };
    college.platform.publish_pending(&mut |_| ()).unwrap();
    let analyst = college.caller("chorley-council");
    assert!(college.platform.tables(&analyst).iter().all(|card| card.sums.is_empty()));
    let refused = college.ask_of(&analyst, AreaType::Lsoa, &[], Some("hours")).unwrap_err();
    assert!(matches!(refused, PlatformError::BadParameter { parameter: "sum", .. }), "{refused}");
}
