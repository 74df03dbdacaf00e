//! SSLSESSION_TICKETS=shared: stateless tickets whose keys follow from the key file and the clock.
//!
//! libssl calls a callback for the keys of each ticket:
//!
//! ```text
//!   sealing   policy of the connection, server name, context ─► name of the ticket, keys
//!   opening   name of the ticket, and what is known of the connection by then:
//!
//!     no servername callback may switch it ─► its policy is the one ─────────────────────► for that policy?   keys : none
//!     one may ─► has the server name led somewhere? ─ yes ─► that policy is the one ─────► for that policy?   keys : none
//!                                                   └ no ──► sealed by a copy of this context?                keys : none
//! ```
//! So a ticket opens where the shared store would find the session: see [`super`] and
//! [`super::routes`]. If there are no keys, the client gets a full handshake and a new ticket.
//!
//! **libssl's own keys** remain in use where the policy cannot be digested, and where the clock is
//! outside the key file's days. Tickets then open in the copies of the context, as without the
//! library, but under keys derived from libssl's: a ticket of one server name opens for no other.
//!
//! **Left alone** are contexts whose application has keys or callbacks of its own for tickets, from the moment it sets or reads
//! them; SSLSESSION_ATTACH=all takes those on that it gives keys. Its callback then still serves the connections whose policy
//! cannot be digested.
#![forbid(unsafe_code)]

mod notes;
mod ring;

use std::sync::atomic::Ordering;

use super::Authentication;
use super::asked::Asked;
use super::begun::route;
use super::search::{MAX_TICKETS, end_offers, offers_too_many};
use crate::cache::SessionCache;
use crate::handle::{Connection, KeyCallback, KeyCallbackChange, Setting, TLS1_3, TicketCallbacks};
use crate::settings::{self, Attach};
use notes::Note;
pub(super) use notes::Tickets;
pub use ring::{ForkGuard as TicketKeysForkGuard, keep_ticket_keys_in_memory, try_hold_ticket_keys};
use sslsession_store::ticket_keys::{self, Audience, KeyRing, Label, RootKey, TicketKeys, TicketName, Wanted};
use sslsession_store::time::UnixTime;

/// Reads the key file if the settings ask for it, when the library is loaded.
pub(super) fn at_load() {
    ring::at_load();
}

/// Returns true if the settings ask for shared tickets.
pub(super) fn are_wanted() -> bool {
    ring::wanted().is_some()
}

/// Returns the seconds of an epoch, if there are keys for shared tickets.
pub(super) fn epoch() -> Option<u32> {
    ring::held().map(|tickets| tickets.epoch)
}

/// An answer to libssl's call for keys.
pub enum TicketAnswer<T> {
    Ours(T),
    /// The application's callback has it.
    Applications(KeyCallback),
    /// No ticket, or none that we know.
    None,
}

impl<T> From<Option<T>> for TicketAnswer<T> {
    fn from(ours: Option<T>) -> TicketAnswer<T> {
        ours.map_or(TicketAnswer::None, TicketAnswer::Ours)
    }
}

/// A ticket that opens.
pub struct OpenedTicket {
    pub keys: TicketKeys,
    /// True if the client is to get a new ticket.
    pub renew: bool,
}

/// The audience of a ticket, and the keys it is sealed under.
struct Target {
    audience: Audience,
    /// True if only libssl's own keys may seal it.
    is_own: bool,
}

impl SessionCache {
    /// Sets the ticket key callback of a new context, if its tickets are to be shared.
    pub(in crate::cache) fn take_tickets(&self, callbacks: TicketCallbacks, now: UnixTime) {
        let Some(wanted) = ring::wanted() else { return };
        let Some(own) = self.authentication.as_deref().filter(|_| ring::are_there(now)) else { return };
        if !self.context.take_tickets(callbacks) {
            return;
        }
        own.tickets.are_ours.store(true, Ordering::Relaxed);
        if wanted.only_tls13 {
            self.context.refuse_tickets_before_tls13();
        }
    }

    /// Handles that the application is about to set or to read keys of tickets.
    pub fn on_ticket_keys(&self) {
        if settings::get().attach != Attach::All {
            self.leave_tickets();
        }
    }

    /// Handles that the application is about to set a callback for the keys of tickets, or none. Returns true if ours stays and
    /// libssl is not to have it: it takes away what it has not set, or SSLSESSION_ATTACH=all takes on contexts that have one.
    pub fn on_ticket_callback(&self, change: KeyCallbackChange, ours: TicketCallbacks) -> bool {
        let Some(tickets) = self.authentication.as_deref().map(|own| &own.tickets) else { return false };
        if !tickets.are_ours.load(Ordering::Relaxed) {
            return false;
        }
        let is_any = !matches!(change, KeyCallbackChange::Evp(None) | KeyCallbackChange::Hmac(None));
        if !is_any || settings::get().attach == Attach::All {
            tickets.replaced.note(change);
            let stays = |callback| self.context.take_tickets_like(ours, callback);
            if tickets.replaced.get().is_none_or(stays) {
                return true;
            }
        }
        self.leave_tickets();
        false
    }

    /// Has libssl use its own keys again, or those of the application's callback.
    pub fn leave_tickets(&self) {
        let Some(tickets) = self.authentication.as_deref().map(|own| &own.tickets) else { return };
        if tickets.are_ours.swap(false, Ordering::Relaxed) {
            self.context.leave_tickets(tickets.replaced.get());
        }
    }

    /// Returns the application's callback for a connection that cannot be compared, if it has set one: with keys of ours the
    /// connection's tickets would open in fewer processes than without us. Where a servername callback may switch
    /// connections, the policy may be another when the ticket is sealed than when it is opened; so only a connection's own
    /// settings count there; and those not that it gets after we were asked to open its client's ticket.
    fn applications_callback(&self, own: &Authentication, connection: Connection) -> Option<KeyCallback> {
        let callback = own.tickets.replaced.get()?;
        let is_ours = match self.policy_and_completeness(own, connection) {
            Ok((_, is_complete)) => is_complete || may_switch(own, connection),
            Err(_) => may_switch(own, connection) && own.tickets.notes.get(connection).is_some(),
        };
        (!is_ours).then_some(callback)
    }

    /// Returns a name and keys for the ticket of a connection; None if it is to have no ticket.
    ///
    /// Where only TLS 1.3 is to have shared ones, connections before have none, unless the application has a security callback
    /// of its own: then they have libssl's.
    pub fn seal_ticket(&self, connection: Connection, now: UnixTime) -> TicketAnswer<(TicketName, TicketKeys)> {
        let Some(own) = self.authentication.as_deref() else { return TicketAnswer::None };
        Self::assert_unlocked();
        end_offers();
        match self.applications_callback(own, connection) {
            Some(callback) => TicketAnswer::Applications(callback),
            None => self.seal_with_ours(own, connection, now).into(),
        }
    }

    fn seal_with_ours(
        &self,
        own: &Authentication,
        connection: Connection,
        now: UnixTime,
    ) -> Option<(TicketName, TicketKeys)> {
        let target = self.audience(own, connection, now);
        let of = &target.audience;
        let is_own = target.is_own || !may_share(connection);
        let shared = || ring::with_ring(now, |ring| ring.seal(of, &own.number))?;
        let by_libssl = || self.own_root().map(|root| root.seal(of, &own.number));
        if is_own { by_libssl() } else { shared().or_else(by_libssl) }
    }

    /// Returns the audience of a connection's ticket, whose handshake is finished except for the
    /// ticket.
    fn audience(&self, own: &Authentication, connection: Connection, now: UnixTime) -> Target {
        let note = own.tickets.notes.get(connection);
        let is_resumed = connection.is_resumed();
        let server_name = match &note {
            // Before TLS 1.3 libssl then returns only the name of the session's first handshake.
            Some(note) if is_resumed && !is_tls13(connection) => note.server_name.clone(),
            _ => connection.server_name().unwrap_or_default(),
        };
        let of = |label, policy, server_name| Audience { label, policy, server_name };
        let Ok((policy, is_complete)) = self.policy_and_completeness(own, connection) else {
            return Target { audience: of(Label::Apart, own.number, server_name), is_own: true };
        };
        let audience = of(Label::Policy, policy, server_name);
        let may_switch = may_switch(own, connection);
        // Where a resumed connection may be switched, its ticket says what its client was asked.
        let has_asked = may_switch && is_resumed || own.has_asked(connection, &policy);
        if !has_asked {
            return Target { audience: of(Label::Uncertain, own.number, audience.server_name), is_own: true };
        }
        if !may_switch {
            return Target { audience, is_own: !is_complete };
        }
        if !is_resumed {
            self.learn_ticket_route(own, &audience, note.as_ref(), now);
            return Target { audience, is_own: !is_complete };
        }
        // A resumed connection may have been led elsewhere than a full handshake would be: its
        // client was not asked the same.
        match note.and_then(|note| note.accepted).is_some_and(|tag| self.is_ticket_for(tag, &audience, now)) {
            true => Target { audience, is_own: !is_complete },
            false => Target { audience: of(Label::Uncertain, own.number, audience.server_name), is_own: !is_complete },
        }
    }

    /// Learns a route from a full handshake.
    fn learn_ticket_route(&self, own: &Authentication, led_to: &Audience, note: Option<&Note>, now: UnixTime) {
        let begun = note.and_then(|note| note.begun);
        if begun.is_none() && own.settings.get().has(Setting::ClientHelloCallback) {
            // The client offered nothing.
            return;
        }
        let store = self.sharing.as_deref().map(|sharing| sharing.store);
        own.routes.learn(store, &own.number, &route(&led_to.server_name, begun.as_ref()), led_to.policy, now);
    }

    fn is_ticket_for(&self, tag: ticket_keys::Tag, of: &Audience, now: UnixTime) -> bool {
        let is_shared = ring::with_ring(now, |ring| ring.is_for(tag, of)) == Some(true);
        is_shared || self.own_root().is_some_and(|root| root.tag(of) == tag)
    }

    /// Returns the keys of a ticket that a client offers; None if it is of none of our keys, or for others.
    pub fn open_ticket(&self, connection: Connection, name: &TicketName, now: UnixTime) -> TicketAnswer<OpenedTicket> {
        let Some(own) = self.authentication.as_deref() else { return TicketAnswer::None };
        Self::assert_unlocked();
        match self.applications_callback(own, connection) {
            Some(callback) => TicketAnswer::Applications(callback),
            None => self.open_with_ours(own, connection, name, now).into(),
        }
    }

    fn open_with_ours(
        &self,
        own: &Authentication,
        connection: Connection,
        name: &TicketName,
        now: UnixTime,
    ) -> Option<OpenedTicket> {
        if is_tls13(connection) && offers_too_many(connection, MAX_TICKETS, now) {
            return None;
        }
        let server_name = connection.server_name_offered().unwrap_or_default();
        let Ok((policy, is_complete)) = self.policy_and_completeness(own, connection) else {
            let apart = Audience { label: Label::Apart, policy: own.number, server_name };
            let keys = self.open_own(name, Wanted::Audience(&apart))?;
            return Some(self.opened(connection, keys, true));
        };
        let audience = Audience { label: Label::Policy, policy, server_name };
        if !may_switch(own, connection) {
            let wanted = Wanted::Audience(&audience);
            let (keys, is_present) = self.open_any(own, name, wanted, is_complete && may_share(connection), now)?;
            own.asked.note(connection, Asked::AtSearch(Some(policy)));
            let opened = self.opened(connection, keys, is_present);
            if opened.renew && !is_tls13(connection) {
                own.tickets.notes.note(connection, Note { server_name: audience.server_name, ..Note::default() });
            }
            return Some(opened);
        }
        self.open_before_switch(own, connection, name, audience, now)
    }

    /// Opens a ticket for a connection that a servername callback may still switch.
    fn open_before_switch(
        &self,
        own: &Authentication,
        connection: Connection,
        name: &TicketName,
        begun: Audience,
        now: UnixTime,
    ) -> Option<OpenedTicket> {
        let has_client_hello = own.settings.get().has(Setting::ClientHelloCallback);
        let begun_policy = has_client_hello.then_some(begun.policy);
        let store = self.sharing.as_deref().map(|sharing| sharing.store);
        let route = route(&begun.server_name, begun_policy.as_ref());
        let known = own.routes.known(store, &own.number, &route, now);
        let led_to = known.map(|policy| Audience { policy, ..begun.clone() });
        let wanted = match &led_to {
            Some(led_to) => Wanted::Audience(led_to),
            None => Wanted::Family(&own.number, &begun.server_name),
        };
        let (tag, _) = ticket_keys::halves(name);
        let is_switched = !connection.is_of(self.context);
        let found = self.open_any(own, name, wanted, may_share(connection), now);
        let found = found.filter(|_| led_to.is_some() || !is_switched || self.is_ticket_for(tag, &begun, now));
        let accepted = found.is_some().then_some(tag);
        own.tickets.notes.note(connection, Note { server_name: begun.server_name, accepted, begun: begun_policy });
        found.map(|(keys, is_present)| self.opened(connection, keys, is_present))
    }

    /// Opens a ticket under the keys of the file if it may be shared, then under libssl's own.
    fn open_any(
        &self,
        own: &Authentication,
        name: &TicketName,
        wanted: Wanted,
        may_share: bool,
        now: UnixTime,
    ) -> Option<(TicketKeys, bool)> {
        let shared = |ring: &mut KeyRing| ring.open(name, wanted, &own.number);
        let shared = if may_share { ring::with_ring(now, shared).flatten() } else { None };
        // A client that has a ticket under libssl's own keys, and could have a shared one, gets a
        // shared one.
        shared.or_else(|| self.open_own(name, wanted).map(|keys| (keys, !may_share)))
    }

    fn open_own(&self, name: &TicketName, wanted: Wanted) -> Option<TicketKeys> {
        self.own_root()?.open(name, wanted)
    }

    /// Returns the root of libssl's own keys for this context.
    fn own_root(&self) -> Option<RootKey> {
        self.context.own_ticket_keys().map(RootKey::of_context)
    }

    /// Returns an opened ticket's keys. In TLS 1.3 each ticket is renewed, as libssl does without a
    /// callback; before, only one of another epoch.
    fn opened(&self, connection: Connection, keys: TicketKeys, is_present: bool) -> OpenedTicket {
        OpenedTicket { keys, renew: !is_present || is_tls13(connection) }
    }
}

/// Returns true if tickets of the connection's version are shared.
fn may_share(connection: Connection) -> bool {
    is_tls13(connection) || ring::wanted().is_some_and(|wanted| !wanted.only_tls13)
}

fn is_tls13(connection: Connection) -> bool {
    connection.session_version() == TLS1_3
}

/// Returns true if a servername callback may still switch a connection.
fn may_switch(own: &Authentication, connection: Connection) -> bool {
    let now = connection.context().and_then(|context| crate::cache::of_context(context)?.authentication.as_deref());
    let has = |authentication: &Authentication| authentication.settings.get().has(Setting::ServerNameCallback);
    has(own) || now.is_some_and(has)
}
