//! Memory that all uploads share, or all tables that are being answered, so that many large ones at once wait for each other instead of
//! exhausting the process.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many bytes, of which each takes its share.
pub(crate) struct Budget {
    free: Mutex<u64>,
    returned: Condvar,
    all: u64,
}

/// Bytes that were taken; returned when it is dropped.
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub(crate) const fn new(all: u64) -> Self {
        Self { free: Mutex::new(all), returned: Condvar::new(), all }
    }

    /// Takes bytes, and waits for others to return theirs; `None` if that takes too long. Who needs more than there is gets
    /// all of it: the limits of one are others.
    pub(crate) fn take(&self, bytes: u64, wait: Duration) -> Option<Share<'_>> {
        let bytes = bytes.min(self.all);
        let waited = self.returned.wait_timeout_while(self.free(), wait, |free| *free < bytes);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(bytes)?;
        Some(Share { budget: self, bytes })
    }

    fn free(&self) -> MutexGuard<'_, u64> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.free() += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn shares_never_add_up_to_more_than_there_is() {
        let budget = Budget::new(100);
        let (used, greatest) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [60, 60, 40, 100, 1, 250] {
                let (budget, used, greatest) = (&budget, &used, &greatest);
                scope.spawn(move || {
                    for _ in 0..20 {
                        let share = budget.take(bytes, Duration::from_secs(60)).unwrap();
                        greatest
                            .fetch_max(used.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes, Ordering::SeqCst);
                        std::thread::yield_now();
                        used.fetch_sub(share.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(greatest.load(Ordering::SeqCst), 100);
        assert_eq!(*budget.free(), 100, "everything comes back");
    }

    #[test]
    fn waiting_ends() {
        let budget = Budget::new(100);
        let first = budget.take(60, Duration::ZERO).unwrap();
        assert!(budget.take(41, Duration::from_millis(10)).is_none());
        let second = budget.take(40, Duration::ZERO).unwrap();
        drop(first);
        assert!(budget.take(61, Duration::ZERO).is_none());
        drop(second);
        assert_eq!(budget.take(u64::MAX, Duration::ZERO).unwrap().bytes, 100);
    }
}
