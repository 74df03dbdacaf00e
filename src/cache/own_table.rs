//! libssl's own table of a context: it has none of the sessions, but at times one of two kinds of the library's own.
//!
//! - A **sentinel** (`libssl/free_sentinel.rs`), from when a remove callback is set and a session is cached. libssl flushes it
//!   as the context's last reference goes, and so says that this is the moment for the last remove callbacks.
//! - **Stand-ins** (`libssl/stand_in.rs`) for sessions of a single use, whose removal tells libssl that it may resume.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::SessionCache;
use crate::handle::{Context, Session};
use sslsession_store::time::UnixTime;

/// Contents of the table, as far as the library needs to know them.
#[derive(Default)]
pub(super) struct OwnTable {
    /// The sentinel is there.
    has_sentinel: AtomicBool,
    /// Number of threads that flush everything and have come to this table: what the sentinel tells then is not the end.
    flushing: AtomicU32,
    /// There has been a stand-in.
    has_stand_ins: AtomicBool,
}

impl OwnTable {
    /// Inserts the sentinel, once.
    pub(super) fn arm_sentinel(&self, context: Context) {
        if !self.has_sentinel.swap(true, Ordering::AcqRel) && !context.arm_sentinel::<SessionCache>() {
            self.has_sentinel.store(false, Ordering::Relaxed);
        }
    }

    /// Notes that libssl has freed the sentinel. Returns true if the context's last reference is going, false if somebody
    /// flushes everything.
    pub(super) fn on_sentinel_freed(&self) -> bool {
        self.has_sentinel.store(false, Ordering::Relaxed);
        self.flushing.load(Ordering::Acquire) == 0
    }

    /// Removes everything, if the sentinel is there. Returns true if it was: the context stays, and needs it again.
    pub(super) fn flush_everything(&self, context: Context) -> bool {
        let had_sentinel = self.has_sentinel.load(Ordering::Relaxed);
        if had_sentinel {
            self.flushing.fetch_add(1, Ordering::AcqRel);
            context.flush_own_table(UnixTime(0));
            self.flushing.fetch_sub(1, Ordering::AcqRel);
        }
        had_sentinel
    }

    /// Removes the stand-ins that have expired by `time`.
    pub(super) fn flush_expired(&self, context: Context, time: UnixTime) {
        if self.has_stand_ins.load(Ordering::Relaxed) {
            context.flush_own_table(time);
        }
    }

    /// Empties the table of a context that is being freed.
    pub(super) fn empty(&self, context: Context) {
        if self.has_sentinel.load(Ordering::Relaxed) {
            context.flush_own_table(UnixTime(0));
        }
    }

    /// Inserts a stand-in for a session. Returns true if it is there.
    pub(super) fn insert_stand_in(&self, context: Context, session: &Session) -> bool {
        self.has_stand_ins.store(true, Ordering::Relaxed);
        context.insert_stand_in(session)
    }

    /// Has libssl remove a session by itself, which marks it and calls our remove hook. Returns true if it was there, and None
    /// without a call where no stand-in ever was.
    pub(super) fn remove(&self, context: Context, session: &Session) -> Option<bool> {
        self.has_stand_ins.load(Ordering::Relaxed).then(|| context.remove_stand_in(session))
    }
}
