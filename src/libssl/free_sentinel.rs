//! Notices the last SSL_CTX_free of a context whose application set a remove_session callback.
//!
//! The callback must run for every session still cached while the application's ex_data is there (semantics 4.1,
//! SSL_CTX_free). libssl announces that moment in one way only: it flushes its own table. So a sentinel session is
//! inserted there. When libssl frees the sentinel, after it has released its lock, the moment has come:
//!
//! ```text
//!   SSL_CTX_free, last reference
//!     flush own table (lock)        ─► remove callback with the sentinel: ignored
//!     free what was flushed         ─► sentinel's ex_data free callback: Attachment::on_ctx_last_ref
//!     free the context's ex_data    ─► the application's, and ours (ex_data.rs)
//! ```
//! A session object costs 1 KB, so there is no sentinel before a session is stored and a remove callback is set.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use once_cell::race::OnceBox;

use super::address_map::AddressMap;
use super::{Libssl, error, ex_data, known, stand_in};
use crate::catch_panic::catch_panic;
use crate::types::*;

/// Number of seconds, a hundred years, so that no flush by time reaches the sentinel. (More would overflow where
/// libssl counts nanoseconds.)
const TIMEOUT: c_long = 100 * 365 * 86_400;

/// Any id does, as the table holds nothing else under the sentinel's version, 0.
const ID: &[u8; MAX_ID_LENGTH] = b"sslsession: notices SSL_CTX_free";

/// The state of each sentinel's context.
static SENTINELS: AddressMap = AddressMap::new();

/// One libssl's callback for the end of sessions; reserved with the first sentinel, since it costs a little at every
/// session of the process.
#[derive(Default)]
pub struct State {
    is_reserved: OnceBox<bool>,
}

impl Libssl {
    /// Reserves a callback for freed sessions. Returns false if that failed. If two threads do so at once, one does
    /// so in vain.
    fn reserve_sentinels<T: Attachment>(&'static self) -> bool {
        let free = Some(sentinel_freed::<T> as ExDataFree);
        let (class, this) = (ex_data::CLASS_SSL_SESSION, ptr::from_ref(self).cast_mut().cast());
        let reserve = || {
            // SAFETY: the callback has OpenSSL's type and lives for ever (-z nodelete), as does `this`.
            unsafe { (self.functions.CRYPTO_get_ex_new_index)(class, 0, this, None, None, free) }
        };
        *self.farewell.is_reserved.get_or_init(|| Box::new(reserve() > 0))
    }

    /// Inserts a sentinel into the context's own table. Returns false if that failed.
    ///
    /// # Safety
    /// `ctx` must be a live SSL_CTX of this libssl.
    pub unsafe fn arm_sentinel<T: Attachment>(&'static self, ctx: *mut SSL_CTX) -> bool {
        // SAFETY: a live context, by the caller's promise.
        let Some(state) = (unsafe { self.attached_to_context::<T>(ctx) }) else { return false };
        let functions = &self.functions;
        // SAFETY: a session made here, filled and given away; libssl's table keeps the only reference.
        error::unnoted(functions, || unsafe {
            let sentinel = (functions.SSL_SESSION_new)();
            if sentinel.is_null() {
                return false;
            }
            // Noted as a sentinel before it is in the table, from which another thread may flush it at once.
            let kept = self.reserve_sentinels::<T>()
                && (functions.SSL_SESSION_set1_id)(sentinel, ID.as_ptr(), ID.len() as u32) == 1
                && (functions.SSL_SESSION_set_timeout)(sentinel, TIMEOUT) == 1
                && SENTINELS.insert(sentinel.addr(), ptr::from_ref(state).expose_provenance())
                && stand_in::add(functions, ctx, sentinel);
            if !kept {
                SENTINELS.remove(sentinel.addr());
            }
            (functions.SSL_SESSION_free)(sentinel);
            kept
        })
    }

    /// Returns true if a session removed from libssl's own table is a sentinel.
    pub fn is_sentinel(&self, session: *const SSL_SESSION) -> bool {
        SENTINELS.get(session.addr()).is_some()
    }
}

/// SSL_SESSION ex_data free callback; OpenSSL calls it for every session.
unsafe extern "C-unwind" fn sentinel_freed<T: Attachment>(
    session: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    argp: *mut c_void,
) {
    let Some(state) = SENTINELS.remove(session.addr()) else { return };
    // SAFETY: `arm_sentinel` put there the state attached to the context, which the context releases after its table;
    // and `argp` is a Libssl that lives for ever.
    let (state, libssl) = unsafe { (&*ptr::with_exposed_provenance::<T>(state), &*argp.cast::<Libssl>()) };
    catch_panic((), || known::on_behalf_of(libssl, || state.on_ctx_last_ref()));
}
