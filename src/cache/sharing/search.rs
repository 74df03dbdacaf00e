//! The search for a session that a client offers.
//!
//! ```text
//!   memory store ─ hit ──► is its record still there? ─ yes ─────────────────────────────────► that session
//!                └ miss ─► record ─► may this connection have it? ─ yes ─► decode ─► insert ─► that session
//!                                                                 └ no ──► none, and no get callback is called
//! ```
//! libssl marks the session of a connection that ends uncleanly as not resumable, while another
//! thread may have it from the memory store and would be refused. So where there are other threads,
//! a connection gets a copy, which replaces the session once the application changes it. An
//! application with a remove callback gets the session itself, as it may know the session by its
//! address.
//!
//! A session for single use is taken out of the memory store first, so that one of several threads
//! has it; then its record is taken, which one of all processes can.
//!
//! Where neither has it, another host may: see [`super::remote`].
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::ptr;

use super::asked::Asked;
use super::begun::route;
use super::policy::PolicyDigest;
use super::record::{Bearer, OPEN, ServerName};
use super::{NotShared, Sharing};
use crate::cache::SessionCache;
use crate::cache::lookup::{Offer, Search};
use crate::handle::{self, Connection, Session, Setting, TLS1_3};
use sslsession_store::secret::Secret;
use sslsession_store::time::UnixTime;
use sslsession_store::{Fingerprint, Key, Lookup, Policy, RecordKey, RecordStore, Scope};

/// Number of sessions that one client may offer at a time and that are searched for in the shared
/// store. Clients offer one or two; a ClientHello has room for 1,600.
const MAX_OFFERS: u32 = 16;

/// The same of tickets that are tried with shared keys, each of which costs far more.
pub(super) const MAX_TICKETS: u32 = 4;

thread_local! {
    /// The connection that searched last in this thread, or offered a ticket, the second of that, and
    /// the number of searches or tickets.
    static SEARCHES: Cell<(usize, UnixTime, u32)> = const { Cell::new((0, UnixTime(0), 0)) };
}

thread_local! {
    /// The session for single use whose record this thread has taken, and the second in which it
    /// did. libssl removes the session next.
    static TAKEN: Cell<Option<(Key, UnixTime)>> = const { Cell::new(None) };
}

/// Returns true if this thread has just taken the record of that session, so that there is none to
/// remove.
pub(super) fn has_just_taken(key: &Key, now: UnixTime) -> bool {
    TAKEN.try_with(Cell::get).is_ok_and(|taken| taken == Some((*key, now)))
}

/// Forgets the taken session: it has been removed, or may have a record again.
pub(super) fn forget_taken() {
    let _ = TAKEN.try_with(|taken| taken.set(None));
}

/// Returns true if the connection has offered more than `most` sessions by now. A ClientHello is read in
/// one piece, so another connection's search in this thread ends its offers.
pub(super) fn offers_too_many(connection: Connection, most: u32, now: UnixTime) -> bool {
    let address = connection.as_ptr().addr();
    let count = SEARCHES.try_with(|searches| {
        let (last, second, count) = searches.get();
        let count = if (last, second) == (address, now) { count.saturating_add(1) } else { 1 };
        searches.set((address, now, count));
        count
    });
    count.is_ok_and(|count| count > most)
}

/// Ends a connection's offers: its handshake has made a session, or the connection is being freed.
pub(super) fn end_offers() {
    let _ = SEARCHES.try_with(|searches| searches.set((0, UnixTime(0), 0)));
}

/// The key and policy with which a connection searches.
pub(super) struct Terms {
    pub(super) scope: Scope,
    pub(super) name: Policy,
    /// True if the current policy covers all, so that contexts of other hosts may have the same.
    pub(super) is_complete: bool,
    /// The current policy and the server name, where a record says itself whom it is for.
    pub(super) open: Option<Open>,
}

pub(super) struct Open {
    policy: PolicyDigest,
    route: Vec<u8>,
    /// True if the client_hello callback has switched the connection.
    is_switched: bool,
    /// True if the servername callback may still switch it.
    may_switch: bool,
}

impl Terms {
    /// Returns the policy that the connection's name leads to, if that is known already.
    pub(super) fn settled(&self) -> Option<&PolicyDigest> {
        self.open.as_ref().map_or(Some(&self.scope), Open::settled)
    }
}

impl Open {
    fn settled(&self) -> Option<&PolicyDigest> {
        Some(&self.policy).filter(|_| self.is_switched || !self.may_switch)
    }
}

impl Sharing {
    /// Notes the policy by which a found session is accepted.
    fn note_accepted(&self, terms: &Terms, found: &Lookup, connection: Connection) {
        let policy = match (found, &terms.open) {
            (Lookup::Current | Lookup::Record(_), None) => Some(terms.scope),
            (Lookup::Record(body), Some(_)) => Bearer::split(body).and_then(|(bearer, _)| bearer.policy),
            (Lookup::Current, Some(open)) => self.routes.known_here(&open.route),
            _ => return,
        };
        self.asked.note(connection, Asked::AtSearch(policy));
    }
}

impl SessionCache {
    /// Searches for the session that a client offers: the live one if its record is current, else
    /// the record's.
    pub(in crate::cache) fn search_shared(&self, sharing: &Sharing, key: &Key, offer: &Offer) -> Search {
        let found = self.search_both(sharing, key, offer);
        if offer.once {
            let taken = matches!(found, Search::Found(_)).then_some((*key, offer.now));
            let _ = TAKEN.try_with(|place| place.set(taken));
        }
        found
    }

    fn search_both(&self, sharing: &Sharing, key: &Key, offer: &Offer) -> Search {
        if offer.version == TLS1_3 && offers_too_many(offer.connection, MAX_OFFERS, offer.now) {
            return Search::Missing;
        }
        let Ok(terms) = self.terms(sharing, offer.connection) else { return Search::Missing };
        let name = RecordKey { scope: &terms.scope, policy: terms.name, version: offer.version, id: offer.id };
        let resident = if offer.once { self.take(key) } else { self.store.get(key) };
        Self::assert_unlocked();
        let resident = resident.filter(|session| !self.refuses(session));
        // A live session was admitted when it was inserted; if policies have changed since, its
        // record is looked up again.
        let is_trusted = terms.open.is_none() || !sharing.routes.has_changed();
        let known = resident.as_ref().filter(|_| is_trusted).map(|session| sharing.fingerprint(session));
        let mut found = self.ask(sharing, &terms, &name, known, offer);
        let mut has_left = false;
        if found == Lookup::Missing && resident.is_some() && !sharing.is_busy() {
            // Live and without a record: another process removed it, or another thread has stored
            // its record since.
            found = self.ask(sharing, &terms, &name, known, offer);
            if found == Lookup::Missing {
                found = self.stood_before_callback(sharing, &terms, offer, resident.as_ref());
            }
            has_left = found == Lookup::Missing;
        }
        let is_remote = found == Lookup::Missing && resident.is_none();
        if is_remote {
            found = self.ask_remote(sharing, &terms, offer).unwrap_or(Lookup::Missing);
        } else if offer.once && self.is_gone_elsewhere(sharing, &terms, offer, &found) {
            (found, has_left) = (Lookup::Missing, true);
        }
        sharing.note_accepted(&terms, &found, offer.connection);
        match found {
            Lookup::Current => match resident.and_then(|session| self.copy_unless_known(session, offer)) {
                Some(session) => Search::Found(session),
                // It has been marked as not resumable since.
                None if offer.once => Search::Missing,
                None => match self.ask(sharing, &terms, &name, None, offer) {
                    Lookup::Record(body) => self.revive(sharing, &terms, &body, key, offer),
                    _ => Search::Missing,
                },
            },
            Lookup::Record(body) => {
                let search = self.revive(sharing, &terms, &body, key, offer);
                if is_remote && let Search::Found(session) = &search {
                    self.keep_remote(sharing, &terms, &body, session, offer);
                }
                search
            }
            Lookup::Missing if has_left => {
                self.on_removed_elsewhere(if offer.once { resident } else { self.take(key) });
                Search::Missing
            }
            Lookup::Missing | Lookup::PolicyMismatch | Lookup::Unavailable => {
                if let Some(session) = resident.filter(|_| offer.once) {
                    self.insert_live(key, &session, offer.now);
                }
                if found == Lookup::PolicyMismatch { Search::PolicyMismatch } else { Search::Missing }
            }
        }
    }

    /// Looks up a live session by its policy alone, as it was stored before the context got a
    /// callback that may switch connections. It is a mismatch if its name has led elsewhere since.
    fn stood_before_callback(
        &self,
        sharing: &Sharing,
        terms: &Terms,
        offer: &Offer,
        resident: Option<&Session>,
    ) -> Lookup {
        let (Some(open), Some(resident)) = (&terms.open, resident.filter(|_| !offer.once)) else {
            return Lookup::Missing;
        };
        let mark = Some(sharing.fingerprint(resident));
        let server_name = offer.connection.server_name_offered().unwrap_or_default();
        let became = |scope: PolicyDigest| {
            let policy = ServerName::Said(&server_name).terms(sharing.store, Some(&scope));
            let name = RecordKey { scope: &scope, policy, version: offer.version, id: offer.id };
            let leads_there = || sharing.routes.known_here(&open.route).is_none_or(|known| known == scope);
            match sharing.store.find(&name, mark, offer.now) {
                Lookup::Current if !leads_there() => Lookup::PolicyMismatch,
                found => found,
            }
        };
        let found = sharing.policies.digests().into_iter().map(became).find(|found| *found != Lookup::Missing);
        match found {
            Some(Lookup::Record(_)) | None => Lookup::Missing,
            Some(found) => found,
        }
    }

    /// Returns the session that a connection gets for a live one: a copy where there are other
    /// threads. None if it is not resumable.
    fn copy_unless_known(&self, session: Session, offer: &Offer) -> Option<Session> {
        if offer.once || handle::is_alone() || self.callbacks.remove.get().is_some() {
            return Some(session);
        }
        let copy = session.copy().filter(|copy| !self.refuses(copy))?;
        let is_noted = copy.note_copy(ptr::from_ref(self).addr());
        Some(if is_noted { copy } else { session })
    }

    /// Returns the terms by which a connection searches, before its session is known.
    pub(super) fn terms(&self, sharing: &Sharing, connection: Connection) -> Result<Terms, NotShared> {
        let (policy, is_complete) = self.policy_and_completeness(sharing, connection)?;
        let server_name = connection.server_name_offered().unwrap_or_default();
        let said = ServerName::Said(&server_name);
        if !self.is_open(sharing) {
            return Ok(Terms {
                scope: policy,
                name: said.terms(sharing.store, Some(&policy)),
                is_complete,
                open: None,
            });
        }
        let is_switched = !connection.is_of(self.context);
        let own = sharing.settings.get();
        let now = connection.context().and_then(|context| crate::cache::of_context(context)?.sharing.as_deref());
        let now = now.map_or(own, |sharing| sharing.settings.get());
        let may_switch = own.has(Setting::ServerNameCallback) || now.has(Setting::ServerNameCallback);
        let begun = (may_switch && own.has(Setting::ClientHelloCallback)).then_some(policy);
        if let Some(begun) = begun {
            sharing.begun.note(connection, begun);
        }
        let open = Open { policy, route: route(&server_name, begun.as_ref()), is_switched, may_switch };
        let name = said.terms(sharing.store, open.settled());
        Ok(Terms { scope: OPEN, name, is_complete, open: Some(open) })
    }

    /// Looks up a record, or takes it. A record for others is a policy mismatch, and stays.
    fn ask(
        &self,
        sharing: &Sharing,
        terms: &Terms,
        name: &RecordKey,
        known: Option<Fingerprint>,
        offer: &Offer,
    ) -> Lookup {
        let store = sharing.store;
        let Some(open) = &terms.open else {
            return if offer.once { store.take(name, known, offer.now) } else { store.find(name, known, offer.now) };
        };
        let found = self.admit(sharing, open, store.find(name, known, offer.now), offer.now);
        match found {
            // Between the two calls it may have become another record.
            Lookup::Current | Lookup::Record(_) if offer.once => {
                self.admit(sharing, open, store.take(name, known, offer.now), offer.now)
            }
            found => found,
        }
    }

    /// Looks up a record of another host, or takes one for single use. None if nobody is to be asked.
    fn ask_remote(&self, sharing: &Sharing, terms: &Terms, offer: &Offer) -> Option<Lookup> {
        let found = self.find_remote(sharing, terms, offer)?;
        Some(match &terms.open {
            Some(open) => self.admit(sharing, open, found, offer.now),
            None => found,
        })
    }

    /// Returns true if a session for single use, which this process has taken here, is not to be had from the fleet.
    fn is_gone_elsewhere(&self, sharing: &Sharing, terms: &Terms, offer: &Offer, found: &Lookup) -> bool {
        matches!(found, Lookup::Current | Lookup::Record(_))
            && !matches!(self.ask_remote(sharing, terms, offer), None | Some(Lookup::Record(_)))
    }

    /// Turns a record that is for others into a policy mismatch.
    fn admit(&self, sharing: &Sharing, open: &Open, found: Lookup, now: UnixTime) -> Lookup {
        let Lookup::Record(body) = found else { return found };
        let Some((bearer, _)) = Bearer::split(&body) else { return Lookup::Missing };
        if self.is_for(sharing, open, &bearer, now) { Lookup::Record(body) } else { Lookup::PolicyMismatch }
    }

    /// Returns true if a connection may have a record of that bearer: see [`super::routes`].
    fn is_for(&self, sharing: &Sharing, open: &Open, bearer: &Bearer, now: UnixTime) -> bool {
        let is_a_copys = bearer.number == sharing.number;
        let Some(policy) = bearer.policy else { return is_a_copys };
        if !open.may_switch {
            return policy == open.policy;
        }
        let (routes, route) = (&sharing.routes, open.route.as_slice());
        match is_a_copys {
            true if open.is_switched && policy != open.policy => false,
            true => routes.known_here(route).is_none_or(|known| known == policy),
            false => routes.known(Some(sharing.store), &sharing.number, route, now) == Some(policy),
        }
    }

    /// Decodes a record and inserts its session into the memory store, unless another host made it.
    fn revive(&self, sharing: &Sharing, terms: &Terms, body: &Secret, key: &Key, offer: &Offer) -> Search {
        let bytes = match terms.open {
            None => Some(body.as_slice()),
            Some(_) => Bearer::split(body).map(|(_, session)| session),
        };
        let session = bytes.and_then(|bytes| {
            sharing.front.note_encoding(bytes);
            sharing.decoder.decode(bytes, self.context)
        });
        let is_it = |session: &Session| session.version() == offer.version && session.id() == offer.id;
        let Some(session) = session.filter(is_it) else { return Search::Missing };
        if !offer.once && !self.is_foreign(sharing, offer) {
            self.insert_live(key, &session, offer.now);
        }
        Search::Found(session)
    }

    /// Marks a live session that another process removed or evicted as not resumable, and calls the
    /// remove callback. None if another thread has done so.
    fn on_removed_elsewhere(&self, taken: Option<Session>) {
        if let Some(session) = taken {
            self.pending_removals.begin(1);
            self.mark_and_notify(&session);
        }
    }
}
