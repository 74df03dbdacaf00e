//! Notices the last SSL_CTX_free of a context whose application set a remove_session callback.
//!
//! That callback must run for every session still cached while the application's ex_data stands (semantics 4.1,
//! SSL_CTX_free). libssl gives no sign of that moment but one: it flushes its own table. So a sentinel session is put there,
//! and when libssl frees it, after having let go of its lock, it is time:
//!
//! ```text
//!   SSL_CTX_free, last reference
//!     flush own table (lock)        ─► remove callback with the sentinel: ignored
//!     free what was flushed         ─► sentinel's ex_data free callback: Attachment::context_is_going
//!     free the context's ex_data    ─► the application's, and ours (attachment.rs)
//! ```
//! A session object costs 1 KB, so there is none before a session is stored and a callback wants to hear of it.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::OnceLock;

use super::{Functions, attachment, lending};
use crate::guard::guard;
use crate::types::*;

/// No flush by time reaches the sentinel: a hundred years, in seconds. (More would overflow where libssl counts
/// nanoseconds.)
const TIMEOUT: c_long = 100 * 365 * 86_400;

/// Any id does, as the table holds nothing else under the sentinel's version, 0.
const ID: &[u8; MAX_ID_LENGTH] = b"sslsession: notices SSL_CTX_free";

/// Our ex_data index in the class SSL_SESSION; reserved with the first sentinel, since each index costs a little
/// at every session of the process.
static INDEX: OnceLock<c_int> = OnceLock::new();

fn index<T: Attachment>(functions: &Functions) -> c_int {
    *INDEX.get_or_init(|| {
        // SAFETY: the callback has OpenSSL's type and lives for ever (-z nodelete).
        unsafe {
            (functions.CRYPTO_get_ex_new_index)(
                attachment::CLASS_SSL_SESSION,
                0,
                ptr::null_mut(),
                None,
                None,
                Some(sentinel_freed::<T> as ExDataFree),
            )
        }
    })
}

/// Puts a sentinel into the context's own table; false if that failed.
///
/// # Safety
/// `ctx` must be a live SSL_CTX of this libssl.
pub unsafe fn watch<T: Attachment>(functions: &Functions, ctx: *mut SSL_CTX) -> bool {
    let index = index::<T>(functions);
    // SAFETY: a live context, by the caller's promise.
    let Some(state) = (unsafe { attachment::of_context::<T>(functions, ctx) }) else { return false };
    // SAFETY: a session made here, filled and given away; libssl's table keeps the only reference.
    unsafe {
        let sentinel = (functions.SSL_SESSION_new)();
        if sentinel.is_null() {
            return false;
        }
        // Known as a sentinel before it stands in the table, from which another thread may flush it at once.
        let kept = index > 0
            && (functions.SSL_SESSION_set1_id)(sentinel, ID.as_ptr(), ID.len() as u32) == 1
            && (functions.SSL_SESSION_set_timeout)(sentinel, TIMEOUT) == 1
            && (functions.SSL_SESSION_set_ex_data)(sentinel, index, ptr::from_ref(state).cast_mut().cast()) == 1
            && lending::add(functions, ctx, sentinel);
        if !kept && index > 0 {
            (functions.SSL_SESSION_set_ex_data)(sentinel, index, ptr::null_mut());
        }
        (functions.SSL_SESSION_free)(sentinel);
        kept
    }
}

/// Whether a session that leaves libssl's own table is a sentinel.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl.
pub unsafe fn is_sentinel(functions: &Functions, session: *const SSL_SESSION) -> bool {
    // SAFETY: a live session, by the caller's promise.
    INDEX.get().is_some_and(|&index| !unsafe { (functions.SSL_SESSION_get_ex_data)(session, index) }.is_null())
}

/// SSL_SESSION ex_data free callback; OpenSSL calls it for every session, with NULL for all but sentinels.
unsafe extern "C" fn sentinel_freed<T: Attachment>(
    _session: *mut c_void,
    state: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    // SAFETY: `watch` put there what is attached to the context, which the context gives back after its table.
    if let Some(state) = unsafe { state.cast::<T>().as_ref() } {
        guard((), || state.context_is_going());
    }
}
