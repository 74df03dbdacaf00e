//! One stripe of the table of a large cache: a hash table by linear hashing.
#![forbid(unsafe_code)]

use super::segments::Segments;
use super::table::Put;
use super::Key;

/// Slots in a bucket: as many as a cache line has room for.
const SLOTS: usize = 3;

/// What a lookup reads of a bucket: one cache line, if a value is a pointer.
///
/// ```text
/// 0              24          36     40              64
/// | low  low  low | high ×3  | more | value ×3      |
/// ```
#[repr(C, align(64))]
struct Line<V> {
    low: [u64; SLOTS],
    high: [u32; SLOTS],
    /// The bucket has so many that it goes on in overflow bucket `more - 1`.
    more: u32,
    values: [Option<V>; SLOTS],
}

/// Buckets; what only writers read, the slots' nodes, is kept beside the lines.
struct Buckets<V> {
    lines: Segments<Line<V>>,
    nodes: Segments<[u32; SLOTS]>,
}

/// Buckets 0 to `count - 1`, and the overflow buckets that they go on in.
///
/// A slot belongs to the bucket that the low bits of its key's `high` name: as many bits as `count`
/// needs, or one less if that bucket is not there yet. When there are too many entries for the
/// buckets, one more is appended and takes its share from the one bucket that had its entries until
/// then. So the table grows by a bucket at a time, and nothing else moves.
/// In a bucket and its overflow buckets the slots are filled from the front without a hole.
pub(super) struct Linear<V> {
    main: Buckets<V>,
    overflow: Buckets<V>,
    /// The overflow buckets not in use, chained by `more`, as 1 + number; 0 if none.
    unused: u32,
    count: u32,
    entries: u32,
}

/// One bucket of either kind.
#[derive(Clone, Copy, PartialEq)]
enum Bucket {
    Main(u32),
    Overflow(u32),
}

struct Entry<V> {
    low: u64,
    high: u32,
    value: V,
    node: u32,
}

impl<V> Line<V> {
    const EMPTY: Self = Self { low: [0; SLOTS], high: [0; SLOTS], more: 0, values: [const { None }; SLOTS] };

    #[inline]
    fn find(&self, key: &Key) -> Option<usize> {
        (0..SLOTS)
            .find(|&slot| self.low[slot] == key.low && self.high[slot] == key.high && self.values[slot].is_some())
    }

    fn used(&self) -> usize {
        self.values.iter().take_while(|value| value.is_some()).count()
    }

    fn next(&self) -> Option<Bucket> {
        self.more.checked_sub(1).map(Bucket::Overflow)
    }
}

impl<V> Buckets<V> {
    const fn new() -> Self {
        Self { lines: Segments::new(), nodes: Segments::new() }
    }

    fn push(&mut self) {
        self.lines.push(Line::EMPTY);
        self.nodes.push([0; SLOTS]);
    }
}

impl<V> Linear<V> {
    pub(super) const fn new() -> Self {
        Self { main: Buckets::new(), overflow: Buckets::new(), unused: 0, count: 0, entries: 0 }
    }

    /// The number of the bucket for `high`; there is at least one.
    #[inline]
    fn bucket_of(&self, high: u32) -> u32 {
        let mask = u32::MAX.checked_shr((self.count - 1).leading_zeros()).unwrap_or(0);
        let bucket = high & mask;
        if bucket < self.count { bucket } else { bucket & (mask >> 1) }
    }

    /// The value under `key`.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Option<&V> {
        if self.count == 0 {
            return None;
        }
        let mut line = self.main.lines.get(self.bucket_of(key.high));
        loop {
            if let Some(slot) = line.find(key) {
                return line.values[slot].as_ref();
            }
            line = self.overflow.lines.get(line.more.checked_sub(1)?);
        }
    }

    /// The value under `key`, and its node.
    pub(super) fn find_node(&self, key: &Key) -> Option<(&V, u32)> {
        let (bucket, slot) = self.seek(key)?;
        self.line(bucket).values[slot].as_ref().map(|value| (value, self.nodes(bucket)[slot]))
    }

    pub(super) fn put(&mut self, key: &Key, value: V, node: u32) -> Put<V>
    where
        V: PartialEq,
    {
        if let Some((bucket, slot)) = self.seek(key) {
            let there = self.nodes(bucket)[slot];
            if let Some(old) = &mut self.line_mut(bucket).values[slot] {
                return Put::over(old, value, there);
            }
        }
        if self.count == 0 {
            self.main.push();
            self.count = 1;
        }
        let bucket = self.bucket_of(key.high);
        self.append(Bucket::Main(bucket), Entry { low: key.low, high: key.high, value, node });
        self.entries += 1;
        // 7 entries to 4 buckets of 3 slots: one bucket in ten or so needs an overflow bucket.
        if u64::from(self.entries) * 4 > u64::from(self.count) * 7 {
            self.split();
        }
        Put::New
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<(V, u32)> {
        let (bucket, slot) = self.seek(key)?;
        let entry = self.cut(self.bucket_of(key.high), bucket, slot)?;
        self.entries -= 1;
        Some((entry.value, entry.node))
    }

    /// Removes the session of a node whose key has `high`.
    pub(super) fn remove_node(&mut self, high: u32, node: u32) -> Option<V> {
        let head = self.bucket_of(high);
        let (bucket, slot) = self.chain(head).find(|&(bucket, slot)| self.nodes(bucket)[slot] == node)?;
        let entry = self.cut(head, bucket, slot)?;
        self.entries -= 1;
        Some(entry.value)
    }

    fn line(&self, bucket: Bucket) -> &Line<V> {
        match bucket {
            Bucket::Main(number) => self.main.lines.get(number),
            Bucket::Overflow(number) => self.overflow.lines.get(number),
        }
    }

    fn line_mut(&mut self, bucket: Bucket) -> &mut Line<V> {
        match bucket {
            Bucket::Main(number) => self.main.lines.get_mut(number),
            Bucket::Overflow(number) => self.overflow.lines.get_mut(number),
        }
    }

    fn nodes(&self, bucket: Bucket) -> &[u32; SLOTS] {
        match bucket {
            Bucket::Main(number) => self.main.nodes.get(number),
            Bucket::Overflow(number) => self.overflow.nodes.get(number),
        }
    }

    fn nodes_mut(&mut self, bucket: Bucket) -> &mut [u32; SLOTS] {
        match bucket {
            Bucket::Main(number) => self.main.nodes.get_mut(number),
            Bucket::Overflow(number) => self.overflow.nodes.get_mut(number),
        }
    }

    /// A main bucket and the overflow buckets that it goes on in.
    fn buckets(&self, head: u32) -> impl Iterator<Item = Bucket> {
        std::iter::successors(Some(Bucket::Main(head)), |&bucket| self.line(bucket).next())
    }

    /// All used slots of a bucket.
    fn chain(&self, head: u32) -> impl Iterator<Item = (Bucket, usize)> {
        self.buckets(head).flat_map(|bucket| (0..self.line(bucket).used()).map(move |slot| (bucket, slot)))
    }

    /// The slot of `key`.
    fn seek(&self, key: &Key) -> Option<(Bucket, usize)> {
        if self.count == 0 {
            return None;
        }
        self.buckets(self.bucket_of(key.high))
            .find_map(|bucket| self.line(bucket).find(key).map(|slot| (bucket, slot)))
    }

    /// Adds an entry at the end of a bucket.
    fn append(&mut self, head: Bucket, entry: Entry<V>) {
        let mut bucket = head;
        while let Some(next) = self.line(bucket).next() {
            bucket = next;
        }
        if self.line(bucket).used() == SLOTS {
            let more = self.allocate_overflow();
            self.line_mut(bucket).more = more + 1;
            bucket = Bucket::Overflow(more);
        }
        let slot = self.line(bucket).used();
        self.nodes_mut(bucket)[slot] = entry.node;
        let line = self.line_mut(bucket);
        (line.low[slot], line.high[slot], line.values[slot]) = (entry.low, entry.high, Some(entry.value));
    }

    fn allocate_overflow(&mut self) -> u32 {
        match self.unused.checked_sub(1) {
            Some(number) => {
                self.unused = std::mem::take(&mut self.overflow.lines.get_mut(number).more);
                number
            }
            None => {
                self.overflow.push();
                self.overflow.lines.len() as u32 - 1
            }
        }
    }

    /// Takes out what is in one slot of a bucket; the bucket's last entry fills the hole.
    fn cut(&mut self, head: u32, bucket: Bucket, slot: usize) -> Option<Entry<V>> {
        let (mut before, mut last) = (Bucket::Main(head), Bucket::Main(head));
        while let Some(next) = self.line(last).next() {
            (before, last) = (last, next);
        }
        let end = self.line(last).used() - 1;
        let filler = self.lift(last, end)?;
        if let (0, Bucket::Overflow(number)) = (end, last) {
            self.line_mut(before).more = 0;
            self.line_mut(last).more = self.unused;
            self.unused = number + 1;
        }
        if (bucket, slot) == (last, end) {
            return Some(filler);
        }
        let entry = self.lift(bucket, slot);
        self.nodes_mut(bucket)[slot] = filler.node;
        let line = self.line_mut(bucket);
        (line.low[slot], line.high[slot], line.values[slot]) = (filler.low, filler.high, Some(filler.value));
        entry
    }

    fn lift(&mut self, bucket: Bucket, slot: usize) -> Option<Entry<V>> {
        let node = self.nodes(bucket)[slot];
        let line = self.line_mut(bucket);
        let value = line.values[slot].take()?;
        Some(Entry { low: line.low[slot], high: line.high[slot], value, node })
    }

    /// Appends a bucket and gives it its share of the bucket that had its entries.
    fn split(&mut self) {
        let new = self.count;
        let old = new - (1 << new.ilog2());
        self.main.push();
        self.count += 1;
        let mut kept = 0;
        while let Some((bucket, slot)) = self.nth(old, kept) {
            if self.bucket_of(self.line(bucket).high[slot]) == old {
                kept += 1;
            } else if let Some(entry) = self.cut(old, bucket, slot) {
                self.append(Bucket::Main(new), entry);
            }
        }
    }

    fn nth(&self, head: u32, index: usize) -> Option<(Bucket, usize)> {
        let bucket = self.buckets(head).nth(index / SLOTS)?;
        let slot = index % SLOTS;
        (slot < self.line(bucket).used()).then_some((bucket, slot))
    }

    /// Checks what must hold of the table; returns the node and [`Key::high`] of every slot.
    pub(super) fn validate(&self) -> Vec<(u32, u32)> {
        assert_eq!(self.main.lines.len(), self.count as usize);
        let (mut found, mut overflow) = (Vec::new(), 0);
        for head in 0..self.count {
            let buckets: Vec<_> = self.buckets(head).collect();
            overflow += buckets.len() - 1;
            for (position, &bucket) in buckets.iter().enumerate() {
                let line = self.line(bucket);
                let used = line.used();
                assert_eq!(line.values.iter().flatten().count(), used, "filled from the front");
                assert!(used == SLOTS || position + 1 == buckets.len(), "only the last has room");
                assert!(used > 0 || position == 0, "no overflow bucket is empty");
                assert!(line.high[..used].iter().all(|&high| self.bucket_of(high) == head));
                found.extend(self.nodes(bucket)[..used].iter().copied().zip(line.high));
            }
        }
        let unused = std::iter::successors(self.unused.checked_sub(1), |&number| {
            self.overflow.lines.get(number).more.checked_sub(1)
        });
        assert_eq!(overflow + unused.count(), self.overflow.lines.len(), "no overflow bucket is lost");
        assert_eq!(found.len(), self.entries as usize);
        found
    }
}
