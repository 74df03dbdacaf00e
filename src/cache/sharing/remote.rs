//! The store of a fleet, behind the shared store of this host.
//!
//! ```text
//!   new session ──► shared store ──► policy covers all, id is of this host? ─ yes ─► written
//!   lookup ──► nothing in the shared store ──► id is of another host, in time? ─ no ─► none
//!                                                                              └ yes ─► asked, within the budget
//!                 found ─► opens, same policy? ─► decode ─► shared store, for a minute ─► that session
//!   single use ──► taken from the shared store ─► id is of the fleet? ─ no ──► that session
//!                                                                   └ yes ─► taken from the fleet too? ─ no ─► none
//!   removed ──► shared store ──► id is of the fleet? ─ yes ─► removed
//! ```
//! A session of another host has a record here for the time of the option `keep`, and is not live: then it is asked
//! for again, and a removal elsewhere is noticed. A session that the application has changed leaves the fleet's store.
//!
//! A session for single use counts in the fleet's store alone: of all hosts that are offered it, the one that takes it
//! out of there may resume it. No answer in time is no session.
//!
//! A policy that cannot be digested completely is this host's alone, and so are its sessions.
//!
//! Without the setting each of these costs a load. They are not inlined: the library is to stay small.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::race::OnceBox;

use super::policy::PolicyDigest;
use super::record::Bearer;
use super::search::Terms;
use super::{NO_MATTER, Record, Sharing};
use crate::cache::SessionCache;
use crate::cache::lookup::Offer;
use crate::handle::{Connection, Session, TLS1_3};
use crate::settings::{self, NOT_REMOTE};
use sslsession_store::record::KeyedDigest;
use sslsession_store::remote::abi::{self, Here, Reads};
use sslsession_store::remote::{ID_LENGTH, Remote};
use sslsession_store::shared::Statistics;
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Lookup, RecordKey, RecordStore, Scope};

static REMOTE: OnceBox<Result<Remote, String>> = OnceBox::new();

/// Loads the network code and reads the keys, if the settings ask for a remote store: before the program changes its
/// root or its rights. Complains of nothing.
pub(super) fn at_load() {
    opened();
}

fn opened() -> Option<&'static Result<Remote, String>> {
    let settings = settings::asking_for_store()?;
    let key_file = settings.key_file.as_deref().filter(|_| settings.is_remote)?;
    Some(REMOTE.get_or_init(|| Box::new(Remote::open(settings::remote_values(), key_file))))
}

/// Returns the remote store of this process; None if none is asked for, or it cannot be had: the first call complains.
#[inline(never)]
fn remote() -> Option<&'static Remote> {
    static IS_USED: AtomicBool = AtomicBool::new(false);
    let remote = opened()?;
    if !IS_USED.swap(true, Ordering::Relaxed) {
        match remote {
            Ok(remote) => remote.prepare(),
            Err(why) => complain(why),
        }
    }
    remote.as_ref().ok()
}

fn complain(what: &str) {
    settings::complain(&format!("{what}; {NOT_REMOTE}"));
}

/// Forgets the parent's thread, in a child of a fork.
pub fn forget_remote_thread() {
    if let Some(Ok(remote)) = REMOTE.get() {
        remote.forked();
    }
}

/// Logs at exit what this process has asked of the remote store.
pub(super) fn report_end(statistics: Statistics) {
    if remote().is_none() {
        return;
    }
    let counted = statistics.of_remote().counters.each_ref().map(|counter| counter.load(Ordering::Relaxed));
    let [asked, found, late, failed, refused, written, dropped, _] = counted;
    settings::tell(|| {
        format!(
            "at exit: this process had {found} of {asked} sessions from other machines ({late} late, {failed} failed, \
             {refused} refused); it wrote {written} for them, and dropped {dropped}"
        )
    });
}

/// Has the reads of a connection looked at that has got a socket, so that it can be parked while another host's session
/// is asked for.
pub fn watch_reads(reads: impl FnOnce() -> Option<Reads>) {
    if let Some(Ok(remote)) = REMOTE.get()
        && let Some(reads) = reads()
    {
        remote.watch(&reads);
    }
}

/// Forgets the reads of a connection that had that address, and has ended.
pub fn unwatch_reads(address: usize) {
    if let Some(Ok(remote)) = REMOTE.get() {
        remote.unwatch(address);
    }
}

/// The policy under which all hosts may have a session, and the time.
#[derive(Clone, Copy)]
pub(super) struct Destination<'a> {
    /// The server name.
    pub(super) name: &'a [u8],
    pub(super) policy: &'a PolicyDigest,
    pub(super) now: UnixTime,
}

impl Sharing {
    /// Returns this host, as the fleet knows it by its store.
    #[inline(never)]
    fn here(&self, now: UnixTime, timeout: i64) -> Here {
        let counting = self.store.statistics().of_remote();
        Here { host: self.store.digest(&[b"host"]) as u32, now: now.0, timeout, counting }
    }

    /// Writes a session's record for all hosts. Complains when the remote store has stopped answering.
    #[inline(never)]
    pub(super) fn write_remote(&self, to: &Destination, session: &Session, record: &Record, body: &[u8]) {
        let Some(remote) = remote() else { return };
        let key = abi::Session {
            id: session.id().into(),
            version: session.version().0,
            scope: &record.scope,
            server_name: to.name.into(),
            settled: Some(to.policy),
            once: record.once,
        };
        match remote.insert(self.here(to.now, 0), &key, SessionCache::expiry_of(session).second(), body) {
            Some(true) => complain("SSLSESSION_REMOTE: the server does not answer, or refuses"),
            Some(false) => settings::tell(|| "SSLSESSION_REMOTE: the server answers again".to_owned()),
            None => {}
        }
    }

    /// Removes records of a session for all hosts.
    #[inline(never)]
    pub(super) fn remove_remote(&self, version: ProtocolVersion, id: &[u8], scopes: &[Scope]) {
        let Some(remote) = remote() else { return };
        for scope in scopes {
            let server_name = (&[][..]).into();
            let (id, version, settled, once) = (id.into(), version.0, None, false);
            let session = abi::Session { id, version, scope, server_name, settled, once };
            remote.remove(self.here(UnixTime(0), 0), &session);
        }
    }
}

impl SessionCache {
    /// Returns true if this context's session ids are to say which host made them.
    pub(in crate::cache) fn wants_ids(&self) -> bool {
        self.sharing.is_some() && remote().is_some()
    }

    /// Makes a session id that says that this host made it; None without a remote store.
    pub fn new_session_id(&self, now: UnixTime) -> Option<[u8; ID_LENGTH]> {
        remote()?.new_id(self.sharing.as_deref()?.here(now, 0))
    }

    /// Returns true if another host has made the session that a client offers.
    pub(super) fn is_foreign(&self, sharing: &Sharing, offer: &Offer) -> bool {
        remote().is_some_and(|remote| remote.is_foreign(sharing.here(offer.now, 0), offer.id))
    }

    /// Returns the scope of a session that another host has made and a client offers, before libssl has read its
    /// ClientHello, and this host; None if it is here, or is not to be asked for.
    #[inline(never)]
    pub fn scope_to_ask(
        &self,
        connection: Connection,
        version: ProtocolVersion,
        id: &[u8],
        now: UnixTime,
    ) -> Option<(Scope, Here)> {
        let sharing = self.shared().ok()?;
        let here = sharing.here(now, self.context.timeout().0);
        if !remote()?.is_foreign(here, id) || version == TLS1_3 && connection.protects_early_data() {
            return None;
        }
        let terms = self.terms(sharing, connection).ok().filter(|terms| terms.is_complete)?;
        let key = RecordKey { scope: &terms.scope, policy: NO_MATTER, version, id };
        (sharing.store.find(&key, None, now) == Lookup::Missing).then_some((terms.scope, here))
    }

    /// Looks up a session that another host has made, or takes one for single use. None if nobody is to be asked.
    #[inline(never)]
    pub(super) fn find_remote(&self, sharing: &Sharing, terms: &Terms, offer: &Offer) -> Option<Lookup> {
        // A record that says itself whom it is for may have been written by a connection whose policy covers all.
        let may_ask = terms.is_complete || offer.once && terms.open.is_some();
        let remote = may_ask.then(remote).flatten()?;
        Self::assert_unlocked();
        let server_name = offer.connection.server_name_offered().unwrap_or_default();
        let session = abi::Session {
            id: offer.id.into(),
            version: offer.version.0,
            scope: &terms.scope,
            server_name: server_name.as_slice().into(),
            settled: terms.settled(),
            once: offer.once,
        };
        remote.find(sharing.here(offer.now, self.context.timeout().0), &session, offer.connection.as_ptr().addr())
    }

    /// Takes the record of a live session for single use, in a context that no longer shares. Only
    /// the process that takes the record may resume the session. A session without a record was
    /// this process's alone; one with a record may be in the fleet's store, where it is not taken.
    pub(in crate::cache) fn may_use_once(&self, session: &Session) -> bool {
        !session.had_record() || self.withdraw(session) && remote().is_none()
    }

    /// Stores a record of another host here, for as long as it may be used without a question: not for single use.
    #[inline(never)]
    pub(super) fn keep_remote(&self, sharing: &Sharing, terms: &Terms, body: &[u8], session: &Session, offer: &Offer) {
        let Some(remote) = remote().filter(|_| !offer.once) else { return };
        let policy = match terms.open {
            None => terms.name,
            Some(_) => terms.name.settled_as(Bearer::split(body).and_then(|(bearer, _)| bearer.policy).as_ref()),
        };
        let key = RecordKey { scope: &terms.scope, policy, version: offer.version, id: offer.id };
        let expiry = Self::expiry_of(session).min(Expiry::new(offer.now, remote.keep()));
        let mark = session.with_secret(|secret| sharing.store.fingerprint(secret, expiry));
        sharing.store.insert(&key, mark, body);
    }
}
