//! What we put into libssl's own table of a context.
//!
//! With early data and anti-replay, libssl accepts a session only if its own SSL_CTX_remove_session finds it
//! (semantics 4.6). Upstream's libssl calls that function without passing us, so something has to stand in libssl's own
//! table by then: a stand-in of the same version and id, by which the table finds. The session itself is taken
//! out of our store first, which only one taker can; it does not go into the table, whose links within a
//! session allow it one context only.
//!
//! Debian's SSL_CTX_add_session asks SSL_CTX_ctrl, which is ours, how large its table may be, while it holds the
//! context's lock. It must be told "unlimited" then, or it would evict what we have put there.

use std::cell::Cell;
use std::ffi::c_uint;

use super::Functions;
use crate::types::*;

thread_local! {
    static LENDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside libssl's own SSL_CTX_add_session on our behalf.
pub fn is_inserting_stand_in() -> bool {
    LENDING.try_with(Cell::get).unwrap_or(false)
}

/// Puts a stand-in for a session into the context's own table; false if that failed.
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

/// Adds a session of our own making to the context's own table, which takes a reference; false if that failed.
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
