//! SSL_CTX_use_psk_identity_hint(3): the callbacks that know a server's pre-shared keys.

use std::ffi::{c_char, c_int, c_uchar, c_uint};

use super::{note_setting, set_apart};
use crate::catch_panic::catch_panic;
use crate::handle::{Setting, dispatch};
use crate::types::{SSL, SSL_CTX, SSL_SESSION};

/// SSL_CTX_set_psk_server_callback sets the callback that knows the pre-shared keys of a server's clients; NULL for none.
///
/// libssl calls it. It is noted here, because libssl has no function to read it: a context with pre-shared keys shares its
/// sessions with its copies in forked processes only. Alone, and with NULL as `ctx`, it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_psk_server_callback(
    ctx: *mut SSL_CTX,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint>,
) {
    if ctx.is_null() {
        return;
    }
    catch_panic((), || unsafe {
        // SAFETY: C caller.
        note_setting(ctx, Setting::PskServerCallback, cb.is_some());
        dispatch::SSL_CTX_set_psk_server_callback(ctx, cb);
    });
}
symver!(
    SSL_CTX_set_psk_server_callback(ctx: *mut SSL_CTX, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint>),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_set_psk_server_callback does the same for one connection, whose sessions are then not shared.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_psk_server_callback(
    ssl: *mut SSL,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint>,
) {
    if ssl.is_null() {
        return;
    }
    catch_panic((), || unsafe {
        // SAFETY: C caller.
        set_apart(ssl);
        dispatch::SSL_set_psk_server_callback(ssl, cb);
    });
}
symver!(
    SSL_set_psk_server_callback(ssl: *mut SSL, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_char, *mut c_uchar, c_uint) -> c_uint>),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_CTX_set_psk_find_session_callback sets the callback that knows the pre-shared keys of TLS 1.3's clients; NULL for
/// none. Otherwise as SSL_CTX_set_psk_server_callback.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_psk_find_session_callback(
    ctx: *mut SSL_CTX,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, usize, *mut *mut SSL_SESSION) -> c_int>,
) {
    if ctx.is_null() {
        return;
    }
    catch_panic((), || unsafe {
        // SAFETY: C caller.
        note_setting(ctx, Setting::PskFindSessionCallback, cb.is_some());
        dispatch::SSL_CTX_set_psk_find_session_callback(ctx, cb);
    });
}
symver!(
    SSL_CTX_set_psk_find_session_callback(ctx: *mut SSL_CTX, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, usize, *mut *mut SSL_SESSION) -> c_int>),
    "OPENSSL_3.0.0", "OPENSSL_1_1_1", "OPENSSL_4.0.0"
);

/// SSL_set_psk_find_session_callback does the same for one connection, whose sessions are then not shared.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_psk_find_session_callback(
    s: *mut SSL,
    cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, usize, *mut *mut SSL_SESSION) -> c_int>,
) {
    if s.is_null() {
        return;
    }
    catch_panic((), || unsafe {
        // SAFETY: C caller.
        set_apart(s);
        dispatch::SSL_set_psk_find_session_callback(s, cb);
    });
}
symver!(
    SSL_set_psk_find_session_callback(s: *mut SSL, cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *const c_uchar, usize, *mut *mut SSL_SESSION) -> c_int>),
    "OPENSSL_3.0.0", "OPENSSL_1_1_1", "OPENSSL_4.0.0"
);
