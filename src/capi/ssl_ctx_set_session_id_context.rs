//! SSL_CTX_set_session_id_context(3).

use std::ffi::{c_int, c_uchar, c_uint};

use super::is_readable;
use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::{SSL, SSL_CTX};

/// SSL_MAX_SID_CTX_LENGTH: the length in bytes of the longest session id context.
pub const SSL_MAX_SID_CTX_LENGTH: c_int = 32;

/// SSL_CTX_set_session_id_context sets the session id context within which the sessions of `ctx` can be resumed. New
/// connections begin with it.
///
/// Returns 1; 0 if it is longer than 32 bytes, and for NULL. The bytes are copied. A session made under another session
/// id context is not resumed. See SSL_CTX_set_session_id_context(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_session_id_context(
    ctx: *mut SSL_CTX,
    sid_ctx: *const c_uchar,
    sid_ctx_len: c_uint,
) -> c_int {
    if ctx.is_null() || !is_readable(sid_ctx, sid_ctx_len) {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_CTX_set_session_id_context(ctx, sid_ctx, sid_ctx_len) })
}
symver!(SSL_CTX_set_session_id_context, "SSLSESSION_0");

/// SSL_set_session_id_context does the same for one connection.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_session_id_context(
    ssl: *mut SSL,
    sid_ctx: *const c_uchar,
    sid_ctx_len: c_uint,
) -> c_int {
    if ssl.is_null() || !is_readable(sid_ctx, sid_ctx_len) {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_set_session_id_context(ssl, sid_ctx, sid_ctx_len) })
}
symver!(SSL_set_session_id_context, "SSLSESSION_0");
