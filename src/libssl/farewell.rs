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

use once_cell::race::OnceBox;

use super::{Libssl, attachment, known, lending};
use crate::guard::guard;
use crate::types::*;

/// No flush by time reaches the sentinel: a hundred years, in seconds. (More would overflow where libssl counts
/// nanoseconds.)
const TIMEOUT: c_long = 100 * 365 * 86_400;

/// Any id does, as the table holds nothing else under the sentinel's version, 0.
const ID: &[u8; MAX_ID_LENGTH] = b"sslsession: notices SSL_CTX_free";

/// Our ex_data index in one libssl's class SSL_SESSION; reserved with the first sentinel, since each index costs a little
/// at every session of the process.
#[derive(Default)]
pub struct State {
    index: OnceBox<c_int>,
}

impl Libssl {
    /// Returns the index under which a sentinel names its context's state; not above 0 if there is none to be had. Of two
    /// threads that reserve one at once, one does so for nothing.
    fn sentinel_index<T: Attachment>(&'static self) -> c_int {
        let free = Some(sentinel_freed::<T> as ExDataFree);
        let (class, this) = (attachment::CLASS_SSL_SESSION, ptr::from_ref(self).cast_mut().cast());
        let reserve = || {
            // SAFETY: the callback has OpenSSL's type and lives for ever (-z nodelete), as does `this`.
            unsafe { (self.functions.CRYPTO_get_ex_new_index)(class, 0, this, None, None, free) }
        };
        *self.farewell.index.get_or_init(|| Box::new(reserve()))
    }

    /// Puts a sentinel into the context's own table; false if that failed.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl.
    pub unsafe fn watch<T: Attachment>(&'static self, ctx: *mut SSL_CTX) -> bool {
        let index = self.sentinel_index::<T>();
        // SAFETY: a live context, by the caller's promise.
        let Some(state) = (unsafe { self.attached_to_context::<T>(ctx) }) else { return false };
        let functions = &self.functions;
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

    /// Returns true if a session that leaves libssl's own table is a sentinel.
    ///
    /// # Safety
    /// `session` must be a live SSL_SESSION of this libssl.
    pub unsafe fn is_sentinel(&self, session: *const SSL_SESSION) -> bool {
        let index = self.farewell.index.get();
        // SAFETY: a live session, by the caller's promise.
        index.is_some_and(|&index| !unsafe { (self.functions.SSL_SESSION_get_ex_data)(session, index) }.is_null())
    }
}

/// SSL_SESSION ex_data free callback; OpenSSL calls it for every session, with NULL for all but sentinels.
unsafe extern "C" fn sentinel_freed<T: Attachment>(
    _session: *mut c_void,
    state: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    // SAFETY: `watch` put there what is attached to the context, which the context gives back after its table; and `argp` is
    // a Libssl that lives for ever.
    if let (Some(state), Some(libssl)) = unsafe { (state.cast::<T>().as_ref(), argp.cast::<Libssl>().as_ref()) } {
        guard((), || known::on_behalf_of(libssl, || state.context_is_going()));
    }
}
