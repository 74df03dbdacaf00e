//! One partition: a ring of records, oldest first, and an index to find them by.
//!
//! ```text
//! state      head, tail, live: u32 each, in units of 8 bytes; records: u32
//! buckets    u32 each: the first record of a chain, as its offset in units + 1; 0 for none
//! ring       records and what is free, in units
//!
//!            0        tail              head             end
//!            ├────────┼─────────────────┼────────────────┤      new records are inserted at the head and evict the
//!            │  free  │ rec rec dead rec│      free      │      oldest, at the tail. A record never wraps: the rest
//!            ├────────┼─────────────────┼────────────────┤      at the end, too short for it, becomes a filler.
//!            │ rec rec│      free       │ rec dead filler│      Dead records stay until the tail passes them.
//!            └────────┴─────────────────┴────────────────┘
//!                    head              tail
//!
//! record     0   next u32         the chain's next record, as in a bucket
//!            4   length u32       of the body in bytes; bit 31: dead, bit 30: a filler, which has only these two words
//!            8   hash u64         of scope, version and id; its upper half selects the bucket
//!           16   policy u64       of the record's key
//!           24   expiry u32       the last second it may be resumed in, since 1970; all ones: never
//!           28   fingerprint u32  differs between two sessions of one id
//!           32   body             padded with zeros to a unit
//! ```
//! Anybody who can read the mapping can read all of it, and anybody who can write the mapping may have written it: every
//! number is checked before use, every walk is bounded, and a failed check is [`Broken`]. The caller then empties the
//! partition.
#![forbid(unsafe_code)]

// Nothing here is unsafe, and Miri would take minutes.
#[cfg(all(test, not(miri)))]
mod tests;

use std::ops::Range;

use super::mapping::{Layout, Region, UNIT};
use crate::record::RecordHeader;
use crate::time::UnixTime;

/// Bytes before a record's body.
pub const RECORD_HEAD: usize = 32;

/// Length of the longest body of a record, in any partition. A client chooses its session's length by its
/// certificate: usual ones need one or two thousand bytes, those with a signature that is safe from quantum computers
/// up to eight thousand. A client of a hundred thousand, which costs it no more, would evict hundreds of others at
/// each handshake.
pub const MAX_BODY: usize = 10 << 10;

/// Length of a chain that chance never makes: there is about one bucket for each record, and the hash is keyed.
const LONGEST_CHAIN: usize = 64;

const STATE: usize = 16;
const DEAD: u32 = 1 << 31;
const FILLER: u32 = 1 << 30;

/// An error: this code cannot have written the partition's bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// A locked partition.
pub struct Partition<'a> {
    state: Region<'a>,
    buckets: Region<'a>,
    ring: Region<'a>,
}

/// A record that was found, while its partition is locked.
pub struct Record<'a> {
    /// The record's header.
    pub label: RecordHeader,
    ring: Region<'a>,
    body: Range<usize>,
}

impl Record<'_> {
    /// Returns the length of its body.
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// Appends its body to a copy that has room for it.
    pub fn append_to(&self, copy: &mut Vec<u8>) -> Result<(), Broken> {
        self.ring.append_to(self.body.clone(), copy).ok_or(Broken)
    }
}

/// Position of a record: its own offset, and that of the link to it.
#[derive(Clone, Copy)]
struct Position {
    record: usize,
    before: Link,
}

/// A link to a record.
#[derive(Clone, Copy)]
enum Link {
    Bucket(usize),
    Record(usize),
}

impl<'a> Partition<'a> {
    /// Returns the partition of a body.
    pub fn new(body: Region<'a>, shape: &Layout) -> Partition<'a> {
        let (state, rest) = body.split_at(STATE);
        let (buckets, ring) = rest.split_at((4 * shape.buckets).next_multiple_of(UNIT));
        let (ring, _) = ring.split_at(ring.len() / UNIT * UNIT);
        Partition { state, buckets, ring }
    }

    /// Returns the range of the ring in a body, for readers from outside.
    pub fn ring(shape: &Layout) -> Range<usize> {
        let start = STATE + (4 * shape.buckets).next_multiple_of(UNIT);
        start..start + (shape.body(0).len() - start) / UNIT * UNIT
    }

    /// Returns the length of the longest body: with its head a quarter of the ring, and never more than [`MAX_BODY`].
    pub fn longest(&self) -> usize {
        (self.ring.len() / 4 / UNIT * UNIT).saturating_sub(RECORD_HEAD).min(MAX_BODY)
    }

    /// Returns the number of records.
    pub fn records(&self) -> u32 {
        self.state.word(12).unwrap_or(0)
    }

    /// Removes every record, and wipes every byte.
    pub fn clear(&mut self) {
        for part in [self.buckets, self.state, self.ring] {
            let cleared = part.clear(0..part.len());
            debug_assert!(cleared.is_some(), "all of a region lies within it");
        }
    }

    /// Returns the record of that hash.
    pub fn find(&self, hash: u64) -> Result<Option<Record<'a>>, Broken> {
        let Some(position) = self.position_of(hash)? else { return Ok(None) };
        let length = self.length(position.record)?;
        let body = position.record + RECORD_HEAD;
        Ok(Some(Record { label: self.label(position.record)?, ring: self.ring, body: body..body + length }))
    }

    /// Returns the number of bytes of the ring in use, and true if a record among them has expired at `now`.
    pub fn survey(&self, now: UnixTime) -> Result<(usize, bool), Broken> {
        let mut is_over = false;
        self.walk(|label, _| {
            is_over |= label.is_over(now);
            Ok(())
        })?;
        Ok((self.live()? * UNIT, is_over))
    }

    /// Wipes all records that have expired at `now`. Returns their number.
    pub fn expire(&self, now: UnixTime) -> Result<u32, Broken> {
        let mut expired = 0;
        self.walk(|label, record| {
            if label.is_over(now) {
                let position = self.search(label.hash, |found| found == record)?.ok_or(Broken)?;
                self.delete(position)?;
                expired += 1;
            }
            Ok(())
        })?;
        Ok(expired)
    }

    /// Visits all records, oldest first.
    fn walk(&self, mut visit: impl FnMut(&RecordHeader, usize) -> Result<(), Broken>) -> Result<(), Broken> {
        let (mut at, mut left) = (self.tail()?, self.live()?);
        while left > 0 {
            let length = word(self.ring, at * UNIT + 4)?;
            let units = self.units_at(at)?;
            if length & (FILLER | DEAD) == 0 {
                visit(&self.label(at * UNIT)?, at * UNIT)?;
            }
            left = left.checked_sub(units).ok_or(Broken)?;
            at = if at + units == self.units() { 0 } else { at + units };
        }
        Ok(())
    }

    /// Returns the length in units of the record or filler at an offset: at least one, and all within the ring.
    fn units_at(&self, at: usize) -> Result<usize, Broken> {
        let length = word(self.ring, at * UNIT + 4)?;
        let units = match length & FILLER {
            0 => units_of((length & !DEAD) as usize),
            _ => (length & !FILLER) as usize / UNIT,
        };
        if units == 0 || at + units > self.units() { Err(Broken) } else { Ok(units) }
    }

    /// Removes the record of that hash and wipes it. Returns true if there was one.
    pub fn remove(&mut self, hash: u64) -> Result<bool, Broken> {
        let Some(position) = self.position_of(hash)? else { return Ok(false) };
        self.delete(position)?;
        Ok(true)
    }

    /// Stores a record, of at most [`longest`](Self::longest) bytes, and replaces one of the same hash. Evicts the
    /// oldest records if there is no room, and returns their number.
    pub fn insert(&mut self, label: &RecordHeader, body: &[u8]) -> Result<u32, Broken> {
        self.remove(label.hash)?;
        let units = units_of(body.len());
        let before = self.records();
        self.make_room(units)?;
        let evicted = before.checked_sub(self.records()).ok_or(Broken)?;
        let at = self.head()? * UNIT;
        let bucket = self.bucket_of(label.hash);
        let next = word(self.buckets, bucket)?;
        self.write_head(at, next, body.len() as u32, label)?;
        let end = at + RECORD_HEAD + body.len();
        self.ring.write(at + RECORD_HEAD, body).ok_or(Broken)?;
        self.ring.clear(end..at + units * UNIT).ok_or(Broken)?;
        put(self.buckets, bucket, (at / UNIT) as u32 + 1)?;
        self.advance(units, 1)?;
        Ok(evicted)
    }

    fn advance(&mut self, units: usize, records: u32) -> Result<(), Broken> {
        let end = self.head()? + units;
        self.set_head(if end == self.units() { 0 } else { end })?;
        put(self.state, 8, (self.live()? + units) as u32)?;
        put(self.state, 12, self.records().checked_add(records).ok_or(Broken)?)
    }

    /// Makes room at the head for a record of that length in units.
    fn make_room(&mut self, units: usize) -> Result<(), Broken> {
        loop {
            let (head, tail, live) = (self.head()?, self.tail()?, self.live()?);
            if live == 0 {
                self.set_head(0)?;
                put(self.state, 4, 0)?;
                return Ok(());
            }
            let runs_to_the_end = head > tail;
            let room = if runs_to_the_end { self.units() - head } else { tail - head };
            if room >= units {
                return Ok(());
            }
            if runs_to_the_end {
                put(self.ring, head * UNIT, 0)?;
                put(self.ring, head * UNIT + 4, FILLER | (room * UNIT) as u32)?;
                self.advance(room, 0)?;
            } else {
                self.evict_oldest()?;
            }
        }
    }

    fn evict_oldest(&mut self) -> Result<(), Broken> {
        let (tail, live) = (self.tail()?, self.live()?);
        let at = tail * UNIT;
        if word(self.ring, at + 4)? & (FILLER | DEAD) == 0 {
            let hash = double(self.ring, at + 8)?;
            let position = self.search(hash, |record| record == at)?.ok_or(Broken)?;
            self.delete(position)?;
        }
        let units = self.units_at(tail)?;
        let end = tail + units;
        put(self.state, 4, if end == self.units() { 0 } else { end as u32 })?;
        put(self.state, 8, live.checked_sub(units).ok_or(Broken)? as u32)
    }

    /// Unlinks a record and wipes it. It keeps its length, by which the tail passes it.
    fn delete(&self, position: Position) -> Result<(), Broken> {
        let length = self.length(position.record)?;
        let next = word(self.ring, position.record)?;
        match position.before {
            Link::Bucket(bucket) => put(self.buckets, bucket, next)?,
            Link::Record(record) => put(self.ring, record, next)?,
        }
        let end = position.record + units_of(length) * UNIT;
        self.ring.clear(position.record..end).ok_or(Broken)?;
        put(self.ring, position.record + 4, DEAD | length as u32)?;
        put(self.state, 12, self.records().checked_sub(1).ok_or(Broken)?)
    }

    fn position_of(&self, hash: u64) -> Result<Option<Position>, Broken> {
        self.search(hash, |record| double(self.ring, record + 8) == Ok(hash))
    }

    /// Walks the chain of a hash's bucket to the record that is wanted.
    fn search(&self, hash: u64, is_wanted: impl Fn(usize) -> bool) -> Result<Option<Position>, Broken> {
        let bucket = self.bucket_of(hash);
        let mut before = Link::Bucket(bucket);
        let mut link = word(self.buckets, bucket)?;
        for _ in 0..=LONGEST_CHAIN {
            if link == 0 {
                return Ok(None);
            }
            let record = (link as usize - 1) * UNIT;
            if is_wanted(record) {
                return Ok(Some(Position { record, before }));
            }
            before = Link::Record(record);
            link = word(self.ring, record)?;
        }
        Err(Broken)
    }

    fn bucket_of(&self, hash: u64) -> usize {
        // The count is not read from the mapping; and a layout has at least one.
        let buckets = self.buckets.len() / 4;
        ((hash >> 32) as usize % buckets) * 4
    }

    /// Returns the length of a live record's body, checked to lie within the ring.
    fn length(&self, record: usize) -> Result<usize, Broken> {
        let length = word(self.ring, record + 4)? as usize;
        let is_within = length <= self.longest() && record + units_of(length) * UNIT <= self.ring.len();
        is_within.then_some(length).ok_or(Broken)
    }

    fn write_head(&self, at: usize, next: u32, length: u32, label: &RecordHeader) -> Result<(), Broken> {
        put(self.ring, at, next)?;
        put(self.ring, at + 4, length)?;
        self.ring.set_double(at + 8, label.hash).ok_or(Broken)?;
        self.ring.set_double(at + 16, label.policy).ok_or(Broken)?;
        put(self.ring, at + 24, label.expiry)?;
        put(self.ring, at + 28, label.fingerprint)
    }

    fn label(&self, record: usize) -> Result<RecordHeader, Broken> {
        Ok(RecordHeader {
            hash: double(self.ring, record + 8)?,
            policy: double(self.ring, record + 16)?,
            expiry: word(self.ring, record + 24)?,
            fingerprint: word(self.ring, record + 28)?,
        })
    }

    fn units(&self) -> usize {
        self.ring.len() / UNIT
    }

    fn head(&self) -> Result<usize, Broken> {
        self.offset(0)
    }

    fn tail(&self) -> Result<usize, Broken> {
        self.offset(4)
    }

    fn live(&self) -> Result<usize, Broken> {
        let live = word(self.state, 8)? as usize;
        if live <= self.units() { Ok(live) } else { Err(Broken) }
    }

    fn offset(&self, at: usize) -> Result<usize, Broken> {
        let offset = word(self.state, at)? as usize;
        if offset < self.units() { Ok(offset) } else { Err(Broken) }
    }

    fn set_head(&mut self, head: usize) -> Result<(), Broken> {
        put(self.state, 0, head as u32)
    }
}

/// Returns the length in units of a record whose body has that many bytes.
fn units_of(length: usize) -> usize {
    (RECORD_HEAD + length).div_ceil(UNIT)
}

fn word(bytes: Region, at: usize) -> Result<u32, Broken> {
    bytes.word(at).ok_or(Broken)
}

fn double(bytes: Region, at: usize) -> Result<u64, Broken> {
    bytes.double(at).ok_or(Broken)
}

fn put(bytes: Region, at: usize, word: u32) -> Result<(), Broken> {
    bytes.set_word(at, word).ok_or(Broken)
}
