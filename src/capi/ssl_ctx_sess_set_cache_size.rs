//! SSL_CTX_sess_set_cache_size(3).

use std::ffi::{c_int, c_long};

use super::ssl_ctx_ctrl::{Command, control};
use crate::types::SSL_CTX;

/// SSL_SESSION_CACHE_MAX_SIZE_DEFAULT: the size of a new context's cache.
pub const SSL_SESSION_CACHE_MAX_SIZE_DEFAULT: c_int = 1024 * 20;

/// SSL_CTX_sess_set_cache_size sets the number of sessions that the cache of `ctx` may hold; 0 for no limit.
///
/// Returns the previous size; 0 for NULL. A negative size changes nothing and returns 0. Nothing is evicted at once: a
/// smaller size takes effect at the next insertion. As in OpenSSL 3.0 the count includes the session that is being
/// added, so that a size of N holds N - 1 sessions, and a size of 1 holds one. See SSL_CTX_sess_set_cache_size(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_set_cache_size(ctx: *mut SSL_CTX, t: c_long) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, Command::SetCacheSize as c_int, t, c"SSL_CTX_sess_set_cache_size") }
}
symver!(SSL_CTX_sess_set_cache_size, "SSLSESSION_0");

/// SSL_CTX_sess_get_cache_size returns the size as it was set, 20480 by default; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_get_cache_size(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, Command::GetCacheSize as c_int, 0, c"SSL_CTX_sess_get_cache_size") }
}
symver!(SSL_CTX_sess_get_cache_size, "SSLSESSION_0");
