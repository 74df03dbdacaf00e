//! SSL_CTX_load_verify_locations(3): the stores with a URI.

use std::ffi::{c_char, c_int};

use super::note_setting;
use crate::catch_panic::catch_panic;
use crate::handle::{Setting, dispatch};
use crate::types::SSL_CTX;

/// SSL_CTX_load_verify_store makes `ctx` look up authorities at a URI, when they are needed. Returns 1; 0 on failure.
///
/// libssl does that. The call is noted, because libssl has no function to read it: a context that asks for certificates
/// then shares its sessions with its copies in forked processes only. Alone, and with NULL as `ctx`, it returns 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_load_verify_store(ctx: *mut SSL_CTX, CAstore: *const c_char) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    catch_panic(0, || unsafe {
        // SAFETY: C caller.
        note_setting(ctx, Setting::StoreByUri, true);
        dispatch::SSL_CTX_load_verify_store(ctx, CAstore)
    })
}
symver!(SSL_CTX_load_verify_store(ctx: *mut SSL_CTX, uri: *const c_char) -> c_int, "OPENSSL_3.0.0", "OPENSSL_4.0.0");

/// SSL_CTX_set_default_verify_store does the same with the URI that OpenSSL was built with.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_default_verify_store(ctx: *mut SSL_CTX) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    catch_panic(0, || unsafe {
        // SAFETY: C caller.
        note_setting(ctx, Setting::StoreByUri, true);
        dispatch::SSL_CTX_set_default_verify_store(ctx)
    })
}
symver!(SSL_CTX_set_default_verify_store(ctx: *mut SSL_CTX) -> c_int, "OPENSSL_3.0.0", "OPENSSL_4.0.0");
