//! What the platform does by itself: one thread publishes, one looks for revocations.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Platform;
use crate::error::PlatformError;

/// What the threads wait for.
#[derive(Default)]
pub(super) struct Wake {
    work: bool,
    stop: bool,
}

impl Platform {
    /// Starts the thread that looks each second for what was asked outside the service: revocations of keys. Those that hold a
    /// key are refused with their next request anyway; this answers whoever asked.
    #[must_use]
    pub fn start_watching(&self) -> std::thread::JoinHandle<()> {
        let platform = self.clone();
        std::thread::spawn(move || {
            while platform.wait(Duration::from_secs(1), |_| false) {
                // What went wrong is in the log, and is tried again.
                let _ = platform.refresh_revocations();
            }
        })
    }

    /// Starts the thread that publishes whatever uploads leave to publish, and first what waits since before the start.
    #[must_use]
    pub fn start_publishing(&self) -> std::thread::JoinHandle<()> {
        let platform = self.clone();
        platform.wake_publisher();
        std::thread::spawn(move || {
            while platform.wait_for_work() {
                platform.publish_round();
            }
            let _ = platform.record(audit::Entry::Stopped);
        })
    }

    /// One run of publishing. A defect ends the run and not the thread; `/readyz` says so until a run goes through.
    fn publish_round(&self) {
        let run = std::panic::AssertUnwindSafe(|| self.publish_pending(&mut |_| ()));
        let outcome = std::panic::catch_unwind(run).unwrap_or_else(|_| {
            Err(PlatformError::Unavailable { reason: "publishing stopped on a defect".to_owned() })
        });
        self.0.publishing_failed.store(outcome.is_err(), Ordering::Relaxed);
        if let Err(error) = outcome {
            tracing::error!(causes = crate::error::causes(&error), "publishing failed");
        }
        let _ = self.log_accesses();
    }

    /// Whether the last run of publishing came to no end: what was taken in waits.
    pub(crate) fn publishing_failed(&self) -> bool {
        self.0.publishing_failed.load(Ordering::Relaxed)
    }

    /// Ends both threads, after the group that is worked on.
    pub fn stop_publishing(&self) {
        // What was read is recorded now: a publication that runs may be left before its end.
        let _ = self.log_accesses();
        self.signal(|wake| wake.stop = true);
    }

    pub(crate) fn wake_publisher(&self) {
        self.signal(|wake| wake.work = true);
    }

    fn signal(&self, change: impl FnOnce(&mut Wake)) {
        let (lock, condition) = &self.0.wake;
        change(&mut lock.lock().unwrap_or_else(PoisonError::into_inner));
        condition.notify_all();
    }

    /// Sleeps until there is work (true) or the platform stops (false). Looks by itself once a minute, for jobs to retry and
    /// for what begins or ends by its date.
    fn wait_for_work(&self) -> bool {
        self.wait(Duration::from_secs(60), |wake| std::mem::take(&mut wake.work))
    }

    /// Sleeps for some time, or until `enough` (true), or until the platform stops (false).
    fn wait(&self, time: Duration, mut enough: impl FnMut(&mut Wake) -> bool) -> bool {
        let (lock, condition) = &self.0.wake;
        let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let (wake, _) = condition
            .wait_timeout_while(guard, time, |wake| !wake.stop && !enough(wake))
            .unwrap_or_else(PoisonError::into_inner);
        !wake.stop
    }
}
