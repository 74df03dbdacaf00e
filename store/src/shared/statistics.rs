//! Statistics of a store and its processes, for `sslsession stat`, which reads the mapping and
//! acquires no lock. A process without a store has the same in memory of its own, without
//! partitions.
//!
//! ```text
//! header page   as `header` draws it; of a store without a name the first 32 bytes only. And where all else is:
//!               512  first partition     520  bytes from one to the next    528  partitions
//!               536  in a partition: its state    544  its ring    552  bytes of that
//!               560  first slot          568  bytes of a slot               576  slots
//! slot          as `mapping::process_slot` draws it; its facts, u64 each, are
//!                 0  locked         1: the process keeps the store out of swap, 2: it may not
//!                 1  library        its version: major << 32 | minor << 16 | patch
//!                 2  settings       bits: 1 SSLSESSION_ATTACH=all, 2 SSLSESSION_TICKETS=stateful, 4 shared,
//!                                8 SSLSESSION_PRIVATE, 16 a store was asked for and is not to be had
//!                 3  epoch          seconds of an epoch of shared tickets; 0 without
//!                 4  libssl         its name and version, as it returns them: text, 5 u64, zeros behind
//!                 9  sessions       of a process without a store: the number that it keeps, and 1; 0 before the first
//!               its gauges and further counters are those of the remote store, as `counting` numbers them
//!               its counters are `Event`s in their order, its contexts are counted by a number that their cache gives
//! ```
//! Any change here changes the layout: the command has these numbers too.
#![forbid(unsafe_code)]

use super::mapping::{Mapping, ProcessSlot};
use super::partition::Partition;
use super::{Shared, header};
use crate::counting::Counting;

/// An event that a store counts, by process, since it was made. The numbers are part of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was found, or found to be current.
    Found,
    /// No record was found.
    Missed,
    /// A record was stored.
    Stored,
    /// A record was removed, or taken to be used once.
    Removed,
    /// A record was evicted because its partition was full.
    Evicted,
    /// A record was larger than 10 KiB, or than a quarter of a small partition, and not stored.
    TooLarge,
    /// A sealed record was found and did not open.
    Refused,
    /// A lock was not acquired in time.
    Unavailable,
    /// A partition was emptied: a process died while changing it, or its bytes made no sense.
    Emptied,
    /// An expired record was wiped.
    Expired,
    /// A record was found that is for connections of another policy.
    PolicyMismatch,
    /// An expired record was found.
    Over,
    /// A lock was held by another.
    Waited,
}

/// Offset of the table in the header page.
const TABLE: usize = 512;

const LIBRARY: usize = 1;
const SETTINGS: usize = 2;
const EPOCH: usize = 3;
const LIBSSL: usize = 4;
const LIBSSL_WORDS: usize = 5;
const SESSIONS: usize = 9;

/// Facts that a process reports of itself.
pub struct ProcessFacts<'a> {
    /// The library's version, in three numbers.
    pub library: [u16; 3],
    /// The libssl that is served.
    pub libssl: &'a str,
    /// SSLSESSION_ATTACH=all.
    pub attaches_all: bool,
    /// SSLSESSION_TICKETS=stateful.
    pub stateful_tickets: bool,
    /// Seconds of an epoch, with SSLSESSION_TICKETS=shared.
    pub ticket_epoch: Option<u32>,
    /// SSLSESSION_PRIVATE, or a program that is known to need it.
    pub is_private: bool,
    /// True if a store was asked for and cannot be opened.
    pub is_refused: bool,
}

/// The statistics of a mapping's processes.
#[derive(Clone, Copy)]
pub struct Statistics<'a> {
    mapping: &'a Mapping,
    /// True if the store has a name: its first page has a [`Header`](super::header::Header).
    has_header: bool,
}

/// Statistics of a process without a store, and of those that it forks.
pub struct WithoutStore(Mapping);

impl WithoutStore {
    /// Returns the memory for this process; None if there is none left.
    pub fn new() -> Option<WithoutStore> {
        Mapping::of_slots(c"sslsession").ok().map(WithoutStore)
    }

    /// Returns the statistics of its processes.
    pub fn statistics(&self) -> Statistics<'_> {
        Statistics { mapping: &self.0, has_header: false }
    }
}

impl Shared {
    /// Returns the statistics of its processes.
    pub fn statistics(&self) -> Statistics<'_> {
        Statistics { mapping: &self.mapping, has_header: self.seal.is_some() }
    }

    /// Counts an event.
    #[inline(always)]
    pub(super) fn count(&self, event: Event, times: u64) {
        if times > 0 {
            self.mapping.slot().count(event as usize, times);
        }
    }
}

impl<'a> Statistics<'a> {
    /// Takes a slot for this process, and writes the process's facts into it.
    pub fn describe(&self, facts: &ProcessFacts) {
        self.mapping.begin();
        if !self.has_header {
            header::mark(self.mapping.header(), self.mapping.shape());
        }
        self.write_table();
        let slot = self.mapping.slot();
        let [major, minor, patch] = facts.library.map(u64::from);
        slot.set_fact(LIBRARY, major << 32 | minor << 16 | patch);
        let has_epoch = facts.ticket_epoch.is_some();
        let settings = [facts.attaches_all, facts.stateful_tickets, has_epoch, facts.is_private, facts.is_refused];
        slot.set_fact(SETTINGS, settings.iter().rev().fold(0, |bits, &is_set| bits << 1 | u64::from(is_set)));
        slot.set_fact(EPOCH, facts.ticket_epoch.map_or(0, u64::from));
        let mut text = [0; 8 * LIBSSL_WORDS];
        text.iter_mut().zip(facts.libssl.bytes()).for_each(|(place, byte)| *place = byte);
        for (number, word) in text.chunks_exact(8).enumerate() {
            slot.set_fact(LIBSSL + number, word.try_into().map_or(0, u64::from_ne_bytes));
        }
    }

    fn write_table(&self) {
        let shape = self.mapping.shape();
        let partitions = match shape.partitions {
            0 => [0; 6],
            number => {
                let (start, body, ring) = (shape.partition(0), shape.body(0).start, Partition::ring(shape));
                let stride = shape.partition(1) - start;
                [start, stride, number, body - start, body - start + ring.start, ring.len()]
            }
        };
        let slots = [shape.first_slot(), size_of::<ProcessSlot>(), shape.slots];
        for (number, value) in partitions.into_iter().chain(slots).enumerate() {
            let is_written = self.mapping.header().set_double(TABLE + 8 * number, value as u64);
            debug_assert!(is_written.is_some(), "within the page");
        }
    }

    /// Takes a slot for this process, unless it has one. Returns true if it has taken one.
    pub fn begin(&self) -> bool {
        self.mapping.begin()
    }

    /// Counts a context of a kind in this process.
    pub fn count_context(&self, kind: u8) {
        self.mapping.begin();
        self.mapping.slot().count_context(usize::from(kind));
    }

    /// Returns false if this process may not keep the store out of swap.
    pub fn is_kept_in_memory(&self) -> bool {
        self.mapping.slot().fact(ProcessSlot::LOCKED) != 2
    }

    /// Returns the number of an event in all processes.
    pub fn counted(&self, event: Event) -> u64 {
        // The mapping's numbers are untrusted.
        self.mapping.slots().iter().map(|slot| slot.counted(event as usize)).fold(0, u64::wrapping_add)
    }

    /// Returns the number of an event in this process, if it has a slot of its own.
    pub fn counted_here(&self, event: Event) -> u64 {
        self.mapping.own_slot().map_or(0, |slot| slot.counted(event as usize))
    }

    /// Returns where this process counts what its remote store does.
    pub fn of_remote(&self) -> Counting<'a> {
        self.mapping.begin();
        self.mapping.slot().of_remote()
    }

    /// Shows the number of sessions that this process keeps itself.
    pub fn show_sessions(&self, number: u64) {
        self.mapping.begin();
        self.mapping.slot().set_fact(SESSIONS, number.wrapping_add(1));
    }

    /// Counts an event in this process, which may not have a slot yet.
    pub fn count(&self, event: Event, times: u64) {
        self.mapping.begin();
        self.mapping.slot().count(event as usize, times);
    }
}
