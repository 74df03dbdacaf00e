//! The C interface between the library and `libsslsession-remote.so`, in one file that both are compiled with.
//!
//! ```text
//!   library                                                     object
//!   dlopen, at load ─► sslsession_remote_table(VERSION) ──────► Table, or NULL for another version
//!   first need ──────► start(settings) ───────────────────────► a thread, its queue; a handle that is never freed
//!   new session ─────► set(handle, name, sealed record) ──────► queue (the oldest goes if it is full) ─► SET
//!   removed ─────────► delete(handle, name) ──────────────────► queue                                 ─► DEL
//!   lookup ──────────► get(handle, name, complete, context) ──► GET ─► complete(context, outcome, record), once
//!                      refused while the circuit breaker is open: complete is not called then
//! ```
//! The object never sees a session's secret: records are sealed before, and opened after. In a child of a fork the
//! handle is of a thread that is not there: it is dropped without a call, and another is started.

#![forbid(unsafe_code)]

use std::ffi::c_void;

/// The version of this interface.
pub const VERSION: u32 = 1;

/// The one exported function's name, with its NUL.
pub const TABLE: &std::ffi::CStr = c"sslsession_remote_table";

/// Bytes that are borrowed for the time of a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    /// Their address; may dangle if there are none.
    pub data: *const u8,
    /// Their number.
    pub length: usize,
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Bytes {
        Bytes { data: bytes.as_ptr(), length: bytes.len() }
    }
}

/// The settings of a thread.
#[repr(C)]
pub struct Start {
    /// The addresses, between commas, as in SSLSESSION_REMOTE.
    pub addresses: Bytes,
    /// Number of milliseconds in which an answer must come, or it counts as a failure.
    pub answer: u32,
    /// Number of bytes of records that may wait to be written.
    pub queue: usize,
}

/// The thread's handle.
#[repr(C)]
pub struct Handle {
    opaque: [u8; 0],
}

/// The end of a lookup.
pub mod outcome {
    /// The record.
    pub const FOUND: u32 = 0;
    /// No record of that name.
    pub const MISSING: u32 = 1;
    /// An error, or no answer in time.
    pub const FAILED: u32 = 2;
}

/// Called by the thread, once for each lookup that was not refused. The record lives for the call.
pub type Complete = unsafe extern "C" fn(context: *mut c_void, outcome: u32, record: Bytes);

/// The thread's counters.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Lookups that were sent.
    pub asked: u64,
    /// Lookups that were answered with a record.
    pub found: u64,
    /// Lookups that ended with an error or without an answer.
    pub failed: u64,
    /// Lookups that the circuit breaker, or a full queue, refused.
    pub refused: u64,
    /// Records that were written.
    pub written: u64,
    /// Records that the server did not take.
    pub not_written: u64,
    /// Records that left the queue for newer ones.
    pub dropped: u64,
    /// Records that were removed.
    pub removed: u64,
    /// Times that the circuit breaker opened.
    pub opened: u64,
    /// Connections that were made.
    pub connected: u64,
    /// Bytes that now wait to be written.
    pub queued: u64,
    /// 1 while the circuit breaker is open, else 0.
    pub is_open: u64,
}

/// The functions of the object. None may be called in a child of the fork that the handle was made before.
#[repr(C)]
pub struct Table {
    /// Starts a thread with all signals blocked; NULL if there can be none.
    pub start: unsafe extern "C" fn(settings: *const Start) -> *mut Handle,
    /// Queues a record that expires at a second since 1970.
    pub set: unsafe extern "C" fn(handle: *mut Handle, name: Bytes, record: Bytes, expiry: i64),
    /// Queues a removal.
    pub delete: unsafe extern "C" fn(handle: *mut Handle, name: Bytes),
    /// Asks for a record. Returns 1 if `complete` will be called, 0 if it will not.
    pub get: unsafe extern "C" fn(handle: *mut Handle, name: Bytes, complete: Complete, context: *mut c_void) -> u32,
    /// Copies the counters.
    pub counters: unsafe extern "C" fn(handle: *mut Handle, counters: *mut Counters),
}

/// The type of the one exported function.
pub type TableFunction = unsafe extern "C" fn(version: u32) -> *const Table;
