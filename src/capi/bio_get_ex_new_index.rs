//! BIO_get_ex_new_index(3): the application's data at sessions, contexts and connections.
//!
//! In OpenSSL the `_get_ex_new_index` functions are macros over CRYPTO_get_ex_new_index; here they are functions as well.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use super::on_session;
use crate::cache::owners;
use crate::catch_panic::catch_panic;
use crate::handle::{Session, dispatch};
use crate::types::{ExDataDup, ExDataFree, ExDataNew, SSL, SSL_CTX, SSL_SESSION};

// In the header they are OpenSSL's types: see cbindgen.toml.
type NewCallback = Option<ExDataNew>;
type DupCallback = Option<ExDataDup>;
type FreeCallback = Option<ExDataFree>;

/// SSL_SESSION_get_ex_new_index returns a new index under which a session can have a pointer of the application's.
///
/// The callbacks, each of which may be NULL, run for every session when it is made, copied and freed, with `argl`
/// and `argp`. Returns the index, or -1 on failure. See BIO_get_ex_new_index(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_get_ex_new_index(
    argl: c_long,
    argp: *mut c_void,
    new_func: NewCallback,
    dup_func: DupCallback,
    free_func: FreeCallback,
) -> c_int {
    // SAFETY: C caller.
    catch_panic(-1, || unsafe { dispatch::SSL_SESSION_get_ex_new_index(argl, argp, new_func, dup_func, free_func) })
}
symver!(SSL_SESSION_get_ex_new_index, "SSLSESSION_0");

/// SSL_SESSION_set_ex_data sets a session's pointer under an index. Returns 1; 0 on failure and for NULL.
///
/// A pointer means nothing in another process: a cached session that gets one is no longer shared with others, nor are
/// later sessions of its context.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_set_ex_data(s: *mut SSL_SESSION, idx: c_int, data: *mut c_void) -> c_int {
    if s.is_null() {
        return 0;
    }
    on_session(s, || {
        // SAFETY: C caller.
        if let Some(session) = unsafe { Session::borrow(s) }.filter(|_| !data.is_null()) {
            owners::keep_private(&session, idx);
        }
        // SAFETY: C caller.
        unsafe { dispatch::SSL_SESSION_set_ex_data(s, idx, data) }
    })
}
symver!(
    SSL_SESSION_set_ex_data(s: *mut SSL_SESSION, idx: c_int, data: *mut c_void) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_SESSION_get_ex_data returns that pointer; NULL if none was set, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_get_ex_data(s: *const SSL_SESSION, idx: c_int) -> *mut c_void {
    if s.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_SESSION_get_ex_data(s, idx) })
}
symver!(SSL_SESSION_get_ex_data, "SSLSESSION_0");

/// SSL_CTX_get_ex_new_index returns a new index under which a context can have a pointer of the application's.
///
/// The callbacks, each of which may be NULL, run for every context when it is made, copied and freed, with `argl`
/// and `argp`. Returns the index, or -1 on failure. See BIO_get_ex_new_index(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_get_ex_new_index(
    argl: c_long,
    argp: *mut c_void,
    new_func: NewCallback,
    dup_func: DupCallback,
    free_func: FreeCallback,
) -> c_int {
    // SAFETY: C caller.
    catch_panic(-1, || unsafe { dispatch::SSL_CTX_get_ex_new_index(argl, argp, new_func, dup_func, free_func) })
}
symver!(SSL_CTX_get_ex_new_index, "SSLSESSION_0");

/// SSL_CTX_set_ex_data sets a context's pointer under an index. Returns 1; 0 on failure and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_ex_data(s: *mut SSL_CTX, idx: c_int, data: *mut c_void) -> c_int {
    if s.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_CTX_set_ex_data(s, idx, data) })
}
symver!(SSL_CTX_set_ex_data, "SSLSESSION_0");

/// SSL_CTX_get_ex_data returns that pointer; NULL if none was set, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_get_ex_data(s: *const SSL_CTX, idx: c_int) -> *mut c_void {
    if s.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_CTX_get_ex_data(s, idx) })
}
symver!(SSL_CTX_get_ex_data, "SSLSESSION_0");

/// SSL_get_ex_new_index returns a new index under which a connection can have a pointer of the application's.
///
/// The callbacks, each of which may be NULL, run for every connection when it is made, copied and freed, with `argl`
/// and `argp`. Returns the index, or -1 on failure. See BIO_get_ex_new_index(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_get_ex_new_index(
    argl: c_long,
    argp: *mut c_void,
    new_func: NewCallback,
    dup_func: DupCallback,
    free_func: FreeCallback,
) -> c_int {
    // SAFETY: C caller.
    catch_panic(-1, || unsafe { dispatch::SSL_get_ex_new_index(argl, argp, new_func, dup_func, free_func) })
}
symver!(SSL_get_ex_new_index, "SSLSESSION_0");

/// SSL_set_ex_data sets a connection's pointer under an index. Returns 1; 0 on failure and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_ex_data(s: *mut SSL, idx: c_int, data: *mut c_void) -> c_int {
    if s.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_set_ex_data(s, idx, data) })
}
symver!(SSL_set_ex_data, "SSLSESSION_0");

/// SSL_get_ex_data returns that pointer; NULL if none was set, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_get_ex_data(s: *const SSL, idx: c_int) -> *mut c_void {
    if s.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_get_ex_data(s, idx) })
}
symver!(SSL_get_ex_data, "SSLSESSION_0");
