//! SSL_CTX_set_cert_verify_callback(3).

use std::ffi::{c_int, c_void};

use super::with_cache;
use crate::handle::dispatch;
use crate::types::{SSL_CTX, X509_STORE_CTX};

/// SSL_CTX_set_cert_verify_callback sets the callback that verifies the peer's certificates in place of libssl; NULL
/// for none.
///
/// libssl calls it. It is noted here, because libssl has no function to read it: contexts that ask for certificates
/// share sessions if they have the same callback of the same object, without an argument. With an argument, a context
/// shares with its copies in forked processes only. Alone, and with NULL as `ctx`, it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_cert_verify_callback(
    ctx: *mut SSL_CTX,
    cb: Option<unsafe extern "C-unwind" fn(*mut X509_STORE_CTX, *mut c_void) -> c_int>,
    arg: *mut c_void,
) {
    // SAFETY: C caller.
    let pass_on = || unsafe { dispatch::SSL_CTX_set_cert_verify_callback(ctx, cb, arg) };
    let address = cb.map_or(0, |cb| cb as usize);
    // SAFETY: C caller.
    unsafe {
        with_cache(
            ctx,
            (),
            |cache| {
                cache.note_cert_verify_callback(address, cb.is_some() && !arg.is_null());
                pass_on();
            },
            pass_on,
        );
    }
}
symver!(
    SSL_CTX_set_cert_verify_callback(ctx: *mut SSL_CTX, cb: Option<unsafe extern "C-unwind" fn(*mut X509_STORE_CTX, *mut c_void) -> c_int>, arg: *mut c_void),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
