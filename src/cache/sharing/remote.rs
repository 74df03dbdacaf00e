//! The store of a fleet, behind the shared store of this host.
//!
//! ```text
//!   new session ──► shared store ──► policy covers all, id is of this host, not for single use? ─ yes ─► written
//!   lookup ──► nothing in the shared store ──► id is of another host, in time? ─ no ─► none
//!                                                                              └ yes ─► asked, within the budget
//!                 found ─► opens, same policy? ─► decode ─► shared store, for a minute ─► that session
//!   removed ──► shared store ──► id is of the fleet? ─ yes ─► removed
//! ```
//! A session of another host has a record here for [`KEEP`] seconds, and is not live: then it is asked for again, and
//! a removal elsewhere is noticed. A session that the application has changed leaves the fleet's store.
//!
//! A policy that cannot be digested completely is this host's alone, and so are its sessions.
//!
//! Without the setting each of these costs a load. They are not inlined: the library is to stay small.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use once_cell::race::OnceBox;

use super::policy::PolicyDigest;
use super::record::{Bearer, ServerName};
use super::search::Terms;
use super::{NO_MATTER, Record, Sharing};
use crate::cache::SessionCache;
use crate::cache::lookup::Offer;
use crate::handle::Session;
use crate::settings::{self, NOT_REMOTE};
use sslsession_store::key_file::Keys;
use sslsession_store::remote::{ID_LENGTH, KEEP, Member, Opened, Remote};
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Lookup, Policy, RecordKey, RecordStore, Scope};

static REMOTE: OnceBox<Result<Remote, String>> = OnceBox::new();

/// Loads the network code and reads the keys, if the settings ask for a remote store: before the program changes its
/// root or its rights. Complains of nothing.
pub(super) fn at_load() {
    if settings::asking_for_store().is_some_and(|settings| settings.remote.is_some()) {
        opened();
    }
}

fn opened() -> Option<&'static Result<Remote, String>> {
    let wanted = settings::asking_for_store()?.remote.as_ref()?;
    Some(REMOTE.get_or_init(|| {
        let object = Remote::load(wanted.library.as_deref()).map_err(|why| format!("SSLSESSION_REMOTE: {why}"));
        let keys = || {
            let file = settings::asking_for_store().and_then(|settings| settings.key_file.as_deref());
            let file = file.ok_or_else(|| "SSLSESSION_REMOTE: there is no key file".to_owned())?;
            Keys::read(file).map_err(|why| format!("SSLSESSION_KEY_FILE: {why}"))
        };
        Box::new(object.and_then(|object| Ok(Remote::new(&wanted.addresses, &keys()?, object))))
    }))
}

/// Returns the remote store of this process; None if none is asked for, or it cannot be had: complains once.
fn remote() -> Option<&'static Remote> {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    match opened()? {
        Ok(remote) => Some(remote),
        Err(why) => {
            if !IS_TOLD.swap(true, Ordering::Relaxed) {
                settings::complain(&format!("{why}; {NOT_REMOTE}"));
            }
            None
        }
    }
}

/// Complains when the remote store has stopped answering, and logs when it answers again. Looks once in a second, as a
/// new session is written.
#[inline(never)]
fn tell_of_trouble(remote: &Remote, now: UnixTime) {
    static LOOKED: AtomicI64 = AtomicI64::new(0);
    static IS_OPEN: AtomicBool = AtomicBool::new(false);
    if LOOKED.swap(now.0, Ordering::Relaxed) == now.0 {
        return;
    }
    let Some(counters) = remote.counters() else { return };
    let is_open = counters.is_open != 0;
    if IS_OPEN.swap(is_open, Ordering::Relaxed) == is_open {
        return;
    }
    match is_open {
        true => settings::complain(&format!("SSLSESSION_REMOTE: the server does not answer, or refuses; {NOT_REMOTE}")),
        false => settings::tell(|| "SSLSESSION_REMOTE: the server answers again".to_owned()),
    }
}

/// Forgets the parent's thread, in a child of a fork.
pub fn forget_remote_thread() {
    sslsession_store::remote::forked();
}

/// The keys of a session that is to be written, and its policy as all hosts digest it.
pub(super) struct Destination {
    member: Member<'static>,
    policy: Policy,
}

impl Sharing {
    /// Returns the number by which the fleet knows this host's store.
    fn host(&self) -> u32 {
        self.store.digest(&[b"host"]) as u32
    }

    /// Returns the place in the fleet's store for a new session; None if it is to stay on this host.
    #[inline(never)]
    pub(super) fn destination(
        &self,
        session: &Session,
        name: &[u8],
        policy: &PolicyDigest,
        now: UnixTime,
    ) -> Option<Destination> {
        let remote = remote()?;
        tell_of_trouble(remote, now);
        let member = remote.own(session.id(), self.host())?;
        let policy = ServerName::Said(name).terms(|parts| member.digest(parts), Some(policy));
        Some(Destination { member, policy })
    }

    /// Writes a session's record for all hosts.
    #[inline(never)]
    pub(super) fn write_remote(&self, to: &Destination, session: &Session, record: &Record, body: &[u8]) {
        let key = RecordKey { scope: &record.scope, policy: to.policy, version: session.version(), id: session.id() };
        to.member.insert(&key, self.fingerprint(session), body);
    }

    /// Removes records of a session for all hosts.
    #[inline(never)]
    pub(super) fn remove_remote(&self, version: ProtocolVersion, id: &[u8], scopes: &[Scope]) {
        let Some(member) = remote().and_then(|remote| remote.known(id)) else { return };
        for scope in scopes {
            member.remove(&RecordKey { scope, policy: NO_MATTER, version, id });
        }
    }

    /// Returns true if another host has made the session of that id.
    #[inline(never)]
    pub(super) fn is_foreign(&self, id: &[u8]) -> bool {
        remote().is_some_and(|remote| remote.own(id, self.host()).is_none() && remote.known(id).is_some())
    }
}

impl SessionCache {
    /// Returns true if this context's session ids are to say which host made them.
    pub(in crate::cache) fn wants_ids(&self) -> bool {
        self.sharing.is_some() && remote().is_some()
    }

    /// Makes a session id that says that this host made it; None without a remote store.
    pub fn new_session_id(&self, now: UnixTime) -> Option<[u8; ID_LENGTH]> {
        remote()?.new_id(self.sharing.as_deref()?.host(), now)
    }

    /// Looks up a session that this host does not have, if another host has made it.
    #[inline(never)]
    pub(super) fn find_remote(&self, sharing: &Sharing, terms: &Terms, offer: &Offer) -> Lookup {
        let may_ask = terms.is_complete && !offer.once;
        let Some(remote) = may_ask.then(remote).flatten() else { return Lookup::Missing };
        let Some(member) = remote.foreign(offer.id, sharing.host(), offer.now, self.context.timeout()) else {
            return Lookup::Missing;
        };
        Self::assert_unlocked();
        let policy = ServerName::Said(&terms.server_name).terms(|parts| member.digest(parts), terms.settled.as_ref());
        let key = RecordKey { scope: &terms.scope, policy, version: offer.version, id: offer.id };
        match member.find(&key, offer.now) {
            Opened::Body(body, _) => Lookup::Record(body),
            Opened::PolicyMismatch => Lookup::PolicyMismatch,
            Opened::Not => Lookup::Missing,
        }
    }

    /// Stores a record of another host here, for as long as it may be used without a question.
    #[inline(never)]
    pub(super) fn keep_remote(&self, sharing: &Sharing, terms: &Terms, body: &[u8], session: &Session, now: UnixTime) {
        let settled = match terms.open {
            None => terms.settled,
            Some(_) => Bearer::split(body).and_then(|(bearer, _)| bearer.policy),
        };
        let policy = ServerName::Said(&terms.server_name).terms(|parts| sharing.store.digest(parts), settled.as_ref());
        let key = RecordKey { scope: &terms.scope, policy, version: session.version(), id: session.id() };
        let expiry = Self::expiry_of(session).min(Expiry::new(now, KEEP));
        let mark = session.with_secret(|secret| sharing.store.fingerprint(secret, expiry));
        sharing.store.insert(&key, mark, body);
    }
}
