//! Adding and removing: SSL_CTX_add_session(3), and eviction (semantics 4.1).

#![forbid(unsafe_code)]

use std::sync::atomic::Ordering;

use super::lookup::Offer;
use super::sharing::{count, keeps};
use super::{Mode, SessionCache, residence};
use crate::handle::Session;
use crate::rules::{AddingAgain, Callbacks, UpdateTime};
use crate::store::shared::Event;
use crate::store::{Evicted, Key, Outcome, Placed};
use crate::types::RemoveSessionCallback;

impl SessionCache {
    /// Adds a session, taking a reference (contract A1-A3). True if it is new here or takes the place of another
    /// object of the same version and id, which leaves silently; false if that very object was here, which is then
    /// re-sorted by its expiry.
    ///
    /// The mode does not matter, but for UPDATE_TIME: then the session's time becomes `now`.
    pub fn add(&self, session: &Session, now: i64) -> bool {
        residence::take_place(session);
        let _busy = self.start_sharing();
        let is_new = self.keep(&Self::key_of(session), session, now);
        self.share_added(session);
        self.expire_shared(now);
        is_new
    }

    /// Adds what the application's own cache has given. What may be used once is about to be, and has no record.
    pub(super) fn add_found(&self, session: &Session, offer: &Offer) {
        if offer.once {
            self.keep(&Self::key_of(session), session, offer.now);
        } else {
            self.add(session, offer.now);
        }
    }

    /// Adds a session, whose key this is, to what is alive in this process.
    pub(super) fn keep(&self, key: &Key, session: &Session, now: i64) -> bool {
        if self.mode().has(Mode::UPDATE_TIME) {
            self.update_time(session, now);
        }
        // Before it is in, lest a change to it in between is not heard of.
        residence::remember(self);
        // Read before the reference is counted: so the processor waits for all lines of the session at once.
        let expiry = self.expiry(session);
        let inserted = self.store.insert(key, session.clone(), expiry, self.size());
        Self::assert_unlocked();
        self.watch();
        let is_new = !matches!(inserted.outcome, Outcome::AlreadyThere(_));
        keeps(i64::from(inserted.outcome == Outcome::Added) - inserted.evicted.len() as i64);
        // What was replaced is freed first, as in OpenSSL; the evicted still count then.
        self.start_leaving(inserted.evicted.len());
        count(Event::Evicted, inserted.evicted.len() as u64);
        drop(inserted.outcome);
        match self.rules.evicted {
            Callbacks::EachAsRemoved => self.evict_each(inserted.evicted),
            Callbacks::AfterAllReversed => self.evict_all(inserted.evicted),
        }
        is_new
    }

    /// Sets the time of a session that is being added. If it is cached here, it does not move where adding again does not
    /// move it: what the order says of it is then too early, which a flush sets right.
    fn update_time(&self, session: &Session, now: i64) {
        match (self.rules.update_time, self.rules.adding_again) {
            (UpdateTime::Unknown, _) => {}
            (UpdateTime::Known, AddingAgain::Moves) => residence::set_time(session, now),
            (UpdateTime::Known, AddingAgain::Stays) => session.set_time(now),
        }
    }

    /// Lets evicted sessions go that still count as cached: each is marked, told of, freed and counted, then the next.
    fn evict_each(&self, evicted: Evicted<Session>) {
        for session in evicted {
            self.leave(&session);
            drop(session);
            self.counters.cache_full.increment();
        }
    }

    /// Lets evicted sessions go that still count as cached: all are marked and counted, then each is told of and freed, the
    /// last first.
    fn evict_all(&self, evicted: Evicted<Session>) {
        self.stop_leaving(evicted.len());
        for session in evicted.iter() {
            session.mark_not_resumable(self.context);
            self.counters.cache_full.increment();
        }
        for session in evicted.into_iter().rev() {
            self.tell(session);
        }
    }

    /// Tells the application of a session that is no longer here, and frees it.
    pub(super) fn tell(&self, session: Session) {
        Self::assert_unlocked();
        self.callbacks.remove_session(self.context, &session);
    }

    /// Marks a session that has left the store and tells the application.
    pub(super) fn leave(&self, session: &Session) {
        Self::assert_unlocked();
        self.stop_leaving(1);
        session.mark_not_resumable(self.context);
        self.callbacks.remove_session(self.context, session);
    }

    /// Removes whatever session stands here under the version and id of `session`, marks `session`, and tells the
    /// application of `session`, also when nothing was here (contract A5, A6; semantics 4.1). Whether something was.
    pub fn remove(&self, session: &Session, now: i64, is_by_libssl: impl FnOnce() -> bool) -> bool {
        if session.id().is_empty() {
            return false;
        }
        // Asked before the search, so that the processor waits for all lines of the session at once.
        let is_marked = !session.is_resumable();
        let key = Self::key_of(session);
        let resident = self.take(&key);
        count(Event::Removed, u64::from(resident.is_some()));
        let was_here = self.unshare_removed(session, &key, now, is_by_libssl) || resident.is_some();
        Self::assert_unlocked();
        if self.lends.load(Ordering::Relaxed) {
            // libssl's own table may have it: its removal marks, and calls our hook, which tells the application.
            let was_lent = self.context.remove_lent(session);
            self.forget_why_removed();
            return was_lent || was_here;
        }
        self.forget_why_removed();
        if !is_marked {
            session.mark_not_resumable(self.context);
        }
        self.callbacks.remove_session(self.context, session);
        was_here
    }

    /// libssl removed a session by itself, and has marked it: takes it out here and tells the application.
    pub fn removed_by_libssl(&self, session: &Session, now: i64) {
        if self.context.is_watch(session) {
            return;
        }
        let key = Self::key_of(session);
        let resident = self.take(&key);
        count(Event::Removed, u64::from(resident.is_some()));
        self.unshare_removed_by_libssl(session, &key, now);
        self.forget_why_removed();
        Self::assert_unlocked();
        self.callbacks.remove_session(self.context, session);
        drop(resident);
    }

    /// Takes the session under a key out of this process.
    pub(super) fn take(&self, key: &Key) -> Option<Session> {
        let resident = self.store.take(key);
        keeps(-i64::from(resident.is_some()));
        resident
    }

    /// Puts a session that is cached under `from` under `to` and at its expiry of now; whether it is cached here.
    pub(super) fn place(&self, from: &Key, to: &Key, session: &Session) -> bool {
        let placed = self.store.place(from, to, session, self.expiry(session));
        keeps(-i64::from(matches!(placed, Placed::Moved(Some(_)))));
        Self::assert_unlocked();
        !matches!(placed, Placed::NotHere)
    }

    /// SSL_CTX_sess_set_remove_cb
    pub fn set_remove_callback(&self, callback: Option<RemoveSessionCallback>) {
        self.callbacks.remove.set(callback);
        self.watch();
    }

    /// Once a callback wants to be told of sessions that leave, the context must tell when it goes.
    pub(super) fn watch(&self) {
        let wanted = self.callbacks.remove.get().is_some() && !self.store.is_empty();
        if wanted && !self.watching.swap(true, Ordering::AcqRel) && !self.context.watch::<SessionCache>() {
            self.watching.store(false, Ordering::Relaxed);
        }
    }
}
