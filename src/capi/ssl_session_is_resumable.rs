//! SSL_SESSION_is_resumable(3).

use std::ffi::c_int;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL_SESSION;

/// SSL_SESSION_is_resumable returns 1 if `s` can be offered: it has an id or a ticket, and no cache has removed it
/// (other than by replacing it by another of its id). 0 if not, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_is_resumable(s: *const SSL_SESSION) -> c_int {
    if s.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_SESSION_is_resumable(s) })
}
symver!(SSL_SESSION_is_resumable, "SSLSESSION_0");
