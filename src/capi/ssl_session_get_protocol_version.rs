//! SSL_SESSION_get_protocol_version(3).
#![allow(missing_docs, reason = "one comment for a block of constants")]

use std::ffi::c_int;

use super::on_session;
use crate::cache::owners;
use crate::catch_panic::catch_panic;
use crate::handle::{Session, dispatch};
use crate::types::SSL_SESSION;

/// The protocol versions, as they are on the wire.
pub const SSL3_VERSION: c_int = 0x0300;
pub const TLS1_VERSION: c_int = 0x0301;
pub const TLS1_1_VERSION: c_int = 0x0302;
pub const TLS1_2_VERSION: c_int = 0x0303;
pub const TLS1_3_VERSION: c_int = 0x0304;
pub const DTLS1_VERSION: c_int = 0xFEFF;
pub const DTLS1_2_VERSION: c_int = 0xFEFD;

/// SSL_SESSION_get_protocol_version returns the protocol version of `s`, such as TLS1_2_VERSION; 0 if none was set, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_get_protocol_version(s: *const SSL_SESSION) -> c_int {
    if s.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_SESSION_get_protocol_version(s) })
}
symver!(SSL_SESSION_get_protocol_version, "SSLSESSION_0");

/// SSL_SESSION_set_protocol_version sets the protocol version of `s`. Returns 1; 0 for NULL. A cached session is then
/// found under that version, where it replaces another session of its id. (OpenSSL keeps both.)
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_set_protocol_version(s: *mut SSL_SESSION, version: c_int) -> c_int {
    on_session(s, || {
        // SAFETY: C caller.
        let Some(session) = (unsafe { Session::borrow(s) }) else { return 0 };
        // SAFETY: C caller.
        let set = || unsafe { dispatch::SSL_SESSION_set_protocol_version(s, version) == 1 };
        c_int::from(owners::change(&session, set))
    })
}
symver!(
    SSL_SESSION_set_protocol_version(s: *mut SSL_SESSION, version: c_int) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_1", "OPENSSL_4.0.0"
);
