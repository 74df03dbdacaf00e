//! SSL_new(3).

use std::ffi::c_int;
use std::ptr;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::{SSL, SSL_CTX};

/// SSL_new makes a connection of `ctx`, and increments the reference count of `ctx`. The session cache of `ctx` serves
/// it to its end.
///
/// Returns the connection with one reference, for SSL_free; NULL on failure and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_new(ctx: *mut SSL_CTX) -> *mut SSL {
    if ctx.is_null() {
        return ptr::null_mut();
    }
    catch_panic(ptr::null_mut(), || {
        // SAFETY: C caller.
        let ssl = unsafe { dispatch::SSL_new(ctx) };
        // SAFETY: NULL or made just now.
        unsafe { super::settle(ssl) };
        ssl
    })
}
symver!(SSL_new(ctx: *mut SSL_CTX) -> *mut SSL, "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0");

/// SSL_up_ref increments the reference count of `ssl`. Returns 1; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_up_ref(ssl: *mut SSL) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_up_ref(ssl) })
}
symver!(SSL_up_ref, "SSLSESSION_0");
