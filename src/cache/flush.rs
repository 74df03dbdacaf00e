//! Flushing: SSL_CTX_flush_sessions(3), the automatic flush, and the end of the context.
//!
//! ```text
//!   lock ─ remove up to 64 ─ unlock ─► mark, call the remove callback ─► free ─► again, until none is left
//! ```
//! Other threads wait for one such batch at most (OpenSSL: for the whole flush, callbacks
//! included).
//!
//! Where libssl calls back after the whole flush, this cache does so too, except in the automatic
//! flush, which removes one batch at a time here:
//!
//! ```text
//!   lock ─ remove up to 64 ─ unlock ─► mark ─► again, until none is left ─► remove callback for one, free it ─► ...
//! ```

#![forbid(unsafe_code)]

use super::sharing::{count, show_sessions};
use super::{Mode, Role, SessionCache};
use crate::handle::Session;
use crate::rules::{Callbacks, Freed};
use sslsession_store::BATCH;
use sslsession_store::shared::Event;
use sslsession_store::time::UnixTime;

/// Sessions that a flush removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Sessions that have expired at that time.
    OverAt(UnixTime),
    /// Every session.
    Everything,
}

impl SessionCache {
    /// Removes sessions, soonest to expire first and ties oldest first. Marks each as not resumable
    /// and calls the remove callback.
    pub fn flush(&self, flush: Flush) {
        self.remove_all(match flush {
            Flush::OverAt(time) => Flush::OverAt(self.rules.overflow.clock(time)),
            Flush::Everything => flush,
        });
        self.flush_own_table(flush);
    }

    /// Removes sessions from the store and calls the remove callback in libssl's order.
    pub(super) fn remove_all(&self, flush: Flush) {
        match self.rules.flushed {
            Callbacks::EachAsRemoved => self.take_all(flush, |left| self.mark_and_notify_all(left)),
            Callbacks::AfterAllReversed => {
                let mut all = Vec::new();
                self.take_all(flush, |left| self.gather(&mut all, left));
                self.notify_reversed(all);
            }
        }
    }

    /// Takes sessions out of the store, a batch at a time.
    fn take_all(&self, flush: Flush, mut then: impl FnMut(Vec<Session>)) {
        match flush {
            Flush::OverAt(time) => loop {
                let (number, over) = self.take_expired(time);
                then(over);
                if number < BATCH {
                    return;
                }
            },
            // Only as many as there are now: other threads may be adding.
            Flush::Everything => {
                let mut rest = self.store.len();
                while rest > 0 {
                    let left = self.store.pop_soonest(rest.min(BATCH));
                    show_sessions();
                    rest = if left.is_empty() { 0 } else { rest - left.len() };
                    then(left);
                }
            }
        }
    }

    /// Flushes libssl's own table by the same rule. The context stays, and so does what was added since this flush began.
    fn flush_own_table(&self, flush: Flush) {
        match flush {
            Flush::OverAt(time) => self.own_table.flush_expired(self.context, time),
            Flush::Everything => {
                if self.own_table.flush_everything(self.context) {
                    self.arm_sentinel();
                }
            }
        }
    }

    /// Takes up to a batch of sessions that have expired at `time` out of the store. Also returns
    /// the number that the store removed.
    fn take_expired(&self, time: UnixTime) -> (usize, Vec<Session>) {
        let taken = self.store.take_expired(time, BATCH);
        let number = taken.len();
        show_sessions();
        // libssl sets times without a call that we see: a session that has not expired by its own
        // time stays.
        let (over, alive): (Vec<_>, Vec<_>) = taken.into_iter().partition(|session| self.expiry(session).is_over(time));
        count(Event::Expired, over.len() as u64);
        for session in alive {
            self.put_back(session);
        }
        (number, over)
    }

    /// Marks removed sessions as not resumable and calls the remove callback, in order. Frees all
    /// afterwards, or each before the next callback.
    fn mark_and_notify_all(&self, left: Vec<Session>) {
        self.pending_removals.begin(left.len());
        match self.rules.freed {
            Freed::AfterAll => left.iter().for_each(|session| self.mark_and_notify(session)),
            Freed::Each => left.into_iter().for_each(|session| self.mark_and_notify(&session)),
        }
    }

    /// Marks removed sessions as not resumable and collects them for their callbacks. If memory for
    /// them runs out, calls the callbacks of those collected before.
    fn gather(&self, all: &mut Vec<Session>, left: Vec<Session>) {
        left.iter().for_each(|session| session.mark_not_resumable(self.context));
        if all.try_reserve(left.len()).is_err() {
            self.notify_reversed(std::mem::take(all));
        }
        if all.is_empty() {
            *all = left;
        } else {
            all.extend(left);
        }
    }

    /// Calls the remove callback for removed sessions, the last first, and frees each.
    fn notify_reversed(&self, left: Vec<Session>) {
        left.into_iter().rev().for_each(|session| self.notify(session));
    }

    /// Inserts a session again at its own expiry, unless another of its id was inserted meanwhile.
    fn put_back(&self, session: Session) {
        let key = Self::key_of(&session);
        if !self.store.contains(&key) {
            let expiry = self.expiry(&session);
            let _inserted = self.store.insert(&key, session, expiry, 0);
            show_sessions();
        }
    }

    /// Flushes automatically (contract M7) as a session is made or looked up: by OpenSSL's own
    /// rule, the number of handshakes that have finished.
    pub(super) fn flush_with_session(&self, role: Role, now: UnixTime) {
        // Every lookup comes here, and mostly nothing has expired: then libssl's count need not be
        // read.
        if !self.store.has_expired(now) {
            return;
        }
        let is_256th = self.context.statistic(role.good()) & 0xff == 0xff;
        if is_256th {
            self.claim_auto_flush(role);
        }
        self.flush_automatically(is_256th && self.flushes_for(role), now);
    }

    /// Flushes automatically as a connection is created. libssl calls nothing when it resumes by
    /// ticket, or as a client. So each 256th connection flushes as well.
    pub(super) fn flush_with_connection(&self, now: UnixTime) {
        let is_due = |role| self.claim_auto_flush(role) && self.flushes_for(role);
        let due = [Role::Client, Role::Server].map(is_due);
        self.flush_automatically(due.contains(&true), now);
    }

    /// Removes one batch of expired sessions. The following connections remove the rest, where
    /// OpenSSL makes the 256th handshake wait for all.
    fn flush_automatically(&self, is_due: bool, now: UnixTime) {
        if is_due {
            self.auto_flush.begin(now);
        }
        let Some(up_to) = self.auto_flush.up_to() else { return };
        let (number, over) = self.take_expired(up_to);
        if number < BATCH {
            self.auto_flush.end();
        }
        match self.rules.flushed {
            Callbacks::EachAsRemoved => self.mark_and_notify_all(over),
            Callbacks::AfterAllReversed => {
                over.iter().for_each(|session| session.mark_not_resumable(self.context));
                self.notify_reversed(over);
            }
        }
    }

    fn flushes_for(&self, role: Role) -> bool {
        self.mode().caches(role) && !self.mode().has(Mode::NO_AUTO_CLEAR)
    }

    /// Returns true for one caller after the 255th handshake, and after every 256 that follow.
    fn claim_auto_flush(&self, role: Role) -> bool {
        self.auto_flush.claim(role, self.context.statistic(role.good()) as u64)
    }
}
