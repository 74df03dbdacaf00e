//! The two moments of a handshake at which an embedding TLS stack calls the cache. Beside libssl
//! they come by its callbacks instead, and libssl does the rest itself.

#![forbid(unsafe_code)]

use super::{Role, SessionCache};
use crate::handle::{Connection, DEFAULT_TIMEOUT, Session, Statistic, TLS1_3};
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;

impl SessionCache {
    /// Looks up the session that a client offers as `id`, and decides if the connection may resume
    /// it. If so, gives it to the connection (semantics 4.3).
    pub fn offered(&self, connection: Connection, version: ProtocolVersion, id: &[u8], now: UnixTime) -> bool {
        connection.set_version(version);
        self.started(connection);
        // A client that offers no id offers no session: there is no lookup and no miss.
        let found = if id.is_empty() { None } else { self.look_up(connection, version, id, now) };
        let session = found.filter(|session| self.accept_or_expire(connection, session, now));
        let resumed = session.is_some();
        if resumed {
            self.context.count(Statistic::Hits);
        }
        connection.negotiate(session, resumed);
        resumed
    }

    /// Returns true if the connection may resume the session. Removes and counts an expired
    /// session. One that is not resumable, or of another version or session id context, stays
    /// cached.
    fn accept_or_expire(&self, connection: Connection, session: &Session, now: UnixTime) -> bool {
        if !session.is_resumable()
            || session.version() != connection.version()
            || session.id_context() != connection.id_context()
        {
            return false;
        }
        let over = Self::expiry_of(session).is_over(now);
        if over {
            self.context.count(Statistic::Timeouts);
            self.remove(session, now, || false);
        }
        !over
    }

    /// Finishes the handshake with `session`: the one that was found or offered, or a new one
    /// (semantics 4.4, 4.5).
    pub fn finished(&self, connection: Connection, session: &Session, now: UnixTime) {
        let role = Role::of(connection.is_server());
        self.started(connection);
        let offered = connection.session();
        let resumed = offered.as_ref() == Some(session);
        match role {
            Role::Client if resumed => self.context.count(Statistic::Hits),
            // In TLS 1.3 the client offers no id.
            Role::Client if session.version() != TLS1_3 && offered.is_some_and(|offered| !offered.id().is_empty()) => {
                self.context.count(Statistic::Misses);
            }
            _ => {}
        }
        connection.set_version(session.version());
        connection.negotiate(Some(session.clone()), resumed);
        connection.open();
        if !resumed {
            self.made(connection, role, session);
        }
        self.update(connection, role, session, resumed, now);
        self.context.count(role.good());
    }

    /// Gives a new session the connection's session id context, and on a server the context's
    /// timeout.
    fn made(&self, connection: Connection, role: Role, session: &Session) {
        session.set_id_context(connection.id_context());
        if role == Role::Server {
            let timeout = self.context.timeout();
            session.set_timeout(if timeout == Seconds(0) { DEFAULT_TIMEOUT } else { timeout });
        }
    }

    /// Decides as libssl does, before it calls the new callback, if a session is stored.
    fn update(&self, connection: Connection, role: Role, session: &Session, resumed: bool, now: UnixTime) {
        if session.id().is_empty() || !session.is_resumable() {
            return;
        }
        if self.mode().caches(role) && !resumed {
            self.on_new_session(connection, session, now);
        } else {
            self.flush_with_session(role, now);
        }
    }

    fn started(&self, connection: Connection) {
        if connection.start() {
            self.context.count(Role::of(connection.is_server()).started());
        }
    }
}
