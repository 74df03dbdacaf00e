//! SSL_CTX_sessions(3).

use std::ptr;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::{SSL_CTX, lhash_st_SSL_SESSION};

/// SSL_CTX_sessions returns libssl's own table of the sessions of `ctx`, borrowed.
///
/// The table does not have the sessions: they are in the library's cache, which is no such table. A program that walks
/// it finds two things at most: a stand-in for a session that is just being resumed for the only time, and a sentinel
/// by which the library notices that the context is freed. SSL_CTX_sess_number counts the sessions. Without a libssl,
/// and for NULL, it returns NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_sessions(ctx: *mut SSL_CTX) -> *mut lhash_st_SSL_SESSION {
    if ctx.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || unsafe { dispatch::SSL_CTX_sessions(ctx) })
}
symver!(
    SSL_CTX_sessions(ctx: *mut SSL_CTX) -> *mut lhash_st_SSL_SESSION,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
