use audit::{Entry, FolderStorage};
use catalog::JobReason;

use super::*;
use crate::Readiness;
use crate::testing::{Small, root};

fn publish(platform: &Platform) -> Result<PublishReport, PlatformError> {
    platform.publish_pending(&mut |_| ())
}

fn waiting(platform: &Platform, state: catalog::JobState) -> Vec<JobReason> {
    platform.catalog().jobs(Some(state)).unwrap().iter().map(|job| job.facts.reason).collect()
}

/// What is acknowledged ends published, or failed with a reason: a fault that passes costs nothing, one that stays with a
/// dataset is told.
#[test]
fn a_passing_fault_is_tried_again() {
    let small = Small::new();
    let platform = small.open();
    let receipt = Small::upload(&platform, 1);
    let fault = |fault: &'static str, rounds: u32| {
        small.faults.set(&[fault]);
        for _ in 0..rounds {
            assert_eq!(publish(&platform).unwrap().failures.len(), 1);
        }
        small.faults.set(&[]);
    };
    fault("ledger", ATTEMPTS - 1);
    let told = "could not read the ledger";
    assert_eq!(Small::publication(&platform, &receipt), format!("pending: {told}"));
    assert_eq!(publish(&platform).unwrap().failures, Vec::<String>::new());
    assert_eq!(Small::publication(&platform, &receipt), "done: published");

    let receipt = Small::upload(&platform, 2);
    fault("ledger", ATTEMPTS);
    assert_eq!(publish(&platform).unwrap(), PublishReport::default(), "it was given up");
    assert_eq!(Small::publication(&platform, &receipt), format!("failed: {told}"));
}

/// A fault that is everybody's is nobody's: however long it lasts, what waits is published when it has passed.
#[test]
fn what_keeps_everything_back_uses_nothing_up() {
    let small = Small::new();
    let platform = small.open();
    let receipt = Small::upload(&platform, 1);
    let (agreements, away) = (small.agreements(), small.folder.path().join("away"));
    std::fs::rename(&agreements, &away).unwrap();
    for _ in 0..=ATTEMPTS {
        let refused = publish(&platform).unwrap_err().to_string();
        assert!(refused.contains("the agreements cannot be read"), "{refused}");
    }
    std::fs::rename(&away, &agreements).unwrap();
    assert_eq!(Small::publication(&platform, &receipt), "pending");
    assert_eq!(publish(&platform).unwrap().failures, Vec::<String>::new());
    assert_eq!(Small::publication(&platform, &receipt), "done: published");
}

/// Where the catalogue itself fails, no job stays with a run that has ended.
#[test]
fn a_run_that_fails_gives_its_jobs_back() {
    let small = Small::new();
    let platform = small.open();
    let receipt = Small::upload(&platform, 1);
    // However often it fails, it is no fault of the job.
    for _ in 0..=ATTEMPTS {
        small.faults.set(&["version"]);
        assert!(publish(&platform).is_err());
        small.faults.set(&[]);
        assert_eq!(Small::publication(&platform, &receipt), "pending");
    }
    // Not even that can be written: it is the next run's work, without a start in between.
    small.faults.set(&["version", "requeue_jobs of a run"]);
    assert!(publish(&platform).is_err());
    assert_eq!(platform.catalog().jobs(Some(catalog::JobState::Running)).unwrap().len(), 1);
    small.faults.set(&[]);
    assert_eq!(publish(&platform).unwrap().failures, Vec::<String>::new());
    assert_eq!(Small::publication(&platform, &receipt), "done: published");
}

/// A record that cannot be read is told of, and holds nothing else up.
#[test]
fn a_job_about_a_damaged_version_stops_no_other() {
    let small = Small::new();
    let platform = small.open();
    let damaged = Small::upload(&platform, 1);
    let receipt = Small::upload(&platform, 2);
    small.faults.set(&["first version damaged"]);
    assert_eq!(publish(&platform).unwrap().failures, Vec::<String>::new());
    small.faults.set(&[]);
    let told = "failed: could not read a version; what another run or job published of it is shown";
    assert_eq!(Small::publication(&platform, &damaged), told);
    assert_eq!(Small::publication(&platform, &receipt), "done: published");
}

/// What cannot be written into tables keeps no other dataset back, and is told.
#[test]
fn a_dataset_that_cannot_be_shown_keeps_no_other_back() {
    let small = Small::new();
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform).unwrap();
    let (fires, odd): (DatasetId, DatasetId) = (Small::FIRES.parse().unwrap(), "nobody.nothing".parse().unwrap());
    let state = platform.state();
    let group = std::sync::Arc::clone(&state.released[&fires]);
    let mut indicator = state.definitions.indicators().next().unwrap().clone();
    (indicator.id, indicator.numerator.dataset, indicator.denominator) = ("odd".parse().unwrap(), odd.clone(), None);
    platform.change(|state| {
        std::sync::Arc::make_mut(&mut state.definitions).replace(indicator);
        (state.released, state.cubes) = Default::default();
    });
    let failed = platform.swap_each([(fires.clone(), std::sync::Arc::clone(&group)), (odd.clone(), group)].into());
    assert_eq!(failed.iter().map(|(dataset, _)| dataset).collect::<Vec<_>>(), [&odd]);
    assert_eq!(platform.state().released.keys().collect::<Vec<_>>(), [&fires]);
}

/// A change that cannot be queued is not made, so that it is found again.
#[test]
fn a_change_of_agreements_is_queued_before_it_counts() {
    let small = Small::new();
    let platform = small.open();
    let epoch = platform.state().snapshot.epoch();
    std::fs::remove_file(small.agreements().join("claimants.toml")).unwrap();
    std::fs::remove_file(small.agreements().join("claimants.events.toml")).unwrap();
    small.faults.set(&["enqueue"]);
    assert!(platform.authenticate(None).is_err(), "nothing is decided by what is not in use");
    assert_eq!(platform.state().snapshot.epoch(), epoch);
    small.faults.set(&[]);
    platform.authenticate(None).unwrap();
    assert_ne!(platform.state().snapshot.epoch(), epoch);
    assert_eq!(waiting(&platform, catalog::JobState::Pending), [JobReason::AgreementChanged]);
}

/// A job about all datasets is the only one that some of them have.
#[test]
fn a_job_about_all_is_tried_again_for_what_may_pass() {
    let small = Small::new();
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform).unwrap();
    platform.queue(JobReason::DefinitionsChanged, None, platform.now()).unwrap();
    small.faults.set(&["ledger"]);
    assert_eq!(publish(&platform).unwrap().failures.len(), 1);
    assert_eq!(waiting(&platform, catalog::JobState::Pending), [JobReason::DefinitionsChanged]);
    small.faults.set(&[]);
    assert_eq!(publish(&platform).unwrap().failures, Vec::<String>::new());
    assert_eq!(waiting(&platform, catalog::JobState::Pending), []);
}

/// A catalogue that fails is no catalogue without data.
#[test]
fn a_group_that_cannot_be_restored_is_not_served_and_not_forgotten() {
    let small = Small::new();
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform).unwrap();
    assert_eq!(platform.state().released.len(), 1);
    drop(platform);
    for fault in ["ledger", "versions of one"] {
        small.faults.set(&[fault]);
        let platform = small.open();
        assert!(platform.state().distrusted.contains_key(&Small::FIRES.parse().unwrap()), "{fault}");
        small.faults.set(&[]);
        let Readiness::NotReady { reason } = platform.readiness() else { panic!("{fault}") };
        assert!(reason.contains("could not be restored") && !reason.contains("fire"), "{reason}");
        // It is tried again without anybody's doing.
        assert_eq!(publish(&platform).unwrap().failures, Vec::<String>::new());
        assert_eq!((platform.state().distrusted.len(), platform.state().released.len()), (0, 1), "{fault}");
        assert_eq!(platform.readiness(), Readiness::Ready);
    }
}

/// Every intent in the audit log has an end, and what fails here is no refusal.
#[test]
fn every_intent_has_an_end() {
    let small = Small::new();
    let platform = small.open();
    Small::upload(&platform, 1);
    Small::upload(&platform, 1);
    let dataset: DatasetId = Small::FIRES.parse().unwrap();
    let caller = platform.local_officer(&dataset).unwrap();
    let request = crate::UploadRequest {
        dataset: dataset.clone(),
        period: "2025-04-01/P3M".to_owned(),
        idempotency_key: None,
        digest: None,
        empty: false,
        corrects: true,
        opt_outs_applied: None,
    };
    platform.upload(&caller, &request, &b"a,b\n1,2\n"[..]).unwrap_err();
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the line is cut"))
        }
    }
    platform.upload(&caller, &request, Broken).unwrap_err();
    publish(&platform).unwrap();
    // As a process that was killed leaves it.
    let work_id = Uuid::now_v7();
    platform
        .record(Entry::Intent {
            work_id,
            work: audit::Work::Publish,
            actor: None,
            purpose: None,
            datasets: [dataset].into(),
            agreements: BTreeSet::new(),
            epoch: platform.state().snapshot.epoch().digest(),
        })
        .unwrap();
    drop(platform);
    drop(small.open());
    let (mut intents, mut ends) = (Vec::new(), Vec::new());
    audit::verify_storage(&FolderStorage::new(&small.folder.path().join("data/audit")), &[], &mut |record| {
        if let Entry::Intent { work_id, .. } = &record.entry {
            intents.push(*work_id);
        }
        ends.extend(record.entry.ends().map(|work_id| (work_id, record.entry.kind())));
    })
    .unwrap();
    assert_eq!(ends.iter().map(|(work_id, _)| *work_id).collect::<Vec<_>>(), intents);
    let kinds: Vec<_> = ends.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, ["ingested", "unchanged", "refused", "failed", "released", "failed"]);
}

/// Fires by quarter, in views by areas of these types and by these dimensions, in the place of the sample's indicator.
fn fires_by_kind(small: &Small, views: &[(&str, &str, &str)]) {
    let sample = small.indicators().join("deliberate-fires.toml");
    let text = std::fs::read_to_string(root().join("sample-data/indicators/deliberate-fires.toml")).unwrap();
    let (head, _) = text.split_at(text.find("[denominator]").unwrap());
    let head = head
        .replace("deliberate-fires", "fires-by-kind")
        .replace("crude-rate", "count")
        .replace("multiplier = 10000", "multiplier = 1")
        .replace("decimals = 1", "decimals = 0")
        .replace("filter = ", "# filter = ")
        .replace("expected_per_year = 270", "");
    let view = |(name, area_type, by): &(&str, &str, &str)| {
        format!("[[view]]\nname = \"{name}\"\narea_type = \"{area_type}\"\nperiod_type = \"quarter\"\nby = [{by}]\n\n")
    };
    let views: String = views.iter().map(view).collect();
    std::fs::write(&sample, format!("{head}{views}")).unwrap();
}

/// The operator hears which view is too fine, and what would show more; the supplier hears that there is one.
#[test]
fn a_view_that_shows_too_little_is_told_with_a_coarser_one() {
    let small = Small::new();
    let kind = "\"incident_type\"";
    fires_by_kind(&small, &[("ward-quarter", "ward", kind), ("district-quarter", "district", kind)]);
    let platform = small.open();
    let receipt = Small::upload(&platform, 1);
    let report = publish(&platform).unwrap();
    assert_eq!((report.failures.as_slice(), report.too_fine.len()), (&[][..], 1), "{report}");
    let told = &report.too_fine[0];
    assert!(told.starts_with("view `fires-by-kind/ward-quarter` shows "), "{told}");
    assert!(told.contains("leave it out, the coarser view `district-quarter` shows "), "{told}");
    let publication = Small::publication(&platform, &receipt);
    assert!(publication.starts_with("done: published; 1 of 2 views show less than 60 %"), "{publication}");
    assert!(!publication.contains("ward"), "{publication}");
}

/// A view that is finer than the agreement allows takes no other of its indicator with it.
#[test]
fn a_view_that_is_not_allowed_takes_no_other_with_it() {
    let small = Small::new();
    fires_by_kind(&small, &[("lsoa-quarter", "lsoa", ""), ("district-quarter", "district", "")]);
    let platform = small.open();
    let receipt = Small::upload(&platform, 1);
    let report = publish(&platform).unwrap();
    let [told] = report.failures.as_slice() else { panic!("{report}") };
    let view = "view `fires-by-kind/lsoa-quarter` (by lsoa and quarter) is not allowed by the agreements: ";
    assert!(told.starts_with(view) && told.contains("finest"), "{told}");
    let views: Vec<String> = platform.state().cubes.keys().map(ToString::to_string).collect();
    assert_eq!(views, ["fires-by-kind/district-quarter"]);
    assert_eq!(Small::publication(&platform, &receipt), "done: published");
}

/// What is withheld once stays so: views that are new do not take what others show, and what others show goes on without them.
#[test]
fn new_views_take_nothing_from_others() {
    for (established, new, why) in [
        // Beside the total of the district, its categories would leave few totals of the next quarter.
        ("neighbourhood", "neighbourhood", "view `fires-by-kind/established` would show"),
        // Nothing can be hidden beside totals that are out.
        ("ward", "ward", "its tables cannot be protected beside what is published"),
    ] {
        let small = Small::new();
        let (coarse, established) = (("coarse", "district", ""), ("established", established, ""));
        fires_by_kind(&small, &[coarse, established]);
        let platform = small.open();
        Small::upload(&platform, 1);
        assert_eq!(publish(&platform).unwrap().failures, [""; 0]);
        drop(platform);

        fires_by_kind(&small, &[coarse, established, ("by-kind", new, "\"incident_type\"")]);
        let platform = small.open();
        // They are tried once more with what comes.
        let early = publish(&platform).unwrap();
        let receipt = Small::upload(&platform, 2);
        let report = publish(&platform).unwrap();
        for report in [&early, &report] {
            assert_eq!(report.failures.len(), 1, "{report}");
            let told = &report.failures[0];
            assert!(
                told.starts_with("view `fires-by-kind/by-kind` is not published: ") && told.contains(why),
                "{told}"
            );
        }
        assert_eq!((early.published.len(), report.published.len(), report.too_fine.len()), (0, 1, 0), "{report}");
        let publication = Small::publication(&platform, &receipt);
        assert_eq!(publication, "done: published", "a supplier hears nothing of the view");
        // To find so takes a plan, once for the same definitions.
        let intents = || {
            let mut intents = 0;
            audit::verify_storage(&FolderStorage::new(&small.folder.path().join("data/audit")), &[], &mut |record| {
                intents += usize::from(matches!(&record.entry, Entry::Intent { work: audit::Work::Publish, .. }));
            })
            .unwrap();
            intents
        };
        let before = intents();
        Small::upload(&platform, 3);
        assert_eq!(publish(&platform).unwrap().failures.len(), 1);
        assert_eq!(intents(), before + 1);
    }
}

/// Waits until something is so, for as long as slow machines take.
fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..2_400 {
        if so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it never came about that {what}");
}

/// Uploads are acknowledged and wait for one thread: it outlives a defect, and until it has done its work that is said.
#[test]
fn a_defect_ends_a_run_and_not_the_publisher() {
    let small = Small::new();
    let platform = small.open();
    assert_eq!(platform.readiness(), Readiness::Ready);
    let worker = platform.start_publishing();
    for (quarter, fault) in [(1, "claim_job!"), (2, "claim_job")] {
        small.faults.set(&[fault]);
        let receipt = Small::upload(&platform, quarter);
        let stopped = |problems: &[String]| problems.iter().any(|problem| problem.contains("last run of publishing"));
        until(
            "the failure is reported",
            || matches!(platform.readiness(), Readiness::Degraded { problems } if stopped(&problems)),
        );
        assert!(!worker.is_finished(), "{fault}");
        assert!(Small::publication(&platform, &receipt).starts_with("pending"));
        small.faults.set(&[]);
        platform.wake_publisher();
        until("it is published", || Small::publication(&platform, &receipt) == "done: published");
        until("all is well", || platform.readiness() == Readiness::Ready);
    }
    platform.stop_publishing();
    worker.join().unwrap();
}

#[test]
fn a_supplier_reads_no_name_of_an_indicator() {
    let unpublishable = PlatformError::Unpublishable { reason: "none of the 2 views".to_owned() };
    let job = |attempts| Job {
        facts: catalog::NewJob {
            id: Uuid::from_u128(1),
            reason: JobReason::Ingested,
            version: None,
            created_at: jiff::Timestamp::UNIX_EPOCH,
        },
        state: catalog::JobState::Running,
        attempts,
        message: None,
        updated_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let said = "cannot be published: none of the 2 views".to_owned();
    assert_eq!(outcome_of(&job(1), &unpublishable), JobOutcome::Failed(said), "it would end the same again");
    let private = PlatformError::NotFound { what: "indicator `secret`".to_owned() };
    let JobOutcome::Failed(said) = outcome_of(&job(1), &private) else { panic!() };
    assert!(!said.contains("secret"), "{said}");
    assert_eq!(published(7, 0), "published");
    assert!(published(7, 2).starts_with("published; 2 of 7 views show less than 60 %"));
}
