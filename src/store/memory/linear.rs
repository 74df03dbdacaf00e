//! One stripe of the table of a large cache: a hash table by linear hashing.
#![forbid(unsafe_code)]

use super::Key;
use super::segments::Segments;
use super::table::{Put, bucket_bits};

/// Slots in a bucket: as many as a cache line has room for.
const SLOTS: usize = 3;

/// A bucket or an overflow bucket: one cache line, if a value is a pointer.
///
/// ```text
/// 0             24             48       60     64
/// | tag tag tag | value value value | node ×3 | more |
/// ```
/// The slots are filled from the front. A tag behind them is a leftover, without a value: as the
/// tags before it are looked at first, it can be found, but only where there is no other.
#[repr(C, align(64))]
struct Line<V> {
    tags: [u64; SLOTS],
    values: [Option<V>; SLOTS],
    nodes: [u32; SLOTS],
    /// The bucket has so many that it goes on in overflow bucket `more - 1`.
    more: u32,
}

/// Buckets 0 to `count - 1`, and the overflow buckets that they go on in.
///
/// A slot belongs to the bucket that the low [`bucket_bits`] of its key name: as many bits as
/// `count` needs, or one less if that bucket is not there yet. When there are too many entries for the
/// buckets, one more is appended and takes its share from the one bucket that had its entries until
/// then. So the table grows by a bucket at a time, and nothing else moves.
/// In a bucket and its overflow buckets the slots are filled from the front without a hole.
///
/// What a lookup needs comes first: it shares a cache line with the lock.
#[repr(C)]
pub(super) struct Linear<V> {
    /// As many bits as `count - 1` needs.
    mask: u32,
    count: u32,
    main: Segments<Line<V>>,
    entries: u32,
    /// The overflow buckets not in use, chained by `more`, as 1 + number; 0 if none.
    unused: u32,
    overflow: Segments<Line<V>>,
}

/// One bucket of either kind.
#[derive(Clone, Copy, PartialEq)]
enum Bucket {
    Main(u32),
    Overflow(u32),
}

struct Entry<V> {
    tag: u64,
    value: V,
    node: u32,
}

impl<V> Line<V> {
    const EMPTY: Self = Self { tags: [0; SLOTS], values: [const { None }; SLOTS], nodes: [0; SLOTS], more: 0 };

    /// The slot of a tag. All slots are compared before one branch: which one it is, nothing can predict.
    #[inline]
    fn find(&self, tag: u64) -> Option<usize> {
        let [first, second, third] = self.tags.map(|there| u32::from(there == tag));
        let found = first | second << 1 | third << 2;
        let slot = found.trailing_zeros() as usize;
        (slot < SLOTS && self.values[slot].is_some()).then_some(slot)
    }

    /// The slot of a node.
    #[inline]
    fn find_node(&self, node: u32) -> Option<usize> {
        let slot = self.nodes.iter().position(|&there| there == node)?;
        self.values[slot].is_some().then_some(slot)
    }

    /// How many slots are used: the first ones.
    #[inline]
    fn used(&self) -> usize {
        self.values.iter().filter(|value| value.is_some()).count()
    }

    #[inline]
    fn next(&self) -> Option<Bucket> {
        self.more.checked_sub(1).map(Bucket::Overflow)
    }

    #[inline]
    fn fill(&mut self, slot: usize, entry: Entry<V>) {
        (self.tags[slot], self.values[slot], self.nodes[slot]) = (entry.tag, Some(entry.value), entry.node);
    }

    #[inline]
    fn lift(&mut self, slot: usize) -> Option<Entry<V>> {
        let value = self.values[slot].take()?;
        Some(Entry { tag: self.tags[slot], value, node: self.nodes[slot] })
    }

    /// Takes an entry out; the last one fills the hole.
    #[inline]
    fn cut(&mut self, slot: usize) -> Option<Entry<V>> {
        let entry = self.lift(slot)?;
        for last in (slot + 1..SLOTS).rev() {
            if let Some(filler) = self.lift(last) {
                self.fill(slot, filler);
                break;
            }
        }
        Some(entry)
    }
}

impl<V> Linear<V> {
    pub(super) const fn new() -> Self {
        Self { mask: 0, count: 0, main: Segments::new(), entries: 0, unused: 0, overflow: Segments::new() }
    }

    /// The number of the bucket for the [`bucket_bits`] of a key; 0 if there is none yet.
    #[inline]
    fn bucket_of(&self, bits: u32) -> u32 {
        let bucket = bits & self.mask;
        if bucket < self.count { bucket } else { bucket & (self.mask >> 1) }
    }

    /// The value under `key`.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Option<&V> {
        let mut line = self.main.find(self.bucket_of(bucket_bits(key.place)))?;
        loop {
            if let Some(slot) = line.find(key.tag) {
                return line.values[slot].as_ref();
            }
            line = self.overflow.find(line.more.checked_sub(1)?)?;
        }
    }

    /// The value under `key`, and its node.
    pub(super) fn find_node(&self, key: &Key) -> Option<(&V, u32)> {
        let mut line = self.main.find(self.bucket_of(bucket_bits(key.place)))?;
        loop {
            if let Some(slot) = line.find(key.tag) {
                return line.values[slot].as_ref().map(|value| (value, line.nodes[slot]));
            }
            line = self.overflow.find(line.more.checked_sub(1)?)?;
        }
    }

    /// Puts a value in. `bits` tells the [`bucket_bits`] of the nodes that are there already.
    #[inline]
    pub(super) fn put(&mut self, key: &Key, value: V, node: u32, bits: impl Fn(u32) -> u32) -> Put<V>
    where
        V: PartialEq,
    {
        if self.count == 0 {
            self.split(&bits);
        }
        let head = self.bucket_of(bucket_bits(key.place));
        let line = self.main.get_mut(head);
        if let Some(slot) = line.find(key.tag)
            && let Some(old) = &mut line.values[slot]
        {
            return Put::over(old, value, line.nodes[slot]);
        }
        if line.more != 0
            && let Some((bucket, slot)) = self.seek_behind(head, key.tag)
            && let line = self.line_mut(bucket)
            && let Some(old) = &mut line.values[slot]
        {
            return Put::over(old, value, line.nodes[slot]);
        }
        let entry = Entry { tag: key.tag, value, node };
        self.entries += 1;
        // 3 entries to 2 buckets of 3 slots. A bucket that waits for its split has twice what a new one
        // has: with more, too many would go on in an overflow bucket, at a lookup's second cache miss.
        if u64::from(self.entries) * 2 > u64::from(self.count) * 3 {
            self.split(bits);
            self.append(self.bucket_of(bucket_bits(key.place)), entry);
        } else {
            self.append(head, entry);
        }
        Put::New
    }

    /// Where a tag is in what a main bucket goes on in.
    fn seek_behind(&self, head: u32, tag: u64) -> Option<(Bucket, usize)> {
        self.chain(head).skip(1).find_map(|bucket| self.line(bucket).find(tag).map(|slot| (bucket, slot)))
    }

    #[inline]
    pub(super) fn remove(&mut self, key: &Key) -> Option<(V, u32)> {
        let entry = self.remove_where(bucket_bits(key.place), |line| line.find(key.tag))?;
        Some((entry.value, entry.node))
    }

    /// Removes the session of a node, whose key has these [`bucket_bits`].
    #[inline]
    pub(super) fn remove_node(&mut self, bits: u32, node: u32) -> Option<V> {
        Some(self.remove_where(bits, |line| line.find_node(node))?.value)
    }

    #[inline]
    fn remove_where(&mut self, bits: u32, find: impl Fn(&Line<V>) -> Option<usize>) -> Option<Entry<V>> {
        if self.count == 0 {
            return None;
        }
        let head = self.bucket_of(bits);
        let line = self.main.get_mut(head);
        let entry = if line.more == 0 {
            line.cut(find(line)?)?
        } else {
            let mut bucket = Bucket::Main(head);
            let slot = loop {
                let line = self.line(bucket);
                match find(line) {
                    Some(slot) => break slot,
                    None => bucket = line.next()?,
                }
            };
            self.cut_chained(head, bucket, slot)?
        };
        self.entries -= 1;
        Some(entry)
    }

    #[inline]
    fn line(&self, bucket: Bucket) -> &Line<V> {
        match bucket {
            Bucket::Main(number) => self.main.get(number),
            Bucket::Overflow(number) => self.overflow.get(number),
        }
    }

    #[inline]
    fn line_mut(&mut self, bucket: Bucket) -> &mut Line<V> {
        match bucket {
            Bucket::Main(number) => self.main.get_mut(number),
            Bucket::Overflow(number) => self.overflow.get_mut(number),
        }
    }

    /// A main bucket and the overflow buckets that it goes on in.
    fn chain(&self, head: u32) -> impl Iterator<Item = Bucket> {
        std::iter::successors(Some(Bucket::Main(head)), |&bucket| self.line(bucket).next())
    }

    /// Adds an entry after the last one of a main bucket and what it goes on in.
    #[inline]
    fn append(&mut self, head: u32, entry: Entry<V>) {
        let line = self.main.get_mut(head);
        let used = line.used();
        if used < SLOTS {
            line.fill(used, entry);
        } else {
            self.append_behind(head, entry);
        }
    }

    fn append_behind(&mut self, head: u32, entry: Entry<V>) {
        let mut last = Bucket::Main(head);
        while let Some(next) = self.line(last).next() {
            last = next;
        }
        let used = self.line(last).used();
        if used < SLOTS {
            return self.line_mut(last).fill(used, entry);
        }
        let more = self.allocate_overflow();
        self.line_mut(last).more = more + 1;
        self.overflow.get_mut(more).fill(0, entry);
    }

    fn allocate_overflow(&mut self) -> u32 {
        match self.unused.checked_sub(1) {
            Some(number) => {
                self.unused = std::mem::take(&mut self.overflow.get_mut(number).more);
                number
            }
            None => {
                self.overflow.push(Line::EMPTY);
                self.overflow.len() as u32 - 1
            }
        }
    }

    /// Takes out what is in one slot of a bucket; the last entry of the last overflow bucket of `head`
    /// fills the hole, and that bucket is taken off if it is empty then.
    fn cut_chained(&mut self, head: u32, bucket: Bucket, slot: usize) -> Option<Entry<V>> {
        let (mut before, mut last) = (Bucket::Main(head), Bucket::Main(head));
        while let Some(next) = self.line(last).next() {
            (before, last) = (last, next);
        }
        let entry = self.line_mut(bucket).cut(slot);
        if last != bucket
            && let Some(end) = self.line(last).used().checked_sub(1)
            && let Some(filler) = self.line_mut(last).lift(end)
        {
            let line = self.line_mut(bucket);
            line.fill(line.used(), filler);
        }
        if last != before && self.line(last).used() == 0 {
            self.line_mut(last).more = self.unused;
            self.unused = std::mem::take(&mut self.line_mut(before).more);
        }
        entry
    }

    /// Appends a bucket and gives it its share of the bucket that had its entries.
    fn split(&mut self, bits: impl Fn(u32) -> u32) {
        let new = self.count;
        self.main.push(Line::EMPTY);
        self.count += 1;
        if new == 0 {
            return;
        }
        self.mask = u32::MAX >> new.leading_zeros();
        let old = new - (1 << new.ilog2());
        let mut kept = 0;
        while let Some((bucket, slot)) = self.nth(old, kept) {
            if self.bucket_of(bits(self.line(bucket).nodes[slot])) == old {
                kept += 1;
                continue;
            }
            let Some(entry) = self.cut_chained(old, bucket, slot) else { break };
            self.append(new, entry);
        }
    }

    fn nth(&self, head: u32, index: usize) -> Option<(Bucket, usize)> {
        let bucket = self.chain(head).nth(index / SLOTS)?;
        let slot = index % SLOTS;
        (slot < self.line(bucket).used()).then_some((bucket, slot))
    }

    /// Checks what must hold of the table; returns the node of every slot.
    pub(super) fn validate(&self, bits: impl Fn(u32) -> u32) -> Vec<u32> {
        assert_eq!(self.main.len(), self.count as usize);
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
                assert!(line.nodes[..used].iter().all(|&node| self.bucket_of(bits(node)) == head));
                found.extend(&line.nodes[..used]);
            }
        }
        let unused =
            std::iter::successors(self.unused.checked_sub(1), |&number| self.overflow.get(number).more.checked_sub(1));
        assert_eq!(overflow + unused.count(), self.overflow.len(), "no overflow bucket is lost");
        assert_eq!(found.len(), self.entries as usize);
        found
    }
}
