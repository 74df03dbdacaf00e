//! The lock over a few slots: many readers or one writer, in four bytes.
//!
//! ```text
//! word:  | era 16 | writer 1 | readers 15 |
//!
//!              read: +1            write: sets `writer`, then waits for the readers to finish
//!   readers ◄────────── free ──────────► writer, readers ──► writer
//!      └──── -1 ─────────▲                                      │
//!                        └────────── clears the word ───────────┘
//! ```
//! *Invariants.* (1) Shared references to the guarded data exist only while their thread is counted
//! in `readers`. (2) Mutable ones exist only with `writer` set by their thread and `readers` at 0.
//! (3) With `writer` set no thread is added to `readers`, and no other sets `writer`. So (1) and
//! (2) exclude each other. Incrementing `readers` acquires and decrementing releases, and so do
//! setting and clearing `writer`: the next thread sees what the last one wrote.
//!
//! Shuttle (`make shuttle`), Miri (`make miri`) and the thread sanitizer (`make tsan`) run the store's tests over this.
//!
//! *Waiting.* An owner compares a few slots or increments a reference count; it takes longer only
//! if it loses its processor. So others spin for a moment, then yield, then sleep. For a wake-up
//! every release would have to ask for waiters, and each lookup is a release.
//!
//! *Forks.* A word of another [`era`] counts as free: the child has no thread that could decrement
//! these readers. No writer is at work at a fork, see [`gate`](crate::gate).
#![allow(unsafe_code)]

use super::era::{self, ERA};
use super::sync::{self, Count, atomic::AtomicU32};
use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const READERS: u32 = 0x7FFF;
const WRITER: u32 = 0x8000;

/// The word. A thread that increments it or shuts it must decrement or open it again.
pub(super) struct Word(AtomicU32);

impl Word {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Increments the number of readers.
    #[inline]
    pub(super) fn count_in(&self) {
        let free = era::now();
        // Mostly it is free; and a read before would fetch the line twice, first to read and then
        // to change it.
        if self.0.compare_exchange(free, free + 1, Acquire, Relaxed).is_err() {
            self.enter(free, 1, |word| word & WRITER != 0 || word & READERS == READERS);
        }
    }

    /// Decrements the number of readers.
    #[inline]
    pub(super) fn count_out(&self) {
        self.0.fetch_sub(1, Release);
    }

    /// Acquires the lock for the writer, alone.
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

    /// Releases the writer's lock.
    #[inline]
    pub(super) fn open(&self) {
        self.0.store(era::now(), Release);
    }

    /// Adds to the word as soon as `bars` is false for it.
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

/// Returns the word, or `free` for a word of another era.
fn of_this_era(word: u32, free: u32) -> u32 {
    if (word ^ free) < ERA { word } else { free }
}

/// A value under such a lock.
pub(super) struct Lock<T> {
    word: Word,
    inside: UnsafeCell<T>,
}

// SAFETY: a lock hands references to what it guards to several threads at once, and moves it between threads.
unsafe impl<T: Send + Sync> Sync for Lock<T> {}

/// Guard of a reader; releases the lock when dropped.
pub(super) struct Reading<'a, T> {
    lock: &'a Lock<T>,
    _held: Count,
}

/// Guard of the writer; releases the lock when dropped.
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
