//! Eras: the fork generation of a process.
//!
//! The child of a fork has one thread. Counts of its parent's other threads, as readers of a lock
//! or elsewhere, are never decremented there. So the child begins a new era, in which counts of an
//! earlier one are 0. Nothing has to be reset: with thousands of contexts each would cost the copy
//! of a page.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A step of the era, at its position in a bucket's word.
pub(super) const ERA: u32 = 0x1_0000;

/// The era of this process.
static NOW: AtomicU32 = AtomicU32::new(0);

/// Begins a new era, in the child of a fork, before it uses a store.
pub fn forked() {
    NOW.fetch_add(ERA, Ordering::Relaxed);
}

/// Returns the era of this process, a multiple of [`ERA`].
#[inline]
pub(super) fn now() -> u32 {
    NOW.load(Ordering::Relaxed)
}

/// A count of this process's threads in some section.
///
/// ```text
/// | era 32 | count 32 |
/// ```
#[derive(Default)]
pub struct UnderWay(AtomicU64);

impl UnderWay {
    /// Returns the count.
    pub fn number(&self) -> u32 {
        of_this_era(self.0.load(Ordering::Acquire)) as u32
    }

    /// Increments the count.
    pub fn begin(&self, number: u32) {
        self.change(|count| count.saturating_add(number));
    }

    /// Decrements the count, not below zero: a fork in between resets it.
    pub fn end(&self, number: u32) {
        self.change(|count| count.saturating_sub(number));
    }

    fn change(&self, change: impl Fn(u32) -> u32) {
        let era = u64::from(now()) << 32;
        let next = |word: u64| Some(era | u64::from(change(of_this_era(word) as u32)));
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
    }
}

/// Returns the word, with a count of another era as 0.
fn of_this_era(word: u64) -> u64 {
    if (word >> 32) as u32 == now() { word } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::UnderWay;

    #[test]
    fn what_is_counted_out_is_counted_no_more() {
        let count = UnderWay::default();
        count.begin(3);
        count.end(1);
        assert_eq!(count.number(), 2);
        count.end(9);
        assert_eq!(count.number(), 0);
    }
}
