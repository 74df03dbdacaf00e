//! SSL_CTX_sess_number(3): the counters. In OpenSSL they are macros over SSL_CTX_ctrl; here they are functions as well.
//!
//! Each but the first is an int that wraps and is never reset. All are read without a lock.

use std::ffi::c_long;

use super::ssl_ctx_ctrl::{
    SSL_CTRL_SESS_ACCEPT, SSL_CTRL_SESS_ACCEPT_GOOD, SSL_CTRL_SESS_ACCEPT_RENEGOTIATE, SSL_CTRL_SESS_CACHE_FULL,
    SSL_CTRL_SESS_CB_HIT, SSL_CTRL_SESS_CONNECT, SSL_CTRL_SESS_CONNECT_GOOD, SSL_CTRL_SESS_CONNECT_RENEGOTIATE,
    SSL_CTRL_SESS_HIT, SSL_CTRL_SESS_MISSES, SSL_CTRL_SESS_NUMBER, SSL_CTRL_SESS_TIMEOUTS, control,
};
use crate::types::SSL_CTX;

/// SSL_CTX_sess_number returns the number of sessions in the cache of `ctx`.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_number(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_NUMBER, 0, c"SSL_CTX_sess_number") }
}
symver!(SSL_CTX_sess_number, "SSLSESSION_0");

/// SSL_CTX_sess_connect returns the number of handshakes started in client mode.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_connect(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_CONNECT, 0, c"SSL_CTX_sess_connect") }
}
symver!(SSL_CTX_sess_connect, "SSLSESSION_0");

/// SSL_CTX_sess_connect_good returns the number of handshakes finished in client mode.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_connect_good(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_CONNECT_GOOD, 0, c"SSL_CTX_sess_connect_good") }
}
symver!(SSL_CTX_sess_connect_good, "SSLSESSION_0");

/// SSL_CTX_sess_connect_renegotiate returns the number of renegotiations started in client mode.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_connect_renegotiate(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_CONNECT_RENEGOTIATE, 0, c"SSL_CTX_sess_connect_renegotiate") }
}
symver!(SSL_CTX_sess_connect_renegotiate, "SSLSESSION_0");

/// SSL_CTX_sess_accept returns the number of handshakes started in server mode.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_accept(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_ACCEPT, 0, c"SSL_CTX_sess_accept") }
}
symver!(SSL_CTX_sess_accept, "SSLSESSION_0");

/// SSL_CTX_sess_accept_good returns the number of handshakes finished in server mode.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_accept_good(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_ACCEPT_GOOD, 0, c"SSL_CTX_sess_accept_good") }
}
symver!(SSL_CTX_sess_accept_good, "SSLSESSION_0");

/// SSL_CTX_sess_accept_renegotiate returns the number of renegotiations started in server mode.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_accept_renegotiate(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_ACCEPT_RENEGOTIATE, 0, c"SSL_CTX_sess_accept_renegotiate") }
}
symver!(SSL_CTX_sess_accept_renegotiate, "SSLSESSION_0");

/// SSL_CTX_sess_hits returns the number of sessions resumed: by clients, and by servers from a cache or a ticket.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_hits(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_HIT, 0, c"SSL_CTX_sess_hits") }
}
symver!(SSL_CTX_sess_hits, "SSLSESSION_0");

/// SSL_CTX_sess_cb_hits returns the number of sessions that the get_session callback returned, also those refused
/// later.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_cb_hits(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_CB_HIT, 0, c"SSL_CTX_sess_cb_hits") }
}
symver!(SSL_CTX_sess_cb_hits, "SSLSESSION_0");

/// SSL_CTX_sess_misses returns the number of sessions that clients offered and that were not found in the internal
/// cache: none with SSL_SESS_CACHE_NO_INTERNAL_LOOKUP. For a client, up to TLS 1.2, the number of offered sessions that
/// the server did not resume. 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_misses(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_MISSES, 0, c"SSL_CTX_sess_misses") }
}
symver!(SSL_CTX_sess_misses, "SSLSESSION_0");

/// SSL_CTX_sess_timeouts returns the number of sessions that clients offered, that were found, and that had expired.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_timeouts(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_TIMEOUTS, 0, c"SSL_CTX_sess_timeouts") }
}
symver!(SSL_CTX_sess_timeouts, "SSLSESSION_0");

/// SSL_CTX_sess_cache_full returns the number of sessions that were evicted because the cache was full.
/// 0 for NULL. See SSL_CTX_sess_number(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_cache_full(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, SSL_CTRL_SESS_CACHE_FULL, 0, c"SSL_CTX_sess_cache_full") }
}
symver!(SSL_CTX_sess_cache_full, "SSLSESSION_0");
