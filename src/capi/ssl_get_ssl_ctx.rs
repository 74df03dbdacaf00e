//! SSL_get_SSL_CTX(3).

use std::ptr;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::{SSL, SSL_CTX};

/// SSL_get_SSL_CTX returns the context of `ssl`, borrowed; NULL for NULL. After a switch of contexts (SSL_set_SSL_CTX) this is
/// the new one, while the session cache stays that of the first.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_get_SSL_CTX(ssl: *const SSL) -> *mut SSL_CTX {
    if ssl.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_get_SSL_CTX(ssl) })
}
symver!(SSL_get_SSL_CTX, "SSLSESSION_0");
