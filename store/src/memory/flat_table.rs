//! The table of a small cache: slots side by side, searched from the first to the last.
#![forbid(unsafe_code)]

use super::Key;
use super::node_slab::NodeId;
use super::table::Put;
use crate::key::BucketBits;

/// Number of sessions in a small table at most; a few cache lines of keys to read.
pub(super) const MAX_ENTRIES: usize = 32;

pub(super) struct FlatTable<V> {
    slots: Vec<Slot<V>>,
    /// True once the sessions have moved to the buckets: the small table then stays empty.
    pub(super) moved: bool,
}

/// The key in parts, so that a slot is 24 bytes and not 32.
pub(super) struct Slot<V> {
    tag: u64,
    bits: BucketBits,
    pub(super) node: NodeId,
    pub(super) value: V,
}

impl<V> Slot<V> {
    pub(super) fn key(&self) -> Key {
        Key { tag: self.tag, bits: self.bits }
    }

    fn is_of(&self, key: &Key) -> bool {
        self.tag == key.tag && self.bits == key.bits
    }
}

impl<V> FlatTable<V> {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), moved: false }
    }

    pub(super) fn find(&self, key: &Key) -> Option<(&V, NodeId)> {
        self.slots.iter().find(|slot| slot.is_of(key)).map(|slot| (&slot.value, slot.node))
    }

    pub(super) fn put(&mut self, key: &Key, value: V, node: NodeId) -> Put<V>
    where
        V: PartialEq,
    {
        match self.slots.iter_mut().find(|slot| slot.is_of(key)) {
            Some(slot) => Put::over(&mut slot.value, value, slot.node),
            None => {
                self.slots.push(Slot { tag: key.tag, bits: key.bits, node, value });
                Put::New
            }
        }
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<(V, NodeId)> {
        let at = self.slots.iter().position(|slot| slot.is_of(key))?;
        let slot = self.slots.swap_remove(at);
        Some((slot.value, slot.node))
    }

    pub(super) fn remove_node(&mut self, node: NodeId) -> Option<V> {
        let at = self.slots.iter().position(|slot| slot.node == node)?;
        Some(self.slots.swap_remove(at).value)
    }

    /// Removes all slots, which move to the buckets.
    pub(super) fn move_out(&mut self) -> Vec<Slot<V>> {
        self.moved = true;
        std::mem::take(&mut self.slots)
    }

    /// Returns the node and [`Key::bits`] of every slot.
    pub(super) fn slots(&self) -> impl Iterator<Item = (NodeId, BucketBits)> {
        self.slots.iter().map(|slot| (slot.node, slot.bits))
    }
}
