//! The order in which a new session becomes known to other processes.
//!
//! ```text
//!   insert ──► Live: in this process's cache     ──► publish: a record for all ──► released
//!              counted as being stored                └─ not published ──────────► released
//! ```
//! A session of this process's cache without a record counts as removed by another process, unless
//! it is being stored: so the count goes up before the session is live, and down once it has its
//! record. Only a [`Live`] session can be published, and publishing it ends its count.
#![forbid(unsafe_code)]

use sslsession_store::era::UnderWay;
use sslsession_store::time::UnixTime;

use crate::cache::SessionCache;
use crate::handle::{Connection, Session};

/// A session that has just been inserted into this process's cache and has no record yet.
#[must_use = "the session's record is not stored"]
pub(in crate::cache) struct Live<'a> {
    cache: &'a SessionCache,
    session: &'a Session,
    is_new: bool,
    has_record: bool,
    _storing: Option<Storing<'a>>,
}

impl<'a> Live<'a> {
    /// Inserts a session into the live sessions of this process.
    pub(in crate::cache) fn insert(cache: &'a SessionCache, session: &'a Session, now: UnixTime) -> Live<'a> {
        let storing = cache.sharing.as_deref().map(|sharing| Storing::begin(&sharing.storing));
        let is_new = cache.insert_live(&SessionCache::key_of(session), session, now);
        Live { cache, session, is_new, has_record: false, _storing: storing }
    }

    /// Returns false if this object was cached already.
    pub(in crate::cache) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Stores a session that the application adds, and vouches for, for all processes.
    pub(in crate::cache) fn publish_added(mut self) {
        self.has_record = self.cache.store_added(self.session);
    }

    /// Stores a session that a handshake has made, for all processes.
    pub(in crate::cache) fn publish_made(mut self, connection: Connection, now: UnixTime) {
        self.has_record = self.cache.store_made(connection, self.session, now);
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        if !self.has_record {
            self.cache.note_unpublished();
        }
    }
}

/// Guard of a thread between caching a session and storing its record.
struct Storing<'a>(&'a UnderWay);

impl<'a> Storing<'a> {
    fn begin(storing: &'a UnderWay) -> Storing<'a> {
        storing.begin(1);
        Storing(storing)
    }
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.end(1);
    }
}
