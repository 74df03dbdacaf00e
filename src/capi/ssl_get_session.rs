//! SSL_get_session(3).

use std::ptr;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::{SSL, SSL_SESSION};

/// SSL_get_session returns the session of `ssl`, borrowed: it lives as long as `ssl` holds it. NULL if there is none,
/// and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_get_session(ssl: *const SSL) -> *mut SSL_SESSION {
    if ssl.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_get_session(ssl) })
}
symver!(SSL_get_session, "SSLSESSION_0");

/// SSL_get0_session is SSL_get_session; in OpenSSL it is a macro.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_get0_session(ssl: *const SSL) -> *mut SSL_SESSION {
    if ssl.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_get_session(ssl) })
}
symver!(SSL_get0_session, "SSLSESSION_0");

/// SSL_get1_session returns the session of `ssl` with a reference for the caller, who releases it with
/// SSL_SESSION_free. NULL if there is none, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_get1_session(ssl: *mut SSL) -> *mut SSL_SESSION {
    if ssl.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_get1_session(ssl) })
}
symver!(SSL_get1_session, "SSLSESSION_0");
