//! A lock that is held for a few instructions, and is never waited for in vain: a fork may have left it locked in this
//! process for ever, and then who wants it does without.
#![forbid(unsafe_code)]

use std::hint;

use parking_lot::{Mutex, MutexGuard};

/// How often it is tried. Who has it may have lost its processor, so this is longer than what is done under it.
const TRIES: u32 = 10_000;

#[derive(Default)]
pub(super) struct BriefLock<T>(Mutex<T>);

impl<T> BriefLock<T> {
    /// Locks it; None if that has been tried for too long.
    pub(super) fn lock(&self) -> Option<MutexGuard<'_, T>> {
        for _ in 0..TRIES {
            if let Some(guard) = self.0.try_lock() {
                return Some(guard);
            }
            hint::spin_loop();
        }
        None
    }
}
