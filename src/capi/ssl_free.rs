//! SSL_free(3).

use super::connection;
use crate::cache;
use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL;

/// SSL_free releases a reference to `ssl`. NULL does nothing.
///
/// The last one releases its session too. A session that is still open (no SSL_shutdown, and no SSL_SENT_SHUTDOWN set)
/// is bad and is removed from the session cache. See SSL_free(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_free(ssl: *mut SSL) {
    if ssl.is_null() {
        return;
    }
    catch_panic((), || {
        // SAFETY: C caller.
        if let Some(connection) = unsafe { connection(ssl) }.filter(|connection| connection.is_freed_late())
            && let Some(cache) = cache::of_connection(connection)
        {
            cache.on_ssl_free(connection);
        }
        // SAFETY: C caller.
        unsafe { dispatch::SSL_free(ssl) };
        cache::connection_is_gone();
    });
}
symver!(SSL_free(ssl: *mut SSL), "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0");
