//! The number of sessions in all stores of this process, once somebody shows it.
//!
//! It changes where a store's own number does, inside the gate: a forked process has that of the stores that it has.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static IS_COUNTED: AtomicBool = AtomicBool::new(false);
static TOTAL: AtomicUsize = AtomicUsize::new(0);

/// Counts from now on. No store may have a session yet.
pub fn begin() {
    IS_COUNTED.store(true, Ordering::Release);
}

/// Returns the number of sessions.
pub fn number() -> usize {
    TOTAL.load(Ordering::SeqCst)
}

/// Notes that a store has another number of sessions. Where nobody counts it only reads one flag.
#[inline]
pub(super) fn change(before: usize, after: usize) {
    if before != after && IS_COUNTED.load(Ordering::Relaxed) {
        TOTAL.fetch_add(after.wrapping_sub(before), Ordering::SeqCst);
    }
}
