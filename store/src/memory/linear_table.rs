//! The table of a large cache: a hash table by linear hashing, each bucket under a lock of its own.
#![forbid(unsafe_code)]

#[cfg(all(test, not(shuttle)))]
mod tests;

use super::Key;
use super::bucket::{Reader, SLOTS, Writer};
use super::buckets::Buckets;
use super::chain::{Entry, LAST};
use super::node_slab::NodeId;
use super::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use super::table::Put;
use crate::key::BucketBits;

/// Number of buckets of a new table.
const INITIAL_BUCKETS: u32 = 16;

/// Buckets 0 to `count - 1`, and their overflow buckets.
///
/// ```text
///  count = 6           bucket 0   1   2   3   4   5      by the lowest of the key's bits: 3, or 2 if they give 6 or 7
///                             │   │   │   │   │   │
///  node                       a   b   c   d   f   h
///  value None, node 1 + n     -   -   ▼   e   g   -      overflow bucket n, under the lock of bucket 2 and its own
/// ```
/// When there are too many entries for the buckets, one more is appended. It takes its share from
/// the one bucket that had its entries until then. So the table grows by one bucket at a time, and
/// nothing else moves. Both are locked meanwhile, and `count` is raised before they are released.
/// So a reader that holds the lock of the bucket that `count` selects sees every entry; one that
/// did not find its key reads `count` again.
///
/// Readers come at any time, writers one at a time: they hold the store's writer lock. Fields that
/// only writers use come after those that readers read.
#[repr(C)]
pub(super) struct LinearTable<V> {
    count: AtomicU32,
    main: Buckets<V>,
    entries: AtomicU32,
    /// Number of overflow buckets, and the first free one, as 1 + number; 0 if none.
    overflow_count: AtomicU32,
    unused: AtomicU32,
    overflow: Buckets<V>,
}

/// Returns the bucket for the bits of a key, among `count` buckets.
#[inline]
fn bucket_of(bits: BucketBits, count: u32) -> u32 {
    let mask = u32::MAX >> (count - 1).leading_zeros();
    let bucket = bits.0 & mask;
    if bucket < count { bucket } else { bucket & (mask >> 1) }
}

impl<V> LinearTable<V> {
    pub(super) fn new() -> Self {
        let (main, overflow) = (Buckets::new(), Buckets::new());
        main.make(INITIAL_BUCKETS - 1);
        Self {
            count: AtomicU32::new(INITIAL_BUCKETS),
            main,
            entries: AtomicU32::new(0),
            overflow_count: AtomicU32::new(0),
            unused: AtomicU32::new(0),
            overflow,
        }
    }

    #[inline]
    fn bucket_of(&self, bits: BucketBits) -> u32 {
        bucket_of(bits, self.count.load(Acquire))
    }

    /// Calls `then` with the value under `key` and its node, under the lock of a reader.
    #[inline]
    pub(super) fn read<R>(&self, key: &Key, then: impl FnOnce(&V, NodeId) -> R) -> Option<R> {
        let mut bucket = self.bucket_of(key.bits);
        loop {
            let head = self.main.get(bucket).read();
            if let Some(slot) = head.find(key.tag) {
                return head.values[slot].as_ref().map(|value| then(value, head.node(slot)));
            }
            if let Some(more) = head.next_overflow()
                && let Some((line, slot)) = self.find_in_overflow(more, key.tag)
            {
                return line.values[slot].as_ref().map(|value| then(value, line.node(slot)));
            }
            let split = self.bucket_of(key.bits);
            if split == bucket {
                return None;
            }
            bucket = split;
        }
    }

    /// Finds a tag in an overflow bucket or the ones after it.
    fn find_in_overflow(&self, number: u32, tag: u64) -> Option<(Reader<'_, V>, usize)> {
        let mut line = self.overflow.get(number).read();
        loop {
            if let Some(slot) = line.find(tag) {
                return Some((line, slot));
            }
            line = self.overflow.get(line.next_overflow()?).read();
        }
    }

    /// Returns the bucket for a key's bits, locked by a writer.
    #[inline]
    fn head(&self, bits: BucketBits) -> Writer<'_, V> {
        self.main.get(self.bucket_of(bits)).write()
    }

    /// Returns a bucket's overflow bucket, locked by a writer that holds the bucket's lock.
    fn overflow_of(&self, line: &mut Writer<V>) -> Option<Writer<'_, V>> {
        line.next_overflow().map(|number| self.overflow.get(number).write())
    }

    /// Returns the line and the slot that `find` finds in a bucket's overflow buckets.
    fn seek_behind(
        &self,
        head: &mut Writer<V>,
        find: impl Fn(&mut Writer<V>) -> Option<usize>,
    ) -> Option<(Writer<'_, V>, usize)> {
        let mut line = self.overflow_of(head)?;
        loop {
            if let Some(slot) = find(&mut line) {
                return Some((line, slot));
            }
            line = self.overflow_of(&mut line)?;
        }
    }

    /// Inserts a value. `bits_of` returns the bits of an existing node's key.
    #[inline]
    pub(super) fn put(&self, key: &Key, value: V, node: NodeId, bits_of: impl Fn(NodeId) -> BucketBits) -> Put<V>
    where
        V: PartialEq,
    {
        let mut head = self.head(key.bits);
        if let Some(slot) = head.find(key.tag) {
            return head.put_over(slot, value);
        }
        if let Some((mut line, slot)) = self.seek_behind(&mut head, |line| line.find(key.tag)) {
            return line.put_over(slot, value);
        }
        let entries = self.entries.load(Relaxed) + 1;
        self.entries.store(entries, Relaxed);
        // 3 entries to 2 buckets of 3 slots. A bucket that waits for its split has twice the
        // entries of a new one: with more, too many would have an overflow bucket, at a lookup's
        // second cache miss.
        if u64::from(entries) * 2 > u64::from(self.count.load(Relaxed)) * 3 {
            drop(head);
            self.split(bits_of);
            head = self.head(key.bits);
        }
        self.append(&mut head, Entry { tag: key.tag, value, node });
        Put::New
    }

    #[inline]
    pub(super) fn remove(&self, key: &Key) -> Option<(V, NodeId)> {
        let entry = self.remove_where(key.bits, |line| line.find(key.tag))?;
        Some((entry.value, entry.node))
    }

    /// Removes the session of a node, whose key has these bits.
    #[inline]
    pub(super) fn remove_node(&self, bits: BucketBits, node: NodeId) -> Option<V> {
        Some(self.remove_where(bits, |line| line.find_node(node))?.value)
    }

    #[inline]
    fn remove_where(&self, bits: BucketBits, find: impl Fn(&mut Writer<V>) -> Option<usize>) -> Option<Entry<V>> {
        let mut head = self.head(bits);
        let entry = match find(&mut head) {
            Some(slot) => head.take(slot)?,
            None => {
                let (mut line, slot) = self.seek_behind(&mut head, find)?;
                line.take(slot)?
            }
        };
        if head.next_overflow().is_some() {
            self.compact_chain(&mut head);
        }
        self.entries.store(self.entries.load(Relaxed) - 1, Relaxed);
        Some(entry)
    }

    /// Adds an entry to a bucket or to its overflow buckets.
    #[inline]
    fn append(&self, line: &mut Writer<V>, entry: Entry<V>) {
        match line.find_free() {
            Some(free) => line.fill(free, entry),
            None => self.append_behind(line, entry),
        }
    }

    fn append_behind(&self, line: &mut Writer<V>, entry: Entry<V>) {
        if let Some(mut next) = self.overflow_of(line) {
            return self.append(&mut next, entry);
        }
        let last = line.take(LAST);
        let (number, mut next) = self.allocate_overflow();
        line.go_on_in(Some(number));
        for (slot, entry) in last.into_iter().chain([entry]).enumerate() {
            next.fill(slot, entry);
        }
    }

    /// Fills free slots of a bucket from its overflow buckets, and unlinks those that become empty.
    fn compact_chain(&self, line: &mut Writer<V>) {
        while let Some(number) = line.next_overflow() {
            let mut next = self.overflow.get(number).write();
            for slot in 0..SLOTS {
                // The last entry takes the slot of the link.
                let is_last = next.used() == 1 && next.next_overflow().is_none();
                if let Some(free) = line.find_free().or(is_last.then_some(LAST))
                    && let Some(entry) = next.take(slot)
                {
                    line.fill(free, entry);
                }
            }
            if next.used() > 0 {
                return self.compact_chain(&mut next);
            }
            if line.next_overflow().is_some() {
                line.go_on_in(next.next_overflow());
            }
            next.go_on_in(self.unused.load(Relaxed).checked_sub(1));
            self.unused.store(number + 1, Relaxed);
        }
    }

    fn allocate_overflow(&self) -> (u32, Writer<'_, V>) {
        if let Some(number) = self.unused.load(Relaxed).checked_sub(1) {
            let mut line = self.overflow.get(number).write();
            self.unused.store(line.next_overflow().map_or(0, |next| next + 1), Relaxed);
            line.go_on_in(None);
            return (number, line);
        }
        let number = self.overflow_count.load(Relaxed);
        self.overflow_count.store(number + 1, Relaxed);
        (number, self.overflow.make(number).write())
    }

    /// Appends a bucket and moves its share to it, from the bucket that had its entries.
    fn split(&self, bits_of: impl Fn(NodeId) -> BucketBits) {
        let new = self.count.load(Relaxed);
        let mut to = self.main.make(new).write();
        let mut from = self.main.get(new - (1 << new.ilog2())).write();
        self.count.store(new + 1, Release);
        self.move_entries(&mut from, &mut to, &|node| bucket_of(bits_of(node), new + 1) == new);
        self.compact_chain(&mut from);
    }

    fn move_entries(&self, from: &mut Writer<V>, to: &mut Writer<V>, belongs: &impl Fn(NodeId) -> bool) {
        for slot in 0..SLOTS {
            let (nodes, slots) = from.parts();
            if slots.values[slot].is_some()
                && belongs(NodeId(nodes[slot]))
                && let Some(entry) = from.take(slot)
            {
                self.append(to, entry);
            }
        }
        if let Some(mut next) = self.overflow_of(from) {
            self.move_entries(&mut next, to, belongs);
        }
    }

    /// Checks the invariants of the table; returns the node of every slot.
    pub(super) fn validate(&self, bits_of: impl Fn(NodeId) -> BucketBits) -> Vec<NodeId> {
        let (mut found, mut overflow) = (Vec::new(), 0);
        for head in 0..self.count.load(Relaxed) {
            let mut at = self.main.get(head).read();
            loop {
                let used = (0..SLOTS).filter(|&slot| at.values[slot].is_some());
                let nodes: Vec<_> = used.map(|slot| at.node(slot)).collect();
                assert!(nodes.iter().all(|&node| self.bucket_of(bits_of(node)) == head));
                found.extend(&nodes);
                let Some(more) = at.next_overflow() else { break };
                assert_eq!(nodes.len(), LAST, "what goes on is full");
                at = self.overflow.get(more).read();
                assert!(at.values.iter().any(Option::is_some), "no overflow bucket is empty");
                overflow += 1;
            }
        }
        let first = self.unused.load(Relaxed).checked_sub(1);
        let unused = std::iter::successors(first, |&number| self.overflow.get(number).read().next_overflow());
        assert_eq!(overflow + unused.count() as u32, self.overflow_count.load(Relaxed), "no overflow bucket is lost");
        assert_eq!(found.len(), self.entries.load(Relaxed) as usize);
        found
    }
}
