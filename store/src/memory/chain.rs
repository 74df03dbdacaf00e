//! The contents of a bucket's slots, for a thread that holds its lock.
#![forbid(unsafe_code)]

use super::bucket::{Reader, SLOTS, Slots, Writer};
use super::node_slab::NodeId;
use super::table::Put;

/// The last slot: in a bucket with an overflow bucket it holds the link to it.
pub(super) const LAST: usize = SLOTS - 1;

/// The content of a slot.
pub(super) struct Entry<V> {
    pub(super) tag: u64,
    pub(super) value: V,
    pub(super) node: NodeId,
}

/// Returns the number of a bucket's overflow bucket.
#[inline]
fn next_overflow<V>(nodes: &[u32; SLOTS], slots: &Slots<V>) -> Option<u32> {
    if slots.values[LAST].is_some() { None } else { nodes[LAST].checked_sub(1) }
}

impl<V> Slots<V> {
    /// Returns the slot of a tag. All slots are compared before one branch: no processor can
    /// predict the slot.
    #[inline]
    pub(super) fn find(&self, tag: u64) -> Option<usize> {
        let is_it = |slot: usize| u32::from(self.tags[slot] == tag && self.values[slot].is_some()) << slot;
        let slot = (is_it(0) | is_it(1) | is_it(2)).trailing_zeros() as usize;
        (slot < SLOTS).then_some(slot)
    }
}

impl<V> Reader<'_, V> {
    /// Returns the node of a slot that has an entry.
    #[inline]
    pub(super) fn node(&self, slot: usize) -> NodeId {
        NodeId(self.nodes()[slot])
    }

    #[inline]
    pub(super) fn next_overflow(&self) -> Option<u32> {
        next_overflow(self.nodes(), self)
    }
}

impl<V> Writer<'_, V> {
    pub(super) fn next_overflow(&mut self) -> Option<u32> {
        let (nodes, slots) = self.parts();
        next_overflow(nodes, slots)
    }

    /// Makes the last slot the link to an overflow bucket, or free.
    pub(super) fn go_on_in(&mut self, next_overflow: Option<u32>) {
        self.parts().0[LAST] = next_overflow.map_or(0, |number| number + 1);
    }

    #[inline]
    pub(super) fn find(&mut self, tag: u64) -> Option<usize> {
        self.parts().1.find(tag)
    }

    #[inline]
    pub(super) fn find_node(&mut self, node: NodeId) -> Option<usize> {
        let (nodes, slots) = self.parts();
        (0..SLOTS).find(|&slot| nodes[slot] == node.0 && slots.values[slot].is_some())
    }

    pub(super) fn used(&mut self) -> usize {
        self.parts().1.values.iter().flatten().count()
    }

    /// Returns a slot without an entry that is not the link to an overflow bucket.
    #[inline]
    pub(super) fn find_free(&mut self) -> Option<usize> {
        let for_entries = if self.next_overflow().is_some() { LAST } else { SLOTS };
        self.parts().1.values[..for_entries].iter().position(Option::is_none)
    }

    #[inline]
    pub(super) fn fill(&mut self, slot: usize, entry: Entry<V>) {
        let (nodes, slots) = self.parts();
        (nodes[slot], slots.tags[slot], slots.values[slot]) = (entry.node.0, entry.tag, Some(entry.value));
    }

    #[inline]
    pub(super) fn take(&mut self, slot: usize) -> Option<Entry<V>> {
        let (nodes, slots) = self.parts();
        let value = slots.values[slot].take()?;
        Some(Entry { tag: slots.tags[slot], value, node: NodeId(std::mem::take(&mut nodes[slot])) })
    }

    /// Inserts `value` into a slot that has one of the same key.
    pub(super) fn put_over(&mut self, slot: usize, value: V) -> Put<V>
    where
        V: PartialEq,
    {
        let (nodes, slots) = self.parts();
        let old = slots.values[slot].as_mut().expect("the slot has one");
        Put::over(old, value, NodeId(nodes[slot]))
    }
}
