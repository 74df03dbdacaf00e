//! The shared store: one cache for all processes of a server, in memory that they share.
//!
//! ```text
//! Shared ── Mapping ── header page        what the store is, for processes that open its name  header, file
//!    │         ├────── partition 0        a lock, and the partition's body                   mapping
//!    │         │          └ body          ring of records, and their index                     partition
//!    │         ├────── partition 1        selected by the hash of the record's key
//!    │         ├────── ...
//!    │         └────── process slots      each process's counters and facts                    statistics
//!    └───── Seal                          of a named store: records are sealed               seal, key_file
//! ```
//! A record is bytes under a [`RecordKey`]. Bytes are sealed before a lock is acquired and opened
//! after it is released; under it they are only copied: nothing is allocated, called or decoded. A
//! lock is waited for at most 80 milliseconds, or a second where its owner only lacks a processor;
//! then the answer is [`Lookup::Unavailable`], which costs a full handshake.
//!
//! **Order.** A new record evicts a partition's oldest. With equal timeouts that is the soonest to
//! expire.
//!
//! **Processes that die.** If one dies while it changes a partition, the next process empties that
//! partition; one that only read does no harm.
//!
//! **Secrets.** The memory is excluded from core dumps, and from swap where the limits allow. A
//! removed record is overwritten with zeros. An expired one is removed soon, if the store is used
//! at all: see [`Shared::expire`].
#![deny(unsafe_code)]

mod error;
mod expiry;
mod file;
mod header;
mod lookup;
#[allow(unsafe_code, reason = "memory that other processes write")]
mod mapping;
mod partition;
mod statistics;

use std::hash::Hasher;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip::SipHasher13;

pub use error::StoreError;
pub use file::room_for;
pub use header::{MAGIC, VERSION};
pub use statistics::{Event, ProcessFacts, Statistics, WithoutStore};

use crate::expiry::Expiry;
use crate::key_file::Keys;
use crate::out_of_reach::FileError;
use crate::record::{Fingerprint, Policy, RecordHeader, RecordKey};
use crate::seal::Seal;
use crate::secret;
use crate::sync::{Count, locks_held};
use mapping::{Layout, Locked, Mapping, Refused};
use partition::{Broken, MAX_BODY, Partition};

/// A store of sessions that processes share.
pub struct Shared {
    mapping: Mapping,
    /// Key for the hashes of record keys.
    names: [u64; 2],
    /// Key for the fingerprints of sessions.
    fingerprints: [u64; 2],
    /// Key for the result of [`digest`](Self::digest).
    digests: [u64; 2],
    /// Key that hides the policies of a sealed store.
    policies: [u64; 2],
    seal: Option<Seal>,
    /// Time, by partition, until which it is skipped, in milliseconds of [`mapping::monotonic`].
    avoided: Box<[AtomicU64]>,
}

impl Shared {
    /// Makes a store that this process shares with those that it forks from now on. The error says
    /// why there is none.
    pub fn anonymous(size: usize) -> Result<Shared, StoreError> {
        let mapping = Mapping::anonymous(shape(size)?).map_err(|error| StoreError::Memory(FileError(error)))?;
        let mut keys = [0; KEYS];
        getrandom::fill(&mut keys).map_err(StoreError::Random)?;
        Ok(Shared::of(mapping, &mut keys, None))
    }

    /// Opens the store at `path`, or makes it, sealed with `keys`. The error says why it is
    /// refused: a clause that follows the path.
    pub fn named(path: &Path, size: usize, keys: &Keys) -> Result<Shared, StoreError> {
        let (mapping, header) = file::open(path, shape(size)?, keys)?;
        let seal = Seal::new(keys, &header.salt);
        Ok(Shared::of(mapping, &mut header.derive("sslsession: tell names, policies and sessions apart"), Some(seal)))
    }

    fn of(mapping: Mapping, keys: &mut [u8; KEYS], seal: Option<Seal>) -> Shared {
        let avoided = (0..mapping.shape().partitions).map(|_| AtomicU64::new(0)).collect();
        let pair = |number: usize| {
            [0, 8].map(|at| u64::from_ne_bytes(std::array::from_fn(|byte| keys[16 * number + at + byte])))
        };
        let (names, fingerprints, digests, policies) = (pair(0), pair(1), pair(2), pair(3));
        secret::wipe(keys);
        Shared { mapping, names, fingerprints, digests, policies, seal, avoided }
    }

    /// Returns its size in bytes.
    pub fn size(&self) -> usize {
        self.mapping.shape().size
    }

    /// Returns the session's fingerprint: a keyed hash of its master secret, and its expiry.
    pub fn fingerprint(&self, secret: &[u8], expiry: Expiry) -> Fingerprint {
        let [one, two] = self.fingerprints;
        let mut hasher = SipHasher13::new_with_keys(one, two);
        hasher.write(secret);
        Fingerprint { expiry: expiry.second(), fingerprint: hasher.finish() as u32 }
    }

    /// Stores an encoded session and replaces any record with the same key. Returns false if it is
    /// not stored: the record is too large or the lock timed out.
    pub fn insert(&self, name: &RecordKey, mark: Fingerprint, bytes: &[u8]) -> bool {
        self.insert_if(name, mark, bytes, |_| Ok(true))
    }

    /// Replaces the record of a session that was changed: in one step, and only if the record of
    /// `was` still has the fingerprint `known`. The record keeps its policy. Returns false if
    /// nothing was replaced.
    pub fn replace(
        &self,
        was: &RecordKey,
        known: Fingerprint,
        name: &RecordKey,
        mark: Fingerprint,
        bytes: &[u8],
    ) -> bool {
        let Some(policy) = self.policy(was) else { return false };
        let hash = self.hash(was);
        let name = RecordKey { policy, ..*name };
        let is_same = |partition: &Partition| {
            let found = partition.find(hash)?;
            Ok(found.is_some_and(|record| record.label.fingerprint == known.fingerprint))
        };
        if self.hash(&name) == hash {
            return self.insert_if(&name, mark, bytes, is_same);
        }
        // Under another key, and perhaps in another partition: only a process that removed the old
        // record may store the new one.
        let Some(mut opened) = self.lock(self.partition_of(hash)) else { return false };
        let take = |partition: &mut Partition| Ok(is_same(partition)? && partition.remove(hash)?);
        let is_taken = self.change(&mut opened, take).unwrap_or(false);
        drop(opened);
        is_taken && self.insert(&name, mark, bytes)
    }

    /// Stores an encoded session if its partition, once locked, meets the caller's condition.
    fn insert_if(
        &self,
        name: &RecordKey,
        mark: Fingerprint,
        bytes: &[u8],
        is_wanted: impl FnOnce(&Partition) -> Result<bool, Broken>,
    ) -> bool {
        let label = self.label(name, mark);
        let number = self.partition_of(label.hash);
        let sealed = match &self.seal {
            // Only once it is known to fit: its length may be a client's choice.
            Some(seal) if bytes.len() <= MAX_BODY => match seal.seal(name, &label, self.serial(number), bytes) {
                None => return false,
                sealed => sealed,
            },
            _ => None,
        };
        let body = sealed.as_deref().unwrap_or(bytes);
        let Some(mut opened) = self.lock(number) else { return false };
        let stored = self.change(&mut opened, |partition| {
            if !is_wanted(partition)? {
                return Ok(Stored::Unwanted);
            }
            if body.len() > partition.longest() {
                // The record under its key is of another session.
                return partition.remove(label.hash).map(|_| Stored::TooLarge);
            }
            partition.insert(&label, body).map(Stored::Evicting)
        });
        match stored {
            Some(Stored::Evicting(evicted)) => {
                self.count(Event::Stored, 1);
                self.count(Event::Evicted, u64::from(evicted));
                true
            }
            Some(Stored::TooLarge) => {
                self.count(Event::TooLarge, 1);
                false
            }
            Some(Stored::Unwanted) | None => false,
        }
    }

    /// Removes the record of that key. Returns true if there was one.
    pub fn remove(&self, name: &RecordKey) -> bool {
        let hash = self.hash(name);
        let number = self.partition_of(hash);
        let Some(mut opened) = self.lock(number) else { return false };
        let removed = self.change(&mut opened, |partition| partition.remove(hash)).unwrap_or(false);
        self.count(Event::Removed, u64::from(removed));
        removed
    }

    /// Returns the policy of the record of that key, whatever the key's policy; None if there is no
    /// record.
    pub fn policy(&self, name: &RecordKey) -> Option<Policy> {
        let hash = self.hash(name);
        let mut opened = self.lock(self.partition_of(hash))?;
        let find = |body| Some(Partition::new(body, self.mapping.shape()).find(hash).ok()??.label.policy);
        opened.locked.read(find).map(|policy| Policy::of_bits(policy ^ self.hides_policy(hash)))
    }

    /// Returns a keyed digest of bytes: the same in all processes of the store, and unpredictable
    /// for others.
    pub fn digest(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.digests[0], self.digests[1]);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }

    /// Returns the number of records, expired or not.
    pub fn len(&self) -> usize {
        let records = |number| {
            let mut opened = self.lock(number)?;
            Some(opened.locked.read(|body| Partition::new(body, self.mapping.shape()).records()) as usize)
        };
        (0..self.mapping.shape().partitions).filter_map(records).sum()
    }

    /// Returns true if there are no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `during` while the partition of that key is locked, and `changing` also in the middle
    /// of a change. For tests.
    #[doc(hidden)]
    pub fn stall(&self, name: &RecordKey, changing: bool, during: impl FnOnce()) {
        let Some(mut opened) = self.lock(self.partition_of(self.hash(name))) else { return };
        if changing { opened.locked.change(|_| during()) } else { during() }
    }

    /// Acquires a partition's lock, and empties the partition if a process died in a change of it.
    #[inline(always)] // what it returns would be copied on its way, which takes as long as the lock
    fn lock(&self, number: usize) -> Option<Opened<'_>> {
        debug_assert_eq!(locks_held(), 0);
        let avoided = &self.avoided[number];
        let until = avoided.load(Ordering::Relaxed);
        let may_wait = || {
            self.count(Event::Waited, 1);
            until == 0 || mapping::monotonic() >= until
        };
        match self.mapping.lock(number, may_wait) {
            Ok(locked) => {
                if until != 0 {
                    avoided.store(0, Ordering::Relaxed);
                }
                let opened = Opened { locked, _held: Count::up() };
                Some(if opened.locked.was_left_changing() { self.emptied(opened) } else { opened })
            }
            Err(why) => {
                self.note_refusal(number, why);
                None
            }
        }
    }

    #[cold]
    fn note_refusal(&self, number: usize, why: Refused) {
        // Only a timeout begins a time of skipping: else none would end where many want one lock.
        if why == Refused::TimedOut {
            let backoff = mapping::LOCK_BACKOFF.as_millis() as u64;
            self.avoided[number].store(mapping::monotonic() + backoff, Ordering::Relaxed);
        }
        self.count(Event::Unavailable, 1);
    }

    #[cold]
    fn emptied<'a>(&self, mut opened: Opened<'a>) -> Opened<'a> {
        self.empty(&mut opened);
        opened
    }

    /// Changes a partition. Empties it, and returns None, if its bytes are broken.
    fn change<T>(&self, opened: &mut Opened, change: impl FnOnce(&mut Partition) -> Result<T, Broken>) -> Option<T> {
        let changed = opened.locked.change(|body| change(&mut Partition::new(body, self.mapping.shape())));
        if changed.is_err() {
            self.empty(opened);
        }
        changed.ok()
    }

    fn empty(&self, opened: &mut Opened) {
        opened.locked.change(|body| Partition::new(body, self.mapping.shape()).clear());
        self.count(Event::Emptied, 1);
    }

    fn label(&self, name: &RecordKey, mark: Fingerprint) -> RecordHeader {
        let hash = self.hash(name);
        let policy = name.policy.bits() ^ self.hides_policy(hash);
        RecordHeader { hash, policy, expiry: mark.expiry, fingerprint: mark.fingerprint }
    }

    /// Returns the bits that hide the policy of a record of that hash: equal policies look equal in no two records.
    fn hides_policy(&self, hash: u64) -> u64 {
        if self.seal.is_none() {
            return 0;
        }
        let mut hasher = SipHasher13::new_with_keys(self.policies[0], self.policies[1]);
        hasher.write_u64(hash);
        hasher.finish()
    }

    fn hash(&self, name: &RecordKey) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.names[0], self.names[1]);
        hasher.write(name.scope);
        hasher.write_i32(name.version);
        hasher.write(name.id);
        hasher.finish()
    }

    /// Returns a number that no other record of this store gets.
    fn serial(&self, number: usize) -> u64 {
        let partitions = self.mapping.shape().partitions as u64;
        self.mapping.head(number).serial().wrapping_mul(partitions).wrapping_add(number as u64)
    }

    /// Returns the partition of a hash, by its lower half; the upper half selects the bucket.
    fn partition_of(&self, hash: u64) -> usize {
        hash as u32 as usize % self.mapping.shape().partitions
    }
}

/// A partition that this thread has locked, and is counted to have.
struct Opened<'a> {
    locked: Locked<'a>,
    _held: Count,
}

/// Length in bytes of the keys of all hashes of a store.
const KEYS: usize = 4 * 16;

/// Result of an attempt to store a record.
enum Stored {
    /// Stored, after this number of others was evicted.
    Evicting(u32),
    TooLarge,
    Unwanted,
}

fn shape(size: usize) -> Result<Layout, StoreError> {
    Layout::of(size).ok_or(StoreError::Size(size))
}
