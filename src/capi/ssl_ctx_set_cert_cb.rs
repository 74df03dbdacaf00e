//! SSL_CTX_set_cert_cb(3).

use std::ffi::{c_int, c_void};

use super::{note_setting, set_apart};
use crate::catch_panic::catch_panic;
use crate::handle::{Setting, dispatch};
use crate::types::{SSL, SSL_CTX};

/// SSL_CTX_set_cert_cb sets the callback that chooses a certificate for each connection of `ctx`; NULL for none.
///
/// libssl calls it. It is noted here, because libssl has no function to read it: a context with such a callback shares
/// its sessions with its copies in forked processes only. Alone, and with NULL as `ctx`, it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_cert_cb(
    ctx: *mut SSL_CTX,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int>,
    arg: *mut c_void,
) {
    if ctx.is_null() {
        return;
    }
    catch_panic((), || unsafe {
        // SAFETY: C caller.
        note_setting(ctx, Setting::CertificateCallback, cb.is_some());
        dispatch::SSL_CTX_set_cert_cb(ctx, cb, arg);
    });
}
symver!(
    SSL_CTX_set_cert_cb(ctx: *mut SSL_CTX, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int>, arg: *mut c_void),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_set_cert_cb does the same for one connection, whose sessions are then not shared.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_cert_cb(
    s: *mut SSL,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int>,
    arg: *mut c_void,
) {
    if s.is_null() {
        return;
    }
    catch_panic((), || unsafe {
        // SAFETY: C caller.
        set_apart(s);
        dispatch::SSL_set_cert_cb(s, cb, arg);
    });
}
symver!(
    SSL_set_cert_cb(s: *mut SSL, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int>, arg: *mut c_void),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
