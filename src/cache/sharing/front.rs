//! The live sessions that a process keeps in front of the shared store.
//!
//! A live session takes 1.5 KB, or 5 to 12 KB with a client's certificate, in each process. Its
//! record takes 200 bytes, or with a certificate some more, once, and is decoded in a microsecond,
//! or with a certificate that was not seen before in a hundred. So sessions that have a record stay live
//! only while they are among the last that were made or decoded here:
//!
//! ```text
//!   insertion ─► a remove callback, or a session without a record? ─ yes ─► evict as OpenSSL does
//!                                                                  └ no ──► drop those beyond the front: no
//!                                                                           callback, no mark, the record stays
//! ```
//! An application with a remove callback hears of each session that leaves. A session without a
//! record is nowhere else, and OpenSSL would keep it until as many as the cache holds were inserted
//! after it.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sslsession_store::config::Config;
use sslsession_store::time::UnixTime;
use sslsession_store::{BATCH, Lookup, RecordKey, RecordStore};

use super::record::{Bearer, OPEN};
use super::{Identity, any_record_of};
use crate::cache::SessionCache;
use crate::handle::{Session, SessionDer};
use crate::settings;

/// Length in bytes below which an encoded session has no certificate in it: those of today's keys
/// and names take 300 at least.
const SMALL: usize = 256;

/// Number of sessions without a certificate in whose place one with it stays live: it takes more
/// memory, and more time to decode.
const CERTIFICATE: usize = 2;

/// A cache's state for its front.
pub(super) struct Front {
    /// Number of sessions; 0 for as many as the cache holds.
    most: usize,
    /// True once a session had a certificate.
    has_certificates: AtomicBool,
    /// Number of insertions until a session without a record may have been evicted.
    unpublished: AtomicUsize,
}

/// Limit for an insertion.
pub(in crate::cache) struct Limit {
    /// Number of sessions; 0 for any.
    pub(in crate::cache) size: usize,
    /// True if the others stay cached, in the shared store.
    pub(in crate::cache) is_front: bool,
}

impl Front {
    /// Returns the front that the settings ask for.
    pub(super) fn new() -> Front {
        let most = match &settings::get().store {
            Config::Shared(shared) => shared.front,
            Config::Memory => 0,
        };
        Front { most, has_certificates: AtomicBool::new(false), unpublished: AtomicUsize::new(0) }
    }

    /// Notes if an encoded session has a certificate in it.
    pub(super) fn note_encoding(&self, bytes: &[u8]) {
        if bytes.len() >= SMALL && !self.has_certificates.load(Ordering::Relaxed) {
            let has_certificate = SessionDer::cut(bytes).is_some_and(|parts| parts.has_certificate());
            self.has_certificates.store(has_certificate, Ordering::Relaxed);
        }
    }

    /// Returns the number of sessions that stay live.
    fn most(&self) -> usize {
        match self.has_certificates.load(Ordering::Relaxed) {
            true => self.most.div_ceil(CERTIFICATE),
            false => self.most,
        }
    }
}

impl SessionCache {
    /// Returns the limit for an insertion.
    pub(in crate::cache) fn limit(&self) -> Limit {
        let size = self.size();
        match self.front() {
            // A longer front, as it may have been, is dropped a batch at a time.
            Some(most) if size == 0 || size > most => {
                Limit { size: most.max(self.store.len().saturating_sub(BATCH)), is_front: true }
            }
            _ => Limit { size, is_front: false },
        }
    }

    /// Returns the number of sessions that stay live; None if all that are cached do.
    fn front(&self) -> Option<usize> {
        let front = &self.shared().ok()?.front;
        let is_published = front.unpublished.load(Ordering::Relaxed) == 0;
        let has_front = front.most != 0 && is_published && self.callbacks.remove.get().is_none();
        has_front.then(|| front.most())
    }

    /// Notes an insertion, after which a session without a record may have been evicted.
    pub(in crate::cache) fn note_insertion(&self) {
        if let Some(sharing) = &self.sharing {
            let unpublished = &sharing.front.unpublished;
            let insertions = unpublished.load(Ordering::Relaxed);
            if insertions != 0 {
                unpublished.store(insertions - 1, Ordering::Relaxed);
            }
        }
    }

    /// Notes that a session that was just inserted has no record.
    pub(super) fn note_unpublished(&self) {
        if let Some(sharing) = &self.sharing {
            let insertions = match self.size() {
                // None of them is ever evicted.
                0 => usize::MAX,
                size => size,
            };
            sharing.front.unpublished.store(insertions, Ordering::Relaxed);
        }
    }

    /// Changes the record of a session that is not live here, if the session expires sooner now: it
    /// may have been dropped, and its application lets it expire. Nothing else of it changes the
    /// record, as it may as well be a copy of the application's own; and what a client has of the
    /// session does not.
    pub(in crate::cache) fn bring_forward(&self, before: &Identity, session: &Session) {
        // Also after this cache has stopped sharing.
        let has_front = self.sharing.as_ref().is_some_and(|sharing| sharing.front.most != 0);
        if has_front && SessionCache::expiry_of(session) < before.expiry && self.has_record_like(session) {
            self.republish(before, session);
        }
    }

    /// Returns true if the session's record differs from it in times at most.
    fn has_record_like(&self, session: &Session) -> bool {
        let (Some(sharing), Some(bytes)) = (self.sharing.as_deref(), session.encode()) else { return false };
        let Some(own) = SessionDer::cut(&bytes) else { return false };
        self.known_scopes(sharing).iter().any(|scope| {
            let name = any_record_of(session, scope);
            let Some(policy) = sharing.store.policy(&name) else { return false };
            let found = sharing.store.find(&RecordKey { policy, ..name }, None, UnixTime::EARLIEST);
            let Lookup::Record(body) = found else { return false };
            let record =
                if *scope == OPEN { Bearer::split(&body).map(|(_, session)| session) } else { Some(&body[..]) };
            record.and_then(SessionDer::cut).is_some_and(|record| record.is_of_same(&own))
        })
    }

    /// Returns true if a session may be cached that is not live here.
    pub(in crate::cache) fn has_front(&self) -> bool {
        self.shared().is_ok_and(|sharing| sharing.front.most != 0)
    }
}
