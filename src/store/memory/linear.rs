//! One stripe of the table of a large cache: a hash table by linear hashing.
#![forbid(unsafe_code)]

use super::Key;
use super::segments::{Position, Segments};
use super::table::Put;

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
struct Bucket {
    overflow: bool,
    position: Position,
}

impl Bucket {
    #[inline]
    fn main(number: u32) -> Self {
        Self { overflow: false, position: Position::of(number) }
    }

    #[inline]
    fn overflow(number: u32) -> Self {
        Self { overflow: true, position: Position::of(number) }
    }
}

struct Entry<V> {
    low: u64,
    high: u32,
    value: V,
    node: u32,
}

impl<V> Entry<V> {
    #[inline]
    fn fill(self, line: &mut Line<V>, nodes: &mut [u32; SLOTS], slot: usize) {
        (line.low[slot], line.high[slot], line.values[slot]) = (self.low, self.high, Some(self.value));
        nodes[slot] = self.node;
    }

    #[inline]
    fn lift(line: &mut Line<V>, nodes: &[u32; SLOTS], slot: usize) -> Option<Self> {
        let value = line.values[slot].take()?;
        Some(Self { low: line.low[slot], high: line.high[slot], value, node: nodes[slot] })
    }
}

impl<V> Line<V> {
    const EMPTY: Self = Self { low: [0; SLOTS], high: [0; SLOTS], more: 0, values: [const { None }; SLOTS] };

    /// The slot of `key`. All slots are compared before one branch: which one it is, nothing can predict.
    #[inline]
    fn find(&self, key: &Key) -> Option<usize> {
        let is_it =
            |slot: usize| (self.low[slot] == key.low) & (self.high[slot] == key.high) & self.values[slot].is_some();
        let found = (0..SLOTS).fold(0, |found, slot| found | u32::from(is_it(slot)) << slot);
        (found != 0).then(|| found.trailing_zeros() as usize)
    }

    /// How many slots are used: the first ones.
    #[inline]
    fn used(&self) -> usize {
        self.values.iter().filter(|value| value.is_some()).count()
    }

    #[inline]
    fn next(&self) -> Option<Bucket> {
        self.more.checked_sub(1).map(Bucket::overflow)
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
        if self.count == 0 {
            self.main.push();
            self.count = 1;
        }
        let mut bucket = Bucket::main(self.bucket_of(key.high));
        loop {
            let line = self.line(bucket);
            if let Some(slot) = line.find(key) {
                let (line, nodes) = self.both(bucket);
                let Some(old) = &mut line.values[slot] else { break };
                return Put::over(old, value, nodes[slot]);
            }
            let Some(next) = line.next() else { break };
            bucket = next;
        }
        self.append(bucket, Entry { low: key.low, high: key.high, value, node });
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
        let slot_in = |bucket| {
            let used = self.line(bucket).used();
            self.nodes(bucket)[..used].iter().position(|&there| there == node).map(|slot| (bucket, slot))
        };
        let (bucket, slot) = self.chain(head).find_map(slot_in)?;
        let entry = self.cut(head, bucket, slot)?;
        self.entries -= 1;
        Some(entry.value)
    }

    #[inline]
    fn line(&self, bucket: Bucket) -> &Line<V> {
        if bucket.overflow { &self.overflow } else { &self.main }.lines.at(bucket.position)
    }

    #[inline]
    fn nodes(&self, bucket: Bucket) -> &[u32; SLOTS] {
        if bucket.overflow { &self.overflow } else { &self.main }.nodes.at(bucket.position)
    }

    /// A bucket, to be changed.
    #[inline]
    fn both(&mut self, bucket: Bucket) -> (&mut Line<V>, &mut [u32; SLOTS]) {
        let buckets = if bucket.overflow { &mut self.overflow } else { &mut self.main };
        (buckets.lines.at_mut(bucket.position), buckets.nodes.at_mut(bucket.position))
    }

    /// A main bucket and the overflow buckets that it goes on in.
    fn chain(&self, head: u32) -> impl Iterator<Item = Bucket> {
        std::iter::successors(Some(Bucket::main(head)), |&bucket| self.line(bucket).next())
    }

    /// The slot of `key`.
    #[inline]
    fn seek(&self, key: &Key) -> Option<(Bucket, usize)> {
        if self.count == 0 {
            return None;
        }
        self.chain(self.bucket_of(key.high)).find_map(|bucket| self.line(bucket).find(key).map(|slot| (bucket, slot)))
    }

    /// Adds an entry after the last one in `bucket` or in what it goes on in.
    fn append(&mut self, mut bucket: Bucket, entry: Entry<V>) {
        while let Some(next) = self.line(bucket).next() {
            bucket = next;
        }
        let (line, nodes) = self.both(bucket);
        let slot = line.used();
        if slot < SLOTS {
            return entry.fill(line, nodes, slot);
        }
        let more = self.allocate_overflow();
        self.both(bucket).0.more = more + 1;
        let (line, nodes) = self.both(Bucket::overflow(more));
        entry.fill(line, nodes, 0);
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
        let (line, nodes) = self.both(bucket);
        let entry = Entry::lift(line, nodes, slot)?;
        // In most buckets the last entry is in the same line, or is the very one.
        if line.more == 0 {
            let end = line.used();
            if end > slot
                && let Some(filler) = Entry::lift(line, nodes, end)
            {
                filler.fill(line, nodes, slot);
            }
            if end > 0 || !bucket.overflow {
                return Some(entry);
            }
        }
        let (mut before, mut last) = (Bucket::main(head), Bucket::main(head));
        while let Some(next) = self.line(last).next() {
            (before, last) = (last, next);
        }
        self.shorten(before, last, bucket, slot);
        Some(entry)
    }

    /// Takes the last entry of the overflow bucket `last`, if it has one, to the hole in `bucket`, and
    /// takes `last` off the bucket `before` it if it is empty then.
    fn shorten(&mut self, before: Bucket, last: Bucket, bucket: Bucket, slot: usize) {
        let (line, nodes) = self.both(last);
        if last != bucket
            && let Some(end) = line.used().checked_sub(1)
            && let Some(filler) = Entry::lift(line, nodes, end)
        {
            let (line, nodes) = self.both(bucket);
            filler.fill(line, nodes, slot);
        }
        if self.line(last).used() == 0 {
            self.both(last).0.more = self.unused;
            self.unused = std::mem::take(&mut self.both(before).0.more);
        }
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
                continue;
            }
            let Some(entry) = self.cut(old, bucket, slot) else { break };
            self.append(Bucket::main(new), entry);
        }
    }

    fn nth(&self, head: u32, index: usize) -> Option<(Bucket, usize)> {
        let bucket = self.chain(head).nth(index / SLOTS)?;
        let slot = index % SLOTS;
        (slot < self.line(bucket).used()).then_some((bucket, slot))
    }

    /// Checks what must hold of the table; returns the node and [`Key::high`] of every slot.
    pub(super) fn validate(&self) -> Vec<(u32, u32)> {
        assert_eq!(self.main.lines.len(), self.count as usize);
        let (mut found, mut overflow) = (Vec::new(), 0);
        for head in 0..self.count {
            let buckets: Vec<_> = self.chain(head).collect();
            overflow += buckets.len() - 1;
            for (position, &bucket) in buckets.iter().enumerate() {
                let line = self.line(bucket);
                let used = line.used();
                assert!(line.values[..used].iter().all(Option::is_some), "filled from the front");
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
