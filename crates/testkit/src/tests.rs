//! The committed sample data against the generator.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

/// Most bytes that the whole of `sample-data/` may have.
const LIMIT: u64 = 10 * 1024 * 1024;

/// Contracts of agreements that the sample shows without any data: of law enforcement, of joint controllers, expired, suspended and
/// superseded.
pub(crate) const WITHOUT_FILES: [&str; 5] = [
    "chorley-council.community-safety",
    "community-futures.volunteering",
    "community-futures.winter-warmth",
    "lancashire-constabulary.problem-places",
    "progress-housing-group.rent-arrears",
];

fn sample_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-data")
}

fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { below(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_committed_files_are_exactly_what_the_seed_gives() {
    let root = sample_data();
    let files = generate(Seed::default()).unwrap();
    let hint = "run `cargo run -p testkit --bin make-sample-data -- sample-data`";
    for file in &files {
        let committed = std::fs::read(root.join(&file.path)).unwrap_or_default();
        assert!(committed == file.bytes, "`{}` differs from what is generated: {hint}", file.path);
    }
    let made: BTreeSet<PathBuf> = files.iter().map(|file| root.join(&file.path)).collect();
    let mut found = Vec::new();
    below(&root.join("partners"), &mut found);
    let strays: Vec<_> = found.iter().filter(|path| !made.contains(*path)).collect();
    assert!(strays.is_empty(), "nobody generates {strays:?}");
}

#[test]
fn the_sample_data_are_small_enough_to_commit() {
    let mut found = Vec::new();
    below(&sample_data(), &mut found);
    let total: u64 = found.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(total <= LIMIT, "{total} bytes");
}

#[test]
fn contracts_parse_say_that_they_are_synthetic_and_have_files() {
    let root = sample_data();
    let mut found = Vec::new();
    below(&root.join("contracts"), &mut found);
    found.sort();
    assert_eq!(found.len(), 18 + WITHOUT_FILES.len());
    for path in found {
        let name = path.file_name().unwrap().to_str().unwrap();
        let contract = model::DatasetContract::parse(name, &std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(name, format!("{}.toml", contract.id));
        let real = contract.id.as_str() == "office-for-national-statistics.projections";
        assert_eq!(contract.synthetic, !real, "{name}");
        assert!(
            contract.description.to_lowercase().contains(if real { "real figures" } else { "synthetic" }),
            "{name}"
        );
        // Nobody uploads what is counted over others, nor what is there for its agreement's sake.
        if contract.links.is_some() || WITHOUT_FILES.contains(&contract.id.as_str()) {
            continue;
        }
        let (organisation, dataset) = contract.id.as_str().split_once('.').unwrap();
        let folder = root.join("partners").join(organisation).join(dataset);
        assert!(std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()), "{}", folder.display());
    }
}
