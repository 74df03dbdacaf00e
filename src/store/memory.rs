//! The memory store: live references, as in OpenSSL.
//!
//! ```text
//! Memory ── made at the first insertion:
//!   readers                                            writers, one at a time
//!   small table: up to 32 slots side by side           order: a list of nodes, soonest to expire first
//!   or buckets, each under a lock of its own           count, soonest: what can be asked without a lock
//!
//!   bucket (bits of the place)         node number
//!   ├ bucket 0   |tag value node ×3| ─────► expiry, before, after, place
//!   ├ bucket 1   |tag value node ×1| ◄───── (the way back from the order to the slot)
//!   └ bucket 2   |tag value node ×2| ─► overflow bucket
//!
//! Key:             tag 64                 place 32
//!   compared:      in the slot            by where the slot is, as many bits as there are buckets (all while small)
//! ```
//! **Locks.** A lookup takes one lock, as a reader, for as long as it takes to find the slot and to
//! clone the value, that is to count a reference. A writer takes the writer lock, and under it, for
//! each single change of a table, the lock of that bucket. That is the only order: `made`, writer,
//! table. Nothing is dropped and nothing foreign called under a lock.
//!
//! **Growth** is a bucket, a node, a piece of 1024 buckets or a segment of nodes (a quarter of what is there, not
//! touched until used) at a time: no insertion pays for a table.
//!
//! **Turns.** Whoever takes sessions out in batches comes back for the lock as soon as the last batch
//! is freed, and would mostly win it against threads that have to be woken first. So a writer that
//! finds the lock taken says so before it waits, and a batch begins by letting such a writer have its
//! turn. Readers need no turns: a batch takes a bucket's lock anew for each session.
//!
//! **Forks.** While a process forks, [`Memory::hold`] keeps writers out. The child then has a whole store, in which
//! readers may be at work whose threads it does not have: [`forked`] tells the buckets that they are gone.
#![deny(unsafe_code)]

mod bucket;
mod buckets;
mod ends;
mod linear;
mod order;
mod results;
mod segments;
mod slots;
mod small;
mod table;
#[cfg(all(test, not(shuttle)))]
mod tests;

pub use bucket::forked;
pub use results::{Evicted, Inserted, Outcome, Placed};

use super::{Expiry, Key, locks_held, sync};
use order::Order;
use std::sync::OnceLock;
use sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use sync::{Mutex, MutexGuard};
use table::{Put, Table};

/// How many sessions leave under one taking of the writer lock: some tens of microseconds.
pub const BATCH: usize = 64;

/// How often a batch steps back for a writer that waits.
const TURNS: usize = 16;

/// The sessions of one cache, in memory.
///
/// `V` is an owned reference to a session: its clone is one more reference (and is made under a lock
/// of the store, so it must call nothing that could come back here), `==` says whether it is the very
/// same object, and its drop may do anything, because it never happens under a lock. It should have a
/// niche, as a `NonNull` has: an `Option<V>` of 8 bytes makes a bucket one cache line, a larger one two.
///
/// All functions may be called by any number of threads at once.
pub struct Memory<V> {
    /// Held while the parts are made.
    making: Mutex<()>,
    parts: OnceLock<Box<Parts<V>>>,
}

/// In this order, with what is not much used between what every reader reads, at the front of
/// `table`, and what every writer changes, so that those never share a cache line.
#[repr(C)]
struct Parts<V> {
    table: Table<V>,
    _apart: [u64; 2],
    writers: Writers,
}

/// What every writer changes.
struct Writers {
    order: Mutex<Order>,
    count: AtomicUsize,
    /// [`Order::soonest`], to be read without the lock.
    soonest: AtomicU64,
    /// A writer waits for the lock.
    waiting: AtomicBool,
}

/// The locks of a [`Memory`]: no writer is at work until this is dropped.
/// To be dropped by the thread that took it, in the child of a fork by the thread that remains.
pub struct Held<'a>(#[expect(dead_code, reason = "held until dropped")] Box<dyn Locks + 'a>);

trait Locks {}
impl<T> Locks for T {}

impl Writers {
    const fn new() -> Self {
        Self {
            order: Mutex::new(Order::new()),
            count: AtomicUsize::new(0),
            soonest: AtomicU64::new(Expiry::NEVER.to_bits()),
            waiting: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Order> {
        if let Some(order) = self.order.try_lock() {
            return order;
        }
        self.waiting.store(true, Relaxed);
        let order = self.order.lock();
        self.waiting.store(false, Relaxed);
        order
    }

    /// Takes the lock for a batch, after a writer that waits for it. Not longer than [`TURNS`]:
    /// among many writers there is always one that waits.
    fn lock_for_batch(&self) -> MutexGuard<'_, Order> {
        for _ in 0..TURNS {
            if !self.waiting.load(Relaxed) {
                break;
            }
            sync::yield_now();
        }
        self.order.lock()
    }

    /// Tells those who ask without the lock how things are now.
    fn publish(&self, order: &Order, count: usize) {
        self.count.store(count, Relaxed);
        self.soonest.store(order.soonest().to_bits(), Relaxed);
    }

    fn count(&self) -> usize {
        self.count.load(Relaxed)
    }
}

impl<V> Parts<V> {
    /// Takes the session of a node out of order and table.
    #[inline]
    fn evict(&self, order: &mut Order, number: u32) -> Option<V> {
        let place = order.remove(number);
        self.table.remove_node(place, number)
    }

    /// Takes up to `most` sessions out, soonest first, for as long as they expire before `end` says.
    fn take(&self, most: usize, is_due: impl Fn(Expiry) -> bool) -> Vec<V> {
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

impl<V: Clone + PartialEq> Parts<V> {
    /// Evicts up to [`BATCH`] sessions, but not that of node `keep`, while there are `size` or more.
    /// `count` is how many there are; whether that is enough.
    fn make_room(
        &self,
        order: &mut Order,
        keep: u32,
        size: usize,
        count: &mut usize,
        evicted: &mut Evicted<V>,
    ) -> bool {
        for _ in 0..BATCH {
            if size == 0 || *count < size {
                return true;
            }
            let mut soonest = order.first();
            if soonest == Some(keep) {
                soonest = order.after(keep);
            }
            let Some(soonest) = soonest else { return true };
            if let Some(value) = self.evict(order, soonest) {
                evicted.push(value);
            }
            *count -= 1;
        }
        false
    }

    fn insert(&self, key: &Key, value: V, expiry: Expiry, size: usize) -> (Inserted<V>, Option<u32>) {
        let mut order = self.writers.lock();
        let mut count = self.writers.count();
        let fresh = order.next_free();
        let (outcome, node) = match self.table.put(key, value, fresh, &order) {
            Put::New => {
                order.add(key.place, expiry);
                count += 1;
                (Outcome::Added, fresh)
            }
            Put::Same(value, node) => {
                order.unlink(node);
                order.link(node, expiry);
                self.writers.publish(&order, count);
                return (Inserted { outcome: Outcome::AlreadyThere(value), evicted: Evicted::none() }, None);
            }
            Put::Other(value, node) => {
                order.unlink(node);
                order.link(node, expiry);
                (Outcome::Replaced(value), node)
            }
        };
        let mut evicted = Evicted::none();
        let enough = self.make_room(&mut order, node, size, &mut count, &mut evicted);
        if self.table.spread(count, &order) {
            order.keep_ends();
        }
        self.writers.publish(&order, count);
        (Inserted { outcome, evicted }, (!enough).then_some(node))
    }

    fn place(&self, from: &Key, to: &Key, value: &V, expiry: Expiry) -> (Placed<V>, [Option<V>; 2]) {
        let mut order = self.writers.lock();
        let Some(mut node) = self.table.node_of(from, value) else { return (Placed::NotHere, [None, None]) };
        order.unlink(node);
        let (mut displaced, mut spare, mut count) = (None, [None, None], self.writers.count());
        if from != to {
            // In the new place before it leaves the old one: it can be found throughout.
            let there = self.table.put(to, value.clone(), node, &order);
            spare[0] = self.table.remove(from).map(|(value, _)| value);
            let freed = match there {
                Put::New => {
                    order.rename(node, to.place);
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
        (Placed::Moved(displaced), spare)
    }
}

impl<V> Memory<V> {
    /// An empty store. Allocates nothing.
    pub const fn new() -> Self {
        Self { making: Mutex::new(()), parts: OnceLock::new() }
    }

    /// How many sessions there are. Takes no lock.
    pub fn len(&self) -> usize {
        self.parts.get().map_or(0, |parts| parts.writers.count())
    }

    /// Whether there are none. Takes no lock.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn parts(&self) -> &Parts<V> {
        if let Some(parts) = self.parts.get() {
            return parts;
        }
        let parts = Box::new(Parts { table: Table::new(), _apart: [0; 2], writers: Writers::new() });
        // The cell is only ever set under the lock, so that a fork can keep clear of it.
        let _making = self.making.lock();
        self.parts.get_or_init(|| parts)
    }

    /// Whether a session is there under `key`.
    pub fn contains(&self, key: &Key) -> bool {
        self.parts.get().is_some_and(|parts| parts.table.read(key, |_, _| ()).is_some())
    }

    /// Whether a session is over at `now`. Costs one load.
    pub fn has_expired(&self, now: i64) -> bool {
        self.parts.get().is_some_and(|parts| Expiry::from_bits(parts.writers.soonest.load(Relaxed)).is_over(now))
    }

    /// Takes up to `most` sessions out that are over at `now`, in order. Costs one load if there are none.
    ///
    /// `most` bounds how long other writers wait ([`BATCH`]); call again until fewer than that come.
    pub fn take_expired(&self, now: i64, most: usize) -> Vec<V> {
        debug_assert_eq!(locks_held(), 0);
        match self.parts.get() {
            Some(parts) if self.has_expired(now) => parts.take(most, |expiry| expiry.is_over(now)),
            _ => Vec::new(),
        }
    }

    /// Takes up to `most` sessions out, in order, expired or not: see [`Memory::take_expired`].
    pub fn take_soonest(&self, most: usize) -> Vec<V> {
        debug_assert_eq!(locks_held(), 0);
        self.parts.get().map_or_else(Vec::new, |parts| parts.take(most, |_| true))
    }

    /// Takes the locks of the store: waits until no writer is at work, and lets none in until the locks are
    /// dropped. For a fork, whose child calls [`forked`]. The thread must not be inside itself.
    pub fn hold(&self) -> Held<'_> {
        let making = self.making.lock();
        let parts = self.parts.get().map(|parts| {
            let order = parts.writers.order.lock();
            (parts.table.hold(), order)
        });
        Held(Box::new((parts, making)))
    }

    /// Checks all that must hold of a store at rest, and panics where it does not. For tests.
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
    /// Puts `value` in under `key`, as SSL_CTX_add_session does.
    ///
    /// If the very object is there, it moves to its new expiry, as the newest of its second. Another
    /// object under the key is replaced. Then sessions leave, soonest to expire first, while there
    /// are `size` or more and another than this one is there; the newcomer counts, so a `size` of 2
    /// or more keeps one session less, as in OpenSSL, and 1 keeps 1. A `size` of 0 has no limit.
    pub fn insert(&self, key: &Key, value: V, expiry: Expiry, size: usize) -> Inserted<V> {
        debug_assert_eq!(locks_held(), 0);
        let parts = self.parts();
        let (mut inserted, mut unfinished) = parts.insert(key, value, expiry, size);
        // The size was lowered by much: the rest leaves in batches.
        while let Some(keep) = unfinished {
            let mut order = parts.writers.lock_for_batch();
            let mut count = parts.writers.count();
            if parts.make_room(&mut order, keep, size, &mut count, &mut inserted.evicted) {
                unfinished = None;
            }
            parts.writers.publish(&order, count);
        }
        inserted
    }

    /// A new reference to the session under `key`.
    pub fn get(&self, key: &Key) -> Option<V> {
        self.parts.get()?.table.read(key, |value, _| value.clone())
    }

    /// Takes the session under `key` out.
    pub fn take(&self, key: &Key) -> Option<V> {
        debug_assert_eq!(locks_held(), 0);
        let parts = self.parts.get()?;
        let mut order = parts.writers.lock();
        let (value, node) = parts.table.remove(key)?;
        order.remove(node);
        parts.writers.publish(&order, parts.writers.count() - 1);
        Some(value)
    }

    /// Moves `value`, if that very object is under `from`, to the key `to` (which may be the same)
    /// and to `expiry`, as the newest of its second. Evicts nothing.
    ///
    /// While it moves it can be found under one key or both.
    pub fn place(&self, from: &Key, to: &Key, value: &V, expiry: Expiry) -> Placed<V> {
        debug_assert_eq!(locks_held(), 0);
        let Some(parts) = self.parts.get() else { return Placed::NotHere };
        let (placed, spare) = parts.place(from, to, value, expiry);
        // References to a session that the caller holds another one of.
        drop(spare);
        placed
    }
}

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Self::new()
    }
}
