//! Sessions lent to libssl's own table.
//!
//! With early data and anti-replay, libssl accepts a session only if its own SSL_CTX_remove_session finds it
//! (semantics 4.6). Upstream's libssl calls that function without passing us, so the session has to stand in
//! libssl's own table by then: taken out of our store first, which only one taker can, then added there.
//!
//! Debian's SSL_CTX_add_session asks SSL_CTX_ctrl, which is ours, how large its table may be, while it holds the
//! context's lock. It must be told "unlimited" then, or it would evict what we have put there.

use std::cell::Cell;

use super::Functions;
use crate::types::*;

thread_local! {
    static LENDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside libssl's own SSL_CTX_add_session on our behalf.
pub fn is_lending() -> bool {
    LENDING.try_with(Cell::get).unwrap_or(false)
}

/// Puts a session into the context's own table, which takes a reference; false if it was there.
///
/// # Safety
/// Both must be live objects of this libssl.
pub unsafe fn lend(functions: &Functions, ctx: *mut SSL_CTX, session: *mut SSL_SESSION) -> bool {
    let before = LENDING.try_with(|lending| lending.replace(true));
    // SAFETY: live objects, by the caller's promise.
    let added = unsafe { (functions.SSL_CTX_add_session)(ctx, session) } == 1;
    if let Ok(before) = before {
        let _ = LENDING.try_with(|lending| lending.set(before));
    }
    added
}
