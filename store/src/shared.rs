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
mod records;
mod statistics;

use std::hash::Hasher;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip::SipHasher13;

pub use error::StoreError;
pub use file::room_for;
pub use header::{MAGIC, VERSION};
pub use statistics::{Event, ProcessFacts, Statistics, WithoutStore};

use crate::key_file::Keys;
use crate::out_of_reach::FileError;
use crate::record::RecordKey;
use crate::seal::Seal;
use crate::secret;
use crate::sync::{Count, leaf_locks_held};
use mapping::{Layout, Locked, Mapping, Refused};
use partition::{Broken, Partition};

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
        debug_assert_eq!(leaf_locks_held(), 0);
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
        if let Ok(id) = <&[u8; 32]>::try_from(name.id) {
            // The length of nearly all ids: one piece of known length takes half of the instructions.
            let mut whole = [0; 16 + 4 + 32];
            whole[..16].copy_from_slice(name.scope);
            whole[16..20].copy_from_slice(&name.version.0.to_ne_bytes());
            whole[20..].copy_from_slice(id);
            return hasher.hash(&whole);
        }
        hasher.write(name.scope);
        hasher.write_i32(name.version.0);
        hasher.write(name.id);
        hasher.finish()
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

fn shape(size: usize) -> Result<Layout, StoreError> {
    Layout::of(size).ok_or(StoreError::Size(size))
}
