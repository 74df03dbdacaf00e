//! The lock of a partition, which processes share, and the only way to its bytes.
//!
//! ```text
//! head    0    pthread_mutex_t   process-shared, robust
//!         40   changing u32      1 while the body is being changed
//!         48   counters, u64 each: the two that count lookups in the mutex's cache line, which lookups change anyway
//!         ...  serial u64        counts up, and never down
//!
//!  free ──lock──► held ──change: 1──► changing ──change: 0──► held ──unlock──► free
//!                  │ holder dies          │ holder dies
//!                  ▼                      ▼
//!       next taker: goes on        next taker: empties the partition, counts it
//! ```
//! A holder that dies is noticed by the kernel, which frees its mutex and tells the next taker (EOWNERDEAD). A holder that
//! is stopped is waited for, but not for ever: [`PATIENCE`], and then the partition counts as out of reach. Who has waited
//! in vain does not wait again for [`AVOIDED`]: a stopped process must not slow every handshake of the others.
//!
//! The mutex is the C library's, in memory that others can write. Of what might stand there in its place only the kind
//! could lead the C library astray, so that is compared before each use.

use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use super::shape::HEAD;

/// How long a lock is waited for that another process holds. It is held for a microsecond, but on a busy machine its holder
/// may lose the processor meanwhile; more than this it loses only if it is stopped.
pub const PATIENCE: Duration = Duration::from_millis(80);

/// How long a partition is not waited for after a wait in vain.
pub const AVOIDED: Duration = Duration::from_secs(1);

/// How many events a partition counts.
pub const COUNTERS: usize = 16;

/// What stands before a partition's body.
#[repr(C, align(64))]
pub struct Head {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    changing: AtomicU32,
    counters: [AtomicU64; COUNTERS],
    serial: AtomicU64,
}

const _: () = assert!(size_of::<Head>() <= HEAD && offset_of!(Head, counters) == COUNTERS_AT);

/// A mutex is of 48 bytes on glibc for arm64, and of 40 on musl and on glibc for x86-64.
const COUNTERS_AT: usize = if cfg!(all(target_arch = "aarch64", target_env = "gnu")) { 56 } else { 48 };

// SAFETY: the mutex is made for use from anywhere, the rest is atomic.
unsafe impl Sync for Head {}

/// A partition that nobody else has, until this is dropped.
pub struct Locked<'a> {
    head: &'a Head,
    body: NonNull<[u8]>,
    /// Emptied first, by who takes it, because of how it was left.
    pub was_left_changing: bool,
    /// Unlocked by the thread that locked it.
    _here: PhantomData<*const ()>,
}

/// Why a partition cannot be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Somebody has it for longer than is waited.
    Busy,
    /// What stands in the place of its lock is none.
    NoLock,
}

/// pthread_mutex_clocklock(3), since glibc 2.30. Unlike pthread_mutex_timedlock it does not wait for an hour when the clock
/// is set back by one.
type ClockLock = unsafe extern "C" fn(*mut libc::pthread_mutex_t, libc::clockid_t, *const libc::timespec) -> c_int;

impl Head {
    /// Makes the lock, in memory of zeros or over one that nobody can be using any more.
    pub fn make(&self) {
        // SAFETY: the memory is that of a mutex, which nobody uses, as the caller says.
        unsafe { make_mutex(self.mutex.get()) };
    }

    /// A number that this partition gives to nobody else.
    pub fn serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts an event without the lock. A counter is counted with it or without it, and not both.
    pub fn count(&self, counter: usize) {
        self.counters[counter].fetch_add(1, Ordering::Relaxed);
    }

    /// How often an event was counted.
    pub fn counted(&self, counter: usize) -> u64 {
        self.counters[counter].load(Ordering::Relaxed)
    }

    /// Takes the lock of a partition, whose body is `body`; not later than `PATIENCE` from now, and at once or not at all
    /// unless `may_wait`.
    ///
    /// # Safety
    /// The body must be the memory of this partition, mapped for `'a`, which nobody reaches but through this lock.
    pub unsafe fn lock<'a>(
        &'a self,
        body: NonNull<[u8]>,
        may_wait: impl FnOnce() -> bool,
    ) -> Result<Locked<'a>, Refused> {
        let mutex = self.mutex.get();
        // SAFETY: mapped memory; a torn or foreign value differs from the expected one, or does not matter.
        if unsafe { kind_of(mutex) } != kind() {
            return Err(Refused::NoLock);
        }
        // SAFETY: a mutex by its kind, made by `make`.
        let mut taken = unsafe { libc::pthread_mutex_trylock(mutex) };
        if taken == libc::EBUSY && may_wait() {
            // SAFETY: as above.
            taken = unsafe { wait_for(mutex) };
        }
        match taken {
            0 => {}
            libc::EOWNERDEAD => {
                // SAFETY: this thread has the mutex, whose holder died.
                unsafe { libc::pthread_mutex_consistent(mutex) };
            }
            libc::EBUSY | libc::ETIMEDOUT => return Err(Refused::Busy),
            _ => return Err(Refused::NoLock),
        }
        let was_left_changing = self.changing.load(Ordering::Acquire) != 0;
        Ok(Locked { head: self, body, was_left_changing, _here: PhantomData })
    }
}

impl Locked<'_> {
    /// Counts events. Nobody else does, so that there is nothing to be locked.
    pub fn count(&self, counter: usize, number: u64) {
        let counter = &self.head.counters[counter];
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(number), Ordering::Relaxed);
    }

    /// Reads the partition's body.
    pub fn read<T>(&mut self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        // SAFETY: by the promise made to `lock`, nobody else reaches the body until this is dropped.
        read(unsafe { self.body.as_mut() })
    }

    /// Changes the partition's body. If that does not come to its end, the next taker is told.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut [u8]) -> T) -> T {
        self.head.changing.store(1, Ordering::Relaxed);
        // The note is in memory before the first change, and goes after the last: a process may end in between.
        fence(Ordering::SeqCst);
        // SAFETY: by the promise made to `lock`, nobody else reaches the body until this is dropped.
        let changed = change(unsafe { self.body.as_mut() });
        self.head.changing.store(0, Ordering::Release);
        changed
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: this thread has the mutex.
        unsafe { libc::pthread_mutex_unlock(self.head.mutex.get()) };
    }
}

unsafe fn make_mutex(mutex: *mut libc::pthread_mutex_t) {
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the attributes are made before they are used, and the caller promises the mutex's memory.
    unsafe {
        libc::pthread_mutexattr_init(attributes.as_mut_ptr());
        libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
        libc::pthread_mutex_init(mutex, attributes.as_ptr());
        libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
    }
}

/// Waits for a mutex, not longer than `PATIENCE`.
unsafe fn wait_for(mutex: *mut libc::pthread_mutex_t) -> c_int {
    // SAFETY: a NUL-terminated name.
    let clocklock = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"pthread_mutex_clocklock".as_ptr()) };
    if cfg!(miri) || clocklock.is_null() {
        let until = from_now(libc::CLOCK_REALTIME, PATIENCE);
        // SAFETY: a mutex, by the caller's promise, and a time.
        return unsafe { libc::pthread_mutex_timedlock(mutex, &until) };
    }
    // SAFETY: the C library's function of that name has this type.
    let clocklock: ClockLock = unsafe { std::mem::transmute(clocklock) };
    let until = from_now(libc::CLOCK_MONOTONIC, PATIENCE);
    // SAFETY: as above.
    unsafe { clocklock(mutex, libc::CLOCK_MONOTONIC, &until) }
}

/// Where the C library keeps a mutex's kind, on all machines of 64 bits: musl, and glibc.
const KIND: Range<usize> = if cfg!(target_env = "musl") { 0..4 } else { 16..20 };

unsafe fn kind_of(mutex: *const libc::pthread_mutex_t) -> u32 {
    // SAFETY: within the mutex, by the caller's promise of its memory.
    unsafe { mutex.cast::<u8>().add(KIND.start).cast::<u32>().read_volatile() }
}

/// The kind that `make_mutex` gives.
fn kind() -> u32 {
    static KNOWN: OnceLock<u32> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        // SAFETY: all-zero is a mutex; it is never locked.
        let mut mutex: libc::pthread_mutex_t = unsafe { std::mem::zeroed() };
        // SAFETY: its own memory.
        unsafe {
            make_mutex(&mut mutex);
            kind_of(&mutex)
        }
    })
}

/// Milliseconds by the clock that nobody sets.
pub fn monotonic() -> u64 {
    let now = from_now(libc::CLOCK_MONOTONIC, Duration::ZERO);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

fn from_now(clock: libc::clockid_t, wait: Duration) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the time.
    unsafe { libc::clock_gettime(clock, &mut time) };
    let nanoseconds = time.tv_nsec + i64::from(wait.subsec_nanos());
    time.tv_sec += wait.as_secs() as i64 + nanoseconds / 1_000_000_000;
    time.tv_nsec = nanoseconds % 1_000_000_000;
    time
}
