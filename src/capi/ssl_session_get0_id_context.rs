//! SSL_SESSION_get0_id_context(3).

use std::ffi::{c_int, c_uchar, c_uint};
use std::ptr;

use super::is_readable;
use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL_SESSION;

/// SSL_SESSION_get0_id_context returns the session id context of `s`, borrowed, and its length in bytes in `*len` unless `len` is NULL.
/// NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_get0_id_context(s: *const SSL_SESSION, len: *mut c_uint) -> *const c_uchar {
    if s.is_null() {
        return ptr::null();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null(), || unsafe { dispatch::SSL_SESSION_get0_id_context(s, len) })
}
symver!(SSL_SESSION_get0_id_context, "SSLSESSION_0");

/// SSL_SESSION_set1_id_context copies a session id context into `s`. Returns 1; 0 if it is longer than 32 bytes, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_set1_id_context(
    s: *mut SSL_SESSION,
    sid_ctx: *const c_uchar,
    sid_ctx_len: c_uint,
) -> c_int {
    if s.is_null() || !is_readable(sid_ctx, sid_ctx_len) {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_SESSION_set1_id_context(s, sid_ctx, sid_ctx_len) })
}
symver!(SSL_SESSION_set1_id_context, "SSLSESSION_0");
