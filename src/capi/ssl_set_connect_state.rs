//! SSL_set_connect_state(3).

use std::ffi::c_int;

use super::connection;
use crate::cache;
use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL;

/// SSL_set_connect_state makes `ssl` a client. NULL does nothing.
///
/// libssl does that. With SSLSESSION_TICKETS=stateful a connection that might have become a server has no stateless
/// tickets: now they are turned on again.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_connect_state(ssl: *mut SSL) {
    if ssl.is_null() {
        return;
    }
    catch_panic((), || {
        // SAFETY: C caller.
        unsafe { dispatch::SSL_set_connect_state(ssl) };
        // SAFETY: C caller.
        if let Some(connection) = unsafe { connection(ssl) }
            && let Some(cache) = cache::of_connection(connection)
        {
            cache.restore_tickets(connection);
        }
    });
}
symver!(
    SSL_set_connect_state(ssl: *mut SSL),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_set_accept_state makes `ssl` a server. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_accept_state(ssl: *mut SSL) {
    if ssl.is_null() {
        return;
    }
    // SAFETY: C caller.
    catch_panic((), || unsafe { dispatch::SSL_set_accept_state(ssl) });
}
symver!(SSL_set_accept_state, "SSLSESSION_0");

/// SSL_is_server returns 1 if `ssl` is a server, 0 if it is a client, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_is_server(ssl: *const SSL) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_is_server(ssl) })
}
symver!(SSL_is_server, "SSLSESSION_0");
