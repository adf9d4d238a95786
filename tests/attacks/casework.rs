//! The integrated action team's casework by views that are too fine for it: few cases, of people known to several services, by
//! way of partners who know what they sent, told apart by a reason that is sensitive. Most of it has to be withheld, so that it
//! is no part of the sample; here it is published all the same, and attacked.

use std::path::Path;

use crate::support::{Demo, copy, load_sample, root, settings};

/// What is published beside the sample's own view.
const FINE: &str = r#"
[[view]]
name = "msoa-year"
area_type = "msoa"
period_type = "calendar-year"

[[view]]
name = "district-year-sex"
area_type = "district"
period_type = "calendar-year"
by = ["sex"]

[[view]]
name = "district-year-reason"
area_type = "district"
period_type = "calendar-year"
by = ["reason"]

[[view]]
name = "partnership-year-reason"
area_type = "partnership"
period_type = "calendar-year"
by = ["reason"]

[[view]]
name = "partnership-year-intervention-level"
area_type = "partnership"
period_type = "calendar-year"
by = ["intervention_level"]
"#;
/// What the datasets of the casework need.
const INDICATORS: [&str; 3] =
    ["integrated-action-team-cases.toml", "integrated-action-team-contacts.toml", "people-aged-75-and-over.toml"];
const DATASETS: [&str; 2] = ["chorley-council/integrated-action-team", "office-for-national-statistics/population"];

/// The sample's casework, by fine views, loaded as the sample is.
pub(super) fn by_fine_views() -> Demo {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("sample-data");
    let from = |part: &str| root().join("sample-data").join(part);
    copy(&from("contracts"), &sample.join("contracts"));
    std::fs::create_dir_all(sample.join("indicators")).unwrap();
    for name in INDICATORS {
        std::fs::copy(from("indicators").join(name), sample.join("indicators").join(name)).unwrap();
    }
    for dataset in DATASETS {
        copy(&from("partners").join(dataset), &sample.join("partners").join(dataset));
    }
    link(&from("geography"), &sample.join("geography"));
    link(&root().join("sharing-agreements"), &folder.path().join("sharing-agreements"));
    let cases = sample.join("indicators").join(INDICATORS[0]);
    let text = std::fs::read_to_string(&cases).unwrap();
    std::fs::write(&cases, format!("{text}{FINE}")).unwrap();
    load_sample(folder.path(), folder.path());
    let settings = platform::Settings { indicators: sample.join("indicators"), ..settings(folder.path()) };
    Demo::over(folder, settings)
}

fn link(from: &Path, to: &Path) {
    std::os::unix::fs::symlink(from, to).unwrap();
}
