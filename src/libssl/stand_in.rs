//! Stand-ins in libssl's own table of a context.
//!
//! With early data and anti-replay, libssl accepts a session only if its own SSL_CTX_remove_session finds it
//! (semantics 4.6). Upstream's libssl calls that function directly, so libssl's own table needs a stand-in by then,
//! of the same version and id, by which the table finds. The session itself is taken out of our store first, which
//! only one thread can; it is not inserted into the table, as its links allow it one context only.
//!
//! Debian's SSL_CTX_add_session calls SSL_CTX_ctrl, which is ours, for the size of its table, while it holds the
//! context's lock. The answer must be "unlimited" then, or it would evict the stand-in.

use std::cell::Cell;
use std::ffi::c_uint;

use super::Functions;
use crate::types::*;

thread_local! {
    static LENDING: Cell<bool> = const { Cell::new(false) };
}

/// Returns true while this thread is in libssl's own SSL_CTX_add_session for a stand-in.
pub fn is_inserting_stand_in() -> bool {
    LENDING.try_with(Cell::get).unwrap_or(false)
}

/// Inserts a stand-in for a session into the context's own table. Returns false if that failed.
///
/// # Safety
/// Both must be live objects of this libssl.
pub unsafe fn insert_stand_in(functions: &Functions, ctx: *mut SSL_CTX, session: *const SSL_SESSION) -> bool {
    let mut length: c_uint = 0;
    // SAFETY: live objects, by the caller's promise; the stand-in is made here, and the table keeps the only reference.
    unsafe {
        let stand_in = (functions.SSL_SESSION_new)();
        if stand_in.is_null() {
            return false;
        }
        let id = (functions.SSL_SESSION_get_id)(session, &mut length);
        let version = (functions.SSL_SESSION_get_protocol_version)(session);
        let lent = (functions.SSL_SESSION_set1_id)(stand_in, id, length) == 1
            && (functions.SSL_SESSION_set_protocol_version)(stand_in, version) == 1
            && add(functions, ctx, stand_in);
        (functions.SSL_SESSION_free)(stand_in);
        lent
    }
}

/// Adds a session that the library made to the context's own table, which references it. Returns false if that
/// failed.
///
/// # Safety
/// Both must be live objects of this libssl; the session must be in no other table.
pub(super) unsafe fn add(functions: &Functions, ctx: *mut SSL_CTX, session: *mut SSL_SESSION) -> bool {
    let before = LENDING.try_with(|lending| lending.replace(true));
    // SAFETY: live objects, by the caller's promise.
    let added = unsafe { (functions.SSL_CTX_add_session)(ctx, session) } == 1;
    if let Ok(before) = before {
        let _ = LENDING.try_with(|lending| lending.set(before));
    }
    added
}
