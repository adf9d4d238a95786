use super::*;
use crate::testing::Small;

const FIRST: &str = "2025-01-01/P3M";
const SECOND: &str = "2025-04-01/P3M";

struct Fires {
    _folder: Small,
    platform: Platform,
    reviewer: Caller,
    dataset: DatasetId,
}

impl Fires {
    /// The first quarter published.
    fn published() -> Self {
        let small = Small::new();
        let platform = small.open();
        Small::upload(&platform, 1);
        assert_eq!(platform.publish_pending(&mut |_| ()).unwrap().failures, [""; 0]);
        let reviewer = platform.local_reviewer().unwrap();
        Self { _folder: small, platform, reviewer, dataset: Small::FIRES.parse().unwrap() }
    }

    /// The first quarter published, and a correction of it that waits.
    fn corrected() -> Self {
        let fires = Self::published();
        fires.take_in(FIRST, &Small::without(1, 150));
        fires.publish();
        fires
    }

    fn take_in(&self, period: &str, file: &[u8]) {
        Small::take_in(&self.platform, Small::FIRES, period, file);
    }

    fn publish(&self) -> super::super::PublishReport {
        self.platform.publish_pending(&mut |_| ()).unwrap()
    }

    fn preview(&self) -> RevisionPreview {
        self.platform.preview_revision(&self.reviewer, &self.dataset).unwrap()
    }

    fn revise(&self, digest: Digest) -> Result<usize, PlatformError> {
        self.platform.revise(&self.reviewer, &self.dataset, digest)
    }

    /// The periods that are out.
    fn periods(&self) -> usize {
        self.platform.state().released[&self.dataset].basis.partitions.len()
    }
}

/// What is new comes after a revision, never with it, and is not forgotten.
#[test]
fn nothing_new_comes_with_a_revision() {
    let fires = Fires::corrected();
    fires.take_in(SECOND, &Small::without(2, 0));
    let plan = fires.preview().plan.unwrap();
    assert_eq!(fires.revise(plan.digest).unwrap(), 1);
    let report = fires.publish();
    assert_eq!((report.revised.len(), report.failures.len(), fires.periods()), (1, 0, 1), "{report}");
    assert_eq!(fires.platform.pending().unwrap(), 1);
    let report = fires.publish();
    assert_eq!((report.revised.len(), report.failures.len(), fires.periods()), (0, 0, 2), "{report}");
    assert_eq!((fires.platform.pending().unwrap(), fires.preview().corrections), (0, 0));
}

/// What everybody would see is named under a key: without it nobody can try figures until the name fits.
#[test]
fn a_preview_is_named_under_a_key() {
    let fires = Fires::corrected();
    let plan = fires.preview().plan.unwrap();
    fires.revise(plan.digest).unwrap();
    fires.publish();
    let group = crate::publish::ledger_group(&fires.dataset).unwrap();
    let released = fires.platform.recorded().releases_of(&group).pop_last().unwrap().1.released;
    assert_ne!(plan.digest, released, "what is on record of a release has no key");
}

/// A revision is of the files that were previewed: where others took their place, it ends and says so.
#[test]
fn a_revision_of_other_files_ends() {
    let fires = Fires::corrected();
    let plan = fires.preview().plan.unwrap();
    fires.revise(plan.digest).unwrap();
    fires.take_in(FIRST, &Small::without(1, 120));
    let report = fires.publish();
    assert_eq!((report.revised.len(), report.published.len(), report.corrected.len()), (0, 0, 1), "{report}");
    assert!(report.failures[0].contains("not what was previewed any more"), "{report}");
    assert!(!fires.platform.awaits_revision(&fires.dataset).unwrap());
}

/// Nobody takes the place of a revision that was asked for, and asking twice is asking once.
#[test]
fn one_revision_waits_at_a_time() {
    let fires = Fires::corrected();
    let plan = fires.preview().plan.unwrap();
    fires.revise(plan.digest).unwrap();
    let refused = fires.revise(Digest([0; 32])).unwrap_err().to_string();
    assert!(refused.contains("another revision was asked for and waits"), "{refused}");
    assert_eq!(fires.revise(plan.digest).unwrap(), 1);
    assert_eq!(fires.publish().revised.len(), 1);
}

/// What nobody previewed is not asked for, nor what was previewed of other corrections.
#[test]
fn what_was_not_previewed_is_refused() {
    let fires = Fires::published();
    assert_eq!(fires.revise(Digest([7; 32])).unwrap(), 0, "nothing waits");
    fires.take_in(FIRST, &Small::without(1, 150));
    fires.publish();
    let plan = fires.preview().plan.unwrap();
    let refused = |digest| fires.revise(digest).unwrap_err().to_string();
    assert!(refused(Digest([7; 32])).contains("not what was previewed last"));
    fires.take_in(FIRST, &Small::without(1, 120));
    fires.publish();
    assert!(refused(plan.digest).contains("other corrections came since"));
    assert_eq!(fires.revise(fires.preview().plan.unwrap().digest).unwrap(), 1);
}

/// Who may not ask hears so at once; who may is told to come back while something is published.
#[test]
fn nobody_waits_for_a_publication() {
    let fires = Fires::published();
    let _somebody_publishes = fires.platform.publishing();
    let officer = fires.platform.local_officer(&fires.dataset).unwrap();
    let ask = |caller: &Caller| fires.platform.preview_revision(caller, &fires.dataset);
    assert!(matches!(ask(&officer), Err(PlatformError::NotFound { .. })));
    assert!(matches!(ask(&fires.reviewer), Err(PlatformError::Unavailable { .. })));
}
