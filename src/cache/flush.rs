//! Flushing: SSL_CTX_flush_sessions(3), the automatic flush, and the end of the context.
//!
//! ```text
//!   lock ─ take up to 64 ─ unlock ─► mark, tell the application ─► free ─► again, until none is left to take
//! ```
//! No other thread waits for longer than one such taking (OpenSSL: for the whole flush, callbacks included).

#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use super::{Mode, Role, SessionCache};
use crate::handle::Session;
use crate::store::BATCH;

/// What is to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// What is over at that time, in seconds since the epoch.
    OverAt(i64),
    /// Every session.
    Everything,
}

impl SessionCache {
    /// Removes sessions, soonest to expire first and ties oldest first; each is marked and the application told.
    pub fn flush(&self, flush: Flush) {
        match flush {
            Flush::OverAt(time) => while self.flush_batch(time) == BATCH {},
            // As many as there are now: others may be adding.
            Flush::Everything => {
                let mut rest = self.store.len();
                while rest > 0 {
                    let left = self.store.take_soonest(rest.min(BATCH));
                    rest = if left.is_empty() { 0 } else { rest - left.len() };
                    self.let_go(left);
                }
            }
        }
        self.flush_lent(flush);
    }

    /// What stands in libssl's own table goes by the same rule.
    fn flush_lent(&self, flush: Flush) {
        match flush {
            Flush::OverAt(time) if self.lends.load(Ordering::Relaxed) => self.context.flush_lent(time),
            Flush::Everything if self.watching.load(Ordering::Relaxed) => {
                // What tells when the context goes is there too, and tells now. The context stays, and so does what was
                // added since this flush began.
                self.flushing.store(true, Ordering::Relaxed);
                self.context.flush_lent(0);
                self.flushing.store(false, Ordering::Relaxed);
                self.watch();
            }
            _ => {}
        }
    }

    /// Removes up to a batch of what is over at `time`; how many the store gave up.
    fn flush_batch(&self, time: i64) -> usize {
        let taken = self.store.take_expired(time, BATCH);
        let number = taken.len();
        // libssl sets times without a call that we would see: what is not over by its own account stays.
        let (over, alive): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|session| Self::expiry_of(session).is_over(time));
        for session in alive {
            self.put_back(session);
        }
        self.let_go(over);
        number
    }

    /// Sessions that left the store: the application is told of all, then all are freed, in order.
    fn let_go(&self, left: Vec<Session>) {
        self.start_leaving(left.len());
        for session in &left {
            self.leave(session);
        }
        drop(left);
    }

    /// Puts a session back at its own expiry, unless another of its id has come meanwhile.
    fn put_back(&self, session: Session) {
        let key = Self::key_of(&session);
        if !self.store.contains(&key) {
            let expiry = Self::expiry_of(&session);
            drop(self.store.insert(&key, session, expiry, 0));
        }
    }

    /// The automatic flush of contract M7 as a session is made or looked for: OpenSSL's own rule, by the number of
    /// handshakes that have finished before.
    pub(super) fn flush_with_session(&self, role: Role, now: i64) {
        // Every lookup comes here, and mostly nothing has expired: then libssl need not be asked for its count.
        if !self.store.has_expired(now) {
            return;
        }
        let is_256th = self.context.statistic(role.good()) & 0xff == 0xff;
        if is_256th {
            self.is_new_turn(role);
        }
        self.flush_automatically(is_256th && self.flushes_for(role), now);
    }

    /// The automatic flush as a connection is made. We are not told of every handshake that finishes: libssl resumes by
    /// ticket, and as a client, without a word. So the 256th connection is looked for here as well.
    pub(super) fn flush_with_connection(&self, now: i64) {
        let is_due = |role| self.is_new_turn(role) && self.flushes_for(role);
        let due = [Role::Client, Role::Server].map(is_due);
        self.flush_automatically(due.contains(&true), now);
    }

    /// OpenSSL makes the 256th handshake wait until all is removed. Here it removes one batch; the rest leaves with the
    /// connections that follow.
    fn flush_automatically(&self, is_due: bool, now: i64) {
        if is_due {
            self.flush_up_to.store(now, Ordering::Relaxed);
        }
        let up_to = self.flush_up_to.load(Ordering::Relaxed);
        if up_to != 0 && self.flush_batch(up_to) < BATCH {
            self.flush_up_to.store(0, Ordering::Relaxed);
        }
    }

    fn flushes_for(&self, role: Role) -> bool {
        self.mode().caches(role) && !self.mode().has(Mode::NO_AUTO_CLEAR)
    }

    /// Whether the 255th handshake, or another 256 since, has finished, and nobody has seen it yet; now it is seen.
    fn is_new_turn(&self, role: Role) -> bool {
        let turn = ((self.context.statistic(role.good()) + 1) >> 8) as u8;
        let seen = &self.flush_turns[role as usize];
        seen.load(Ordering::Relaxed) != turn && seen.swap(turn, Ordering::Relaxed) != turn
    }
}
