//! SSL_CTX_set_client_hello_cb(3).

use std::ffi::{c_int, c_void};

use super::note_setting;
use crate::catch_panic::catch_panic;
use crate::handle::{Setting, dispatch};
use crate::types::{SSL, SSL_CTX};

/// SSL_CTX_set_client_hello_cb sets the callback that sees a ClientHello before libssl acts on it; NULL for none.
///
/// libssl calls it. It is noted here, because libssl has no function to read it: it may switch the connection to another
/// context. Alone, and with NULL as `c`, it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_client_hello_cb(
    c: *mut SSL_CTX,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_int, *mut c_void) -> c_int>,
    arg: *mut c_void,
) {
    if c.is_null() {
        return;
    }
    catch_panic((), || unsafe {
        // SAFETY: C caller.
        note_setting(c, Setting::ClientHelloCallback, cb.is_some());
        dispatch::SSL_CTX_set_client_hello_cb(c, cb, arg);
    });
}
symver!(
    SSL_CTX_set_client_hello_cb(c: *mut SSL_CTX, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_int, *mut c_void) -> c_int>, arg: *mut c_void),
    "OPENSSL_3.0.0", "OPENSSL_1_1_1", "OPENSSL_4.0.0"
);
