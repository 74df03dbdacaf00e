//! Parking: a connection waits for a session of another host, and no thread waits with it.
//!
//! ```text
//!   SSL_set_fd, SSL_set_bio ─► a callback on the server's socket BIO                        bio
//!   libssl reads ────────────► what lies in the socket? a ClientHello with an id of ours?   machine, hello
//!        no  ─► the callback comes off, and libssl reads
//!        yes ─► the question goes to the thread; the bytes are hidden from poll and epoll,  entry, socket
//!               and libssl is told to try again later
//!   answer, or deadline ─────► [thread] the bytes are shown: the kernel signals them        process
//!   libssl reads, looks up ──► the answer is at hand
//! ```
//! libssl's own state is never touched. A connection is parked for the time of the option `park` at most, and a process has a
//! thousand of them. Where it cannot be done nothing is lost: the lookup waits as others do. It cannot where the program
//! reads by BIOs of its own or has set a callback on the BIO, where the socket blocks or is not TCP, where the libcrypto
//! lacks a function, or the kernel does not signal as Linux does (self_test).
#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "functions of libssl's, and its callback")]
mod bio;
mod entry;
#[allow(unsafe_code, reason = "functions of libssl's")]
mod functions;
mod hello;
mod machine;
#[allow(unsafe_code, reason = "a pointer that a child of a fork resets")]
mod process;
#[allow(unsafe_code, reason = "epoll")]
mod self_test;
#[allow(unsafe_code, reason = "options of a socket by its descriptor")]
mod socket;

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

pub use bio::watch;
pub use entry::Answer;
use process::Process;
pub use process::forked;

/// The result of the kernel's test.
static KERNEL: AtomicU8 = AtomicU8::new(UNTESTED);
const UNTESTED: u8 = 0;
/// It has not passed in the time that a server's thread has for it.
const TRIED: u8 = 1;
const GOOD: u8 = 2;
const BAD: u8 = 3;

/// Tests the kernel, on the object's thread.
pub fn test_kernel() {
    if matches!(KERNEL.load(Ordering::Relaxed), UNTESTED | TRIED) {
        let is_good = self_test::passes(Duration::from_millis(200));
        KERNEL.store(if is_good { GOOD } else { BAD }, Ordering::Relaxed);
    }
}

/// Returns true if the kernel has passed the test. The first to ask, a server's thread, makes the test, in which it waits
/// for what has happened already.
fn is_kernel_good() -> bool {
    if KERNEL.load(Ordering::Relaxed) == UNTESTED {
        let state = if self_test::passes(Duration::from_millis(2)) { GOOD } else { TRIED };
        let _ = KERNEL.compare_exchange(UNTESTED, state, Ordering::Relaxed, Ordering::Relaxed);
    }
    KERNEL.load(Ordering::Relaxed) == GOOD
}

/// Keeps the deadlines of this process's parked connections, on the thread.
pub async fn keep_deadlines() {
    Process::current().keep_deadlines().await;
}

/// Forgets a connection that ends.
pub fn unwatch(ssl: usize) {
    if let Some(entry) = Process::existing().and_then(|process| process.forget(ssl)) {
        entry.end();
    }
}

/// Takes the answer for a connection.
pub fn take(ssl: usize) -> Answer {
    Process::existing().and_then(|process| process.of_ssl(ssl)).map_or(Answer::NotAsked, |entry| entry.take())
}
