//! The statistics of a store and of its processes, read from outside.
//!
//! ```text
//!   find     a store by its name, or by a process that has it ──► memory   its bytes: read, never written, never locked
//!                                                                   │
//!   census   processes, and what they have mapped ─┐            layout   where what is: the header page says it
//!                                                  ▼                ▼
//!                                              Statistics ◄── slots and partitions
//! ```
//! Processes go on meanwhile, so two numbers may be of two moments. Whoever can write a store can write anything into it:
//! each number is checked before it leads anywhere, and each walk is bounded.
#![forbid(unsafe_code)]

mod build_id;
pub mod find;
mod layout;
mod memory;
mod process;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

pub use build_id::add_build_ids;
use find::Source;
use layout::{Layout, Slot};
pub use process::ProcessStatistics;
pub use process::{AMONG_COPIES, NOT_SHARED};

/// Facts that a store reports of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Statistics {
    /// The name that the settings take; of one without a name the first process that has it.
    pub name: String,
    pub path: Option<PathBuf>,
    /// The file was removed: processes that start now make another.
    pub is_removed: bool,
    pub size_bytes: u64,
    /// False for processes without a store, which keep their sessions each in its own memory: then only their number is known.
    pub is_shared: bool,
    /// False until a process has made its first SSL_CTX.
    pub is_used: bool,
    pub sessions: u64,
    /// Bytes that sessions take, and those for which there is room.
    pub used_bytes: u64,
    pub capacity_bytes: u64,
    /// The oldest session, which leaves first; negative if it is over.
    pub oldest_expires_in_seconds: Option<i64>,
    #[serde(flatten)]
    pub counts: Counts,
    pub processes: Vec<ProcessStatistics>,
}

/// Counts since the store was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub hits: u64,
    pub misses: Misses,
    pub stored: u64,
    pub removed: u64,
    pub evicted: u64,
    pub expired: u64,
    pub too_large: u64,
    pub lock_waits: u64,
    pub lock_timeouts: u64,
    pub partitions_emptied: u64,
    pub remote: Remote,
}

/// Counts of the remote store, behind this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remote {
    pub asked: u64,
    pub found: u64,
    pub late: u64,
    pub failed: u64,
    pub refused: u64,
    pub written: u64,
    pub dropped: u64,
    pub breaker_opened: u64,
}

impl Remote {
    fn of(counters: &[u64]) -> Remote {
        let [asked, found, late, failed, refused, written, dropped, breaker_opened] = *counters else {
            return Remote::default();
        };
        Remote { asked, found, late, failed, refused, written, dropped, breaker_opened }
    }

    /// Returns true if nothing was asked or written.
    pub fn is_unused(&self) -> bool {
        *self == Remote::default()
    }
}

/// Lookups that found nothing to be resumed, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Misses {
    pub unknown: u64,
    pub expired: u64,
    pub other_policy: u64,
    pub other_key: u64,
}

impl Misses {
    /// Returns each cause with its name.
    pub fn by_cause(&self) -> [(&'static str, u64); 4] {
        [
            ("unknown", self.unknown),
            ("expired", self.expired),
            ("other_policy", self.other_policy),
            ("other_key", self.other_key),
        ]
    }

    /// Returns their number.
    pub fn sum(&self) -> u64 {
        self.by_cause().iter().fold(0, |sum, (_, number)| sum.saturating_add(*number))
    }
}

/// The first counter of the remote store.
const FIRST_REMOTE: usize = 16;

impl Counts {
    /// Returns the number of lookups.
    pub fn lookups(&self) -> u64 {
        self.hits.saturating_add(self.misses.sum())
    }

    /// Returns which part of the lookups were hits; None without lookups.
    pub fn hit_ratio(&self) -> Option<f64> {
        let lookups = self.lookups();
        (lookups > 0).then(|| self.hits as f64 / lookups as f64)
    }

    /// The counters of a slot, in the order in which the library has them.
    fn of(counters: &[u64]) -> Counts {
        let [
            found,
            missed,
            stored,
            removed,
            evicted,
            too_large,
            other_key,
            lock_timeouts,
            partitions_emptied,
            expired,
            withheld,
            over,
            lock_waits,
            ..,
        ] = *counters
        else {
            return Counts::default();
        };
        Counts {
            hits: found.saturating_sub(other_key),
            misses: Misses { unknown: missed, expired: over, other_policy: withheld, other_key },
            stored,
            removed,
            evicted,
            expired,
            too_large,
            lock_waits,
            lock_timeouts,
            partitions_emptied,
            remote: Remote::of(&counters[FIRST_REMOTE..]),
        }
    }
}

/// A store's memory holds no statistics that this command can read.
#[derive(Debug)]
pub enum Unreadable {
    /// No process has made an SSL_CTX yet.
    NotUsed,
    /// It is a store of a library of another layout.
    Layout(u32),
    /// Something else.
    Other(std::io::Error),
}

impl Statistics {
    /// Reads those of a store.
    pub fn read(source: &Source, census: &find::Census) -> Result<Statistics, Unreadable> {
        let mut statistics = Statistics {
            name: source.name.clone(),
            path: source.path.clone(),
            is_removed: source.is_removed,
            size_bytes: source.size,
            is_shared: source.is_shared,
            is_used: true,
            sessions: 0,
            used_bytes: 0,
            capacity_bytes: 0,
            oldest_expires_in_seconds: None,
            counts: Counts::default(),
            processes: Vec::new(),
        };
        let layout = match Layout::read(&source.memory, source.size) {
            Ok(layout) => layout,
            Err(Unreadable::NotUsed) => {
                statistics.is_used = false;
                statistics.processes = process::unseen(source, census);
                return Ok(statistics);
            }
            Err(error) => return Err(error),
        };
        let slots = layout.slots(&source.memory).map_err(Unreadable::Other)?;
        statistics.counts = Counts::of(&sum(&slots));
        statistics.processes = process::all(source, census, &slots, now());
        if layout.has_partitions() {
            statistics.count_sessions(&layout, source);
        } else {
            let kept = statistics.processes.iter().filter_map(|process| process.sessions);
            statistics.sessions = kept.fold(0, u64::saturating_add);
        }
        Ok(statistics)
    }

    fn count_sessions(&mut self, layout: &Layout, source: &Source) {
        let mut oldest = u32::MAX;
        for partition in layout.partitions(&source.memory) {
            self.sessions += u64::from(partition.records);
            self.used_bytes += partition.used_bytes;
            oldest = oldest.min(partition.oldest_expiry.unwrap_or(u32::MAX));
        }
        self.capacity_bytes = layout.capacity();
        self.oldest_expires_in_seconds = (oldest != u32::MAX).then(|| i64::from(oldest) - now());
    }

    /// Returns which part of its room is taken.
    pub fn fill(&self) -> f64 {
        if self.capacity_bytes == 0 { 0.0 } else { self.used_bytes as f64 / self.capacity_bytes as f64 }
    }
}

fn sum(slots: &[Slot]) -> Vec<u64> {
    let mut sum = vec![0u64; layout::COUNTERS];
    for slot in slots {
        sum.iter_mut().zip(&slot.counters).for_each(|(sum, counter)| *sum = sum.wrapping_add(*counter));
    }
    sum
}

/// Returns the seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::{Counts, Misses};

    #[test]
    fn a_record_that_does_not_open_is_a_miss() {
        let counters: Vec<u64> = (1..=16).map(|number| number * 10).collect();
        let counts = Counts::of(&counters);
        assert_eq!((counts.hits, counts.misses.sum()), (0, 20 + 70 + 110 + 120), "10 found, of which 70 cannot be");
        let counts = Counts::of(&[8, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!((counts.hits, counts.lookups(), counts.hit_ratio()), (5, 10, Some(0.5)));
        assert_eq!(counts.misses, Misses { unknown: 1, expired: 1, other_policy: 0, other_key: 3 });
        assert_eq!(Counts::default().hit_ratio(), None);
    }
}
