//! The counters and gauges of the remote store, which a process has in its slot of the memory that processes share: so
//! the command sees those of all.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU64;

/// The counters and gauges of a process.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Counting<'a> {
    /// By the numbers in [`counter`].
    pub counters: &'a [AtomicU64; counter::NUMBER],
    /// By the numbers in [`gauge`].
    pub gauges: &'a [AtomicU64; gauge::NUMBER],
}

/// Numbers of the counters.
pub mod counter {
    /// Lookups of sessions that another host made.
    pub const ASKED: usize = 0;
    /// Lookups that were answered with a record.
    pub const FOUND: usize = 1;
    /// Lookups whose answer did not come while the caller waited.
    pub const LATE: usize = 2;
    /// Lookups that ended with an error, or without an answer.
    pub const FAILED: usize = 3;
    /// Lookups that were not sent: the circuit breaker is open, the thread's time or the queue used up.
    pub const REFUSED: usize = 4;
    /// Records that were written.
    pub const WRITTEN: usize = 5;
    /// Records that were not: they left the queue for newer ones, or the server refused them.
    pub const DROPPED: usize = 6;
    /// Times that the circuit breaker opened.
    pub const OPENED: usize = 7;
    /// Number of counters.
    pub const NUMBER: usize = 8;
}

/// Numbers of the gauges.
pub mod gauge {
    /// 1 while the server answers, 2 while the circuit breaker is open, 0 before the first need.
    pub const STATE: usize = 0;
    /// Bytes that wait to be written.
    pub const QUEUED: usize = 1;
    /// Number of gauges.
    pub const NUMBER: usize = 2;
}
