//! SSL_SESSION.
//!
//! It has the fields that the session cache works with: id, id context, version, time, timeout, the mark of being not
//! resumable, and ex_data. It has no secret: the embedding TLS stack keeps those.

#![allow(non_snake_case, reason = "OpenSSL's names")]
#![allow(clippy::missing_safety_doc, reason = "each takes live objects, as the C function of its name does")]

use std::ffi::{c_int, c_long, c_uchar, c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering, fence};

use super::ex_data::{self, Class, ExData};
use super::id::Id;
use crate::types::*;
use sslsession_store::time::Seconds;

/// A new session's timeout in seconds, as in OpenSSL: five minutes and four seconds.
const DEFAULT_TIMEOUT: Seconds = Seconds(304);

/// Our own session object. The line that a lookup touches, id and references, comes first.
#[repr(C, align(64))]
pub struct Session {
    references: AtomicI32,
    version: AtomicI32,
    id: Id,
    not_resumable: AtomicBool,
    time: AtomicI64,
    timeout: AtomicI64,
    id_context: Id,
    ex_data: ExData,
}

/// # Safety
/// `session` must be a live session made by `SSL_SESSION_new` or `SSL_SESSION_dup`.
unsafe fn of<'a>(session: *const SSL_SESSION) -> &'a Session {
    // SAFETY: by the caller's promise.
    unsafe { &*session.cast::<Session>() }
}

fn into_c(session: Session) -> *mut SSL_SESSION {
    Box::into_raw(Box::new(session)).cast()
}

/// Makes a session with one reference, the current time, no version and no id.
pub unsafe fn SSL_SESSION_new() -> *mut SSL_SESSION {
    let session = into_c(Session {
        references: AtomicI32::new(1),
        version: AtomicI32::new(0),
        id: Id::default(),
        not_resumable: AtomicBool::new(false),
        time: AtomicI64::new(crate::clock::now().0),
        timeout: AtomicI64::new(DEFAULT_TIMEOUT.0),
        id_context: Id::default(),
        ex_data: ExData::new(Class::Session),
    });
    // SAFETY: made above.
    unsafe { of(session).ex_data.made(session.cast()) };
    session
}

/// Copies a session, with one reference, in no cache; a copy of one that is not resumable is not either. NULL if an
/// ex_data callback refuses.
pub unsafe fn SSL_SESSION_dup(session: *const SSL_SESSION) -> *mut SSL_SESSION {
    // SAFETY: the caller passes a live session.
    let from = unsafe { of(session) };
    let copy = Session {
        references: AtomicI32::new(1),
        version: AtomicI32::new(from.version.load(Ordering::Relaxed)),
        id: Id::default(),
        not_resumable: AtomicBool::new(from.not_resumable.load(Ordering::Relaxed)),
        time: AtomicI64::new(from.time.load(Ordering::Relaxed)),
        timeout: AtomicI64::new(from.timeout.load(Ordering::Relaxed)),
        id_context: Id::default(),
        ex_data: ExData::new(Class::Session),
    };
    copy.id.copy_from(&from.id);
    copy.id_context.copy_from(&from.id_context);
    let copy = into_c(copy);
    // SAFETY: made above.
    unsafe {
        of(copy).ex_data.made(copy.cast());
        if !of(copy).ex_data.copy_from(&from.ex_data) {
            SSL_SESSION_free(copy);
            return ptr::null_mut();
        }
    }
    copy
}

/// Increments the reference count. Returns 1.
pub unsafe fn SSL_SESSION_up_ref(session: *mut SSL_SESSION) -> c_int {
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.references.fetch_add(1, Ordering::Relaxed);
    1
}

/// Releases a reference; the last one runs the ex_data callbacks and frees.
pub unsafe fn SSL_SESSION_free(session: *mut SSL_SESSION) {
    if session.is_null() {
        return;
    }
    // SAFETY: the caller passes a live session and gives up its reference.
    if unsafe { of(session) }.references.fetch_sub(1, Ordering::Release) != 1 {
        return;
    }
    fence(Ordering::Acquire);
    // SAFETY: that was the last reference, so the object is ours alone.
    unsafe {
        of(session).ex_data.going(session.cast());
        drop(Box::from_raw(session.cast::<Session>()));
    }
}

/// Returns the id, borrowed, and its length in bytes.
pub unsafe fn SSL_SESSION_get_id(session: *const SSL_SESSION, length: *mut c_uint) -> *const c_uchar {
    // SAFETY: the caller passes a live session, and NULL or a place for the length.
    unsafe { of(session).id.read(length) }
}

/// Sets the id. Returns 0 if it has more than 32 bytes.
pub unsafe fn SSL_SESSION_set1_id(session: *mut SSL_SESSION, id: *const c_uchar, length: c_uint) -> c_int {
    // SAFETY: the caller passes a live session and `length` bytes.
    c_int::from(unsafe { of(session).id.set(id, length) })
}

/// Returns the session id context, borrowed, and its length in bytes.
pub unsafe fn SSL_SESSION_get0_id_context(session: *const SSL_SESSION, length: *mut c_uint) -> *const c_uchar {
    // SAFETY: the caller passes a live session, and NULL or a place for the length.
    unsafe { of(session).id_context.read(length) }
}

/// Sets the session id context. Returns 0 if it has more than 32 bytes.
pub unsafe fn SSL_SESSION_set1_id_context(session: *mut SSL_SESSION, context: *const c_uchar, length: c_uint) -> c_int {
    // SAFETY: the caller passes a live session and `length` bytes.
    c_int::from(unsafe { of(session).id_context.set(context, length) })
}

/// Returns the time when the session was made, in seconds since the epoch.
pub unsafe fn SSL_SESSION_get_time_ex(session: *const SSL_SESSION) -> c_long {
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.time.load(Ordering::Relaxed)
}

/// Sets the time, and returns it.
pub unsafe fn SSL_SESSION_set_time_ex(session: *mut SSL_SESSION, time: c_long) -> c_long {
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.time.store(time, Ordering::Relaxed);
    time
}

/// Returns the timeout in seconds.
pub unsafe fn SSL_SESSION_get_timeout(session: *const SSL_SESSION) -> c_long {
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.timeout.load(Ordering::Relaxed)
}

/// Sets the timeout. Returns 0 if it is negative.
pub unsafe fn SSL_SESSION_set_timeout(session: *mut SSL_SESSION, timeout: c_long) -> c_long {
    if timeout < 0 {
        return 0;
    }
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.timeout.store(timeout, Ordering::Relaxed);
    1
}

/// Returns the protocol version, 0 if none was set.
pub unsafe fn SSL_SESSION_get_protocol_version(session: *const SSL_SESSION) -> c_int {
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.version.load(Ordering::Relaxed)
}

/// Sets the protocol version. Returns 1.
pub unsafe fn SSL_SESSION_set_protocol_version(session: *mut SSL_SESSION, version: c_int) -> c_int {
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.version.store(version, Ordering::Relaxed);
    1
}

/// Returns 1 if the session can be offered: it has an id and has not been marked.
pub unsafe fn SSL_SESSION_is_resumable(session: *const SSL_SESSION) -> c_int {
    // SAFETY: the caller passes a live session.
    let session = unsafe { of(session) };
    c_int::from(!session.not_resumable.load(Ordering::Relaxed) && !session.id.bytes().is_empty())
}

/// Marks a session that a cache removes; nothing removes the mark.
pub unsafe fn mark_not_resumable(session: *mut SSL_SESSION) {
    // SAFETY: the caller passes a live session.
    unsafe { of(session) }.not_resumable.store(true, Ordering::Relaxed);
}

ex_data::functions! { Class::Session, SSL_SESSION: SSL_SESSION_get_ex_new_index, SSL_SESSION_set_ex_data, SSL_SESSION_get_ex_data }
