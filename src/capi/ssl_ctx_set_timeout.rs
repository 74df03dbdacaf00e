//! SSL_CTX_set_timeout(3).

use std::ffi::c_long;

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL_CTX;

/// SSL_CTX_set_timeout sets the timeout, in seconds, of the sessions that `ctx` makes from now on.
///
/// Returns the previous timeout; 0 for NULL. Any number is accepted; 0 stands for the protocol's default of 7200.
/// Existing sessions keep theirs. See SSL_CTX_set_timeout(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_timeout(ctx: *mut SSL_CTX, t: c_long) -> c_long {
    if ctx.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_CTX_set_timeout(ctx, t) })
}
symver!(SSL_CTX_set_timeout, "SSLSESSION_0");

/// SSL_CTX_get_timeout returns that timeout in seconds; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_get_timeout(ctx: *const SSL_CTX) -> c_long {
    if ctx.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_CTX_get_timeout(ctx) })
}
symver!(SSL_CTX_get_timeout, "SSLSESSION_0");
