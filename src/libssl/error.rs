//! OpenSSL's error queue, which is the application's: its SSL_get_error reads it.

use std::ffi::c_int;
use std::ptr;

use super::Functions;

/// ERR_LIB_SSL.
const LIBRARY_SSL: c_int = 20;

/// ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED: what OpenSSL says of a function that has no place in the case at hand. Before OpenSSL 3 the
/// reason was a number without the two flags.
pub const SHOULD_NOT_HAVE_BEEN_CALLED: c_int = 257 | (0x1 << 18) | (0x2 << 18);
const SHOULD_NOT_HAVE_BEEN_CALLED_1_1: c_int = 66;

/// Puts an error of the SSL library on the calling thread's queue.
pub fn raise(functions: &Functions, reason: c_int) {
    let since_3 = (functions.ERR_new, functions.ERR_set_debug, functions.ERR_set_error);
    // SAFETY: no argument points anywhere; the strings are static.
    unsafe {
        if let (Some(new), Some(set_debug), Some(set_error)) = since_3 {
            new();
            set_debug(c"sslsession".as_ptr(), 0, c"sslsession".as_ptr());
            set_error(LIBRARY_SSL, reason, ptr::null());
        } else if let Some(put_error) = functions.ERR_put_error {
            put_error(LIBRARY_SSL, 0, SHOULD_NOT_HAVE_BEEN_CALLED_1_1, c"sslsession".as_ptr(), 0);
        }
    }
}

/// Makes a call of ours that may fail, and leaves the calling thread's queue as it was.
pub fn unnoted<T>(functions: &Functions, call: impl FnOnce() -> T) -> T {
    // SAFETY: both take nothing. Where nothing is on the queue there is nothing to mark, and all that comes is taken off.
    unsafe {
        (functions.ERR_set_mark)();
        let result = call();
        (functions.ERR_pop_to_mark)();
        result
    }
}
