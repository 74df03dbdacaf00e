//! SSL_set_shutdown(3).

use std::ffi::c_int;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL;

/// SSL_SENT_SHUTDOWN: close_notify has been sent; the session is good.
pub const SSL_SENT_SHUTDOWN: c_int = 1;
/// SSL_RECEIVED_SHUTDOWN: the peer's close_notify has been received.
pub const SSL_RECEIVED_SHUTDOWN: c_int = 2;

/// SSL_set_shutdown sets the shutdown state of `ssl` to the bits SSL_SENT_SHUTDOWN and SSL_RECEIVED_SHUTDOWN of `mode`.
/// NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_shutdown(ssl: *mut SSL, mode: c_int) {
    if ssl.is_null() {
        return;
    }
    // SAFETY: C caller.
    catch_panic((), || unsafe { dispatch::SSL_set_shutdown(ssl, mode) });
}
symver!(SSL_set_shutdown, "SSLSESSION_0");

/// SSL_get_shutdown returns the shutdown state of `ssl`; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_get_shutdown(ssl: *const SSL) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_get_shutdown(ssl) })
}
symver!(SSL_get_shutdown, "SSLSESSION_0");
