//! A bucket: a few slots and the lock over them, in one cache line.
//!
//! The one file of the stores with unsafe code. What it buys: whoever looks a session up after a handshake's work finds
//! nothing in the processor's caches, and waits for two lines of memory, this one and the session's. With a lock
//! beside the table (64 stripes under std's RwLock, without unsafe code) it was four.
//!
//! ```text
//! 0      4           16            40              64
//! | word | node ×3   | tag ×3      | value ×3      |
//!
//! word:  | era 16 | writer 1 | readers 15 |
//! ```
//! **The lock.** Many readers or one writer, as a std::sync::RwLock, in four bytes:
//!
//! ```text
//!              read: +1            write: sets `writer`, then waits for the readers to leave
//!   readers ◄────────── free ──────────► writer, readers ──► writer
//!      └──── -1 ─────────▲                                      │
//!                        └────────── clears the word ───────────┘
//! ```
//! *Invariants.* (1) Shared references to nodes, tags and values exist only while their thread is counted in `readers`.
//! (2) Mutable ones exist only with `writer` set by their thread and `readers` at 0. (3) With `writer` set nobody is
//! counted in, and nobody else sets it. So (1) and (2) exclude each other. Counting in acquires and counting out releases,
//! and so do setting and clearing `writer`: what one left the next one sees.
//!
//! Shuttle (`make shuttle`), Miri (`make miri`) and the thread sanitizer (`make tsan`) run the store's tests over this.
//!
//! *Waiting.* Who holds the lock looks at three slots or counts a reference; it takes longer only if it loses its processor.
//! So others spin for a moment, then give the processor away, then sleep. To be woken instead they would have to be asked
//! for by everyone who lets go, which is what each lookup does.
//!
//! *Forks.* The child of a process with other threads has no thread that could count these out again. It begins
//! a new era ([`forked`]), and a word of another era counts as free. No writer is at work at a fork (`Memory::hold`).
#![allow(unsafe_code)]

use super::sync::{self, Count, atomic::AtomicU32};
use std::cell::UnsafeCell;
use std::ops::Deref;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

/// Slots in a bucket: as many as a cache line has room for.
pub(super) const SLOTS: usize = 3;

const READERS: u32 = 0x7FFF;
const WRITER: u32 = 0x8000;
const ERA: u32 = 0x1_0000;

/// The era of this process, in the place that it has in a word.
static NOW: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// To be called in the child of a fork before it uses a store: its parent's other threads, which may have been reading
/// in any store of the process, are not there to let go of a lock.
pub fn forked() {
    NOW.fetch_add(ERA, Relaxed);
}

/// What a session is found by, and the session.
pub(super) struct Slots<V> {
    pub(super) tags: [u64; SLOTS],
    pub(super) values: [Option<V>; SLOTS],
}

#[repr(C, align(64))]
pub(super) struct Bucket<V> {
    word: AtomicU32,
    nodes: UnsafeCell<[u32; SLOTS]>,
    slots: UnsafeCell<Slots<V>>,
}

// SAFETY: a bucket hands references to values to several threads at once, and moves values between threads.
unsafe impl<V: Send + Sync> Sync for Bucket<V> {}

/// The lock held by one of its readers; lets go when dropped.
pub(super) struct Reader<'a, V> {
    bucket: &'a Bucket<V>,
    _held: Count,
}

/// The lock held by its writer; lets go when dropped.
pub(super) struct Writer<'a, V> {
    bucket: &'a Bucket<V>,
    _held: Count,
}

impl<V> Bucket<V> {
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU32::new(0),
            nodes: UnsafeCell::new([0; SLOTS]),
            slots: UnsafeCell::new(Slots { tags: [0; SLOTS], values: [const { None }; SLOTS] }),
        }
    }

    #[inline]
    pub(super) fn read(&self) -> Reader<'_, V> {
        let free = NOW.load(Relaxed);
        // Mostly it is free; and to ask first would fetch the line twice, to be read and then to be changed.
        if self.word.compare_exchange(free, free + 1, Acquire, Relaxed).is_err() {
            self.enter(free, 1, |word| word & WRITER != 0 || word & READERS == READERS);
        }
        Reader { bucket: self, _held: Count::up() }
    }

    #[inline]
    pub(super) fn write(&self) -> Writer<'_, V> {
        let free = NOW.load(Relaxed);
        if self.word.compare_exchange(free, free | WRITER, Acquire, Relaxed).is_err() {
            self.enter(free, WRITER, |word| word & WRITER != 0);
            let mut waited = 0;
            while self.word.load(Acquire) & READERS != 0 {
                wait(&mut waited);
            }
        }
        Writer { bucket: self, _held: Count::up() }
    }

    /// Adds to the word as soon as it bars no more.
    #[cold]
    fn enter(&self, free: u32, added: u32, bars: impl Fn(u32) -> bool) {
        let mut waited = 0;
        loop {
            let word = self.word.load(Relaxed);
            let now = of_this_era(word, free);
            if bars(now) {
                wait(&mut waited);
            } else if self.word.compare_exchange_weak(word, now + added, Acquire, Relaxed).is_ok() {
                return;
            }
        }
    }
}

/// The word as it counts in the era of which `free` is the free word.
fn of_this_era(word: u32, free: u32) -> u32 {
    if (word ^ free) < ERA { word } else { free }
}

/// Until another thread lets go: for less than a microsecond, for the rest of this thread's turn, for longer.
fn wait(waited: &mut u32) {
    const SPINS: u32 = 64;
    const TURNS: u32 = SPINS + 64;
    match *waited {
        _ if cfg!(shuttle) => sync::yield_now(),
        0..SPINS => std::hint::spin_loop(),
        SPINS..TURNS => sync::yield_now(),
        _ => std::thread::sleep(Duration::from_micros(50)),
    }
    *waited += 1;
}

impl<'a, V> Reader<'a, V> {
    #[inline]
    pub(super) fn nodes(&self) -> &[u32; SLOTS] {
        // SAFETY: counted in until this is dropped, which the reference does not outlive: invariant 1.
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
        self.bucket.word.fetch_sub(1, Release);
    }
}

impl<V> Writer<'_, V> {
    /// What the lock guards.
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut [u32; SLOTS], &mut Slots<V>) {
        // SAFETY: `writer` is set by this thread and there are no readers until this is dropped, which the references do
        // not outlive; and `self` is borrowed for as long, so there is no second pair. Invariant 2.
        unsafe { (&mut *self.bucket.nodes.get(), &mut *self.bucket.slots.get()) }
    }
}

impl<V> Drop for Writer<'_, V> {
    #[inline]
    fn drop(&mut self) {
        self.bucket.word.store(NOW.load(Relaxed), Release);
    }
}
