//! Eras: what a forked child does not have.
//!
//! The child of a fork has one thread. What its parent's other threads were doing in memory of ours, counted in a lock as
//! readers or counted elsewhere, is never counted out there. So the child begins a new era, and a count of another era is
//! none. Nobody has to go round and set them back: with thousands of contexts each would cost the copy of a page.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A step of the era, in the place that it has in a bucket's word.
pub(super) const ERA: u32 = 0x1_0000;

/// The era of this process.
static NOW: AtomicU32 = AtomicU32::new(0);

/// To be called in the child of a fork before it uses a store.
pub fn forked() {
    NOW.fetch_add(ERA, Ordering::Relaxed);
}

/// Returns the era of this process, a multiple of [`ERA`].
#[inline]
pub(super) fn now() -> u32 {
    NOW.load(Ordering::Relaxed)
}

/// A count of what threads of this process are at.
///
/// ```text
/// | era 32 | count 32 |
/// ```
#[derive(Default)]
pub struct UnderWay(AtomicU64);

impl UnderWay {
    /// Returns how many are counted.
    pub fn number(&self) -> u32 {
        of_this_era(self.0.load(Ordering::Acquire)) as u32
    }

    /// Counts some more.
    pub fn begin(&self, number: u32) {
        self.change(|count| count.saturating_add(number));
    }

    /// Counts them out. Not below zero: a fork in between forgets them.
    pub fn end(&self, number: u32) {
        self.change(|count| count.saturating_sub(number));
    }

    fn change(&self, change: impl Fn(u32) -> u32) {
        let era = u64::from(now()) << 32;
        let next = |word: u64| Some(era | u64::from(change(of_this_era(word) as u32)));
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
    }
}

/// The word as it counts now.
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
