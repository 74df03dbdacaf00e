//! SSL_session_reused(3).

use std::ffi::c_int;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL;

/// SSL_session_reused returns 1 if the handshake of `ssl` resumed a session, 0 if it made a new one, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_session_reused(ssl: *const SSL) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_session_reused(ssl) })
}
symver!(SSL_session_reused, "SSLSESSION_0");
