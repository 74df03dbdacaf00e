//! The lock of a partition, which processes share, and the only way to its bytes.
//!
//! ```text
//! head    0    owner u64         the thread that holds the lock, as `owner` draws it; 0: nobody
//!         8    changing u32      1 while the body is being changed
//!         16   serial u64        counts up, and never down
//!
//!          ┌──────────────── timed out: refused ◄──────────────┐
//!          │                                                   │ LOCK_TIMEOUT, or LONGEST_WAIT
//!  free ───┴─ 0 ─► tid ──► held ──change: 1──► changing    waits, a SLICE at a time: sets `waiters`, sleeps,
//!   ▲                       │ │                   │         asks after each whether the owner has died
//!   │                       │ └◄───change: 0──────┤                            ▲
//!   └─ tid ─► 0, wake one ──┘                     │                            │ is held by another
//!                                        owner dies, in either state ──► died: as free
//!                                        next owner: continues; if it was changing, empties the partition, counts it
//! ```
//! The kernel, or the waiters, notice an owner that dies (see [`super::owner`]). Waiters wait for an owner that is
//! stopped, but not for ever: LOCK_TIMEOUT, and then the partition is unavailable. An owner that only lacks a
//! processor releases the lock as soon as it has one. They wait for it until LONGEST_WAIT: a removal that is not done
//! lets a session be resumed that must not be.
//!
//! **Trust.** Others may write to this memory. It has only numbers; each is compared before use, and none is an
//! address. A wrong one costs the partition's sessions, or lets two processes in at once. Each must therefore expect
//! any bytes; but no number leads outside the mapping.

use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use super::layout::HEAD;
use super::owner::{Announced, DIED, Life, Owner, TID, WAITERS, has_died, life_of, low_half};
use super::region::Region;

/// Timeout for a lock that another process holds. It is held for a microsecond, but on a busy machine its owner may
/// lose the processor meanwhile.
pub const LOCK_TIMEOUT: Duration = Duration::from_millis(80);

/// Timeout for a lock whose owner lacks only a processor.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Time for which this process waits at most LOCK_TIMEOUT, in all partitions, after a LONGEST_WAIT in vain: an owner
/// that runs and does not release the lock is none, whatever the word says.
const LONG_BACKOFF: Duration = Duration::from_secs(60);

/// End of that time, in milliseconds.
static NO_LONG_WAIT_UNTIL: AtomicU64 = AtomicU64::new(0);

/// Time for which a partition is skipped after a timeout: a stopped process must not slow every handshake of the
/// others.
pub const LOCK_BACKOFF: Duration = Duration::from_secs(1);

/// Time that a waiter sleeps before it checks if the owner has died.
const SLICE: Duration = Duration::from_millis(5);

/// Number of times that a waiter tries again before it sleeps: about as long as a lookup holds the lock.
const SPINS: usize = 60;

/// Number of attempts to release a lock whose word somebody else is writing to.
const ATTEMPTS: usize = 100;

/// The head of a partition, before its body.
#[repr(C, align(64))]
pub struct Head {
    owner: AtomicU64,
    changing: AtomicU32,
    serial: AtomicU64,
}

const _: () = assert!(size_of::<Head>() <= HEAD && offset_of!(Head, serial) == 16);

/// Guard of a locked partition.
pub struct Locked<'a> {
    partition: NonNull<u8>,
    length: usize,
    word: u64,
    announced: Announced,
    /// Unlocked by the thread that locked it.
    _here: PhantomData<(&'a Head, *const ())>,
}

/// Reasons why a partition's lock cannot be acquired now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another thread holds it, and the caller would not wait.
    Busy,
    /// Another thread has held it for LOCK_TIMEOUT.
    TimedOut,
}

impl Head {
    /// Frees the lock. No process may be using the store. The note of a change that a dead owner began stays.
    pub fn reset(&self) {
        self.owner.store(0, Ordering::Release);
    }

    /// Returns a number that this partition returns only once.
    pub fn serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Acquires the lock if it is free. `waiters` is set if others may be waiting whom this thread is to wake.
    #[inline(always)]
    fn try_acquire(&self, thread: &Owner, waiters: u64) -> Option<(u64, Announced)> {
        let announced = thread.announce(&self.owner);
        let word = thread.word | waiters;
        let acquired = match self.owner.compare_exchange(0, word, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Some(word),
            Err(found) if found & TID == 0 => self.replace(found, word | found & WAITERS),
            Err(_) => None,
        };
        match acquired {
            Some(word) => Some((word, announced)),
            None => {
                announced.retract();
                None
            }
        }
    }

    /// Acquires the lock of an owner that has died.
    fn take_over(&self, thread: &Owner, from: u64) -> Option<(u64, Announced)> {
        let announced = thread.announce(&self.owner);
        let acquired = self.replace(from, thread.word | WAITERS);
        if acquired.is_none() {
            announced.retract();
        }
        acquired.map(|word| (word, announced))
    }

    fn replace(&self, found: u64, word: u64) -> Option<u64> {
        self.owner.compare_exchange(found, word, Ordering::Acquire, Ordering::Relaxed).ok().map(|_| word)
    }

    #[cold]
    fn acquire_slowly(&self, thread: &Owner) -> Option<(u64, Announced)> {
        for _ in 0..SPINS {
            std::hint::spin_loop();
            if self.owner.load(Ordering::Relaxed) & TID == 0
                && let Some(acquired) = self.try_acquire(thread, 0)
            {
                return Some(acquired);
            }
        }
        let begun = now();
        let mut until = begun + LOCK_TIMEOUT;
        loop {
            if let Some(acquired) = self.try_acquire(thread, WAITERS) {
                return Some(acquired);
            }
            let found = self.owner.load(Ordering::Relaxed);
            let left = until.saturating_sub(now());
            if left.is_zero() {
                match life_of(found) {
                    Life::Over => return self.take_over(thread, found),
                    Life::WantsProcessor if may_wait_on(begun, until) => until += LOCK_TIMEOUT,
                    Life::WantsProcessor | Life::Unknown => return None,
                }
                continue;
            }
            if found & TID == 0 || found & WAITERS == 0 && self.replace(found, found | WAITERS).is_none() {
                continue;
            }
            let is_same = self.sleep(found | WAITERS, left.min(SLICE));
            if is_same
                && has_died(found)
                && let Some(acquired) = self.take_over(thread, found | WAITERS)
            {
                return Some(acquired);
            }
        }
    }

    /// Sleeps until a waiter is woken, or until the timeout: then it returns true.
    fn sleep(&self, word: u64, timeout: Duration) -> bool {
        let timeout = libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        let no_address = ptr::null::<u32>();
        // SAFETY: an aligned word of mapped memory, and a time.
        let woken = unsafe {
            let futex = low_half(&self.owner);
            libc::syscall(libc::SYS_futex, futex, libc::FUTEX_WAIT, word as u32, &timeout, no_address, 0)
        };
        woken == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ETIMEDOUT)
    }

    /// Releases the lock, if it is still this owner's, and wakes one waiter.
    fn release(&self, word: u64) {
        let mine = word & !WAITERS;
        let mut found = word;
        for _ in 0..ATTEMPTS {
            match self.owner.compare_exchange(found, 0, Ordering::Release, Ordering::Relaxed) {
                Ok(_) if found & WAITERS == 0 => return,
                Ok(_) => return self.wake(),
                // Another thread has begun to wait.
                Err(other) if other & !WAITERS == mine => found = other,
                // Another process writes here against the rules; or the kernel took another thread of this number for
                // this one.
                Err(_) => return,
            }
        }
    }

    #[cold]
    fn wake(&self) {
        // SAFETY: an aligned word of mapped memory; it is not read.
        unsafe { libc::syscall(libc::SYS_futex, low_half(&self.owner), libc::FUTEX_WAKE, 1) };
    }
}

impl<'a> Locked<'a> {
    /// Acquires the lock of the partition that begins at `partition`; at once or not at all unless `may_wait`.
    ///
    /// # Safety
    /// A head is there, and HEAD bytes behind its beginning a body of `length` bytes; both are mapped for `'a`.
    #[inline(always)]
    pub(super) unsafe fn acquire(
        thread: &Owner,
        partition: NonNull<u8>,
        length: usize,
        may_wait: impl FnOnce() -> bool,
    ) -> Result<Locked<'a>, Refused> {
        // SAFETY: as the caller promises; a Head may be of any bytes.
        let head: &Head = unsafe { partition.cast().as_ref() };
        let (word, announced) = match head.try_acquire(thread, 0) {
            Some(acquired) => acquired,
            None if !may_wait() => return Err(Refused::Busy),
            None => head.acquire_slowly(thread).ok_or(Refused::TimedOut)?,
        };
        Ok(Locked { partition, length, word, announced, _here: PhantomData })
    }

    /// Returns true if an owner died while changing the body. The caller must then empty the partition first.
    pub fn was_left_changing(&self) -> bool {
        self.head().changing.load(Ordering::Acquire) != 0
    }

    fn head(&self) -> &'a Head {
        // SAFETY: as `acquire` was promised.
        unsafe { self.partition.cast().as_ref() }
    }

    fn body(&self) -> Region<'a> {
        // SAFETY: as `acquire` was promised.
        unsafe { Region::new(self.partition.add(HEAD), self.length) }
    }

    /// Reads the partition's body.
    pub fn read<T>(&mut self, read: impl FnOnce(Region<'a>) -> T) -> T {
        read(self.body())
    }

    /// Changes the partition's body. If the process dies meanwhile, the next owner finds a note of that.
    pub fn change<T>(&mut self, change: impl FnOnce(Region<'a>) -> T) -> T {
        self.head().changing.store(1, Ordering::Relaxed);
        // The note is in memory before the first change, and cleared after the last: a process may end in between.
        fence(Ordering::SeqCst);
        let changed = change(self.body());
        self.head().changing.store(0, Ordering::Release);
        changed
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.head().release(self.word);
        self.announced.retract();
    }
}

/// Returns true if a waiter goes on waiting for an owner that wants a processor. After such a wait in vain there is
/// none for a while.
fn may_wait_on(begun: Duration, until: Duration) -> bool {
    if until < begun + LONGEST_WAIT {
        return monotonic() >= NO_LONG_WAIT_UNTIL.load(Ordering::Relaxed);
    }
    NO_LONG_WAIT_UNTIL.store(monotonic() + LONG_BACKOFF.as_millis() as u64, Ordering::Relaxed);
    false
}

const _: () = assert!(DIED & TID == 0 && WAITERS & TID == 0);

/// Returns milliseconds by the clock that nobody sets.
pub fn monotonic() -> u64 {
    now().as_millis() as u64
}

fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the time.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
