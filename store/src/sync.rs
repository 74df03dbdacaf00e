//! The locks of the stores: std's, which are single words of memory. There is no table behind them
//! that another thread could have locked when the process forks. Those that a fork does not hold
//! are acquired only behind the [`gate`](super::gate).
//!
//! In builds with debug assertions every thread counts the locks it holds, so that the layers above
//! can assert that they hold none when they call out. Any lock of theirs under which nothing may be
//! called is one of these, too. Under `--cfg shuttle` the locks are shuttle's, whose scheduler
//! tries the interleavings.
#![forbid(unsafe_code)]

#[cfg(shuttle)]
use shuttle::sync as from;
#[cfg(not(shuttle))]
use std::sync as from;

use from::{LockResult, PoisonError, TryLockError};
use std::ops::{Deref, DerefMut};

use crate::threads;
pub(super) use crate::threads::yield_now;

#[cfg(not(shuttle))]
pub(super) use std::sync::atomic;

#[cfg(shuttle)]
pub(super) use shuttle::sync::atomic;

/// Waits until another thread releases a lock: spins for less than a microsecond, then yields, then
/// sleeps.
pub(super) fn wait(waited: &mut u32) {
    const SPINS: u32 = 64;
    const TURNS: u32 = SPINS + 64;
    match *waited {
        0..SPINS if !cfg!(shuttle) => std::hint::spin_loop(),
        0..TURNS => yield_now(),
        _ => threads::pause(),
    }
    *waited += 1;
}

/// Spins for that many pauses of the processor.
pub(super) fn spin(pauses: u32) {
    (0..pauses).for_each(|_| std::hint::spin_loop());
}

/// Returns a number that no other thread has, and never 0.
#[cfg(not(shuttle))]
pub(super) fn this_thread() -> usize {
    std::thread_local! {
        static MINE: u8 = const { 0 };
    }
    MINE.with(|mine| std::ptr::from_ref(mine).addr())
}

#[cfg(shuttle)]
pub(super) fn this_thread() -> usize {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::new().hash_one(shuttle::thread::current().id()) as usize | 1
}

/// A lock for one thread, under which nothing foreign is called. A panic under it does not poison it.
pub struct LeafMutex<T>(from::Mutex<T>);

/// Guard of a held lock: releases it, and decrements the thread's count, when dropped.
pub struct Guard<G> {
    guard: G,
    _held: Count,
}

/// Guard of a [`LeafMutex`].
pub type LeafMutexGuard<'a, T> = Guard<from::MutexGuard<'a, T>>;

impl<T> LeafMutex<T> {
    /// Makes an unlocked lock.
    pub const fn new(inside: T) -> Self {
        Self(from::Mutex::new(inside))
    }

    /// Waits until the lock is free, and acquires it.
    pub fn lock(&self) -> LeafMutexGuard<'_, T> {
        Guard::new(self.0.lock())
    }

    /// Acquires the lock if it is free.
    pub fn try_lock(&self) -> Option<LeafMutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(Guard::new(Ok(guard))),
            Err(TryLockError::Poisoned(poisoned)) => Some(Guard::new(Err(poisoned))),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<G> Guard<G> {
    fn new(locked: LockResult<G>) -> Self {
        Self { guard: locked.unwrap_or_else(PoisonError::into_inner), _held: Count::up() }
    }
}

impl<G: Deref> Deref for Guard<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Guard<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

#[cfg(all(debug_assertions, not(shuttle)))]
std::thread_local! {
    static HELD: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(all(debug_assertions, shuttle))]
shuttle::thread_local! {
    static HELD: std::cell::Cell<usize> = std::cell::Cell::new(0);
}

/// One of the locks that this thread holds.
pub(super) struct Count;

impl Count {
    pub(super) fn up() -> Self {
        // A thread that is ending has no count any more: then nothing is asserted.
        #[cfg(debug_assertions)]
        let _ = HELD.try_with(|held| held.set(held.get() + 1));
        Self
    }
}

#[cfg(debug_assertions)]
impl Drop for Count {
    fn drop(&mut self) {
        let _ = HELD.try_with(|held| held.set(held.get().saturating_sub(1)));
    }
}

/// Returns the number of the stores' locks that this thread holds: 0 wherever foreign code may be
/// called.
///
/// Counted in builds with debug assertions only; without them it is always 0 and costs nothing.
pub fn leaf_locks_held() -> usize {
    #[cfg(debug_assertions)]
    return HELD.try_with(std::cell::Cell::get).unwrap_or(0);
    #[cfg(not(debug_assertions))]
    0
}
