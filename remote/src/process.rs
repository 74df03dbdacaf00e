//! The thread of this process.
//!
//! ```text
//!   NONE ── first need ──► STARTING ──► started, for the life of the process
//!    ▲                        └───────► FAILED, and not tried again
//!    └── in a child of a fork: what it was stays as it is, as its locks may be held and its sockets are the parent's
//! ```

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering};
use std::thread;

use crate::thread::Shared;

const NONE: u8 = 0;
const STARTING: u8 = 1;
const FAILED: u8 = 2;

/// The thread of this process, or none.
pub struct Process {
    /// NULL before the first need.
    thread: AtomicPtr<Shared>,
    start: AtomicU8,
    /// The library's count of the object's threads.
    own_threads: &'static AtomicU32,
}

impl Process {
    pub fn new(own_threads: &'static AtomicU32) -> Process {
        Process { thread: AtomicPtr::new(ptr::null_mut()), start: AtomicU8::new(NONE), own_threads }
    }

    /// Returns the thread, if it has been started.
    pub fn started(&self) -> Option<&'static Shared> {
        // SAFETY: NULL, or what `thread` has stored: it lives as long as the process.
        unsafe { self.thread.load(Ordering::Acquire).as_ref() }
    }

    /// Returns the thread, and starts it if there is none. None if none can be had.
    pub fn thread(&self, start: impl FnOnce() -> Option<&'static Shared>) -> Option<&'static Shared> {
        if let Some(thread) = self.started() {
            return Some(thread);
        }
        match self.start.compare_exchange(NONE, STARTING, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {}
            Err(FAILED) => return None,
            // Another thread is about to have it, in some ten microseconds.
            Err(_) => {
                return (0..100).find_map(|_| {
                    self.started().or_else(|| {
                        thread::yield_now();
                        None
                    })
                });
            }
        }
        match start() {
            Some(thread) => {
                self.own_threads.store(1, Ordering::Relaxed);
                self.thread.store(ptr::from_ref(thread).cast_mut(), Ordering::Release);
                Some(thread)
            }
            None => {
                self.start.store(FAILED, Ordering::Relaxed);
                None
            }
        }
    }

    /// Forgets the parent's thread, in a child of a fork. Allocates nothing, acquires no lock.
    pub fn forked(&self) {
        self.thread.store(ptr::null_mut(), Ordering::Relaxed);
        self.start.store(NONE, Ordering::Relaxed);
        self.own_threads.store(0, Ordering::Relaxed);
    }
}
