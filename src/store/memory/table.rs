//! Where a session is found: the small table, and from some size on the stripes.
#![forbid(unsafe_code)]

use super::linear::Linear;
use super::small::{self, Small};
use super::{Key, sync};
use std::sync::OnceLock;
use sync::RwLock;

/// How many stripes a large table has.
pub(super) const STRIPES: usize = 64;

/// A lock and the table under it, alone on their cache lines: who locks one stripe does not take
/// the line of another from its readers.
#[repr(align(128))]
struct Stripe<V>(RwLock<Linear<V>>);

/// Readers lock the small table or one stripe, once. Writers come one at a time (they hold the
/// store's writer lock) and lock what they change, one at a time, for the one change.
pub(super) struct Table<V> {
    small: RwLock<Small<V>>,
    /// Set once, by a writer, when the small table has become too small.
    stripes: OnceLock<Box<[Stripe<V>]>>,
}

/// What became of a value that was put into a table.
pub(super) enum Put<V> {
    /// It has a slot of its own.
    New,
    /// It was there, at this node; the reference handed in is not needed.
    Same(V, u32),
    /// It has taken the slot and the node of this other object.
    Other(V, u32),
}

impl<V: PartialEq> Put<V> {
    /// Puts `value` into a slot that has `old`.
    pub(super) fn over(old: &mut V, value: V, node: u32) -> Self {
        if *old == value { Put::Same(value, node) } else { Put::Other(std::mem::replace(old, value), node) }
    }
}

impl<V> Table<V> {
    pub(super) const fn new() -> Self {
        Self { small: RwLock::new(Small::new()), stripes: OnceLock::new() }
    }

    #[inline]
    fn stripe(&self, stripe: u32) -> Option<&RwLock<Linear<V>>> {
        self.stripes.get().map(|stripes| &stripes[stripe as usize % STRIPES].0)
    }

    /// Calls `then` with the value under `key`, under the lock of a reader.
    #[inline]
    pub(super) fn read<R>(&self, key: &Key, then: impl FnOnce(&V) -> R) -> Option<R> {
        loop {
            if let Some(stripe) = self.stripe(key.stripe) {
                return stripe.read().find(key).map(then);
            }
            let small = self.small.read();
            if !small.moved {
                return small.find(key).map(|(value, _)| then(value));
            }
        }
    }

    /// The node of `value`, if that very object is under `key`.
    pub(super) fn node_of(&self, key: &Key, value: &V) -> Option<u32>
    where
        V: PartialEq,
    {
        let is_it = |&(there, _): &(&V, u32)| there == value;
        match self.stripe(key.stripe) {
            Some(stripe) => stripe.read().find_node(key).filter(is_it).map(|(_, node)| node),
            None => self.small.read().find(key).filter(is_it).map(|(_, node)| node),
        }
    }

    pub(super) fn put(&self, key: &Key, value: V, node: u32) -> Put<V>
    where
        V: PartialEq,
    {
        match self.stripe(key.stripe) {
            Some(stripe) => stripe.write().put(key, value, node),
            None => self.small.write().put(key, value, node),
        }
    }

    pub(super) fn remove(&self, key: &Key) -> Option<(V, u32)> {
        match self.stripe(key.stripe) {
            Some(stripe) => stripe.write().remove(key),
            None => self.small.write().remove(key),
        }
    }

    /// Removes the session of a node, which has these parts of its key.
    pub(super) fn remove_node(&self, high: u32, stripe: u32, node: u32) -> Option<V> {
        match self.stripe(stripe) {
            Some(stripe) => stripe.write().remove_node(high, node),
            None => self.small.write().remove_node(node),
        }
    }

    /// Moves to the stripes if that is due for this many sessions; whether it did.
    pub(super) fn spread(&self, count: usize) -> bool
    where
        V: PartialEq,
    {
        if count <= small::MOST || self.stripes.get().is_some() {
            return false;
        }
        let stripes: Box<[_]> = (0..STRIPES).map(|_| Stripe(RwLock::new(Linear::new()))).collect();
        // Readers that come meanwhile wait for the small table, to find that its sessions have moved.
        let mut small = self.small.write();
        for slot in small.move_out() {
            let _new = stripes[slot.key.stripe as usize % STRIPES].0.write().put(&slot.key, slot.value, slot.node);
        }
        let _set = self.stripes.set(stripes);
        true
    }

    /// Takes the locks of all readers.
    pub(super) fn hold(&self) -> impl Sized + '_ {
        let small = self.small.write();
        let stripes: Vec<_> = self.stripes.get().into_iter().flat_map(|all| all.iter()).map(|s| s.0.write()).collect();
        (small, stripes)
    }

    /// Checks what must hold; returns node, [`Key::high`] and stripe of every session, and how many
    /// stripes there are (while the table is small, as many as the key has numbers for).
    pub(super) fn validate(&self) -> (Vec<(u32, u32, u32)>, u64) {
        let small = self.small.read();
        let mut found: Vec<_> = small.slots().collect();
        let Some(stripes) = self.stripes.get() else { return (found, 1 << 32) };
        assert!(small.moved && found.is_empty(), "a session is in one table only");
        for (number, stripe) in stripes.iter().enumerate() {
            found.extend(stripe.0.read().validate().into_iter().map(|(node, high)| (node, high, number as u32)));
        }
        (found, STRIPES as u64)
    }
}
