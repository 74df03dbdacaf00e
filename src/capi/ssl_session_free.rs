//! SSL_SESSION_free(3).

use std::ffi::c_int;
use std::ptr;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL_SESSION;

/// SSL_SESSION_new makes an empty session: no id, no protocol version, the current time, a timeout of 304 seconds.
///
/// Returns it with one reference, for SSL_SESSION_free; NULL on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_new() -> *mut SSL_SESSION {
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_SESSION_new() })
}
symver!(SSL_SESSION_new, "SSLSESSION_0");

/// SSL_SESSION_dup copies a session; the copy is in no cache. A copy of a session that is not resumable is not either.
///
/// Returns the copy with one reference; NULL on failure and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_dup(src: *const SSL_SESSION) -> *mut SSL_SESSION {
    if src.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_SESSION_dup(src) })
}
symver!(SSL_SESSION_dup, "SSLSESSION_0");

/// SSL_SESSION_up_ref increments the reference count of `ses`. Returns 1; 0 for NULL. Safe from several threads.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_up_ref(ses: *mut SSL_SESSION) -> c_int {
    if ses.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_SESSION_up_ref(ses) })
}
symver!(SSL_SESSION_up_ref, "SSLSESSION_0");

/// SSL_SESSION_free releases a reference to `ses`; the last one frees the session. NULL does nothing. Safe from several
/// threads. See SSL_SESSION_free(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_free(ses: *mut SSL_SESSION) {
    // SAFETY: C caller.
    catch_panic((), || unsafe { dispatch::SSL_SESSION_free(ses) });
}
symver!(SSL_SESSION_free, "SSLSESSION_0");
