//! SSL_CTX_new(3).

use std::ffi::{c_char, c_int};
use std::ptr;

use super::fork;
use super::hooks::HOOKS;
use crate::cache;
use crate::guard::guard;
use crate::handle::{Context, raw};
use crate::types::{OSSL_LIB_CTX, SSL_CTX, SSL_METHOD};

/// TLS_method returns the method for connections of either side.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TLS_method() -> *const SSL_METHOD {
    // SAFETY: takes nothing.
    guard(ptr::null(), || unsafe { raw::TLS_method() })
}
symver!(TLS_method, "SSLSESSION_0");

/// TLS_client_method returns the method for clients.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TLS_client_method() -> *const SSL_METHOD {
    // SAFETY: takes nothing.
    guard(ptr::null(), || unsafe { raw::TLS_client_method() })
}
symver!(TLS_client_method, "SSLSESSION_0");

/// TLS_server_method returns the method for servers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn TLS_server_method() -> *const SSL_METHOD {
    // SAFETY: takes nothing.
    guard(ptr::null(), || unsafe { raw::TLS_server_method() })
}
symver!(TLS_server_method, "SSLSESSION_0");

/// SSL_CTX_new makes a context, with a session cache of mode SSL_SESS_CACHE_SERVER that holds 20480 sessions.
///
/// Returns the context with one reference, for SSL_CTX_free; NULL on failure and for NULL. Sessions take no memory
/// until there are some.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX {
    // SAFETY: C caller.
    guard(ptr::null_mut(), || attached(unsafe { raw::SSL_CTX_new(method) }))
}
symver!(SSL_CTX_new, "OPENSSL_3.0.0");

/// SSL_CTX_new_ex is SSL_CTX_new with a library context and a property query, which matter to libssl only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SSL_CTX_new_ex(
    libctx: *mut OSSL_LIB_CTX,
    propq: *const c_char,
    meth: *const SSL_METHOD,
) -> *mut SSL_CTX {
    // SAFETY: C caller.
    guard(ptr::null_mut(), || attached(unsafe { raw::SSL_CTX_new_ex(libctx, propq, meth) }))
}
symver!(SSL_CTX_new_ex, "OPENSSL_3.0.0");

/// Gives a new context its cache; a fault of ours leaves it with libssl's own.
fn attached(ctx: *mut SSL_CTX) -> *mut SSL_CTX {
    guard((), || {
        // SAFETY: NULL or made just now.
        if let Some(context) = unsafe { Context::borrow(ctx) } {
            fork::watch();
            cache::attach(context, &HOOKS);
        }
    });
    ctx
}

/// SSL_CTX_up_ref takes a reference to `ctx`. Returns 1; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SSL_CTX_up_ref(ctx: *mut SSL_CTX) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    guard(0, || unsafe { raw::SSL_CTX_up_ref(ctx) })
}
symver!(SSL_CTX_up_ref, "SSLSESSION_0");
