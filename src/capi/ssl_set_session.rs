//! SSL_set_session(3).

use std::ffi::c_int;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::{SSL, SSL_SESSION};

/// SSL_set_session sets the session that `ssl`, a client, offers at its next connect; NULL for none.
///
/// Increments the reference count of `session`, and releases that reference if the handshake does not reuse it. The
/// previous session of `ssl` is released; if it was still open (no SSL_shutdown, and no SSL_SENT_SHUTDOWN set), it is
/// bad and is removed from the session cache. A session may be used with any number of contexts.
///
/// Returns 1; 0 on failure, with the reason on libssl's error stack, and for a NULL `ssl`. Not for use from several
/// threads on one `ssl`. See SSL_set_session(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_set_session(ssl, session) })
}
symver!(
    SSL_set_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
