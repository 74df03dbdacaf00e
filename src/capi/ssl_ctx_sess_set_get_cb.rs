//! SSL_CTX_sess_set_get_cb(3): the external cache's callbacks.
//!
//! The setters and getters of one context acquire no lock, as in OpenSSL. The getters return the application's
//! callbacks, never the library's hooks that libssl calls (h2o and proftpd read them back).

use std::ffi::{c_int, c_uchar};

use super::with_cache;
use crate::handle::dispatch;
use crate::types::{self, SSL, SSL_CTX, SSL_SESSION};

/// SSL_CTX_sess_set_new_cb sets the callback that is called with each new session; NULL for none.
///
/// It is called after a handshake has made a session, and after that session was stored. It returns 1 to keep the
/// reference to the session that it is given, 0 not to; the session stays in the internal cache in both cases. It may
/// call any function of the cache. NULL as `ctx` does nothing. See SSL_CTX_sess_set_get_cb(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_set_new_cb(
    ctx: *mut SSL_CTX,
    new_session_cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut SSL_SESSION) -> c_int>,
) {
    // SAFETY: C caller.
    let pass_on = || unsafe { dispatch::SSL_CTX_sess_set_new_cb(ctx, new_session_cb) };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, (), |cache| cache.callbacks.new.set(new_session_cb), pass_on) }
}
symver!(
    SSL_CTX_sess_set_new_cb(ctx: *mut SSL_CTX, callback: Option<types::NewSessionCallback>),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_sess_get_new_cb returns the callback that SSL_CTX_sess_set_new_cb set; NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_get_new_cb(
    ctx: *mut SSL_CTX,
) -> Option<unsafe extern "C-unwind" fn(*mut SSL, *mut SSL_SESSION) -> c_int> {
    // SAFETY: C caller.
    let pass_on = || unsafe { dispatch::SSL_CTX_sess_get_new_cb(ctx) };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, None, |cache| cache.callbacks.new.get(), pass_on) }
}
symver!(
    SSL_CTX_sess_get_new_cb(ctx: *mut SSL_CTX) -> Option<types::NewSessionCallback>,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_sess_set_remove_cb sets the callback that is called when a session is removed from the cache; NULL for none.
///
/// It is called with the context and the session when a session is removed, also one that was not cached, is evicted,
/// is flushed, has expired as a client offers it (up to TLS 1.2), or when the context is freed; not when another object
/// of the same id replaces it. It borrows the session, and may call any function of the cache: no lock is held. NULL as
/// `ctx` does nothing. See SSL_CTX_sess_set_get_cb(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_set_remove_cb(
    ctx: *mut SSL_CTX,
    remove_session_cb: Option<unsafe extern "C-unwind" fn(*mut SSL_CTX, *mut SSL_SESSION)>,
) {
    // SAFETY: C caller.
    let pass_on = || unsafe { dispatch::SSL_CTX_sess_set_remove_cb(ctx, remove_session_cb) };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, (), |cache| cache.set_remove_callback(remove_session_cb), pass_on) }
}
symver!(
    SSL_CTX_sess_set_remove_cb(ctx: *mut SSL_CTX, callback: Option<types::RemoveSessionCallback>),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_sess_get_remove_cb returns the callback that SSL_CTX_sess_set_remove_cb set; NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_get_remove_cb(
    ctx: *mut SSL_CTX,
) -> Option<unsafe extern "C-unwind" fn(*mut SSL_CTX, *mut SSL_SESSION)> {
    // SAFETY: C caller.
    let pass_on = || unsafe { dispatch::SSL_CTX_sess_get_remove_cb(ctx) };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, None, |cache| cache.callbacks.remove.get(), pass_on) }
}
symver!(
    SSL_CTX_sess_get_remove_cb(ctx: *mut SSL_CTX) -> Option<types::RemoveSessionCallback>,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_sess_set_get_cb sets the callback that a server calls for a session that is not in the internal cache; NULL
/// for none.
///
/// It gets the session id that the client offers and its length in bytes, and returns the session or NULL. If `*copy`
/// stays 1 the cache increments the reference count; if it sets `*copy` to 0 it passes on a reference of its own. The
/// session is added to the internal cache unless SSL_SESS_CACHE_NO_INTERNAL_STORE is set. NULL as `ctx` does nothing.
/// See SSL_CTX_sess_set_get_cb(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_set_get_cb(
    ctx: *mut SSL_CTX,
    get_session_cb: Option<
        unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, c_int, *mut c_int) -> *mut SSL_SESSION,
    >,
) {
    // SAFETY: C caller.
    let pass_on = || unsafe { dispatch::SSL_CTX_sess_set_get_cb(ctx, get_session_cb) };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, (), |cache| cache.callbacks.get.set(get_session_cb), pass_on) }
}
symver!(
    SSL_CTX_sess_set_get_cb(ctx: *mut SSL_CTX, callback: Option<types::GetSessionCallback>),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_sess_get_get_cb returns the callback that SSL_CTX_sess_set_get_cb set; NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sess_get_get_cb(
    ctx: *mut SSL_CTX,
) -> Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, c_int, *mut c_int) -> *mut SSL_SESSION> {
    // SAFETY: C caller.
    let pass_on = || unsafe { dispatch::SSL_CTX_sess_get_get_cb(ctx) };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, None, |cache| cache.callbacks.get.get(), pass_on) }
}
symver!(
    SSL_CTX_sess_get_get_cb(ctx: *mut SSL_CTX) -> Option<types::GetSessionCallback>,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
