//! The shared store, as one SSL_CTX's cache uses it.
//!
//! ```text
//!   new session, SSL_CTX_add_session ─► memory store (live)
//!                                    └► encode ─────────────► shared store (bytes) ◄─► other processes
//!
//!   lookup ─► memory store ─ hit ──► is its record still there? ─ yes ─► that session
//!                          └ miss ─► record ─► decode ─► memory store ─► that session
//! ```
//! The memory store caches the live sessions: a record that was decoded here is not decoded again,
//! and a session that another process removed is not found here either. Its size, order and
//! callbacks apply to the sessions that are alive in this process.
//!
//! **What removes a session for all processes:** SSL_CTX_remove_session, a fatal alert that speaks
//! against it, and its expiry (the record stays, and is refused, until others need its room).
//! **What does not:** removal from the memory store because that is full or flushed, SSL_CTX_free,
//! and a connection that ends without a close_notify, by either end: see [`unclean_close`]. Those
//! concern one process or one connection: workers come and go, Redis and Python close all
//! connections so, and devices lose their links.
//!
//! **Who shares with whom.** Contexts with the same policy, for connections to the same server
//! name; and the copies of a context in forked processes, if they have not been changed since: see
//! [`policy`]. The virtual host behind the name is known only after the search (CVE-2025-23419):
//! see [`record`] and [`routes`]. libssl checks that a session's id context is the connection's
//! own, as with its own cache: a connection's id context cannot be read.
//!
//! **Other hosts** have the sessions behind this store: see [`remote`].
#![forbid(unsafe_code)]

mod asked;
mod authentication;
mod begun;
mod brief_lock;
mod by_connection;
mod decoder;
mod front;
mod live;
mod made;
mod not_shared;
mod open;
mod policy;
mod record;
mod remote;
mod report;
mod routes;
mod search;
mod ticket_keys;
mod tickets;
mod unclean_close;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Mode, Role, SessionCache};
use crate::handle::{Connection, Session, Setting};
use crate::rules::Marked;
use crate::settings::{self, Attach};
pub(super) use authentication::Authentication;
use by_connection::ByConnection;
use decoder::Decoder;
use front::Front;
pub(super) use live::Live;
pub use not_shared::NotShared;
pub use open::at_load;
pub(super) use open::is_wanted;
use open::store;
use record::{Bearer, OPEN, ServerName};
use remote::Destination;
pub use remote::{forget_remote_thread, unwatch_reads, watch_reads};
pub use report::report_end;
pub(super) use report::{count, on_new_context, show_sessions};
use sslsession_store::era::UnderWay;
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Fingerprint, Lookup, Policy, RecordKey, RecordStore, Scope, Shared};
pub use ticket_keys::{TicketAnswer, TicketKeysForkGuard, keep_ticket_keys_in_memory, try_hold_ticket_keys};
pub(super) use tickets::TicketUse;
pub use unclean_close::connection_is_gone;

/// A cache's state for the shared store.
pub(super) struct Sharing {
    store: &'static Shared,
    attach: Attach,
    /// True if the application sets data of its own at its sessions, which other processes could
    /// not restore.
    has_application_data: AtomicBool,
    /// Number of threads that have made a session live in this process and still have to store its
    /// record. Until then other processes have not removed it.
    storing: UnderWay,
    authentication: Arc<Authentication>,
    /// The policies with which connections began their searches: see [`begun`].
    begun: ByConnection<policy::PolicyDigest>,
    decoder: Decoder,
    front: Front,
}

/// Sharing sessions needs all that sharing tickets needs, and a store.
impl Deref for Sharing {
    type Target = Authentication;

    fn deref(&self) -> &Authentication {
        &self.authentication
    }
}

impl Sharing {
    /// Returns the state for a new cache; None without a shared store.
    pub(super) fn new(authentication: Option<&Arc<Authentication>>) -> Option<Box<Sharing>> {
        let (store, authentication) = (store()?, Arc::clone(authentication?));
        Some(Box::new(Sharing {
            store,
            attach: settings::get().attach,
            has_application_data: AtomicBool::new(false),
            storing: UnderWay::default(),
            authentication,
            begun: ByConnection::default(),
            decoder: Decoder::default(),
            front: Front::new(),
        }))
    }

    fn is_busy(&self) -> bool {
        self.storing.number() != 0
    }

    fn fingerprint(&self, session: &Session) -> Fingerprint {
        fingerprint(self.store, session)
    }
}

fn fingerprint(store: &impl RecordStore, session: &Session) -> Fingerprint {
    session.with_secret(|secret| store.fingerprint(secret, SessionCache::expiry_of(session)))
}

/// The policy of a key that is not searched for.
const NO_MATTER: Policy = Policy::new(0, 0, None);

/// Returns the key of a session's record, whatever its policy.
fn any_record_of<'a>(session: &'a Session, scope: &'a Scope) -> RecordKey<'a> {
    RecordKey { scope, policy: NO_MATTER, version: session.version(), id: session.id() }
}

/// A session's key and fingerprint in the shared store before the session changes.
pub(super) struct Identity {
    version: ProtocolVersion,
    id: Vec<u8>,
    mark: Fingerprint,
    expiry: Expiry,
}

impl Identity {
    /// Returns a session's identity; None without a shared store.
    pub(super) fn of(session: &Session) -> Option<Identity> {
        store().map(|store| Identity {
            version: session.version(),
            id: session.id().to_vec(),
            mark: fingerprint(store, session),
            expiry: SessionCache::expiry_of(session),
        })
    }
}

impl SessionCache {
    /// Returns the shared store if this cache is to use it now. By default contexts do not share
    /// whose mode does not cache a server's sessions, or that have a cache of their own.
    pub(super) fn shared(&self) -> Result<&Sharing, NotShared> {
        let sharing = self.sharing.as_deref().ok_or(NotShared::NoStore)?;
        let mode = self.mode();
        if sharing.attach == Attach::Default {
            if !mode.caches(Role::Server) {
                return Err(NotShared::CacheOff);
            }
            if mode.has(Mode::NO_INTERNAL_LOOKUP | Mode::NO_INTERNAL_STORE) {
                return Err(NotShared::NoInternalCache);
            }
            if self.callbacks.get.get().is_some() {
                return Err(NotShared::OwnGetCallback);
            }
        }
        match sharing.has_application_data.load(Ordering::Relaxed) {
            true => Err(NotShared::ApplicationData),
            false => Ok(sharing),
        }
    }

    /// Notes a setting that libssl has no function to read.
    pub fn note_setting(&self, setting: Setting, is_set: bool) {
        if let Some(authentication) = &self.authentication {
            authentication.settings.note(setting, is_set);
        }
    }

    /// Notes the callback that verifies in place of libssl.
    pub fn note_cert_verify_callback(&self, address: usize, has_argument: bool) {
        if let Some(authentication) = &self.authentication {
            authentication.settings.note(Setting::CertVerifyArgument, has_argument);
            authentication.settings.note_cert_verify_callback(address);
        }
    }

    /// Sets a connection apart that gets a setting of its own that cannot be read: it shares no
    /// sessions.
    pub fn set_apart(&self, connection: Connection) {
        if let Some(authentication) = self.authentication.as_deref().filter(|it| !it.apart.may_have(connection)) {
            authentication.apart.insert(connection, ());
            self.restore_tickets(connection);
        }
    }

    /// Returns true if this context's records say themselves whom they are for. That stays true
    /// when a callback is removed: ProFTPD has one for its control connections and none for data
    /// connections, which resume the same sessions.
    fn is_open(&self, sharing: &Sharing) -> bool {
        let settings = &sharing.settings;
        settings.ever_had(Setting::ServerNameCallback)
            || settings.ever_had(Setting::ClientHelloCallback)
            || (sharing.attach == Attach::All && self.callbacks.get.get().is_some())
    }

    /// Returns the mode in force for a role: with SSLSESSION_ATTACH=all every server's sessions are
    /// cached here, whatever the application has set.
    pub(super) fn mode_for(&self, role: Role) -> Mode {
        if role == Role::Client || !self.takes_all() {
            return self.mode();
        }
        Mode::new((self.mode().bits() | Mode::SERVER) & !(Mode::NO_INTERNAL_LOOKUP | Mode::NO_INTERNAL_STORE))
    }

    fn takes_all(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| sharing.attach == Attach::All)
    }

    /// Returns the mode for libssl itself, from the mode that the application set.
    pub(super) fn mode_for_libssl(&self, bits: u32) -> Mode {
        Mode::new(if self.takes_all() { bits | Mode::SERVER } else { bits }).for_libssl()
    }

    /// Removes some expired records from the shared store, if there is one.
    pub(super) fn expire_shared(&self, now: UnixTime) {
        if let Some(sharing) = self.sharing.as_deref() {
            sharing.store.expire(now);
        }
    }

    /// Stores a session that the application adds, and vouches for, for all processes. Returns false
    /// if it is cached in this process only.
    fn store_added(&self, session: &Session) -> bool {
        let Ok(sharing) = self.shared() else { return false };
        let Some(policy) = self.own_policy(sharing) else { return false };
        let name = session.server_name();
        let name = name.as_deref().map_or(ServerName::Any, ServerName::Said);
        let terms = name.terms(sharing.store, Some(&policy));
        let (scope, bearer) = match self.is_open(sharing) {
            true => (OPEN, Some(Bearer { number: sharing.number, policy: None })),
            false => (policy, None),
        };
        self.store_record(sharing, session, &Record { scope, terms, bearer, once: false, remote: None })
    }

    /// Stores a session's record. Returns false if the session is cached in this process only.
    fn store_record(&self, sharing: &Sharing, session: &Session, record: &Record) -> bool {
        search::forget_taken();
        if self.has_left(session) {
            return true;
        }
        if session.id().is_empty() {
            return false;
        }
        if session.has_application_data() {
            // A record that was stored before it had data is removed too.
            self.keep_private(session);
            return false;
        }
        if record.once && !session.note_record() {
            return false;
        }
        let Some(bytes) = session.encode() else { return false };
        sharing.front.note_encoding(&bytes);
        let name =
            RecordKey { scope: &record.scope, policy: record.terms, version: session.version(), id: session.id() };
        let mark = sharing.fingerprint(session);
        let insert = |body: &[u8]| {
            let is_stored = sharing.store.insert(&name, mark, body);
            if let Some(to) = record.remote.as_ref().filter(|_| is_stored) {
                sharing.write_remote(to, session, record, body);
            }
            is_stored
        };
        Bearer::before(record.bearer.as_ref(), &bytes, insert).unwrap_or(false)
    }

    /// Removes the session's record because the application has set data at it. This cache stores
    /// no further records.
    pub(super) fn keep_private(&self, session: &Session) {
        if let Some(sharing) = &self.sharing {
            sharing.has_application_data.store(true, Ordering::Relaxed);
            self.withdraw(session);
        }
    }

    /// Removes a session for all processes. Returns true if a record was there. Also removes when
    /// this cache no longer shares: it, or another process, may have stored the record before.
    pub(super) fn withdraw(&self, session: &Session) -> bool {
        let Some(sharing) = self.sharing.as_deref() else { return false };
        let remove = |scope: &Scope| sharing.store.remove(&any_record_of(session, scope));
        let scopes = self.scopes(sharing);
        sharing.remove_remote(session.version(), session.id(), &scopes);
        // All of them, also after one had a record.
        scopes.iter().filter(|scope| remove(scope)).count() > 0
    }

    /// Returns the scopes under which this context's sessions may be found.
    fn scopes(&self, sharing: &Sharing) -> Vec<Scope> {
        let mut scopes = self.known_scopes(sharing);
        if scopes.is_empty() {
            scopes.extend(self.own_policy(sharing));
        }
        scopes
    }

    /// Returns the scopes of the sessions that this process stored or found.
    fn known_scopes(&self, sharing: &Sharing) -> Vec<Scope> {
        let mut scopes = sharing.policies.digests();
        if self.is_open(sharing) {
            scopes.push(OPEN);
        }
        scopes
    }

    /// Returns true if a session has a record that this process stored or found.
    pub(super) fn has_record_of(&self, session: &Session) -> bool {
        let Some(sharing) = self.sharing.as_deref() else { return false };
        let has_record = |scope: &Scope| sharing.store.policy(&any_record_of(session, scope)).is_some();
        self.known_scopes(sharing).iter().any(has_record)
    }

    /// Returns true if a session that was cached here a moment ago no longer is.
    fn has_left(&self, session: &Session) -> bool {
        match self.rules.marked {
            Marked::Refused => !session.is_resumable(),
            Marked::Used => {
                let is_live = self.store.contains(&Self::key_of(session));
                !(is_live || self.has_front() && session.is_resumable())
            }
        }
    }

    /// Replaces the record of a cached session that was changed. Does nothing where no policy is
    /// known: no session has a record then. Working a policy out acquires a lock of libcrypto's,
    /// which another thread may have held as this process was forked.
    pub(super) fn republish(&self, before: &Identity, session: &Session) {
        let Some(sharing) = self.sharing.as_deref() else { return };
        for scope in self.known_scopes(sharing) {
            let was = RecordKey { scope: &scope, policy: NO_MATTER, version: before.version, id: &before.id };
            let Some(terms) = sharing.store.policy(&was) else { continue };
            sharing.remove_remote(before.version, &before.id, &[scope]);
            if session.id().is_empty() || self.has_left(session) || session.has_application_data() {
                // It cannot have a record any more.
                sharing.store.remove(&was);
                sharing.has_application_data.fetch_or(session.has_application_data(), Ordering::Relaxed);
                continue;
            }
            // The bearer is in the body.
            let bearer = match sharing.store.find(&RecordKey { policy: terms, ..was }, None, UnixTime::EARLIEST) {
                Lookup::Record(body) if scope == OPEN => Bearer::split(&body).map(|(bearer, _)| bearer),
                _ => None,
            };
            if bearer.is_none() && scope == OPEN {
                continue;
            }
            if let Some(bytes) = session.encode() {
                let name = RecordKey { scope: &scope, policy: terms, version: session.version(), id: session.id() };
                let replace = |body: &[u8]| {
                    sharing.store.replace(&was, before.mark, &name, sharing.fingerprint(session), body);
                };
                Bearer::before(bearer.as_ref(), &bytes, replace);
            }
        }
    }
}

/// The terms of a record that is to be stored.
struct Record<'a> {
    scope: Scope,
    terms: Policy,
    bearer: Option<Bearer>,
    /// True if it may be used once: a process that no longer shares has to take the record before.
    once: bool,
    /// The policy under which all hosts may have it, if they may.
    remote: Option<Destination<'a>>,
}
