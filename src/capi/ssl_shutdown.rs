//! SSL_shutdown(3).

use std::ffi::c_int;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL;

/// SSL_shutdown shuts `ssl` down, so that its session stays good: sends close_notify, or alone notes that the embedding
/// stack has sent it.
///
/// Returns 1 if the peer's close_notify has come too, 0 if not yet, a negative number on failure: before the handshake
/// has finished, and for NULL (-1). See SSL_shutdown(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_shutdown(ssl: *mut SSL) -> c_int {
    if ssl.is_null() {
        return -1;
    }
    // SAFETY: C caller.
    catch_panic(-1, || unsafe { dispatch::SSL_shutdown(ssl) })
}
symver!(SSL_shutdown, "SSLSESSION_0");
