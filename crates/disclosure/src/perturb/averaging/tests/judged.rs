//! Whole registrations.

use super::facts::typical;
use super::*;
use crate::{Refused, refuse};

fn usual() -> Noise {
    Noise::new(5, 3.0, 2, 0.3).unwrap()
}

fn judged(registered: &Registered) -> Bound {
    averaging_bound(registered, &crate::perturb::tests::usual()).unwrap()
}

fn posterior(registered: &Registered) -> f64 {
    judged(registered).worst().unwrap().posterior()
}

fn plain_three() -> Registered {
    all(vec![plain("area", 140), plain("age", 18), plain("sex", 2)])
}

#[test]
fn a_plain_registration_passes_at_one_half() {
    let bound = refuse(&plain_three(), &usual(), 0.5).unwrap();
    let worst = bound.worst().unwrap();
    assert!((0.47..0.5).contains(&worst.proved) && worst.cells == 8, "{worst:?}");
    let atoms = bound.kinds.iter().find(|kind| kind.levels == ["area", "age", "sex"]).unwrap();
    // 140/141 x 18/19 x 2/3 of the variance.
    let expected = 3.0 * 140.0 / 141.0 * 18.0 / 19.0 * 2.0 / 3.0;
    assert!((atoms.variance.unwrap() - expected).abs() < 1e-5, "{atoms:?}");
    assert!((0.28..0.29).contains(&atoms.estimated));
    // All crossings of three levels (each atom is one) in each dimension.
    assert_eq!((bound.kinds.len(), bound.squares_are_exact), (27, true));
    assert!(bound.kinds.iter().all(|kind| kind.proved + 1e-9 >= kind.estimated));
}

#[test]
fn free_recodes_are_refused_at_any_sensible_cap() {
    let noise = Noise::new(6, 4.0, 0, 0.0).unwrap();
    for cap in [0.5, 0.6, 0.75, 0.9] {
        let refused = refuse(&free_recodes(8), &noise, cap).unwrap_err();
        let Refused::Averaging { kind, .. } = &refused else { panic!("{refused}") };
        assert!(kind.estimated > 0.9 && kind.proved > 0.99, "{kind:?}");
        let message = refused.to_string();
        assert!(
            message.contains("`kind` gives most")
                && message.contains("register far fewer than the 128 levels of `kind`"),
            "{message}"
        );
    }
    // Without the total being registered, it is estimated all the same: from 127 pairs of complements.
    let mut recodes = free_recodes(8);
    recodes.dimensions[0].levels.pop();
    let structure = Structure::build(&recodes).unwrap();
    assert!(refuse(&recodes, &noise, 0.9).is_err());
    assert_eq!(structure.dimensions[0].categories.len(), 254);
}

#[test]
fn messages_name_what_gives_most_and_what_to_do() {
    let four = all(vec![plain("area", 140), plain("age", 18), plain("sex", 2), plain("month", 12)]);
    let cases = [
        (four.clone(), usual(), 0.5, MESSAGES[0]),
        (Registered { revisions: 3, ..plain_three() }, usual(), 0.5, MESSAGES[1]),
        (plain_three(), Noise::new(5, 1.0, 0, 0.6).unwrap(), 0.5, MESSAGES[2]),
        (plain_three(), usual(), 1.0, "the cap is 1, but it is a probability above 0 and below 1: choose one"),
    ];
    for (registered, noise, cap, expected) in cases {
        assert_eq!(refuse(&registered, &noise, cap).unwrap_err().to_string(), expected);
    }
    // What a message says would do, does.
    let more = Noise::new(6, 4.5, 2, 0.0).unwrap();
    assert!(refuse(&four, &more, 0.5).is_ok());
}

const MESSAGES: [&str; 3] = [
    "counts of `area` of `area` by `age` of `age` by `sex` of `sex` by `month` of `month` could be guessed with probability 0.62, above \
     the cap of 0.50: `sex` gives most; without its level `sex` it would be 0.49, which is enough; or raise `variance` to 5 with \
     `largest` 6 and `stays_per_thousand` 0",
    "counts of `area` of `area` by `age` of `age` by `sex` of `sex` could be guessed with probability 0.73, above the cap of 0.50: \
     `sex` gives most; without its level `sex` it would be 0.56, which is not enough by itself; each cell is published 3 times, by states \
     of its data and for each of them once more with each sum: register fewer; or raise `variance` to 9 with `largest` 10 and \
     `stays_per_thousand` 0",
    "a published count of 1 is a true count of 1 with probability 0.74, above the cap of 0.50, even if nothing else is published: lower \
     `stays_per_thousand`, or raise `variance`",
];

#[test]
fn more_that_is_registered_never_gives_less() {
    let lsoa = |levels: &[u32]| {
        let mut all_levels = vec![RegisteredLevel::finest("LSOA", 60)];
        all_levels.extend(levels.iter().map(|length| runs(&format!("runs of {length}"), 60, *length)));
        all(vec![dimension("area", 60, all_levels), plain("age", 6)])
    };
    let registrations = [lsoa(&[]), lsoa(&[5]), lsoa(&[5, 7]), lsoa(&[5, 7, 60])];
    let bounds: Vec<Bound> = registrations.iter().map(judged).collect();
    for pair in bounds.windows(2) {
        for kind in &pair[0].kinds {
            let more = pair[1].kinds.iter().find(|other| other.levels == kind.levels).unwrap();
            assert!(more.variance.unwrap() <= kind.variance.unwrap() + 1e-6, "{kind:?} {more:?}");
            // Two bounds of the same: the one of less is at most what the best guess of more reaches.
            assert!(more.estimated + 1e-6 >= kind.estimated);
        }
        assert!(pair[1].worst().unwrap().posterior() >= pair[0].worst().unwrap().posterior() - 1e-9);
    }
    let often = Registered { revisions: 4, ..registrations[0].clone() };
    assert!(posterior(&often) > posterior(&registrations[0]) + 0.1);
    let ratio = judged(&often).kinds[0].variance.unwrap();
    assert!(ratio < 1.0, "a quarter of the variance: {ratio}");
}

#[test]
fn a_list_of_crossings_gives_at_most_what_all_of_them_give() {
    let dimensions = vec![plain("area", 30), plain("age", 9), plain("sex", 2)];
    let list = vec![vec![0, 0, 1], vec![0, 1, 0], vec![1, 1, 1]];
    let some = Registered { crossings: Some(list), ..all(dimensions.clone()) };
    let (some, full) = (judged(&some), judged(&all(dimensions)));
    assert!(some.squares_are_exact && some.kinds.len() == 4);
    assert!(some.worst().unwrap().posterior() < full.worst().unwrap().posterior());
    for kind in &some.kinds {
        let all = full.kinds.iter().find(|other| other.levels == kind.levels);
        assert!(all.is_none_or(|all| all.variance.unwrap() <= kind.variance.unwrap_or(1e9) + 1e-6));
    }
    // Atoms cannot be estimated: area by age by sex is not there.
    let atoms = some.kinds.iter().find(|kind| kind.levels == ["each atom"; 3]).unwrap();
    assert!(atoms.variance.is_none() && atoms.estimated == 0.0, "{atoms:?}");
    // Too many atoms for all equations together: those of all crossings.
    let many = Registered { crossings: Some(vec![vec![0, 0, 1], vec![0, 1, 0]]), ..plain_three() };
    let bound = judged(&many);
    assert!(!bound.squares_are_exact);
    let cells = bound.kinds.iter().find(|kind| kind.levels == ["area", "age", "total"]).unwrap();
    assert!(cells.variance.is_some() && cells.proved < 0.5);
}

/// Users and others of each area, of whom together the population is known: each says the other, so both are seen twice.
#[test]
fn known_sums_are_exact_rows() {
    let mut use_of = plain("use", 2);
    let open = all(vec![plain("area", 50), use_of.clone()]);
    use_of.known = Some(RegisteredLevel::total("population", 2));
    let known = all(vec![plain("area", 50), use_of]);
    let of = |bound: &Bound, levels: [&str; 2]| bound.kinds.iter().find(|kind| kind.levels == levels).cloned();
    let (open, known) = (judged(&open), judged(&known));
    let factor = 3.0 * 50.0 / 51.0;
    assert!((of(&open, ["area", "use"]).unwrap().variance.unwrap() - factor * 2.0 / 3.0).abs() < 1e-5);
    assert!((of(&known, ["area", "use"]).unwrap().variance.unwrap() - factor / 2.0).abs() < 1e-5);
    // The total over use is public.
    assert!(of(&open, ["area", "total"]).is_some() && of(&known, ["area", "total"]).is_none());
    // A user more is a non-user less: two cells, in an area and the total of areas.
    assert_eq!(of(&known, ["area", "use"]).unwrap().cells, 4);
    assert!(known.worst().unwrap().proved >= of(&known, ["area", "use"]).unwrap().estimated);
}

#[test]
fn the_same_atoms_registered_twice_are_one_observation() {
    let twice = |name: &str| {
        dimension(
            name,
            6,
            vec![RegisteredLevel::finest("a", 6), RegisteredLevel::finest("b", 6), RegisteredLevel::total("all", 6)],
        )
    };
    assert_eq!(posterior(&all(vec![twice("area")])), posterior(&all(vec![plain("area", 6)])));
}

#[test]
fn nonsense_and_what_is_too_large_are_refused() {
    let level = |categories: Vec<Vec<u32>>| RegisteredLevel { name: "L".to_owned(), categories };
    let one = |categories| all(vec![dimension("d", 4, vec![level(categories)])]);
    let cases = [
        (all(Vec::new()), "there are no dimensions"),
        (all(vec![dimension("d", 4, Vec::new())]), "`d` has no levels: register its total at least"),
        (one(vec![vec![0, 1], vec![1, 2]]), "atom 1 is in two categories of `L` in `d`: make two levels of it"),
        (one(vec![vec![0], Vec::new()]), "category 1 of `L` in `d` has no atoms: leave it out"),
        (one(vec![vec![7]]), "atom 7 of `L` in `d` is beyond its 4 atoms"),
        (Registered { revisions: 0, ..one(vec![vec![0]]) }, "no publication"),
        (
            Registered { crossings: Some(vec![vec![1]]), ..one(vec![vec![0]]) },
            "crossing 0 does not name one level of each dimension",
        ),
        (Registered { crossings: Some(Vec::new()), ..one(vec![vec![0]]) }, "the list of crossings is empty"),
        (all(vec![dimension("d", u32::MAX, vec![level(vec![vec![0]])])]), "`d` has 4294967295 atoms and 1 levels"),
        (all(vec![dimension("d", 4, vec![level(vec![vec![0]]); 501])]), "`d` has 4 atoms and 501 levels"),
        (Registered { crossings: Some(vec![vec![0]; 20_001]), ..one(vec![vec![0]]) }, "it lists 20001 crossings"),
        (all((0..15).map(|n| plain(&n.to_string(), 2)).collect()), "more than 20000 crossings of levels"),
        (all(vec![plain("postcode", 2_001)]), "`postcode` tells 2001 atoms apart, at most 2000 can be judged"),
    ];
    for (registered, expected) in cases {
        let message = refuse(&registered, &usual(), 0.5).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    // Atoms that nothing tells apart are one.
    let coarse = all(vec![dimension("d", 6_000, vec![runs("runs", 6_000, 4), RegisteredLevel::total("all", 6_000)])]);
    assert_eq!(Structure::build(&coarse).unwrap().dimensions[0].classes, 1_500);
}

#[test]
fn registrations_are_read_and_written() {
    for (_, registered) in typical() {
        let text = serde_json::to_string(&registered).unwrap();
        assert_eq!(serde_json::from_str::<Registered>(&text).unwrap(), registered);
    }
    let short = r#"{"dimensions":[{"name":"d","atoms":2,"levels":[{"name":"all","categories":[[0,1]]}]}]}"#;
    let read: Registered = serde_json::from_str(short).unwrap();
    assert_eq!((read.revisions, read.crossings), (1, None));
    assert!(serde_json::from_str::<Registered>(&short.replace("\"atoms\"", "\"more\":1,\"atoms\"")).is_err());
}

#[test]
#[ignore = "takes ten seconds: two thousand atoms in one dimension"]
fn long_two_thousand_atoms_are_judged() {
    let levels = vec![
        RegisteredLevel::finest("LSOA", 2_000),
        runs("MSOA", 2_000, 5),
        runs("ward", 2_000, 7),
        RegisteredLevel::total("all", 2_000),
    ];
    let bound = judged(&all(vec![dimension("area", 2_000, levels), plain("sex", 2)]));
    println!("{:?}", bound.worst());
    assert!(bound.worst().unwrap().posterior() < 0.8);
}
