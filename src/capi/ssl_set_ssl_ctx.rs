//! SSL_set_SSL_CTX(3).

use std::ptr;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::{SSL, SSL_CTX};

/// SSL_set_SSL_CTX switches `ssl` to the certificate and the settings of `ctx`; NULL for `ctx` switches back. The
/// session cache remains that of the context with which `ssl` was made.
///
/// Returns the current context of `ssl`, borrowed; NULL on failure, for a NULL `ssl`, and without a libssl.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_SSL_CTX(ssl: *mut SSL, ctx: *mut SSL_CTX) -> *mut SSL_CTX {
    if ssl.is_null() {
        return ptr::null_mut();
    }
    catch_panic(ptr::null_mut(), || {
        // SAFETY: C caller.
        unsafe {
            super::settle(ssl);
            dispatch::SSL_set_SSL_CTX(ssl, ctx)
        }
    })
}
symver!(
    SSL_set_SSL_CTX(ssl: *mut SSL, ctx: *mut SSL_CTX) -> *mut SSL_CTX,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
