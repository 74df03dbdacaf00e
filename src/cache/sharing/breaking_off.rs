//! Connections that end without SSL_shutdown.
//!
//! libssl takes their session for bad and removes it (semantics 4.7, ssl_clear_bad_session), by the same call as after a
//! fatal alert. Which of the two it is shows only before, when SSL_free frees the connection's ex_data:
//!
//! ```text
//!   SSL_free ─► our ex_data free callback: open, and not shut down?  ─► note the session, for this thread
//!            │  (since OpenSSL 3.2 our own SSL_free: the callback comes after the removal)
//!            └► SSL_CTX_remove_session ─► our remove callback: noted? ─► removed here, and for no other process
//! ```
#![forbid(unsafe_code)]

use std::cell::Cell;

use super::search::end_offers;
use crate::cache::SessionCache;
use crate::handle::{Connection, Session};

thread_local! {
    /// The session, by address, that libssl is about to remove because its connection ends without SSL_shutdown.
    static BREAKING_OFF: Cell<usize> = const { Cell::new(0) };
}

/// SSL_free has returned: no session is being taken for bad any more. The cache may be gone with the connection.
pub fn connection_is_gone() {
    let _ = BREAKING_OFF.try_with(|breaking_off| breaking_off.set(0));
}

/// A connection that breaks off tells its own process that the session is bad, and no other.
impl SessionCache {
    /// A connection is being freed.
    pub fn connection_is_going(&self, connection: Connection) {
        let Some(sharing) = &self.sharing else { return };
        sharing.apart.remove(connection);
        sharing.begun.take(connection);
        end_offers();
        if let Some(session) = connection.session_breaking_off().filter(|session| !session.id().is_empty()) {
            let _ = BREAKING_OFF.try_with(|breaking_off| breaking_off.set(session.as_ptr().addr()));
        }
    }

    /// Whether this thread is inside SSL_free, which takes that session for bad.
    pub(in crate::cache) fn is_breaking_off(&self, session: &Session) -> bool {
        self.sharing.is_some() && BREAKING_OFF.try_with(Cell::get) == Ok(session.as_ptr().addr())
    }

    /// It has been removed.
    pub(in crate::cache) fn has_broken_off(&self) {
        if self.sharing.is_some() {
            connection_is_gone();
        }
    }
}
