//! What stands in the slots of a bucket, for those who have locked it.
#![forbid(unsafe_code)]

use super::bucket::{Reader, SLOTS, Slots, Writer};
use super::table::Put;

/// The last slot: in a bucket that goes on in an overflow bucket it holds the way there.
pub(super) const LAST: usize = SLOTS - 1;

/// What a slot holds.
pub(super) struct Entry<V> {
    pub(super) tag: u64,
    pub(super) value: V,
    pub(super) node: u32,
}

/// The number of the overflow bucket that a bucket goes on in.
#[inline]
fn next_overflow<V>(nodes: &[u32; SLOTS], slots: &Slots<V>) -> Option<u32> {
    if slots.values[LAST].is_some() { None } else { nodes[LAST].checked_sub(1) }
}

impl<V> Slots<V> {
    /// The slot of a tag. All slots are compared before one branch: which one it is, nothing can predict.
    #[inline]
    pub(super) fn find(&self, tag: u64) -> Option<usize> {
        let is_it = |slot: usize| u32::from(self.tags[slot] == tag && self.values[slot].is_some()) << slot;
        let slot = (is_it(0) | is_it(1) | is_it(2)).trailing_zeros() as usize;
        (slot < SLOTS).then_some(slot)
    }
}

impl<V> Reader<'_, V> {
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

    /// Makes the last slot the way to an overflow bucket, or free.
    pub(super) fn go_on_in(&mut self, next_overflow: Option<u32>) {
        self.parts().0[LAST] = next_overflow.map_or(0, |number| number + 1);
    }

    #[inline]
    pub(super) fn find(&mut self, tag: u64) -> Option<usize> {
        self.parts().1.find(tag)
    }

    #[inline]
    pub(super) fn find_node(&mut self, node: u32) -> Option<usize> {
        let (nodes, slots) = self.parts();
        (0..SLOTS).find(|&slot| nodes[slot] == node && slots.values[slot].is_some())
    }

    pub(super) fn used(&mut self) -> usize {
        self.parts().1.values.iter().flatten().count()
    }

    /// A slot that has no entry, and is not the way to an overflow bucket.
    #[inline]
    pub(super) fn find_free(&mut self) -> Option<usize> {
        let for_entries = if self.next_overflow().is_some() { LAST } else { SLOTS };
        self.parts().1.values[..for_entries].iter().position(Option::is_none)
    }

    #[inline]
    pub(super) fn fill(&mut self, slot: usize, entry: Entry<V>) {
        let (nodes, slots) = self.parts();
        (nodes[slot], slots.tags[slot], slots.values[slot]) = (entry.node, entry.tag, Some(entry.value));
    }

    #[inline]
    pub(super) fn take(&mut self, slot: usize) -> Option<Entry<V>> {
        let (nodes, slots) = self.parts();
        let value = slots.values[slot].take()?;
        Some(Entry { tag: slots.tags[slot], value, node: std::mem::take(&mut nodes[slot]) })
    }

    /// Puts `value` into a slot that has one of the same key.
    pub(super) fn put_over(&mut self, slot: usize, value: V) -> Put<V>
    where
        V: PartialEq,
    {
        let (nodes, slots) = self.parts();
        let old = slots.values[slot].as_mut().expect("the slot has one");
        Put::over(old, value, nodes[slot])
    }
}
