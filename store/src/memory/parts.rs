//! The parts of a store that has sessions: their table, and the state that writers change.
#![forbid(unsafe_code)]

use super::expiry_list::ExpiryList;
use super::gate::{self, Pass};
use super::node_slab::NodeId;
use super::rules::{AddingAgain, Eviction};
use super::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use super::sync::{self, LeafMutex, LeafMutexGuard};
use super::table::{Put, Table};
use super::{BATCH, Evicted, Expiry, Inserted, Key, Outcome, Repositioned, total};
use std::ops::{Deref, DerefMut};

/// Number of attempts before a writer sleeps, and log2 of the longest pause between two.
const SPINS: u32 = if cfg!(shuttle) { 0 } else { 40 };
const LONGEST_SPIN: u32 = 6;

/// Number of times that a batch lets a waiting writer go first.
const TURNS: usize = 16;

/// The parts in this order: rarely used state separates what every reader reads, at the front of
/// `table`, from what every writer changes. So those never share a cache line.
#[repr(C)]
pub(super) struct Parts<V> {
    pub(super) table: Table<V>,
    _apart: [u64; 3],
    pub(super) writers: Writers,
}

/// The state that every writer changes.
pub(super) struct Writers {
    pub(super) order: LeafMutex<ExpiryList>,
    count: AtomicUsize,
    /// [`ExpiryList::soonest`], readable without the lock.
    pub(super) soonest: AtomicU64,
    /// True while a writer waits for the lock.
    waiting: AtomicBool,
}

/// Guard of the writer lock, inside the gate.
pub(super) struct Writer<'a> {
    order: LeafMutexGuard<'a, ExpiryList>,
    /// Dropped after the lock.
    _pass: Pass,
}

impl Deref for Writer<'_> {
    type Target = ExpiryList;

    #[inline]
    fn deref(&self) -> &ExpiryList {
        &self.order
    }
}

impl DerefMut for Writer<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut ExpiryList {
        &mut self.order
    }
}

impl Writers {
    fn new(eviction: Eviction) -> Self {
        Self {
            order: LeafMutex::new(ExpiryList::new(eviction)),
            count: AtomicUsize::new(0),
            soonest: AtomicU64::new(Expiry::NEVER.to_bits()),
            waiting: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> Writer<'_> {
        let pass = gate::enter();
        let order = match self.order.try_lock() {
            Some(order) => order,
            None => self.wait(),
        };
        Writer { order, _pass: pass }
    }

    #[cold]
    fn wait(&self) -> LeafMutexGuard<'_, ExpiryList> {
        self.waiting.store(true, Relaxed);
        let order = self.spin().unwrap_or_else(|| self.order.lock());
        self.waiting.store(false, Relaxed);
        order
    }

    /// Tries again for some microseconds, ever more rarely. A writer has the lock for a tenth of one.
    /// Once a thread sleeps, each release wakes one by a system call, during which the next thread
    /// goes to sleep: they would stay at that.
    fn spin(&self) -> Option<LeafMutexGuard<'_, ExpiryList>> {
        (0..SPINS).find_map(|tries| {
            sync::spin(1 << tries.min(LONGEST_SPIN));
            self.order.try_lock()
        })
    }

    /// Acquires the lock for a batch, after a writer that waits for it. Yields at most [`TURNS`]
    /// times: among many writers one always waits.
    pub(super) fn lock_for_batch(&self) -> Writer<'_> {
        for _ in 0..TURNS {
            if !self.waiting.load(Relaxed) {
                break;
            }
            sync::yield_now();
        }
        let pass = gate::enter();
        Writer { order: self.order.lock(), _pass: pass }
    }

    /// Publishes the count and the soonest expiry for threads that read them without the lock.
    pub(super) fn publish(&self, order: &ExpiryList, count: usize) {
        total::change(self.count.load(Relaxed), count);
        self.count.store(count, Relaxed);
        self.soonest.store(order.soonest().to_bits(), Relaxed);
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Relaxed)
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        if self.count() > 0 {
            let _pass = gate::enter();
            total::change(self.count(), 0);
        }
    }
}

impl<V> Parts<V> {
    pub(super) fn new(eviction: Eviction) -> Self {
        Self { table: Table::new(), _apart: [0; 3], writers: Writers::new(eviction) }
    }

    /// Removes the session of a node from order and table.
    #[inline]
    fn evict(&self, order: &mut ExpiryList, number: NodeId) -> Option<V> {
        let bits = order.remove(number);
        self.table.remove_node(bits, number)
    }

    /// Removes up to `most` sessions, soonest first, while `is_due` is true for their expiry.
    pub(super) fn take(&self, most: usize, is_due: impl Fn(Expiry) -> bool) -> Vec<V> {
        let mut taken = Vec::with_capacity(most.min(self.writers.count()));
        let mut order = self.writers.lock_for_batch();
        while let Some(first) = order.first()
            && taken.len() < most
            && is_due(order.soonest())
        {
            taken.extend(self.evict(&mut order, first));
        }
        self.writers.publish(&order, self.writers.count() - taken.len());
        taken
    }
}

/// Number of sessions at which some are evicted, 0 for none, and the order in which they are.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) size: usize,
    pub(super) eviction: Eviction,
}

impl<V: Clone + PartialEq> Parts<V> {
    /// Evicts up to [`BATCH`] sessions, but not that of node `keep`, while there are as many as the
    /// limit or more. `count` is the number of sessions. Returns true if there is room.
    pub(super) fn make_room(
        &self,
        order: &mut ExpiryList,
        keep: NodeId,
        limit: Limit,
        count: &mut usize,
        evicted: &mut Evicted<V>,
    ) -> bool {
        for _ in 0..BATCH {
            if limit.size == 0 || *count < limit.size {
                return true;
            }
            let mut next = order.first_to_evict(limit.eviction);
            if next == Some(keep) {
                next = order.next_to_evict(limit.eviction, keep);
            }
            let Some(next) = next else { return true };
            if let Some(value) = self.evict(order, next) {
                evicted.push(value);
            }
            *count -= 1;
        }
        false
    }

    /// Inserts a session. Returns its node if more than a batch has to be evicted for it.
    pub(super) fn insert(
        &self,
        key: &Key,
        value: V,
        expiry: Expiry,
        limit: Limit,
        again: AddingAgain,
    ) -> (Inserted<V>, Option<NodeId>) {
        let mut order = self.writers.lock();
        let mut count = self.writers.count();
        let fresh = order.next_free();
        let (outcome, node) = match self.table.put(key, value, fresh, &order) {
            Put::New => {
                order.add(key.bits, expiry);
                count += 1;
                (Outcome::Added, fresh)
            }
            Put::Same(value, node) => {
                match again {
                    AddingAgain::Moves => order.renew(node, expiry),
                    // Otherwise a flush would not look for it as soon as it has expired.
                    AddingAgain::Stays => order.bring_forward(node, expiry),
                }
                self.writers.publish(&order, count);
                return (Inserted { outcome: Outcome::AlreadyThere(value), evicted: Evicted::none() }, None);
            }
            Put::Other(value, node) => {
                order.renew(node, expiry);
                (Outcome::Replaced(value), node)
            }
        };
        let mut evicted = Evicted::none();
        let enough = self.make_room(&mut order, node, limit, &mut count, &mut evicted);
        if self.table.grow(count, &order) {
            order.keep_ends();
        }
        self.writers.publish(&order, count);
        (Inserted { outcome, evicted }, (!enough).then_some(node))
    }

    pub(super) fn replace(&self, key: &Key, value: V, expiry: Expiry) -> Option<V> {
        let mut order = self.writers.lock();
        let node = self.table.read(key, |_, node| node)?;
        // A thread that removes it locks the order first.
        let replaced = match self.table.put(key, value, node, &order) {
            Put::Other(value, _) | Put::Same(value, _) => Some(value),
            Put::New => unreachable!("it is there while the order is locked"),
        };
        order.unlink(node);
        order.link(node, expiry);
        self.writers.publish(&order, self.writers.count());
        replaced
    }

    pub(super) fn reposition(
        &self,
        from: &Key,
        to: &Key,
        value: &V,
        expiry: Expiry,
    ) -> (Repositioned<V>, [Option<V>; 2]) {
        let mut order = self.writers.lock();
        let Some(mut node) = self.table.node_of(from, value) else { return (Repositioned::NotHere, [None, None]) };
        order.unlink(node);
        let (mut displaced, mut spare, mut count) = (None, [None, None], self.writers.count());
        if from != to {
            // Inserted under the new key before it is removed from under the old one: it can be
            // found throughout.
            let there = self.table.put(to, value.clone(), node, &order);
            spare[0] = self.table.remove(from).map(|(value, _)| value);
            let freed = match there {
                Put::New => {
                    order.set_bits(node, to.bits);
                    None
                }
                Put::Same(value, there) => {
                    spare[1] = Some(value);
                    Some(there)
                }
                Put::Other(value, there) => {
                    displaced = Some(value);
                    Some(there)
                }
            };
            if let Some(there) = freed {
                order.free(std::mem::replace(&mut node, there));
                order.unlink(node);
                count -= 1;
            }
        }
        order.link(node, expiry);
        self.writers.publish(&order, count);
        (Repositioned::Moved(displaced), spare)
    }
}
