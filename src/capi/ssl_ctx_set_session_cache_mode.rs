//! SSL_CTX_set_session_cache_mode(3).

use std::ffi::{c_int, c_long};

use super::ssl_ctx_ctrl::{Command, control};
use crate::types::SSL_CTX;

/// SSL_SESS_CACHE_OFF: no session is added, for client or server. Cached sessions stay, and are still looked up.
pub const SSL_SESS_CACHE_OFF: c_int = 0x0000;
/// SSL_SESS_CACHE_CLIENT: a client's sessions are added; which one to offer is the application's choice.
pub const SSL_SESS_CACHE_CLIENT: c_int = 0x0001;
/// SSL_SESS_CACHE_SERVER: a server's sessions are added. The default.
pub const SSL_SESS_CACHE_SERVER: c_int = 0x0002;
/// SSL_SESS_CACHE_BOTH: both of them.
pub const SSL_SESS_CACHE_BOTH: c_int = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_SERVER;
/// SSL_SESS_CACHE_NO_AUTO_CLEAR: no flush of expired sessions every 255 connections.
pub const SSL_SESS_CACHE_NO_AUTO_CLEAR: c_int = 0x0080;
/// SSL_SESS_CACHE_NO_INTERNAL_LOOKUP: a server does not search the internal cache, only the external one.
pub const SSL_SESS_CACHE_NO_INTERNAL_LOOKUP: c_int = 0x0100;
/// SSL_SESS_CACHE_NO_INTERNAL_STORE: sessions that are negotiated, or found externally, are not stored internally.
pub const SSL_SESS_CACHE_NO_INTERNAL_STORE: c_int = 0x0200;
/// SSL_SESS_CACHE_NO_INTERNAL: both of them.
pub const SSL_SESS_CACHE_NO_INTERNAL: c_int = SSL_SESS_CACHE_NO_INTERNAL_LOOKUP | SSL_SESS_CACHE_NO_INTERNAL_STORE;
/// SSL_SESS_CACHE_UPDATE_TIME: adding a session sets its time to now.
pub const SSL_SESS_CACHE_UPDATE_TIME: c_int = 0x0400;

/// SSL_CTX_set_session_cache_mode sets the session cache mode of `ctx` to the bits SSL_SESS_CACHE_* of `mode`.
///
/// Returns the previous mode; 0 for NULL. Any bits are accepted and returned. Sessions that are cached stay, also with
/// SSL_SESS_CACHE_OFF, and can still be resumed. A real function here; in OpenSSL a macro over SSL_CTX_ctrl, which
/// works as well. See SSL_CTX_set_session_cache_mode(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_session_cache_mode(ctx: *mut SSL_CTX, mode: c_long) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, Command::SetCacheMode as c_int, mode, c"SSL_CTX_set_session_cache_mode") }
}
symver!(SSL_CTX_set_session_cache_mode, "OPENSSL_3.0.0");

/// SSL_CTX_get_session_cache_mode returns the session cache mode of `ctx` as it was set; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_get_session_cache_mode(ctx: *mut SSL_CTX) -> c_long {
    // SAFETY: C caller.
    unsafe { control(ctx, Command::GetCacheMode as c_int, 0, c"SSL_CTX_get_session_cache_mode") }
}
symver!(SSL_CTX_get_session_cache_mode, "OPENSSL_3.0.0");
