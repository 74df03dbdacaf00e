//! The table of sessions: the small table, and above some size the buckets.
#![forbid(unsafe_code)]

use super::Key;
use super::expiry_list::ExpiryList;
use super::flat_table::{self, FlatTable};
use super::linear_table::LinearTable;
use super::lock::Lock;
use super::node_slab::NodeId;
use crate::key::BucketBits;
use std::sync::OnceLock;

/// Readers lock the small table or one bucket, once. Writers come one at a time (they hold the
/// store's writer lock) and lock only what they change, for one change.
#[repr(C)]
pub(super) struct Table<V> {
    /// Set once, by a writer, when the small table has become too small. First, as the most read:
    /// see [`super::Parts`].
    large: OnceLock<Box<LinearTable<V>>>,
    small: Lock<FlatTable<V>>,
}

/// Result of inserting a value into a table.
pub(super) enum Put<V> {
    /// It got a slot of its own.
    New,
    /// The same object was there, at this node; the caller's reference is not needed.
    Same(V, NodeId),
    /// It replaced this other object, in its slot and at its node.
    Other(V, NodeId),
}

impl<V: PartialEq> Put<V> {
    /// Replaces `old` in its slot by `value`, unless it is the same object.
    pub(super) fn over(old: &mut V, value: V, node: NodeId) -> Self {
        if *old == value { Put::Same(value, node) } else { Put::Other(std::mem::replace(old, value), node) }
    }
}

impl<V> Table<V> {
    pub(super) const fn new() -> Self {
        Self { small: Lock::new(FlatTable::new()), large: OnceLock::new() }
    }

    /// Calls `then` with the value under `key`, and its node, under the lock of a reader.
    #[inline]
    pub(super) fn read<R>(&self, key: &Key, then: impl FnOnce(&V, NodeId) -> R) -> Option<R> {
        loop {
            if let Some(large) = self.large.get() {
                return large.read(key, then);
            }
            let small = self.small.read();
            if !small.moved {
                return small.find(key).map(|(value, node)| then(value, node));
            }
        }
    }

    /// Returns the node of `value`, if that same object is under `key`.
    pub(super) fn node_of(&self, key: &Key, value: &V) -> Option<NodeId>
    where
        V: PartialEq,
    {
        self.read(key, |there, node| (there == value).then_some(node))?
    }

    /// Inserts a value for a node. `order` has the existing nodes.
    #[inline]
    pub(super) fn put(&self, key: &Key, value: V, node: NodeId, order: &ExpiryList) -> Put<V>
    where
        V: PartialEq,
    {
        match self.large.get() {
            Some(large) => large.put(key, value, node, |node| order.bits(node)),
            None => self.small.write().put(key, value, node),
        }
    }

    #[inline]
    pub(super) fn remove(&self, key: &Key) -> Option<(V, NodeId)> {
        match self.large.get() {
            Some(large) => large.remove(key),
            None => self.small.write().remove(key),
        }
    }

    /// Removes the session of a node, whose key has these [`Key::bits`].
    #[inline]
    pub(super) fn remove_node(&self, bits: BucketBits, node: NodeId) -> Option<V> {
        match self.large.get() {
            Some(large) => large.remove_node(bits, node),
            None => self.small.write().remove_node(node),
        }
    }

    /// Moves all sessions to the buckets if this number of them needs it. Returns true if it did.
    #[inline]
    pub(super) fn grow(&self, count: usize, order: &ExpiryList) -> bool
    where
        V: PartialEq,
    {
        if count <= flat_table::MAX_ENTRIES || self.large.get().is_some() {
            return false;
        }
        self.move_to_buckets(order);
        true
    }

    #[cold]
    fn move_to_buckets(&self, order: &ExpiryList)
    where
        V: PartialEq,
    {
        let large = Box::new(LinearTable::new());
        // Readers meanwhile wait for the small table, and then find that its sessions have moved.
        let mut small = self.small.write();
        for slot in small.move_out() {
            let _new = large.put(&slot.key(), slot.value, slot.node, |node| order.bits(node));
        }
        let _set = self.large.set(large);
    }

    /// Checks the invariants; returns the node of every session.
    pub(super) fn validate(&self, order: &ExpiryList) -> Vec<NodeId> {
        let small = self.small.read();
        let in_small = |(node, bits)| {
            assert_eq!(order.bits(node), bits);
            node
        };
        let mut found: Vec<_> = small.slots().map(in_small).collect();
        if let Some(large) = self.large.get() {
            assert!(small.moved && found.is_empty(), "a session is in one table only");
            found = large.validate(|node| order.bits(node));
        }
        found
    }
}
