//! Sessions that change while they are cached.
//!
//! A cached session's place depends on its version and id, and on its time and timeout. Setting one of them moves it
//! to its new place in every cache that holds it. Where it stands is known by what it was stored under: the key of
//! its id before the change, for libssl changes no id of a cached session by itself.
//!
//! Which caches hold a session is not noted at the session: ex_data there would cost more than the whole rest of an
//! entry (two allocations of 48 bytes). Instead the caches that have ever held one are listed here. They are
//! few, a look into each costs one hash, and these setters are rare.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::SessionCache;
use super::sharing::Identity;
use crate::handle::{self, Session};
use crate::store::Key;

static CACHES: Mutex<Vec<Weak<SessionCache>>> = Mutex::new(Vec::new());

/// How many caches are listed, readable without the lock: most programs' setters meet none.
static LISTED: AtomicUsize = AtomicUsize::new(0);

/// The list, locked. Taken before any store's lock, if both are taken.
pub struct Listed(MutexGuard<'static, Vec<Weak<SessionCache>>>);

/// Locks the list.
pub fn lock() -> Listed {
    Listed(CACHES.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Listed {
    /// The caches that are listed. Keep them for longer than the lock: the last reference to one takes it again.
    pub fn caches(&self) -> Vec<Arc<SessionCache>> {
        self.0.iter().filter_map(Weak::upgrade).collect()
    }

    fn changed(&self) {
        LISTED.store(self.0.len(), Ordering::Release);
    }
}

/// Lists a cache before its first session is in. Whoever finds it listed may store: a fork holds what is listed.
pub(super) fn remember(cache: &SessionCache) {
    if cache.listed.load(Ordering::Acquire) {
        return;
    }
    handle::prepare_to_mark();
    let mut list = lock();
    if !cache.listed.load(Ordering::Relaxed) {
        list.0.push(Weak::clone(&cache.this));
        list.changed();
        cache.listed.store(true, Ordering::Release);
    }
}

/// A cache is going.
pub(super) fn forget(cache: &SessionCache) {
    if cache.listed.load(Ordering::Acquire) {
        let mut list = lock();
        list.0.retain(|listed| !Weak::ptr_eq(listed, &cache.this));
        list.changed();
    }
}

/// Makes a change to a session, then moves it in every cache that holds it, if the change succeeded.
pub fn change(session: &Session, change: impl FnOnce() -> bool) -> bool {
    if LISTED.load(Ordering::Acquire) == 0 {
        return change();
    }
    let from = places_of(session);
    let before = Identity::of(session);
    let changed = change();
    if changed {
        let to = places_of(session);
        let listed = lock().caches();
        for cache in &listed {
            let mut was_here = cache.place(&from.own, &to.own, session);
            if let Some(common) = from.common {
                // Added without an id: until it gets one, the next such of its version takes its place.
                was_here |= cache.place(&common, &to.common.unwrap_or(to.own), session);
            }
            if was_here && let Some(before) = &before {
                cache.share_again(before, session);
            }
        }
    }
    changed
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
