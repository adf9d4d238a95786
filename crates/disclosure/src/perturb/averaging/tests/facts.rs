//! What typical registrations give away; run with `--nocapture` to read it.

use super::*;

/// So many areas, in larger ones of five and in wards of seven that overlap these.
fn areas(atoms: u32, levels: &[&str]) -> RegisteredDimension {
    let level = |name: &&str| match *name {
        "MSOA" => runs(name, atoms, 5),
        "ward" => runs(name, atoms, 7),
        "district" => RegisteredLevel::total(name, atoms),
        _ => RegisteredLevel::finest(name, atoms),
    };
    dimension("area", atoms, levels.iter().map(level).collect())
}

fn months(atoms: u32) -> RegisteredDimension {
    let levels = vec![
        RegisteredLevel::finest("month", atoms),
        runs("quarter", atoms, 3),
        runs("year", atoms, 12),
        RegisteredLevel::total("all years", atoms),
    ];
    dimension("period", atoms, levels)
}

pub(super) fn typical() -> Vec<(&'static str, Registered)> {
    let area = || areas(140, &["LSOA", "district"]);
    let nested = || areas(140, &["LSOA", "MSOA", "ward", "district"]);
    let (age, sex) = (|| plain("age", 18), || plain("sex", 2));
    vec![
        ("area", all(vec![area()])),
        ("area x sex", all(vec![area(), sex()])),
        ("area x age", all(vec![area(), age()])),
        ("area x age x sex", all(vec![area(), age(), sex()])),
        ("LSOA, MSOA, ward", all(vec![nested()])),
        ("LSOA, MSOA, ward x age x sex", all(vec![nested(), age(), sex()])),
        ("area x month, quarter, year", all(vec![area(), months(36)])),
        ("area x age x sex x month, quarter, year", all(vec![area(), age(), sex(), months(36)])),
        ("LSOA, MSOA, ward x age x sex x month, quarter, year", all(vec![nested(), age(), sex(), months(36)])),
    ]
}

#[test]
#[ignore = "takes half a minute: prints what typical registrations give away"]
fn long_facts() {
    let noises = [(5, 3.0, 2, 0.3), (6, 3.0, 2, 0.3), (8, 3.0, 2, 0.3), (8, 6.0, 2, 0.0), (12, 10.0, 2, 0.0)];
    for (largest, variance, least_shown, stays) in noises {
        let table = table(largest, variance, least_shown, stays);
        println!("D={largest} V={variance} js={least_shown} stays={stays}");
        println!("  {:?}", near_zero(&table));
        for (name, registered) in typical() {
            let bound = averaging_bound(&registered, &table).unwrap();
            let worst = bound.worst().unwrap();
            let atoms = bound.kinds.iter().max_by(|a, b| a.estimated.total_cmp(&b.estimated)).unwrap();
            println!(
                "  {name}: proved {:.3}, at {:?} over {} cells, limits prove {:.2e}; least squares {:.3} (variance {:.2}) at {:?}",
                worst.proved,
                worst.levels,
                worst.cells,
                worst.proves,
                atoms.estimated,
                atoms.variance.unwrap_or(0.0),
                atoms.levels
            );
        }
    }
}
