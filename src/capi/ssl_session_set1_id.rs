//! SSL_SESSION_set1_id(3).

use std::ffi::{c_int, c_uchar, c_uint};
use std::ptr;

use super::{is_readable, on_session};
use crate::cache::owners;
use crate::catch_panic::catch_panic;
use crate::handle::{Session, dispatch};
use crate::types::SSL_SESSION;

/// SSL_MAX_SSL_SESSION_ID_LENGTH: the length in bytes of the longest session id.
pub const SSL_MAX_SSL_SESSION_ID_LENGTH: c_int = 32;

/// SSL_SESSION_get_id returns the session id of `s`, borrowed, and its length in bytes in `*len` unless `len` is NULL.
/// NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_get_id(s: *const SSL_SESSION, len: *mut c_uint) -> *const c_uchar {
    if s.is_null() {
        return ptr::null();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null(), || unsafe { dispatch::SSL_SESSION_get_id(s, len) })
}
symver!(SSL_SESSION_get_id, "SSLSESSION_0");

/// SSL_SESSION_set1_id copies a session id into `s`.
///
/// Returns 1; 0 if it is longer than 32 bytes, and for NULL. A cached session is moved to its new id, where it replaces
/// another session of that id, as if it had been added. (OpenSSL does not move it: under the new id it may not be
/// found, nor be removed.)
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_set1_id(
    s: *mut SSL_SESSION,
    sid: *const c_uchar,
    sid_len: c_uint,
) -> c_int {
    on_session(s, || {
        // SAFETY: C caller.
        let Some(session) = (unsafe { Session::borrow(s) }) else { return 0 };
        if !is_readable(sid, sid_len) {
            return 0;
        }
        // SAFETY: C caller.
        let set = || unsafe { dispatch::SSL_SESSION_set1_id(s, sid, sid_len) == 1 };
        c_int::from(owners::change(&session, set))
    })
}
symver!(
    SSL_SESSION_set1_id(s: *mut SSL_SESSION, sid: *const c_uchar, sid_len: c_uint) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
