//! The memory store: live references to the sessions of one process.
//!
//! ```text
//! Memory ── made at the first insertion:
//!   readers                                            writers, one at a time
//!   small table: up to 32 slots side by side           order: a list of nodes, soonest to expire first,
//!   or buckets, each under a lock of its own                  and, if its rules say so, oldest first
//!                                                      count, soonest: readable without a lock
//!
//!   bucket (the key's bits)            node number
//!   ├ bucket 0   |tag value node ×3| ─────► expiry, before, after, bits
//!   ├ bucket 1   |tag value node ×1| ◄───── (the way back from the order to the slot)
//!   └ bucket 2   |tag value node ×2| ─► overflow bucket
//!
//! Key:             tag 64                 bits 32
//!   compared:      in the slot            by the slot's position, as many bits as there are buckets (all while small)
//! ```
//! **Locks.** A lookup acquires one lock, as a reader, while it finds the slot and clones the
//! value, that is, increments a reference count. A writer acquires the writer lock, and under it,
//! for each single change of a table, the lock of that bucket. That is the only order: gate,
//! writer, table. Nothing is dropped and nothing foreign is called under a lock.
//!
//! **Growth** adds a bucket, a node, a piece of 1024 buckets or a segment of nodes (a quarter of
//! the existing ones, not touched until used) at a time: no insertion pays for a table.
//!
//! **Turns.** A thread that removes sessions in batches wants the lock again as soon as the last
//! batch is freed, and would mostly win it against threads that have to be woken first. So a writer
//! that finds the lock held sets a flag before it waits, and a batch begins by waiting for such a
//! writer. Readers need no turns: a batch acquires a bucket's lock anew for each session.
//!
//! **Forks.** While a process forks, the [`gate`](super::gate) keeps writers out of all stores. The
//! child's stores are then consistent. Locks may still count readers whose threads the child does
//! not have: it begins a new [`era`].
#![deny(unsafe_code)]

mod bucket;
mod buckets;
mod chain;
mod expiry_list;
mod flat_table;
mod insertions;
mod linear_table;
mod lock;
mod node_slab;
mod outcome;
mod parts;
mod rules;
mod table;
#[cfg(all(test, not(shuttle)))]
mod tests;
pub mod total;

pub use outcome::{Evicted, Inserted, Outcome, Repositioned};
pub use rules::{AddingAgain, Capacity, Eviction, MemoryRules};

use crate::expiry::Expiry;
use crate::key::Key;
use crate::sync::{self, leaf_locks_held};
use crate::time::UnixTime;
use crate::{era, gate};
use parts::{Limit, Parts};
use std::sync::OnceLock;
use sync::atomic::Ordering::Relaxed;

/// Number of sessions removed while the writer lock is held once: some tens of microseconds.
pub const BATCH: usize = 64;

/// The sessions of one cache, in memory.
///
/// `V` is an owned reference to a session. Its clone is one more reference; it is made under a lock
/// of the store, so it must call nothing that could come back here. `==` is true for the same
/// object only. Its drop may do anything, because it never happens under a lock. It should have a
/// niche, as a `NonNull` has: an `Option<V>` of 8 bytes makes a bucket one cache line, a larger one
/// two.
///
/// All functions may be called by any number of threads at once.
pub struct Memory<V> {
    rules: MemoryRules,
    parts: OnceLock<Box<Parts<V>>>,
}

impl<V> Memory<V> {
    /// Makes an empty store of the rules [`MemoryRules::SOONEST_FIRST`]. Allocates nothing.
    pub const fn new() -> Self {
        Self::with_rules(MemoryRules::SOONEST_FIRST)
    }

    /// Makes an empty store by these rules. Allocates nothing.
    pub const fn with_rules(rules: MemoryRules) -> Self {
        Self { rules, parts: OnceLock::new() }
    }

    /// Returns the number of sessions. Acquires no lock.
    pub fn len(&self) -> usize {
        self.parts.get().map_or(0, |parts| parts.writers.count())
    }

    /// Returns true if there are no sessions. Acquires no lock.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the parts, which know the order that `eviction` needs if they are made now.
    fn parts(&self, eviction: Eviction) -> &Parts<V> {
        match self.parts.get() {
            Some(parts) => parts,
            None => self.make(eviction),
        }
    }

    #[cold]
    fn make(&self, eviction: Eviction) -> &Parts<V> {
        let parts = Box::new(Parts::new(eviction));
        // A fork waits until the cell is set.
        let _pass = gate::enter();
        self.parts.get_or_init(|| parts)
    }

    /// Returns true if there is a session under `key`.
    pub fn contains(&self, key: &Key) -> bool {
        self.parts.get().is_some_and(|parts| parts.table.read(key, |_, _| ()).is_some())
    }

    /// Returns true if a session has expired at `now`. Costs one load.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.parts.get().is_some_and(|parts| Expiry::from_bits(parts.writers.soonest.load(Relaxed)).is_over(now))
    }

    /// Removes up to `most` sessions that have expired at `now`, in order. Costs one load if there
    /// are none.
    ///
    /// `most` bounds the wait of other writers ([`BATCH`]); call again until fewer are returned.
    pub fn take_expired(&self, now: UnixTime, most: usize) -> Vec<V> {
        debug_assert_eq!(leaf_locks_held(), 0);
        match self.parts.get() {
            Some(parts) if self.has_expired(now) => parts.take(most, |expiry| expiry.is_over(now)),
            _ => Vec::new(),
        }
    }

    /// Removes up to `most` sessions, in order, expired or not: see [`Memory::take_expired`].
    pub fn pop_soonest(&self, most: usize) -> Vec<V> {
        debug_assert_eq!(leaf_locks_held(), 0);
        self.parts.get().map_or_else(Vec::new, |parts| parts.take(most, |_| true))
    }

    /// Checks the invariants of a store at rest, and panics if one is broken. For tests.
    #[doc(hidden)]
    pub fn validate(&self) {
        let Some(parts) = self.parts.get() else { return };
        let order = parts.writers.order.lock();
        let listed = order.validate();
        let mut found = parts.table.validate(&order);
        assert_eq!(listed.len(), self.len(), "the count is right");
        assert_eq!(parts.writers.soonest.load(Relaxed), order.soonest().to_bits());
        let mut expected = listed;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "each session has one slot and one node, which know each other");
    }
}

impl<V: Clone + PartialEq> Memory<V> {
    /// Inserts `value` under `key`.
    ///
    /// If the same object is there, its expiry is updated, as the newest of its second; or it stays
    /// in its position unless it expires sooner now: [`AddingAgain`].
    /// Another object under the key is replaced. Then sessions are evicted, in the order of
    /// [`Eviction`], while there are more than
    /// [`Capacity`] allows, but never this one. A `size` of 0 has no limit.
    pub fn insert(&self, key: &Key, value: V, expiry: Expiry, size: usize) -> Inserted<V> {
        self.insert_and_evict(key, value, expiry, size, self.rules.eviction)
    }

    /// Does the same, and evicts in this order. Where the store's rules evict the soonest, and the
    /// first insertion did, it does not know the oldest: then the soonest are evicted.
    pub fn insert_and_evict(
        &self,
        key: &Key,
        value: V,
        expiry: Expiry,
        size: usize,
        eviction: Eviction,
    ) -> Inserted<V> {
        debug_assert_eq!(leaf_locks_held(), 0);
        let parts = self.parts(eviction);
        let limit = Limit { size: self.rules.capacity.full_at(size), eviction };
        let (mut inserted, mut unfinished) = parts.insert(key, value, expiry, limit, self.rules.adding_again);
        // The size was reduced by much: the rest is evicted in batches.
        while let Some(keep) = unfinished {
            let mut order = parts.writers.lock_for_batch();
            let mut count = parts.writers.count();
            if parts.make_room(&mut order, keep, limit, &mut count, &mut inserted.evicted) {
                unfinished = None;
            }
            parts.writers.publish(&order, count);
        }
        inserted
    }

    /// Replaces the session under `key` by `value`, with an expiry of its own. Returns the replaced
    /// one; None, without a change, if there is none. Evicts nothing.
    pub fn replace(&self, key: &Key, value: V, expiry: Expiry) -> Option<V> {
        debug_assert_eq!(leaf_locks_held(), 0);
        self.parts.get()?.replace(key, value, expiry)
    }

    /// Returns a new reference to the session under `key`.
    pub fn get(&self, key: &Key) -> Option<V> {
        self.parts.get()?.table.read(key, |value, _| value.clone())
    }

    /// Removes the session under `key` and returns it.
    pub fn take(&self, key: &Key) -> Option<V> {
        debug_assert_eq!(leaf_locks_held(), 0);
        let parts = self.parts.get()?;
        let mut order = parts.writers.lock();
        let (value, node) = parts.table.remove(key)?;
        order.remove(node);
        parts.writers.publish(&order, parts.writers.count() - 1);
        Some(value)
    }

    /// Moves `value`, if that same object is under `from`, to the key `to` (which may be the same)
    /// and to `expiry`, as the newest of its second. Evicts nothing. Where the oldest is evicted
    /// first, it keeps its age; if it replaces another, it gets the other's age.
    ///
    /// During the move it can be found under one key or both.
    pub fn reposition(&self, from: &Key, to: &Key, value: &V, expiry: Expiry) -> Repositioned<V> {
        debug_assert_eq!(leaf_locks_held(), 0);
        let Some(parts) = self.parts.get() else { return Repositioned::NotHere };
        let (repositioned, spare) = parts.reposition(from, to, value, expiry);
        // References to a session of which the caller holds another.
        drop(spare);
        repositioned
    }
}

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Self::new()
    }
}
