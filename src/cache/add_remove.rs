//! Adding and removing: SSL_CTX_add_session(3), and eviction (semantics 4.1).

#![forbid(unsafe_code)]

use super::lookup::Offer;
use super::sharing::{Live, count, show_sessions};
use super::{Mode, SessionCache, owners};
use crate::handle::Session;
use crate::rules::{AddingAgain, Callbacks, UpdateTime};
use crate::types::RemoveSessionCallback;
use sslsession_store::memory::Eviction;
use sslsession_store::shared::Event;
use sslsession_store::time::UnixTime;
use sslsession_store::{Evicted, Key, Outcome, Repositioned};

impl SessionCache {
    /// Adds a session and increments its reference count (contract A1-A3). Returns true if it was
    /// inserted or replaced another object of the same version and id, which is freed without a
    /// callback. Returns false if this object was cached already; its expiry order is updated.
    ///
    /// Of the mode only UPDATE_TIME matters: with it the session's time becomes `now`.
    pub fn add(&self, session: &Session, now: UnixTime) -> bool {
        owners::replace_original(session);
        let live = Live::insert(self, session, now);
        let is_new = live.is_new();
        live.publish_added();
        self.expire_shared(now);
        is_new
    }

    /// Adds a session that the application's get callback returned. One for single use is about to
    /// be used, and gets no record.
    pub(super) fn add_found(&self, session: &Session, offer: &Offer) {
        if offer.once {
            self.insert_live(&Self::key_of(session), session, offer.now);
        } else {
            self.add(session, offer.now);
        }
    }

    /// Inserts a session under its key into the live sessions of this process.
    pub(super) fn insert_live(&self, key: &Key, session: &Session, now: UnixTime) -> bool {
        if self.mode().has(Mode::UPDATE_TIME) {
            self.update_time(session, now);
        }
        // Before the insertion, so that no change to the session is missed in between.
        owners::remember(self);
        // Read before the reference count is incremented: the processor fetches all cache lines of
        // the session at once.
        let expiry = self.expiry(session);
        let limit = self.limit();
        self.note_insertion();
        let inserted = match limit.is_front {
            // Those that were decoded lately are as young as those that were made lately.
            true => self.store.insert_and_evict(key, session.clone(), expiry, limit.size, Eviction::OldestFirst),
            false => self.store.insert(key, session.clone(), expiry, limit.size),
        };
        Self::assert_unlocked();
        self.arm_sentinel();
        let is_new = !matches!(inserted.outcome, Outcome::AlreadyThere(_));
        show_sessions();
        if limit.is_front {
            return is_new;
        }
        // The replaced object is freed first, as in OpenSSL; the evicted ones still count as cached
        // then.
        self.pending_removals.begin(inserted.evicted.len());
        count(Event::Evicted, inserted.evicted.len() as u64);
        drop(inserted.outcome);
        match self.rules.evicted {
            Callbacks::EachAsRemoved => self.evict_each(inserted.evicted),
            Callbacks::AfterAllReversed => self.evict_all(inserted.evicted),
        }
        is_new
    }

    /// Sets the time of a session that is being added. If it is cached and adding again does not
    /// move it, its position in the order is too early from then on; a flush corrects that.
    fn update_time(&self, session: &Session, now: UnixTime) {
        match (self.rules.update_time, self.rules.memory.adding_again) {
            (UpdateTime::Unknown, _) => {}
            (UpdateTime::Known, AddingAgain::Moves) => owners::set_time(session, now),
            (UpdateTime::Known, AddingAgain::Stays) => session.set_time(now),
        }
    }

    /// Evicts sessions one by one: marks each, calls the remove callback, frees it and counts it.
    fn evict_each(&self, evicted: Evicted<Session>) {
        for session in evicted {
            self.mark_and_notify(&session);
            drop(session);
            self.counters.cache_full.increment();
        }
    }

    /// Evicts sessions together: marks and counts all, then calls the remove callback for each, the
    /// last first, and frees it.
    fn evict_all(&self, evicted: Evicted<Session>) {
        self.pending_removals.end(evicted.len());
        for session in evicted.iter() {
            session.mark_not_resumable(self.context);
            self.counters.cache_full.increment();
        }
        for session in evicted.into_iter().rev() {
            self.notify(session);
        }
    }

    /// Calls the remove callback for a session that is not cached any more, and frees it.
    pub(super) fn notify(&self, session: Session) {
        Self::assert_unlocked();
        self.callbacks.remove_session(self.context, &session);
    }

    /// Marks a removed session as not resumable and calls the remove callback.
    pub(super) fn mark_and_notify(&self, session: &Session) {
        Self::assert_unlocked();
        self.pending_removals.end(1);
        session.mark_not_resumable(self.context);
        self.callbacks.remove_session(self.context, session);
    }

    /// Removes the session of `session`'s version and id, marks `session` as not resumable and
    /// calls the remove callback with `session`, also if nothing was cached (contract A5, A6;
    /// semantics 4.1). Returns true if something was removed.
    pub fn remove(&self, session: &Session, now: UnixTime, is_by_libssl: impl FnOnce() -> bool) -> bool {
        if session.id().is_empty() {
            return false;
        }
        // Read before the search: the processor fetches all cache lines of the session at once.
        let is_marked = !session.is_resumable();
        let key = Self::key_of(session);
        let resident = self.take(&key);
        count(Event::Removed, u64::from(resident.is_some()));
        let was_here = self.withdraw_removed(session, &key, now, is_by_libssl) || resident.is_some();
        Self::assert_unlocked();
        // libssl's own table may hold a stand-in: its removal marks, and calls our hook, which calls the
        // callback.
        let had_stand_in = self.own_table.remove(self.context, session);
        self.forget_why_removed();
        if let Some(had_stand_in) = had_stand_in {
            return had_stand_in || was_here;
        }
        if !is_marked {
            session.mark_not_resumable(self.context);
        }
        self.callbacks.remove_session(self.context, session);
        was_here
    }

    /// Removes a session that libssl itself removed and marked, and calls the remove callback.
    pub fn on_remove_session(&self, session: &Session, now: UnixTime) {
        if self.context.is_sentinel(session) {
            return;
        }
        let key = Self::key_of(session);
        let resident = self.take(&key);
        count(Event::Removed, u64::from(resident.is_some()));
        self.withdraw_removed_by_libssl(session, &key, now);
        self.forget_why_removed();
        Self::assert_unlocked();
        self.callbacks.remove_session(self.context, session);
        drop(resident);
    }

    /// Removes the session under a key from this process and returns it.
    pub(super) fn take(&self, key: &Key) -> Option<Session> {
        let resident = self.store.take(key);
        show_sessions();
        resident
    }

    /// Moves a session from key `from` to key `to`, at its current expiry. Returns true if it is
    /// cached here.
    pub(super) fn reposition(&self, from: &Key, to: &Key, session: &Session) -> bool {
        let repositioned = self.store.reposition(from, to, session, self.expiry(session));
        show_sessions();
        Self::assert_unlocked();
        !matches!(repositioned, Repositioned::NotHere)
    }

    /// Sets the callback that is called when a session is removed from the cache.
    pub fn set_remove_callback(&self, callback: Option<RemoveSessionCallback>) {
        self.callbacks.remove.set(callback);
        self.arm_sentinel();
    }

    /// Arms the sentinel once there are a remove callback and a session, so that the context's end
    /// is noticed.
    pub(super) fn arm_sentinel(&self) {
        let wanted = self.callbacks.remove.get().is_some() && !self.store.is_empty();
        if wanted {
            self.own_table.arm_sentinel(self.context);
        }
    }
}
