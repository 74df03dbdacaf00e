//! Where what is in a store: as the store's first page says, and as far as the statistics go.
//!
//! ```text
//! header page    0  "sslsession store"    16  layout u32    20  bits of a pointer u32    24  size u64
//!              512  first partition      520  bytes from one to the next    528  partitions              u64 each
//!              536  in a partition: its state    544  its ring    552  bytes of that
//!              560  first slot           568  bytes of a slot               576  slots
//!
//! partition    state: head, tail, live, in units of 8 bytes; records: u32 each
//!              ring: records, oldest first, from the tail on
//! record         4  length u32; bit 31: dead, bit 30: a filler     24  expiry u32, all ones for never
//! slot           0  owner u64     8  facts u64 x 15    128  counters u64 x 24    320  contexts u32 x 32
//! ```
//! A process without a store has a first page and slots, and no partitions.
//!
//! Serves one layout of the library's; a store of another one is refused.
#![forbid(unsafe_code)]

use std::io;

use super::Unreadable;
use super::memory::{Memory, double, word};
use sslsession_store::shared::{MAGIC, VERSION};

/// The layout that is read here: that of this release's stores.
const LAYOUT: u32 = VERSION;

/// Counters of a slot.
pub const COUNTERS: usize = 24;

const TABLE: u64 = 512;
const FACTS: usize = 15;
const CONTEXTS: usize = 32;
const SLOT: u64 = 448;
const UNIT: u64 = 8;
const RECORD_HEAD: usize = 32;
const DEAD: u32 = 1 << 31;
const FILLER: u32 = 1 << 30;

/// More partitions, or slots, than a store has.
const TOO_MANY: u64 = 1 << 16;

/// Dead records that are passed on the way to the oldest live one.
const STEPS: usize = 64;

/// The places of a store's parts.
#[derive(Debug)]
pub struct Layout {
    first_partition: u64,
    stride: u64,
    partitions: u64,
    state: u64,
    ring: u64,
    ring_size: u64,
    first_slot: u64,
    slots: u64,
}

/// A process's slot; the first is of processes that have ended, or have none.
#[derive(Debug)]
pub struct Slot {
    pub owner: u64,
    pub facts: Vec<u64>,
    pub counters: Vec<u64>,
    pub contexts: Vec<u32>,
}

/// Contents of a partition.
#[derive(Debug)]
pub struct Partition {
    pub records: u32,
    pub used_bytes: u64,
    /// The last second in which the oldest session may be resumed.
    pub oldest_expiry: Option<u32>,
}

impl Layout {
    /// Reads it from a store's first page, and checks that all lies within the store.
    pub fn read(memory: &Memory, size: u64) -> Result<Layout, Unreadable> {
        let start = memory.bytes(0, 32).map_err(Unreadable::Other)?;
        if start.iter().all(|&byte| byte == 0) {
            return Err(Unreadable::NotUsed);
        }
        if start[..16] != *MAGIC {
            return Err(other("is no store of sessions"));
        }
        if word(&start, 16) != LAYOUT {
            return Err(Unreadable::Layout(word(&start, 16)));
        }
        if word(&start, 20) != usize::BITS || double(&start, 24) != size {
            return Err(other("is a store of programs of another architecture, or was cut short"));
        }
        let table = memory.bytes(TABLE, 72).map_err(Unreadable::Other)?;
        let entry = |number: usize| double(&table, 8 * number);
        if entry(8) == 0 {
            return Err(Unreadable::NotUsed);
        }
        let layout = Layout {
            first_partition: entry(0),
            stride: entry(1),
            partitions: entry(2),
            state: entry(3),
            ring: entry(4),
            ring_size: entry(5),
            first_slot: entry(6),
            slots: entry(8),
        };
        let is_possible = entry(7) == SLOT && layout.lies_within(size) == Some(true);
        if is_possible { Ok(layout) } else { Err(other("has a first page that makes no sense")) }
    }

    fn lies_within(&self, size: u64) -> Option<bool> {
        let end_of_partitions = self.first_partition.checked_add(self.stride.checked_mul(self.partitions)?)?;
        let end_of_slots = self.first_slot.checked_add(self.slots.checked_mul(SLOT)?)?;
        let end_of_ring = self.ring.checked_add(self.ring_size)?;
        let are_few = self.partitions <= TOO_MANY && self.slots <= TOO_MANY;
        Some(are_few && end_of_partitions <= size && end_of_slots <= size && end_of_ring <= self.stride)
    }

    /// Returns true if sessions are kept here: not of a process without a store.
    pub fn has_partitions(&self) -> bool {
        self.partitions > 0
    }

    /// Reads the slots.
    pub fn slots(&self, memory: &Memory) -> io::Result<Vec<Slot>> {
        let bytes = memory.bytes(self.first_slot, (self.slots * SLOT) as usize)?;
        let slots = bytes.chunks_exact(SLOT as usize).map(|slot| Slot {
            owner: double(slot, 0),
            facts: (0..FACTS).map(|number| double(slot, 8 + 8 * number)).collect(),
            counters: (0..COUNTERS).map(|number| double(slot, 128 + 8 * number)).collect(),
            contexts: (0..CONTEXTS).map(|number| word(slot, 320 + 4 * number)).collect(),
        });
        Ok(slots.collect())
    }

    /// Reads what the partitions hold. One that cannot be read is left out.
    pub fn partitions(&self, memory: &Memory) -> impl Iterator<Item = Partition> {
        (0..self.partitions).filter_map(|number| self.partition(memory, self.first_partition + number * self.stride))
    }

    fn partition(&self, memory: &Memory, at: u64) -> Option<Partition> {
        let state = memory.bytes(at + self.state, 16).ok()?;
        let (tail, live) = (u64::from(word(&state, 4)), u64::from(word(&state, 8)));
        let oldest_expiry = self.oldest_expiry(memory, at + self.ring, tail, live);
        let used_bytes = (live * UNIT).min(self.ring_size);
        Some(Partition { records: word(&state, 12), used_bytes, oldest_expiry })
    }

    /// Passes what is dead at the tail of a ring.
    fn oldest_expiry(&self, memory: &Memory, ring: u64, mut tail: u64, mut live: u64) -> Option<u32> {
        for _ in 0..STEPS {
            if live == 0 || (tail + 1) * UNIT > self.ring_size {
                return None;
            }
            let head = memory.bytes(ring + tail * UNIT, RECORD_HEAD).ok()?;
            let length = word(&head, 4);
            if length & (DEAD | FILLER) == 0 {
                return Some(word(&head, 24));
            }
            let units = match length & FILLER {
                0 => (RECORD_HEAD as u64 + u64::from(length & !DEAD)).div_ceil(UNIT),
                _ => u64::from(length & !FILLER) / UNIT,
            };
            live = live.checked_sub(units.max(1))?;
            tail = if (tail + units.max(1)) * UNIT == self.ring_size { 0 } else { tail + units.max(1) };
        }
        None
    }

    /// Returns how many bytes of sessions the store has room for.
    pub fn capacity(&self) -> u64 {
        self.partitions.saturating_mul(self.ring_size)
    }
}

fn other(what: &str) -> Unreadable {
    Unreadable::Other(io::Error::other(what))
}
