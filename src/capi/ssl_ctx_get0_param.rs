//! SSL_CTX_get0_param(3): parameters of certificate verification.

use std::ffi::c_int;

use super::{note_setting, set_apart};
use crate::catch_panic::catch_panic;
use crate::handle::{Setting, dispatch};
use crate::types::{SSL, SSL_CTX, X509_VERIFY_PARAM};

/// SSL_CTX_set1_param sets how the certificates of peers are verified. Returns 1; 0 on failure.
///
/// libssl sets them. The call is noted, because libssl has no function to read all of it: a context that asks for
/// certificates then shares its sessions with its copies in forked processes only. The same holds for
/// SSL_CTX_set_purpose and SSL_CTX_set_trust. Alone, and with NULL as `ctx`, it returns 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set1_param(ctx: *mut SSL_CTX, vpm: *mut X509_VERIFY_PARAM) -> c_int {
    // SAFETY: C caller.
    unsafe { set_for_context(ctx, || dispatch::SSL_CTX_set1_param(ctx, vpm)) }
}
symver!(
    SSL_CTX_set1_param(ctx: *mut SSL_CTX, vpm: *mut X509_VERIFY_PARAM) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_set_purpose sets the purpose that the certificates of peers must have. Returns 1; 0 on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_purpose(ctx: *mut SSL_CTX, purpose: c_int) -> c_int {
    // SAFETY: C caller.
    unsafe { set_for_context(ctx, || dispatch::SSL_CTX_set_purpose(ctx, purpose)) }
}
symver!(
    SSL_CTX_set_purpose(ctx: *mut SSL_CTX, purpose: c_int) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_set_trust sets the trust that the certificates of peers must have. Returns 1; 0 on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_trust(ctx: *mut SSL_CTX, trust: c_int) -> c_int {
    // SAFETY: C caller.
    unsafe { set_for_context(ctx, || dispatch::SSL_CTX_set_trust(ctx, trust)) }
}
symver!(
    SSL_CTX_set_trust(ctx: *mut SSL_CTX, trust: c_int) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_set1_param does the same as SSL_CTX_set1_param for one connection, whose sessions are then not shared.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set1_param(ssl: *mut SSL, vpm: *mut X509_VERIFY_PARAM) -> c_int {
    // SAFETY: C caller.
    unsafe { set_for_connection(ssl, || dispatch::SSL_set1_param(ssl, vpm)) }
}
symver!(
    SSL_set1_param(ssl: *mut SSL, vpm: *mut X509_VERIFY_PARAM) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_set_purpose does the same as SSL_CTX_set_purpose for one connection, whose sessions are then not shared.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_purpose(ssl: *mut SSL, purpose: c_int) -> c_int {
    // SAFETY: C caller.
    unsafe { set_for_connection(ssl, || dispatch::SSL_set_purpose(ssl, purpose)) }
}
symver!(
    SSL_set_purpose(ssl: *mut SSL, purpose: c_int) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_set_trust does the same as SSL_CTX_set_trust for one connection, whose sessions are then not shared.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_trust(ssl: *mut SSL, trust: c_int) -> c_int {
    // SAFETY: C caller.
    unsafe { set_for_connection(ssl, || dispatch::SSL_set_trust(ssl, trust)) }
}
symver!(
    SSL_set_trust(ssl: *mut SSL, trust: c_int) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// Notes that a context's parameters are set, then sets them.
///
/// # Safety
/// `ctx` must be NULL or a live context.
unsafe fn set_for_context(ctx: *mut SSL_CTX, set: impl FnOnce() -> c_int) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    catch_panic(0, || {
        // SAFETY: by the caller's promise.
        unsafe { note_setting(ctx, Setting::VerifyParameters, true) };
        set()
    })
}

/// Sets a connection apart, then sets its parameters.
///
/// # Safety
/// `ssl` must be NULL or a live connection.
unsafe fn set_for_connection(ssl: *mut SSL, set: impl FnOnce() -> c_int) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    catch_panic(0, || {
        // SAFETY: by the caller's promise.
        unsafe { set_apart(ssl) };
        set()
    })
}
