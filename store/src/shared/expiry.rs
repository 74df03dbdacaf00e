//! Removal of expired records, little by little, whether or not they are looked up again.
//!
//! ```text
//!   first page   1024  the second of the last removal
//!                1032  the partition that comes next
//! ```
//! Once a second, by the clock that lookups and insertions pass in, one process scans some
//! partitions: as many as it takes to scan the whole store within half an hour, and at least
//! [`LEAST`] bytes of records. After a quiet time it makes up for some of it. A store that nobody
//! uses is not scanned: there is no process to wipe it.
#![forbid(unsafe_code)]

use super::partition::Partition;
use super::{Event, Opened, Shared};
use crate::sync::Count;
use crate::time::UnixTime;

const SECOND: usize = 1024;
const NEXT: usize = 1032;

/// Number of bytes of records scanned in a second: a few hundred records, which take some
/// microseconds.
const LEAST: usize = 64 << 10;

/// Number of seconds in which the whole store is scanned.
const ROUND: usize = 1800;

/// Number of seconds that are made up for after a quiet time.
const MOST_AT_ONCE: i64 = 16;

impl Shared {
    /// Wipes some of the records that have expired at `now`. Cheap, except once a second.
    pub(super) fn expire_due(&self, now: UnixTime) {
        let page = self.mapping.header();
        let last = page.double(SECOND).map_or(now, |second| UnixTime(second as i64));
        if now != last && page.set_double(SECOND, now.0 as u64).is_some() {
            self.expire_some(now, now.0.wrapping_sub(last.0).clamp(1, MOST_AT_ONCE) as usize);
        }
    }

    #[cold]
    fn expire_some(&self, now: UnixTime, seconds: usize) {
        let (page, shape) = (self.mapping.header(), self.mapping.shape());
        let mut left = seconds * LEAST.max(shape.size / ROUND);
        let first = page.double(NEXT).map_or(0, |next| (next % shape.partitions as u64) as usize);
        let mut next = first;
        loop {
            let looked_at = self.expire_partition(next, now);
            next = (next + 1) % shape.partitions;
            left = left.saturating_sub(looked_at);
            if left == 0 || next == first {
                break;
            }
        }
        let noted = page.set_double(NEXT, next as u64);
        debug_assert!(noted.is_some(), "within the page");
    }

    /// Scans a partition, unless another process has it locked. Returns the number of bytes
    /// scanned.
    fn expire_partition(&self, number: usize, now: UnixTime) -> usize {
        let Ok(locked) = self.mapping.lock(number, || false) else { return 0 };
        let mut opened = Opened { locked, _held: Count::up() };
        if opened.locked.was_left_changing() {
            self.empty(&mut opened);
        }
        match opened.locked.read(|body| Partition::new(body, self.mapping.shape()).survey(now)) {
            Ok((used, false)) => used,
            Ok((used, true)) => {
                let expired = self.change(&mut opened, |partition| partition.expire(now));
                self.count(Event::Expired, u64::from(expired.unwrap_or(0)));
                used
            }
            Err(_) => {
                self.empty(&mut opened);
                0
            }
        }
    }
}
