//! OpenSSL's error stack.

use std::ffi::c_int;
use std::ptr;

use super::Functions;

/// ERR_LIB_SSL.
const LIBRARY_SSL: c_int = 20;

/// ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED: what OpenSSL says of a function that has no place in the case at hand.
pub const SHOULD_NOT_HAVE_BEEN_CALLED: c_int = 257 | (0x1 << 18) | (0x2 << 18);

/// Puts an error of the SSL library on the calling thread's stack.
pub fn raise(functions: &Functions, reason: c_int) {
    // SAFETY: no argument points anywhere; the strings are static.
    unsafe {
        (functions.ERR_new)();
        (functions.ERR_set_debug)(c"sslsession".as_ptr(), 0, c"sslsession".as_ptr());
        (functions.ERR_set_error)(LIBRARY_SSL, reason, ptr::null());
    }
}
