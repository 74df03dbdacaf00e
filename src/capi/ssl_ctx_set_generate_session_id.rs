//! SSL_CTX_set_generate_session_id(3): the function by which generators of session ids detect collisions.

use std::ffi::{c_int, c_uchar, c_uint};

use super::{connection, session_id};
use crate::cache;
use crate::catch_panic::catch_panic;
use crate::handle::dispatch;
use crate::types::SSL;

/// SSL_has_matching_session_id looks up a session id in the internal cache that serves `ssl`.
///
/// Returns 1 if there is a session of that id and of the current protocol version of `ssl`, else 0; 0 for NULL and for
/// an `id_len` of more than 32 bytes. Calls no get_session callback. Safe from several threads. See
/// SSL_CTX_set_generate_session_id(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_has_matching_session_id(
    ssl: *const SSL,
    id: *const c_uchar,
    id_len: c_uint,
) -> c_int {
    catch_panic(0, || {
        // SAFETY: C caller.
        let (Some(connection), Some(bytes)) = (unsafe { (connection(ssl), session_id(id, id_len as usize)) }) else {
            return 0;
        };
        match cache::of_connection(connection) {
            Some(cache) => c_int::from(cache.contains(connection.session_version(), bytes)),
            // SAFETY: C caller.
            None => unsafe { dispatch::SSL_has_matching_session_id(ssl, id, id_len) },
        }
    })
}
symver!(
    SSL_has_matching_session_id(ssl: *const SSL, id: *const c_uchar, id_len: c_uint) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
