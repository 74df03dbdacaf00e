//! SSL_CTX_free(3).

use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL_CTX;

/// SSL_CTX_free releases a reference to `ctx`. NULL does nothing.
///
/// The last one removes every session from the cache and marks it as not resumable; the remove_session callback is
/// called for each while the application's data at the context is still there. Connections hold references of their
/// own. See SSL_CTX_free(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_free(ctx: *mut SSL_CTX) {
    // SAFETY: C caller.
    catch_panic((), || unsafe { dispatch::SSL_CTX_free(ctx) });
}
symver!(SSL_CTX_free, "SSLSESSION_0");
