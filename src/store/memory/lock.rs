//! The lock over a few slots: many readers or one writer, in four bytes.
//!
//! ```text
//! word:  | era 16 | writer 1 | readers 15 |
//!
//!              read: +1            write: sets `writer`, then waits for the readers to leave
//!   readers ◄────────── free ──────────► writer, readers ──► writer
//!      └──── -1 ─────────▲                                      │
//!                        └────────── clears the word ───────────┘
//! ```
//! *Invariants.* (1) Shared references to what it guards exist only while their thread is counted in `readers`.
//! (2) Mutable ones exist only with `writer` set by their thread and `readers` at 0. (3) With `writer` set nobody is
//! counted in, and nobody else sets it. So (1) and (2) exclude each other. Counting in acquires and counting out releases,
//! and so do setting and clearing `writer`: what one left the next one sees.
//!
//! Shuttle (`make shuttle`), Miri (`make miri`) and the thread sanitizer (`make tsan`) run the store's tests over this.
//!
//! *Waiting.* Who holds the lock looks at a few slots or counts a reference; it takes longer only if it loses its processor.
//! So others spin for a moment, then give the processor away, then sleep. To be woken instead they would have to be asked
//! for by everyone who lets go, which is what each lookup does.
//!
//! *Forks.* A word of another [`era`] counts as free: in the child there is no thread that could count these readers out. No
//! writer is at work at a fork, see [`gate`](crate::store::gate).
#![allow(unsafe_code)]

use super::era::{self, ERA};
use super::sync::{self, Count, atomic::AtomicU32};
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const READERS: u32 = 0x7FFF;
const WRITER: u32 = 0x8000;

/// The word. Who counts himself in or shuts it has to count himself out or to open it.
pub(super) struct Word(AtomicU32);

impl Word {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Counts a reader in.
    #[inline]
    pub(super) fn count_in(&self) {
        let free = era::now();
        // Mostly it is free; and to ask first would fetch the line twice, to be read and then to be changed.
        if self.0.compare_exchange(free, free + 1, Acquire, Relaxed).is_err() {
            self.enter(free, 1, |word| word & WRITER != 0 || word & READERS == READERS);
        }
    }

    /// Counts a reader out.
    #[inline]
    pub(super) fn count_out(&self) {
        self.0.fetch_sub(1, Release);
    }

    /// Lets the writer in, alone.
    #[inline]
    pub(super) fn shut(&self) {
        let free = era::now();
        if self.0.compare_exchange(free, free | WRITER, Acquire, Relaxed).is_err() {
            self.enter(free, WRITER, |word| word & WRITER != 0);
            let mut waited = 0;
            while self.0.load(Acquire) & READERS != 0 {
                sync::wait(&mut waited);
            }
        }
    }

    /// Lets the writer out.
    #[inline]
    pub(super) fn open(&self) {
        self.0.store(era::now(), Release);
    }

    /// Adds to the word as soon as it bars no more.
    #[cold]
    fn enter(&self, free: u32, added: u32, bars: impl Fn(u32) -> bool) {
        let mut waited = 0;
        loop {
            let word = self.0.load(Relaxed);
            let now = of_this_era(word, free);
            if bars(now) {
                sync::wait(&mut waited);
            } else if self.0.compare_exchange_weak(word, now + added, Acquire, Relaxed).is_ok() {
                return;
            }
        }
    }
}

/// The word as it counts in the era of which `free` is the free word.
fn of_this_era(word: u32, free: u32) -> u32 {
    if (word ^ free) < ERA { word } else { free }
}

/// Something under such a lock.
pub(super) struct Lock<T> {
    word: Word,
    inside: UnsafeCell<T>,
}

// SAFETY: a lock hands references to what it guards to several threads at once, and moves it between threads.
unsafe impl<T: Send + Sync> Sync for Lock<T> {}

/// The lock held by one of its readers; lets go when dropped.
pub(super) struct Reading<'a, T> {
    lock: &'a Lock<T>,
    _held: Count,
}

/// The lock held by its writer; lets go when dropped.
pub(super) struct Writing<'a, T> {
    lock: &'a Lock<T>,
    _held: Count,
}

impl<T> Lock<T> {
    pub(super) const fn new(inside: T) -> Self {
        Self { word: Word::new(), inside: UnsafeCell::new(inside) }
    }

    #[inline]
    pub(super) fn read(&self) -> Reading<'_, T> {
        self.word.count_in();
        Reading { lock: self, _held: Count::up() }
    }

    #[inline]
    pub(super) fn write(&self) -> Writing<'_, T> {
        self.word.shut();
        Writing { lock: self, _held: Count::up() }
    }
}

impl<T> Deref for Reading<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: counted in until this is dropped, which the reference does not outlive: invariant 1.
        unsafe { &*self.lock.inside.get() }
    }
}

impl<T> Drop for Reading<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.word.count_out();
    }
}

impl<T> Deref for Writing<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `writer` is set by this thread and there are no readers until this is dropped: invariant 2.
        unsafe { &*self.lock.inside.get() }
    }
}

impl<T> DerefMut for Writing<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; and `self` is borrowed for as long, so there is no second reference.
        unsafe { &mut *self.lock.inside.get() }
    }
}

impl<T> Drop for Writing<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.word.open();
    }
}
