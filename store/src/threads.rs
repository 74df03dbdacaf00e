//! The threads of the process: finds if there are others, and waits for them.
//!
//! A wait here is not a cancellation point, as the C library's own sleeps are: none may unwind Rust's frames.

use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

#[cfg(not(shuttle))]
pub use std::thread::yield_now;

#[cfg(shuttle)]
pub use shuttle::thread::yield_now;

/// Replacement for the C library's variable if it has none: there may be other threads.
static THERE_MAY_BE_OTHERS: AtomicU8 = AtomicU8::new(0);

/// glibc's `__libc_single_threaded`, since 2.32. Looked up in advance, as a signal handler may read it.
static SINGLE_THREADED: AtomicPtr<AtomicU8> = AtomicPtr::new((&raw const THERE_MAY_BE_OTHERS).cast_mut());

/// Looks the C library's variable up.
pub fn watch() {
    // SAFETY: a NUL-terminated name.
    let single: *mut c_char = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()).cast() };
    if !single.is_null() {
        SINGLE_THREADED.store(single.cast(), Ordering::Relaxed);
    }
}

/// Returns true if the C library knows that the process has no other thread. Costs two loads.
#[inline]
pub fn is_alone() -> bool {
    // SAFETY: a static of ours, or the C library's variable of that name, a char.
    unsafe { (*SINGLE_THREADED.load(Ordering::Relaxed)).load(Ordering::Relaxed) != 0 }
}

/// Returns true if the process has no other thread but the library's own, also where only the kernel knows. Allocates
/// nothing, acquires no lock.
pub fn is_alone_for_certain() -> bool {
    is_alone() || (cfg!(not(miri)) && has_one_task())
}

/// Number of threads of the library's own in this process: that of the remote store, or none. It holds no lock that a
/// fork would leave behind, so a process with no other counts as alone for a fork. For everything else it does not: the
/// C library's variable costs two loads, and a count of the kernel's a system call, which each lookup would pay.
static OWN_THREADS: AtomicU32 = AtomicU32::new(0);

/// Returns the number of threads of the library's own, for those who start them to keep up to date.
pub fn own_threads() -> &'static AtomicU32 {
    &OWN_THREADS
}

/// Reads it from the kernel: a directory has two links, and one for each directory in it.
fn has_one_task() -> bool {
    let mut tasks = MaybeUninit::<libc::stat>::uninit();
    let alone = 3 + libc::nlink_t::from(OWN_THREADS.load(Ordering::Relaxed));
    // SAFETY: a NUL-terminated name, and a place for the answer.
    unsafe { libc::stat(c"/proc/self/task".as_ptr(), tasks.as_mut_ptr()) == 0 && tasks.assume_init().st_nlink == alone }
}

/// Runs a function that reads and writes files, without cancellation points in Rust. A thread that is to end does so
/// at the next one of its program's.
pub fn uncancelled<T>(body: impl FnOnce() -> T) -> T {
    let mut before = 0;
    // SAFETY: a place for the state before.
    let is_disabled = unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) } == 0;
    let answer = body();
    if is_disabled {
        // SAFETY: the state that it was in.
        unsafe { pthread_setcancelstate(before, &mut before) };
    }
    answer
}

/// The value of glibc, and of musl.
const PTHREAD_CANCEL_DISABLE: c_int = 1;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// Sleeps for a moment: longer than any running thread holds a lock of the library's.
pub fn pause() {
    if cfg!(any(miri, shuttle)) {
        return yield_now();
    }
    let moment = libc::timespec { tv_sec: 0, tv_nsec: 50_000 };
    // SAFETY: a time to read. The system call itself, see above.
    unsafe { libc::syscall(libc::SYS_nanosleep, &moment, ptr::null::<libc::timespec>()) };
}

/// A bound on a fork's wait for other threads: some tenths of a second in all. A signal handler may fork while the
/// interrupted thread holds a lock: that wait would have no end.
///
/// It counts turns, not time: a process may get no processor for long.
pub struct Patience(u32);

impl Default for Patience {
    fn default() -> Self {
        Patience(Patience::TRIES)
    }
}

impl Patience {
    const TRIES: u32 = 2000;
    /// Number of turns, after which most threads have released the lock.
    const TURNS: u32 = 200;

    /// Waits a little. Returns false if it has waited for too long.
    pub fn wait(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        match self.0 {
            0 => return false,
            left if left > Patience::TRIES - Patience::TURNS => yield_now(),
            _ => pause(),
        }
        true
    }

    /// Takes a thing that another thread may hold, once it is free; None if it stays held.
    pub fn until<T>(&mut self, take: impl Fn() -> Option<T>) -> Option<T> {
        loop {
            let taken = take();
            if taken.is_some() || !self.wait() {
                return taken;
            }
        }
    }

    /// Acquires a lock; None if another thread does not release it.
    pub fn lock<'a, T>(&mut self, mutex: &'a Mutex<T>) -> Option<MutexGuard<'a, T>> {
        self.until(|| match mutex.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Patience, is_alone_for_certain};

    #[test]
    fn patience_ends() {
        assert_eq!(Patience::default().until(|| Some(1)), Some(1));
        assert_eq!(Patience::default().until(|| None::<u8>), None);
    }

    #[test]
    #[cfg(not(miri))]
    fn a_process_with_another_thread_is_not_alone() {
        std::thread::scope(|scope| {
            let (end, ends) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || ends.recv());
            assert!(!is_alone_for_certain());
            drop(end);
        });
    }
}
