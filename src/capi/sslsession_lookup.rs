//! The library's own two functions, for a TLS stack that embeds this library and runs its handshakes itself.
//!
//! Beside libssl they fail: there libssl runs the handshake, and looks up and stores by itself.

use std::ffi::{c_int, c_uchar};

use super::{connection, session_id};
use crate::cache;
use crate::catch_panic::catch_panic;
use crate::clock;
use crate::handle::{self, Session};
use crate::types::{SSL, SSL_SESSION};
use sslsession_store::version::ProtocolVersion;

/// SSLSESSION_lookup looks up the session id that a client offers, for a server. `version` is the protocol version that
/// the server negotiates, such as TLS1_2_VERSION.
///
/// It searches as OpenSSL's servers do: in the internal cache unless SSL_SESS_CACHE_NO_INTERNAL_LOOKUP, then by the
/// get_session callback, whose session is added unless SSL_SESS_CACHE_NO_INTERNAL_STORE. A session of another protocol
/// version or session id context is not used; an expired one is removed, and the remove_session callback called. It
/// counts (accept, hits, misses, cb_hits, timeouts).
///
/// Returns 1 if the session is to be resumed: `ssl` has it then, see SSL_get_session, and SSL_session_reused is 1.
/// Returns 0 if a full handshake is to be done. Returns -1 for NULL as `ssl`, for NULL as `id` with an `id_length`, for
/// one of more than 32 bytes, and if `ssl` is a client. Returns -1 beside a libssl too, and puts the reason on its
/// error queue.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSLSESSION_lookup(
    ssl: *mut SSL,
    version: c_int,
    id: *const c_uchar,
    id_length: usize,
) -> c_int {
    catch_panic(-1, || {
        if !stands_alone() {
            return -1;
        }
        // SAFETY: C caller.
        let (Some(connection), Some(id)) = (unsafe { (connection(ssl), session_id(id, id_length)) }) else {
            return -1;
        };
        match cache::of_connection(connection) {
            Some(cache) if connection.is_server() => {
                c_int::from(cache.offered(connection, ProtocolVersion(version), id, clock::now()))
            }
            _ => -1,
        }
    })
}
symver!(SSLSESSION_lookup, "SSLSESSION_0");

/// SSLSESSION_finish ends the handshake of either side, which has finished with `session`.
///
/// If SSLSESSION_lookup found that session, or the client offered it with SSL_set_session, it has been resumed.
/// Otherwise it is new: `ssl` increments its reference count and releases the session it offered, and the session gets
/// the session id context of `ssl` and, on a server, the timeout of its context. A new session is stored, if the
/// session cache mode says so for this side, and the new_session callback is called. It counts (accept or connect,
/// their _good, hits, misses), and with every 256th connection removes expired sessions.
///
/// Returns 1; 0 for NULL, and beside a libssl, on whose error stack the reason is then.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSLSESSION_finish(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int {
    catch_panic(0, || {
        if !stands_alone() {
            return 0;
        }
        // SAFETY: C caller.
        let (Some(connection), Some(session)) = (unsafe { (connection(ssl), Session::borrow(session)) }) else {
            return 0;
        };
        match cache::of_connection(connection) {
            Some(cache) => {
                cache.finished(connection, &session, clock::now());
                1
            }
            None => 0,
        }
    })
}
symver!(SSLSESSION_finish, "SSLSESSION_0");

/// Returns true if the embedding stack runs the handshakes. If not, puts an error on libssl's error queue.
fn stands_alone() -> bool {
    let alone = handle::stands_alone();
    if !alone {
        handle::raise_not_beside_libssl();
    }
    alone
}
