//! A server's search for the session that a client offers (semantics 4.3).

#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use super::sharing::count;
use super::{Mode, Role, SessionCache};
use crate::handle::{Connection, Session};
use crate::rules::Marked;
use crate::store::Key;
use crate::store::shared::Event;
use crate::types::TLS1_3_VERSION;

/// What a client offers.
pub(super) struct Offer<'a> {
    pub(super) connection: Connection<'a>,
    pub(super) version: i32,
    pub(super) id: &'a [u8],
    /// It may be used once only.
    pub(super) once: bool,
    pub(super) now: i64,
}

/// The answer of this cache.
pub(super) enum Search {
    Found(Session),
    Missing,
    /// There is one, for others: the application is not asked for it either.
    Withheld,
}

impl SessionCache {
    /// What libssl asks of a server's cache. Up to TLS 1.2 libssl says nothing as a resumption finishes, so the automatic
    /// flush has its turn here; in TLS 1.3 each handshake makes a session.
    pub fn asked_by_libssl(&self, connection: Connection, id: &[u8], now: i64) -> Option<Session> {
        let version = connection.session_version();
        let found = self.look_up(connection, version, id, now);
        if version != TLS1_3_VERSION {
            self.flush_with_session(Role::Server, now);
        }
        found
    }

    /// The session of that version and id: from here, unless NO_INTERNAL_LOOKUP, else from the
    /// application's callback. The caller gets a reference. Whether the session fits the connection and is still
    /// good is for the handshake to judge.
    pub(super) fn look_up(&self, connection: Connection, version: i32, id: &[u8], now: i64) -> Option<Session> {
        let once = version == TLS1_3_VERSION && connection.takes_sessions_once();
        let offer = Offer { connection, version, id, once, now };
        match self.search(&offer) {
            Search::Found(session) if once => self.lend(session).or_else(|| self.ask_application(&offer)),
            Search::Found(session) => Some(session),
            Search::Missing => self.ask_application(&offer),
            Search::Withheld => None,
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

    /// The external cache. What it gives is copied in unless NO_INTERNAL_STORE; a session that has been marked counts
    /// as not given, and is not counted either.
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
        // What may be used once is resumed only by who takes it out of the cache, where it stands by now or because the
        // application has added it. If it does not, libssl's removal finds nothing, and refuses it.
        if offer.once && self.take(&Self::key_of(&session)).is_some() {
            return self.lend(session);
        }
        Some(session)
    }

    /// Returns true for a session that is marked as not resumable, where that matters.
    pub(super) fn refuses(&self, session: &Session) -> bool {
        self.rules.marked == Marked::Refused && !session.is_resumable()
    }

    /// Makes libssl's own removal find a session that was taken out for single use: so libssl learns that it may resume
    /// it.
    fn lend(&self, session: Session) -> Option<Session> {
        Self::assert_unlocked();
        if self.refuses(&session) {
            return None;
        }
        self.lends.store(true, Ordering::Relaxed);
        self.context.lend(&session).then_some(session)
    }
}
