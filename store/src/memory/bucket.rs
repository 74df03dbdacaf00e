//! A bucket: a few slots and the lock over them, in one cache line.
//!
//! Beside [`lock`](super::lock) the one file of the stores with unsafe code. Its benefit: a lookup
//! after a handshake's work finds nothing in the processor's caches, and waits for two lines of
//! memory, this one and the session's. With a lock beside the table (64 stripes under std's RwLock,
//! without unsafe code) it was four.
//!
//! ```text
//! 0      4           16            40              64
//! | word | node ×3   | tag ×3      | value ×3      |
//! ```
//! The lock is a [`Word`] over all three: a lock with the data inside would leave no room for the
//! nodes.
#![allow(unsafe_code)]

use super::lock::Word;
use super::sync::Count;
use std::cell::UnsafeCell;
use std::ops::Deref;

/// Number of slots in a bucket: as many as fit into a cache line.
pub(super) const SLOTS: usize = 3;

/// Tags and sessions of the slots.
pub(super) struct Slots<V> {
    pub(super) tags: [u64; SLOTS],
    pub(super) values: [Option<V>; SLOTS],
}

#[repr(C, align(64))]
pub(super) struct Bucket<V> {
    word: Word,
    /// The slots' nodes as numbers, not as `NodeId`: that of the last slot is at times the number of an overflow bucket.
    /// `chain` says which, and converts.
    nodes: UnsafeCell<[u32; SLOTS]>,
    slots: UnsafeCell<Slots<V>>,
}

// SAFETY: a bucket hands references to values to several threads at once, and moves values between threads.
unsafe impl<V: Send + Sync> Sync for Bucket<V> {}

/// Guard of a reader; releases the lock when dropped.
pub(super) struct Reader<'a, V> {
    bucket: &'a Bucket<V>,
    _held: Count,
}

/// Guard of the writer; releases the lock when dropped.
pub(super) struct Writer<'a, V> {
    bucket: &'a Bucket<V>,
    _held: Count,
}

impl<V> Bucket<V> {
    pub(super) fn new() -> Self {
        Self {
            word: Word::new(),
            nodes: UnsafeCell::new([0; SLOTS]),
            slots: UnsafeCell::new(Slots { tags: [0; SLOTS], values: [const { None }; SLOTS] }),
        }
    }

    #[inline]
    pub(super) fn read(&self) -> Reader<'_, V> {
        self.word.count_in();
        Reader { bucket: self, _held: Count::up() }
    }

    #[inline]
    pub(super) fn write(&self) -> Writer<'_, V> {
        self.word.shut();
        Writer { bucket: self, _held: Count::up() }
    }
}

impl<'a, V> Reader<'a, V> {
    #[inline]
    pub(super) fn nodes(&self) -> &[u32; SLOTS] {
        // SAFETY: counted in until this is dropped, which the reference does not outlive: the lock's invariant 1.
        unsafe { &*self.bucket.nodes.get() }
    }
}

impl<V> Deref for Reader<'_, V> {
    type Target = Slots<V>;

    #[inline]
    fn deref(&self) -> &Slots<V> {
        // SAFETY: as for `nodes`.
        unsafe { &*self.bucket.slots.get() }
    }
}

impl<V> Drop for Reader<'_, V> {
    #[inline]
    fn drop(&mut self) {
        self.bucket.word.count_out();
    }
}

impl<V> Writer<'_, V> {
    /// Returns all that the lock guards.
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut [u32; SLOTS], &mut Slots<V>) {
        // SAFETY: `writer` is set by this thread and there are no readers until this is dropped, which the references do
        // not outlive; and `self` is borrowed for as long, so there is no second pair. Its invariant 2.
        unsafe { (&mut *self.bucket.nodes.get(), &mut *self.bucket.slots.get()) }
    }
}

impl<V> Drop for Writer<'_, V> {
    #[inline]
    fn drop(&mut self) {
        self.bucket.word.open();
    }
}
