//! A lock that is held for a few instructions, with a bounded wait: a fork may have left it locked
//! in this process for ever. A caller that does not get it does without.
#![forbid(unsafe_code)]

use std::hint;

use parking_lot::{Mutex, MutexGuard};

/// Number of attempts. Its owner may have lost the processor, so they take longer than the work
/// under it.
const TRIES: u32 = 10_000;

/// Number of attempts of a caller that can well do without.
const FEW_TRIES: u32 = 64;

#[derive(Default)]
pub(super) struct BriefLock<T>(Mutex<T>);

impl<T> BriefLock<T> {
    pub(super) const fn new(inside: T) -> BriefLock<T> {
        BriefLock(Mutex::new(inside))
    }

    /// Acquires the lock; None after too many attempts.
    pub(super) fn lock(&self) -> Option<MutexGuard<'_, T>> {
        self.attempt(TRIES)
    }

    /// Acquires the lock if it is free now, or at once.
    pub(super) fn lock_at_once(&self) -> Option<MutexGuard<'_, T>> {
        self.attempt(FEW_TRIES)
    }

    fn attempt(&self, tries: u32) -> Option<MutexGuard<'_, T>> {
        for _ in 0..tries {
            if let Some(guard) = self.0.try_lock() {
                return Some(guard);
            }
            hint::spin_loop();
        }
        None
    }
}
