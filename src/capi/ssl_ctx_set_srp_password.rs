//! SSL_CTX_set_srp_password(3): the callback that knows a server's users.

use std::ffi::{c_int, c_void};

use super::note_setting;
use crate::catch_panic::catch_panic;
use crate::handle::{Setting, dispatch};
use crate::types::{SSL, SSL_CTX};

/// SSL_CTX_set_srp_username_callback sets the callback that knows the users of SRP; NULL for none. Returns 1; 0 on failure.
///
/// libssl calls it. It is noted here, because libssl has no function to read it: a context with SRP shares its sessions with
/// its copies in forked processes only. Alone, and with NULL as `ctx`, it returns 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_srp_username_callback(
    ctx: *mut SSL_CTX,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_int, *mut c_void) -> c_int>,
) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    catch_panic(0, || unsafe {
        // SAFETY: C caller.
        note_setting(ctx, Setting::SrpCallback, cb.is_some());
        dispatch::SSL_CTX_set_srp_username_callback(ctx, cb)
    })
}
symver!(
    SSL_CTX_set_srp_username_callback(ctx: *mut SSL_CTX, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_int, *mut c_void) -> c_int>) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
