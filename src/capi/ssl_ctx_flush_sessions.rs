//! SSL_CTX_flush_sessions(3).

use std::ffi::c_long;

use super::with_cache;
use crate::cache::Flush;
use crate::handle::dispatch;
use crate::types::SSL_CTX;
use sslsession_store::time::UnixTime;

/// SSL_CTX_flush_sessions removes the sessions from the cache of `ctx` that have expired at `tm`.
///
/// `tm` is in seconds since 1970; 0 removes all sessions. A session has expired when `tm` is later than its time plus
/// its timeout: in that very second it is still valid. The sessions are removed in the order of their expiry and marked
/// as not resumable, and the remove_session callback is called for each. No lock is held meanwhile, and no other thread
/// waits for longer than the removal of 64 sessions. NULL does nothing. With a shared store (SSLSESSION_STORE) they are
/// removed from this process only: until they expire, a client can still resume them. OpenSSL deprecates it since 3.4
/// for SSL_CTX_flush_sessions_ex, and an OpenSSL 4 may be built without it. See SSL_CTX_flush_sessions(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_flush_sessions(ctx: *mut SSL_CTX, tm: c_long) {
    let flush = if tm == 0 { Flush::Everything } else { Flush::OverAt(UnixTime(tm)) };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, (), |cache| cache.flush(flush), || dispatch::SSL_CTX_flush_sessions_ex(ctx, tm)) }
}
symver!(SSL_CTX_flush_sessions(ctx: *mut SSL_CTX, tm: c_long), "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0");

/// SSL_CTX_flush_sessions_ex is SSL_CTX_flush_sessions for a time_t, as OpenSSL has it since 3.4.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_flush_sessions_ex(ctx: *mut SSL_CTX, tm: libc::time_t) {
    // SAFETY: C caller.
    unsafe { SSL_CTX_flush_sessions(ctx, tm) }
}
symver!(SSL_CTX_flush_sessions_ex(ctx: *mut SSL_CTX, tm: libc::time_t), "OPENSSL_3.4.0", "OPENSSL_4.0.0");
