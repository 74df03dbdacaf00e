//! Sessions that change while they are cached.
//!
//! A cached session's place depends on its version and id, and on its time and timeout. Setting one of them moves it
//! to its new place in every cache that holds it. Where it stands is known by what it was stored under: the key of
//! its id before the change, for libssl changes no id of a cached session by itself.
//!
//! Which caches hold a session is not noted at the session: ex_data there would cost more than the whole rest of an
//! entry (two allocations of 48 bytes). Instead the caches that have ever held one are listed here, and asked: each
//! costs a look into its table. A server with a context for each of its thousands of hosts must not pay that for each
//! handshake after which it sets a timeout, as nginx does. So where many are listed, a change of time or timeout ends
//! with the cache that this thread has added a session to last, if the session is there. (In another one that holds it too
//! its place in the order is then that of before. OpenSSL knows one cache of a session.)
//!
//! A connection of several threads may have a copy of the cached session (see sharing/search.rs). To the application it is the
//! cached one, and so it becomes that before the application changes it.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::SessionCache;
use super::sharing::{self, Identity};
use crate::handle::{self, Session};
use crate::store::{Key, Mutex, MutexGuard};

/// Sorted by address.
static CACHES: Mutex<Vec<Weak<SessionCache>>> = Mutex::new(Vec::new());

/// How many caches are listed, readable without the lock: most programs' setters meet none.
static LISTED: AtomicUsize = AtomicUsize::new(0);

/// More are many.
const MAX_SCANNED_CACHES: usize = 16;

thread_local! {
    /// The cache that this thread has added a session to last. It may have gone since.
    static LAST: Cell<*const SessionCache> = const { Cell::new(ptr::null()) };
}

/// The list, locked. Nothing else is locked under it but what a fork takes after it.
pub struct Listed(MutexGuard<'static, Vec<Weak<SessionCache>>>);

fn lock() -> Listed {
    Listed(CACHES.lock())
}

/// Locks the list, if nobody is at it: around a fork.
pub fn try_lock() -> Option<Listed> {
    CACHES.try_lock().map(Listed)
}

impl Listed {
    /// The caches that are listed. Keep them for longer than the lock: the last reference to one takes it again.
    fn caches(&self) -> Vec<Arc<SessionCache>> {
        self.0.iter().filter_map(Weak::upgrade).collect()
    }

    /// Where a cache of that address stands, or where it would.
    fn place(&self, cache: *const SessionCache) -> Result<usize, usize> {
        self.0.binary_search_by(|listed| listed.as_ptr().cmp(&cache))
    }

    fn changed(&self) {
        LISTED.store(self.0.len(), Ordering::Release);
    }
}

/// Lists a cache before its first session is in.
pub(super) fn remember(cache: &SessionCache) {
    if !cache.listed.load(Ordering::Acquire) {
        list(cache);
    }
    if are_many() {
        let _ = LAST.try_with(|last| last.set(cache));
    }
}

fn are_many() -> bool {
    LISTED.load(Ordering::Relaxed) > MAX_SCANNED_CACHES
}

#[cold]
fn list(cache: &SessionCache) {
    handle::prepare_to_mark(cache.context);
    let mut list = lock();
    if let Err(place) = list.place(cache) {
        list.0.insert(place, Weak::clone(&cache.this));
        list.changed();
        cache.listed.store(true, Ordering::Release);
    }
}

/// A cache is going.
pub(super) fn forget(cache: &SessionCache) {
    if cache.listed.load(Ordering::Acquire) {
        let mut list = lock();
        if let Ok(place) = list.place(cache) {
            list.0.remove(place);
            list.changed();
        }
    }
}

/// Makes a change to a session, then moves it in every cache that holds it, if the change succeeded.
pub fn change(session: &Session, change: impl FnOnce() -> bool) -> bool {
    if LISTED.load(Ordering::Acquire) == 0 {
        return change();
    }
    take_place(session);
    let from = places_of(session);
    let before = Identity::of(session);
    let changed = change();
    if changed {
        let to = places_of(session);
        let reposition_in = |cache: &Arc<SessionCache>| reposition(cache, session, &from, &to, before.as_ref());
        let is_done = from.own == to.own && last_added_to().as_ref().is_some_and(reposition_in);
        if !is_done {
            // By its own name, so that the list is not locked for longer: what leaves a cache here ends.
            let caches = lock().caches();
            for cache in &caches {
                reposition_in(cache);
            }
        }
    }
    changed
}

/// The cache that this thread has added a session to last, where many are listed.
fn last_added_to() -> Option<Arc<SessionCache>> {
    if !are_many() {
        return None;
    }
    listed(LAST.try_with(Cell::get).ok()?.addr())
}

/// Puts a copy of a cached session into the place of that, if it is still there.
pub(super) fn take_place(session: &Session) {
    let Some(cache) = session.forget_copy().and_then(listed) else { return };
    let replaced = cache.store.replace(&places_of(session).own, session.clone(), cache.expiry(session));
    SessionCache::assert_unlocked();
    drop(replaced);
}

/// The listed cache of that address.
fn listed(address: usize) -> Option<Arc<SessionCache>> {
    let list = lock();
    list.0[list.place(ptr::without_provenance(address)).ok()?].upgrade()
}

/// The application is setting data of its own at a session, under an index: other processes could not give it back. The caches
/// that hold the session share no more, before the data is there.
pub fn keep_at_home(session: &Session, index: i32) {
    session.note_application_data(index);
    take_place(session);
    if LISTED.load(Ordering::Acquire) == 0 || !sharing::is_wanted() {
        return;
    }
    let key = places_of(session).own;
    let caches = lock().caches();
    for cache in caches.iter().filter(|cache| cache.store.contains(&key)) {
        cache.keep_at_home(session);
    }
}

/// Moves a session in a cache; whether it is there.
fn reposition(cache: &SessionCache, session: &Session, from: &Places, to: &Places, before: Option<&Identity>) -> bool {
    let mut was_here = cache.place(&from.own, &to.own, session);
    if let Some(common) = from.common {
        // Added without an id: until it gets one, the next such of its version takes its place.
        was_here |= cache.place(&common, &to.common.unwrap_or(to.own), session);
    }
    if was_here && let Some(before) = before {
        cache.republish(before, session);
    }
    was_here
}

/// The keys under which a session may stand.
struct Places {
    own: Key,
    common: Option<Key>,
}

/// A session whose id was taken away keeps a place of its own: HAProxy blanks the id of a session for as long as it
/// encodes it, and two of them must not push each other out. One that was added without an id shares its place with all
/// of its version (semantics 4.1).
fn places_of(session: &Session) -> Places {
    let by_id = SessionCache::key_of(session);
    if !session.id().is_empty() {
        return Places { own: by_id, common: None };
    }
    // No protocol version is negative, so no id's key is like this.
    let address = session.as_ptr().addr().to_ne_bytes();
    Places { own: Key::new(-1, &address), common: Some(by_id) }
}

/// SSL_SESSION_set_time(3).
pub fn set_time(session: &Session, time: i64) {
    change(session, || {
        session.set_time(time);
        true
    });
}
