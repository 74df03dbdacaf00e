//! SSL_CTX_set_tlsext_ticket_key_cb(3).

use std::ffi::{c_int, c_uchar};

use super::on_ticket_callback;
use crate::catch_panic::catch_panic;
use crate::handle::{KeyCallbackChange, dispatch};
use crate::types::{EVP_CIPHER_CTX, EVP_MAC_CTX, SSL, SSL_CTX};

/// SSL_CTX_set_tlsext_ticket_key_evp_cb sets the callback that provides the keys of stateless tickets.
///
/// libssl calls it, instead of the library's callback if SSLSESSION_TICKETS=shared has set one. Returns 1; alone, and
/// for NULL as `ctx`, 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_tlsext_ticket_key_evp_cb(
    ctx: *mut SSL_CTX,
    fp: Option<
        unsafe extern "C-unwind" fn(
            *mut SSL,
            *mut c_uchar,
            *mut c_uchar,
            *mut EVP_CIPHER_CTX,
            *mut EVP_MAC_CTX,
            c_int,
        ) -> c_int,
    >,
) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe {
        if on_ticket_callback(ctx, KeyCallbackChange::Evp(fp)) {
            1
        } else {
            dispatch::SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, fp)
        }
    })
}
symver!(SSL_CTX_set_tlsext_ticket_key_evp_cb, "OPENSSL_3.0.0", "OPENSSL_4.0.0");
