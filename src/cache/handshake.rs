//! Storing what a finished handshake made (semantics 4.4).

#![forbid(unsafe_code)]

use super::sharing::{Live, count};
use super::{Mode, Role, SessionCache};
use crate::handle::{Connection, Session};
use sslsession_store::shared::Event;
use sslsession_store::time::UnixTime;

impl SessionCache {
    /// Stores a session that a handshake made, unless NO_INTERNAL_STORE. Then calls the
    /// application's new callback, then flushes automatically. libssl calls this only for roles
    /// whose sessions are cached.
    pub fn on_new_session(&self, connection: Connection, session: &Session, now: UnixTime) {
        let role = Role::of(connection.is_server());
        let is_kept = !self.mode_for(role).has(Mode::NO_INTERNAL_STORE) && self.is_worth_storing(connection);
        let live = is_kept.then(|| Live::insert(self, session, now));
        Self::assert_unlocked();
        if self.mode().caches(role) {
            self.callbacks.new_session(connection, session);
        }
        // After the callback, which may set a timeout, set application data or remove the session.
        if let Some(live) = live.filter(|_| Self::is_looked_up(connection)) {
            count(Event::Stored, 1);
            live.publish_made(connection, now);
        }
        self.expire_shared(now);
        self.flush_with_session(role, now);
    }

    /// Returns true if a client can offer an id that is looked up.
    fn is_looked_up(connection: Connection) -> bool {
        connection.is_server() && (!connection.is_tls13_server() || connection.has_stateful_tickets())
    }

    /// Returns false for a stateless ticket of TLS 1.3, which carries the session and is never
    /// looked up. As in OpenSSL it is stored only for an application that has a remove callback.
    fn is_worth_storing(&self, connection: Connection) -> bool {
        !connection.is_tls13_server() || connection.has_stateful_tickets() || self.callbacks.remove.get().is_some()
    }
}
