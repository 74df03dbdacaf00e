//! What a finished handshake adds (semantics 4.4).

#![forbid(unsafe_code)]

use super::sharing::count;
use super::{Mode, Role, SessionCache};
use crate::handle::{Connection, Session};
use crate::store::shared::Event;

impl SessionCache {
    /// A handshake of a role whose sessions are cached made a session that can be. It is stored unless
    /// NO_INTERNAL_STORE, then the application is told, then the automatic flush has its turn.
    pub fn on_new_session(&self, connection: Connection, session: &Session, now: i64) {
        let role = Role::of(connection.is_server());
        let is_kept = !self.mode_for(role).has(Mode::NO_INTERNAL_STORE) && self.is_worth_storing(connection);
        let busy = self.start_sharing();
        if is_kept {
            self.insert_live(&Self::key_of(session), session, now);
        }
        Self::assert_unlocked();
        if self.mode().caches(role) {
            self.callbacks.new_session(connection, session);
        }
        // After the callback, which may set the session's timeout, or data of the application's at it, or remove it.
        if is_kept && Self::is_looked_up(connection) {
            count(Event::Stored, 1);
            self.publish_made(connection, session, now);
        }
        drop(busy);
        self.expire_shared(now);
        self.flush_with_session(role, now);
    }

    /// Whether a client can come back with an id that is searched for.
    fn is_looked_up(connection: Connection) -> bool {
        connection.is_server() && (!connection.is_tls13_server() || connection.has_stateful_tickets())
    }

    /// A TLS 1.3 server's stateless ticket carries the session itself and is never looked up. It is stored, as in
    /// OpenSSL, only for an application that wants to hear of its end.
    fn is_worth_storing(&self, connection: Connection) -> bool {
        !connection.is_tls13_server() || connection.has_stateful_tickets() || self.callbacks.remove.get().is_some()
    }
}
