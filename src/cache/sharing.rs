//! The shared store, as one SSL_CTX's cache uses it.
//!
//! ```text
//!   new session, SSL_CTX_add_session ─► memory store (live)
//!                                    └► encode ─────────────► shared store (bytes) ◄─► other processes
//!
//!   lookup ─► memory store ─ found ─► does its record still stand? ─ yes ─► that one
//!                          └ not ───► record ─► decode ─► memory store ─► that one
//! ```
//! So the memory store is the front of live sessions: what has been decoded here is not decoded again, and what other
//! processes removed is not found here either. Its size, its order and its callbacks stay as they are: of the sessions that
//! are alive in this process.
//!
//! **What removes a session for all processes:** SSL_CTX_remove_session, a fatal alert, its end in time (which libssl
//! notices in TLS 1.2; in TLS 1.3 the record stays, and is refused, until others need its place). **What does not:** leaving
//! the memory store because that is full or flushed, SSL_CTX_free, and SSL_free of a connection that was not shut down.
//! Those are one process's affairs: workers come and go, and Redis and Python close all connections so. SSL_clear and
//! SSL_set_session on an open connection take its session for bad, too, and that cannot be told from an alert.
//!
//! **Who shares with whom.** A session is found by SSL_CTXs of the same certificate, for connections that ask the same of
//! their clients and to the same server name: what stands behind the name, its virtual host, may ask for more, and is known
//! only after the search (CVE-2025-23419). That its session id context is the connection's own, libssl checks when it has
//! it, as it does with its own cache: a connection's cannot be asked for.
#![forbid(unsafe_code)]

mod breaking_off;
mod policy;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use super::lookup::Offer;
use super::{Mode, Role, SessionCache};
use crate::handle::{self, Certificate, Connection, Context, Session};
use crate::settings::{self, Attach, Store, Tickets};
use crate::store::shared::{Keys, LARGEST, SMALLEST};
use crate::store::{Found, Key, Mark, Name, Policy, Scope, Shared};
pub use breaking_off::connection_is_gone;
pub(super) use policy::Asked;
use policy::scope_of;

const _: () = assert!(settings::Shared::SMALLEST == SMALLEST && settings::Shared::LARGEST == LARGEST);

/// What a cache knows of the shared store.
pub(super) struct Sharing {
    store: &'static Shared,
    attach: Attach,
    /// The application keeps data of its own at its sessions, which other processes could not give back.
    left_alone: AtomicBool,
    /// How many threads have made a session alive in this process whose record is still to be stored: meanwhile it does
    /// not count as removed by others.
    storing: AtomicU32,
    /// The scope of the certificate that the context had last.
    scope: Mutex<Option<(Option<Certificate>, Scope)>>,
}

/// The store of this process, made at the first attachment: before a server forks, changes its root, or gives up its
/// rights. None if there is to be none, or it cannot be had: that is said once.
fn store() -> Option<&'static Shared> {
    static STORE: OnceLock<Option<Shared>> = OnceLock::new();
    if let Some(store) = STORE.get() {
        return store.as_ref();
    }
    // Made outside the cell: a process that forks meanwhile would leave it shut in the child for ever.
    let (store, refused) = match open() {
        Ok(store) => (store, None),
        Err(why) => (None, Some(why)),
    };
    if STORE.set(store).is_ok()
        && let Some(why) = refused
    {
        settings::complain(&format!("SSLSESSION_STORE: {why}; sessions stay in each process's memory"));
    }
    STORE.get()?.as_ref()
}

/// The store that the settings ask for, or why it cannot be had.
fn open() -> Result<Option<Shared>, String> {
    let Store::Shared(wanted) = &settings::get().store else { return Ok(None) };
    if handle::stands_alone() {
        return Err("without a libssl, sessions cannot be turned into bytes".to_owned());
    }
    let store = match &wanted.path {
        None => Shared::anonymous(wanted.size)?,
        Some(path) => {
            let keys = keys(path)?;
            Shared::named(path, wanted.size, &keys).map_err(|why| format!("{} {why}", path.display()))?
        }
    };
    Ok(Some(store))
}

/// The keys of a named store. One in memory may have its key beside it: who can read that can read the server's memory too.
fn keys(path: &Path) -> Result<Keys, String> {
    match &settings::get().key_file {
        Some(file) => Keys::read(file),
        None if path.starts_with("/dev/shm") => Keys::beside(path),
        None => Err(format!("{} is on a disk, and a store there needs SSLSESSION_KEY_FILE", path.display())),
    }
}

impl Sharing {
    /// For a new cache; None without a shared store.
    pub(super) fn new() -> Option<Box<Sharing>> {
        let store = store()?;
        let left_alone = AtomicBool::new(false);
        let (storing, scope) = (AtomicU32::new(0), Mutex::new(None));
        Some(Box::new(Sharing { store, attach: settings::get().attach, left_alone, storing, scope }))
    }

    /// The digest of the context's certificate, under which it finds sessions and others of its kind do.
    fn scope(&self, context: Context) -> Scope {
        let address = context.certificate_address();
        // Never waited for: a fork may leave it locked, and then each lookup works the digest out.
        if let Ok(last) = self.scope.try_lock()
            && let Some((certificate, scope)) = &*last
            && certificate.as_ref().map_or(0, Certificate::address) == address
        {
            return *scope;
        }
        let certificate = context.certificate();
        let bytes = certificate.as_ref().and_then(Certificate::encode);
        let scope = scope_of(bytes.as_ref().map_or(&[], |bytes| &bytes[..]));
        let now_last = Some((certificate, scope));
        // What it held is freed after it is unlocked.
        let before = self.scope.try_lock().ok().and_then(|mut last| std::mem::replace(&mut *last, now_last));
        drop(before);
        scope
    }

    /// Searches for what a client offers, or takes it.
    fn ask(&self, name: &Name, known: Option<Mark>, offer: &Offer) -> Found {
        if offer.once { self.store.take(name, known, offer.now) } else { self.store.find(name, known, offer.now) }
    }

    fn is_busy(&self) -> bool {
        self.storing.load(Ordering::Acquire) != 0
    }

    fn mark(&self, session: &Session) -> Mark {
        mark(self.store, session)
    }
}

fn mark(store: &Shared, session: &Session) -> Mark {
    session.with_secret(|secret| store.mark(secret, SessionCache::expiry_of(session)))
}

/// The policy of a name by which nothing is searched for.
const NO_MATTER: Policy = Policy::new(0, 0, None);

/// What a session is found by in the shared store, before it changes.
pub(super) struct Identity {
    version: i32,
    id: Vec<u8>,
    mark: Mark,
}

impl Identity {
    /// Of a session, if there is a shared store.
    pub(super) fn of(session: &Session) -> Option<Identity> {
        store().map(|store| Identity {
            version: session.version(),
            id: session.id().to_vec(),
            mark: mark(store, session),
        })
    }
}

impl SessionCache {
    /// The shared store, if this cache is to use it now. By default contexts are left alone that do not want OpenSSL to
    /// keep a server's sessions, and those that have a cache of their own.
    pub(super) fn shared(&self) -> Option<&Sharing> {
        let sharing = self.sharing.as_deref()?;
        let mode = self.mode();
        let wanted = match sharing.attach {
            Attach::All => true,
            Attach::Default => {
                mode.caches(Role::Server)
                    && !mode.has(Mode::NO_INTERNAL_LOOKUP | Mode::NO_INTERNAL_STORE)
                    && self.callbacks.get.get().is_none()
            }
        };
        (wanted && !sharing.left_alone.load(Ordering::Relaxed)).then_some(sharing)
    }

    /// The mode that is in force for a role: with SSLSESSION_ATTACH=all every server keeps its sessions here, whatever the
    /// application has set.
    pub(super) fn mode_for(&self, role: Role) -> Mode {
        if role == Role::Client || !self.takes_all() {
            return self.mode();
        }
        Mode::new((self.mode().bits() | Mode::SERVER) & !(Mode::NO_INTERNAL_LOOKUP | Mode::NO_INTERNAL_STORE))
    }

    fn takes_all(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| sharing.attach == Attach::All)
    }

    /// The mode that libssl itself is to have for what the application set.
    pub(super) fn mode_for_libssl(&self, bits: u32) -> Mode {
        Mode::new(if self.takes_all() { bits | Mode::SERVER } else { bits }).for_libssl()
    }

    /// A connection is being made: with SSLSESSION_TICKETS=stateful a server's has no stateless tickets, if its sessions are
    /// cached here.
    pub(super) fn prepare(&self, connection: Connection) {
        if settings::get().tickets == Tickets::Stateful
            && connection.is_server()
            && self.mode_for(Role::Server).caches(Role::Server)
            && (self.sharing.is_none() || self.shared().is_some())
        {
            connection.turn_tickets_off();
        }
    }

    /// Stores a session for all processes, if this cache shares at all.
    pub(super) fn share(&self, session: &Session, asked: impl FnOnce() -> Asked) {
        if let Some(sharing) = self.shared() {
            self.store_record(sharing, session, asked().policy(sharing.store));
        }
    }

    /// Lets records go that are over, in the shared store if there is one.
    pub(super) fn expire_shared(&self, now: i64) {
        if let Some(sharing) = self.sharing.as_deref() {
            sharing.store.expire(now);
        }
    }

    fn store_record(&self, sharing: &Sharing, session: &Session, policy: Policy) {
        if session.id().is_empty() || !session.is_resumable() {
            return;
        }
        if session.has_application_data() {
            sharing.left_alone.store(true, Ordering::Relaxed);
            // What was stored before it had data.
            self.unshare(session);
            return;
        }
        if let Some(bytes) = session.encode() {
            let scope = sharing.scope(self.context);
            let name = Name { scope: &scope, policy, version: session.version(), id: session.id() };
            sharing.store.insert(&name, sharing.mark(session), &bytes);
        }
    }

    /// Removes a session for all processes; whether it was there. Also when this cache shares no more: what it, or another
    /// process, stored before is there still.
    pub(super) fn unshare(&self, session: &Session) -> bool {
        self.sharing.as_deref().is_some_and(|sharing| {
            let scope = sharing.scope(self.context);
            let name = Name { scope: &scope, policy: NO_MATTER, version: session.version(), id: session.id() };
            sharing.store.remove(&name)
        })
    }

    /// A session that is cached here was changed: its record follows.
    pub(super) fn share_again(&self, before: &Identity, session: &Session) {
        let Some(sharing) = self.sharing.as_deref() else { return };
        let scope = sharing.scope(self.context);
        let was = Name { scope: &scope, policy: NO_MATTER, version: before.version, id: &before.id };
        if session.id().is_empty() || !session.is_resumable() || session.has_application_data() {
            // It cannot have a record any more.
            if sharing.store.remove(&was) && session.has_application_data() {
                sharing.left_alone.store(true, Ordering::Relaxed);
            }
        } else if let Some(bytes) = session.encode() {
            let name = Name { scope: &scope, policy: NO_MATTER, version: session.version(), id: session.id() };
            sharing.store.replace(&was, before.mark, &name, sharing.mark(session), &bytes);
        }
    }

    /// The session that a client offers: the live one if its record stands, else one made of the record.
    pub(super) fn search_shared(&self, sharing: &Sharing, key: &Key, offer: &Offer) -> Option<Session> {
        let scope = sharing.scope(self.context);
        let policy = Asked::of_offer(self.context, offer.connection).policy(sharing.store);
        let name = Name { scope: &scope, policy, version: offer.version, id: offer.id };
        // For single use it is taken out first, so that of several threads one has it.
        let resident = if offer.once { self.store.take(key) } else { self.store.get(key) };
        Self::assert_unlocked();
        let known = resident.as_ref().map(|session| sharing.mark(session));
        let mut found = sharing.ask(&name, known, offer);
        let mut has_left = false;
        if found == Found::Missing && resident.is_some() && !sharing.is_busy() {
            // Alive and without a record: one that another process removed; or another thread has stored its record since.
            found = sharing.ask(&name, known, offer);
            has_left = found == Found::Missing;
        }
        match found {
            Found::Standing => resident,
            Found::Record(bytes) => {
                let session = Session::decode(&bytes, self.context)?;
                if session.version() != offer.version || session.id() != offer.id {
                    return None;
                }
                if !offer.once {
                    self.keep(key, &session, offer.now);
                }
                Some(session)
            }
            Found::Missing if has_left => {
                self.has_left_elsewhere(if offer.once { resident } else { self.store.take(key) });
                None
            }
            Found::Missing | Found::Withheld | Found::OutOfReach => {
                if let Some(session) = resident.filter(|_| offer.once) {
                    self.keep(key, &session, offer.now);
                }
                None
            }
        }
    }

    /// A session that was alive here has no record any more: it was removed, or pushed out, by another process. None if
    /// another thread has seen that first.
    fn has_left_elsewhere(&self, taken: Option<Session>) {
        if let Some(session) = taken {
            self.start_leaving(1);
            self.leave(&session);
        }
    }

    /// Notes that a session is about to be alive here, and will be stored for others before this is dropped.
    pub(super) fn start_sharing(&self) -> Option<Busy<'_>> {
        let storing = &self.sharing.as_deref()?.storing;
        storing.fetch_add(1, Ordering::AcqRel);
        Some(Busy(storing))
    }

    /// In the child of a fork: other threads of the parent, which were storing sessions, are not here.
    pub(super) fn forget_sharing(&self) {
        if let Some(sharing) = &self.sharing {
            sharing.storing.store(0, Ordering::Relaxed);
        }
    }
}

/// A thread between keeping a session and storing its record.
pub(super) struct Busy<'a>(&'a AtomicU32);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        // Not below zero: a fork in between forgets it.
        let less = |storing: u32| Some(storing.saturating_sub(1));
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
    }
}
