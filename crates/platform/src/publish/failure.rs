//! Why nothing is published, and what goes on without.

use disclosure::PlanError;
use model::DatasetId;

use crate::error::PlatformError;

/// What the plan said, where that is what failed.
pub(super) fn plan_error(error: &PlatformError) -> Option<&PlanError> {
    match error {
        PlatformError::Failed { source, .. } => source.downcast_ref(),
        _ => None,
    }
}

/// Whether nothing is wrong, but somebody has to approve it first.
pub(super) const fn waits(error: &PlatformError) -> bool {
    matches!(error, PlatformError::AwaitsApproval { .. })
}

/// Whether a revision ends with it, and everything else goes on without: its corrections cannot be protected beside what is
/// published, or not as was previewed. They wait until somebody asks again.
pub(super) fn ends_revision(error: &PlatformError) -> bool {
    let fails_its_check = matches!(plan_error(error), Some(PlanError::Unverified { .. }));
    has_no_plan(error) || fails_its_check || matches!(error, PlatformError::Unpublishable { .. })
}

/// Whether there is none. One that fails its own check is a defect, and nothing is tried around it.
pub(super) fn has_no_plan(error: &PlatformError) -> bool {
    let plan = plan_error(error);
    matches!(plan, Some(PlanError::Unprovable { .. } | PlanError::GrownTogether(_) | PlanError::TooManyDifferences(_)))
}

pub(super) fn not_as_previewed(dataset: &DatasetId) -> PlatformError {
    let reason = format!(
        "what they would change is not what was previewed any more: `commonground disclosure revise {dataset}` says what it is now"
    );
    PlatformError::Unpublishable { reason }
}
