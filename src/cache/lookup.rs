//! A server's lookup of the session that a client offers (semantics 4.3).

#![forbid(unsafe_code)]

use super::sharing::count;
use super::{Mode, Role, SessionCache};
use crate::handle::{Connection, Session, TLS1_3};
use crate::rules::Marked;
use sslsession_store::Key;
use sslsession_store::shared::Event;
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;

/// A client's offer of a session.
pub(super) struct Offer<'a> {
    pub(super) connection: Connection<'a>,
    pub(super) version: ProtocolVersion,
    pub(super) id: &'a [u8],
    /// True if the session may be used once only.
    pub(super) once: bool,
    pub(super) now: UnixTime,
}

/// The result of a lookup in this cache.
pub(super) enum Search {
    Found(Session),
    Missing,
    /// A record that is for others: the application's get callback is not called either.
    PolicyMismatch,
}

impl SessionCache {
    /// Serves libssl's get callback. Up to TLS 1.2 libssl calls nothing when a resumption finishes,
    /// so the automatic flush runs here; in TLS 1.3 each handshake makes a session.
    pub fn on_get_session(&self, connection: Connection, id: &[u8], now: UnixTime) -> Option<Session> {
        let version = connection.session_version();
        let found = self.look_up(connection, version, id, now);
        if version != TLS1_3 {
            self.flush_with_session(Role::Server, now);
        }
        found
    }

    /// Looks up a session by version and id: in this cache, unless NO_INTERNAL_LOOKUP, then with
    /// the application's get callback. The caller gets a reference. The handshake decides if the
    /// session fits the connection and has not expired.
    pub(super) fn look_up(
        &self,
        connection: Connection,
        version: ProtocolVersion,
        id: &[u8],
        now: UnixTime,
    ) -> Option<Session> {
        let once = version == TLS1_3 && connection.takes_sessions_once();
        let offer = Offer { connection, version, id, once, now };
        match self.search(&offer) {
            Search::Found(session) if once => self.insert_stand_in(session).or_else(|| self.ask_application(&offer)),
            Search::Found(session) => Some(session),
            Search::Missing => self.ask_application(&offer),
            Search::PolicyMismatch => None,
        }
    }

    fn search(&self, offer: &Offer) -> Search {
        let key = Key::new(offer.version, offer.id);
        let found = match self.shared() {
            Ok(sharing) => self.search_shared(sharing, &key, offer),
            Err(_) if self.mode().has(Mode::NO_INTERNAL_LOOKUP) => return Search::Missing,
            Err(_) if offer.once => {
                let taken = self.take(&key).filter(|session| self.may_use_once(session));
                taken.map_or(Search::Missing, Search::Found)
            }
            Err(_) => self.store.get(&key).map_or(Search::Missing, Search::Found),
        };
        let is_found = matches!(found, Search::Found(_));
        count(if is_found { Event::Found } else { Event::Missed }, 1);
        if !is_found {
            self.counters.misses.increment();
        }
        found
    }

    /// Calls the application's get callback. Adds its session here unless NO_INTERNAL_STORE. A
    /// session that is marked as not resumable is a miss, and no callback hit is counted.
    fn ask_application(&self, offer: &Offer) -> Option<Session> {
        Self::assert_unlocked();
        let session = self.callbacks.get_session(offer.connection, offer.id)?;
        if !session.is_resumable() && !session.id().is_empty() {
            return None;
        }
        self.counters.callback_hits.increment();
        self.application_vouches(offer.connection);
        if !self.mode().has(Mode::NO_INTERNAL_STORE) {
            self.add_found(&session, offer);
        }
        // A session for single use is resumed only by the thread that takes it out of the cache,
        // where it is by now or the application's add put it. If libssl's removal finds nothing,
        // libssl refuses the session.
        if offer.once && self.take(&Self::key_of(&session)).is_some() {
            return self.insert_stand_in(session);
        }
        Some(session)
    }

    /// Returns true if a session is marked as not resumable and this libssl refuses such sessions.
    pub(super) fn refuses(&self, session: &Session) -> bool {
        self.rules.marked == Marked::Refused && !session.is_resumable()
    }

    /// Inserts a stand-in, so that libssl's removal finds a session that was taken for single use.
    /// From that libssl learns that it may resume the session.
    fn insert_stand_in(&self, session: Session) -> Option<Session> {
        Self::assert_unlocked();
        if self.refuses(&session) {
            return None;
        }
        self.own_table.insert_stand_in(self.context, &session).then_some(session)
    }
}
