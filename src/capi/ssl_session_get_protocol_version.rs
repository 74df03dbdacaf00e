//! SSL_SESSION_get_protocol_version(3).

use std::ffi::c_int;

use crate::cache::residence;
use crate::guard::guard;
use crate::handle::{Session, raw};
use crate::types::SSL_SESSION;

/// SSL_SESSION_get_protocol_version returns the protocol version of `s`, such as TLS1_2_VERSION; 0 if none was set, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SSL_SESSION_get_protocol_version(s: *const SSL_SESSION) -> c_int {
    if s.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    guard(0, || unsafe { raw::SSL_SESSION_get_protocol_version(s) })
}
symver!(SSL_SESSION_get_protocol_version, "SSLSESSION_0");

/// SSL_SESSION_set_protocol_version sets the protocol version of `s`. Returns 1; 0 for NULL. A cached session can then be
/// found under that version. (OpenSSL loses such a session.)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SSL_SESSION_set_protocol_version(s: *mut SSL_SESSION, version: c_int) -> c_int {
    guard(0, || {
        // SAFETY: C caller.
        let Some(session) = (unsafe { Session::borrow(s) }) else { return 0 };
        // SAFETY: C caller.
        let set = || unsafe { raw::SSL_SESSION_set_protocol_version(s, version) == 1 };
        c_int::from(residence::change(&session, set))
    })
}
symver!(SSL_SESSION_set_protocol_version, "OPENSSL_3.0.0");
