//! Flushing: SSL_CTX_flush_sessions(3), the automatic flush, and the end of the context.
//!
//! ```text
//!   lock ─ take up to 64 ─ unlock ─► mark, tell the application ─► free ─► again, until none is left to take
//! ```
//! No other thread waits for longer than one such taking (OpenSSL: for the whole flush, callbacks included).
//!
//! Where libssl calls back after the whole flush, so do we, but for the automatic flush, which is a batch at a time here:
//!
//! ```text
//!   lock ─ take up to 64 ─ unlock ─► mark ─► again, until none is left to take ─► tell the application of one, free it ─► ...
//! ```

#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use super::sharing::{count, keeps};
use super::{Mode, Role, SessionCache};
use crate::handle::Session;
use crate::rules::{Callbacks, Freed};
use crate::store::shared::Event;
use crate::store::{BATCH, Outcome};

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
        self.remove_all(match flush {
            Flush::OverAt(time) => Flush::OverAt(self.rules.overflow.clock(time)),
            Flush::Everything => flush,
        });
        self.flush_lent(flush);
    }

    /// Removes sessions from the store, and tells the application in the order in which libssl would.
    pub(super) fn remove_all(&self, flush: Flush) {
        match self.rules.flushed {
            Callbacks::EachAsRemoved => self.take_all(flush, |left| self.let_go(left)),
            Callbacks::AfterAllReversed => {
                let mut all = Vec::new();
                self.take_all(flush, |left| self.gather(&mut all, left));
                self.tell_reversed(all);
            }
        }
    }

    /// Takes sessions out of the store, a batch at a time.
    fn take_all(&self, flush: Flush, mut then: impl FnMut(Vec<Session>)) {
        match flush {
            Flush::OverAt(time) => loop {
                let (number, over) = self.take_over(time);
                then(over);
                if number < BATCH {
                    return;
                }
            },
            // As many as there are now: others may be adding.
            Flush::Everything => {
                let mut rest = self.store.len();
                while rest > 0 {
                    let left = self.store.take_soonest(rest.min(BATCH));
                    keeps(-(left.len() as i64));
                    rest = if left.is_empty() { 0 } else { rest - left.len() };
                    then(left);
                }
            }
        }
    }

    /// What stands in libssl's own table goes by the same rule.
    fn flush_lent(&self, flush: Flush) {
        match flush {
            Flush::OverAt(time) if self.lends.load(Ordering::Relaxed) => self.context.flush_lent(time),
            Flush::Everything if self.watching.load(Ordering::Relaxed) => {
                // What tells when the context goes is there too, and tells now. The context stays, and so does what was
                // added since this flush began.
                self.flushing.fetch_add(1, Ordering::AcqRel);
                self.context.flush_lent(0);
                self.flushing.fetch_sub(1, Ordering::AcqRel);
                self.watch();
            }
            _ => {}
        }
    }

    /// Takes up to a batch of what is over at `time` out of the store; how many the store gave up.
    fn take_over(&self, time: i64) -> (usize, Vec<Session>) {
        let taken = self.store.take_expired(time, BATCH);
        let number = taken.len();
        keeps(-(number as i64));
        // libssl sets times without a call that we would see: what is not over by its own account stays.
        let (over, alive): (Vec<_>, Vec<_>) = taken.into_iter().partition(|session| self.expiry(session).is_over(time));
        count(Event::Expired, over.len() as u64);
        for session in alive {
            self.put_back(session);
        }
        (number, over)
    }

    /// Lets sessions go that left the store, in order: each is marked and told of. All are freed after that, or each before the
    /// next is told of.
    fn let_go(&self, left: Vec<Session>) {
        self.start_leaving(left.len());
        match self.rules.freed {
            Freed::AfterAll => left.iter().for_each(|session| self.leave(session)),
            Freed::Each => left.into_iter().for_each(|session| self.leave(&session)),
        }
    }

    /// Marks sessions that left the store, and puts them to those that are to be told of. Without memory for so many it tells of
    /// those before.
    fn gather(&self, all: &mut Vec<Session>, left: Vec<Session>) {
        left.iter().for_each(|session| session.mark_not_resumable(self.context));
        if all.try_reserve(left.len()).is_err() {
            self.tell_reversed(std::mem::take(all));
        }
        if all.is_empty() {
            *all = left;
        } else {
            all.extend(left);
        }
    }

    /// Tells the application of sessions that are no longer here, the last first, and frees each.
    fn tell_reversed(&self, left: Vec<Session>) {
        left.into_iter().rev().for_each(|session| self.tell(session));
    }

    /// Puts a session back at its own expiry, unless another of its id has come meanwhile.
    fn put_back(&self, session: Session) {
        let key = Self::key_of(&session);
        if !self.store.contains(&key) {
            let expiry = self.expiry(&session);
            let inserted = self.store.insert(&key, session, expiry, 0);
            keeps(i64::from(inserted.outcome == Outcome::Added));
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
        if up_to == 0 {
            return;
        }
        let (number, over) = self.take_over(up_to);
        if number < BATCH {
            self.flush_up_to.store(0, Ordering::Relaxed);
        }
        match self.rules.flushed {
            Callbacks::EachAsRemoved => self.let_go(over),
            Callbacks::AfterAllReversed => {
                over.iter().for_each(|session| session.mark_not_resumable(self.context));
                self.tell_reversed(over);
            }
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
