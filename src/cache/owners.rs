//! Sessions that change while they are cached.
//!
//! A cached session's position depends on its version and id, and on its time and timeout. Setting
//! one of them moves the session in every cache that holds it. The cache finds it by the key of its
//! id before the change: libssl changes no id of a cached session by itself.
//!
//! The caches that hold a session are not noted at the session: ex_data there would cost more than
//! the rest of an entry (two allocations of 48 bytes). Instead all caches that ever held a session
//! are listed here, and each is searched: one lookup in its table. A server with a context for each
//! of its thousands of hosts must not pay that for each handshake after which it sets a timeout, as
//! nginx does. So above MAX_SCANNED_CACHES a change of time or timeout ends with the cache that
//! this thread last added to, if the session is there. (Another cache that holds the session keeps
//! its old position in the order. OpenSSL knows one cache of a session.)
//!
//! A connection of several threads may have a copy of the cached session (see sharing/search.rs).
//! To the application the copy is the cached session, so it replaces that one before the
//! application changes it.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::SessionCache;
use super::sharing::{self, Identity};
use crate::handle::{self, Session};
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Key, LeafMutex, LeafMutexGuard};

/// All caches that ever held a session, sorted by address.
static CACHES: LeafMutex<Vec<Weak<SessionCache>>> = LeafMutex::new(Vec::new());

/// Number of listed caches, readable without the lock: in most programs it is 0.
static LISTED: AtomicUsize = AtomicUsize::new(0);

/// Above this many caches, a change of time updates only the cache this thread last added to.
const MAX_SCANNED_CACHES: usize = 16;

thread_local! {
    /// The cache that this thread last added a session to. It may be freed by now.
    static LAST: Cell<*const SessionCache> = const { Cell::new(ptr::null()) };
}

/// The locked list. Under its lock only a fork acquires other locks.
pub struct Listed(LeafMutexGuard<'static, Vec<Weak<SessionCache>>>);

fn lock() -> Listed {
    Listed(CACHES.lock())
}

/// Acquires the list's lock around a fork; None if another thread holds it.
pub fn try_lock() -> Option<Listed> {
    CACHES.try_lock().map(Listed)
}

impl Listed {
    /// Returns the listed caches. Keep them for longer than the lock: dropping the last reference
    /// acquires it again.
    fn caches(&self) -> Vec<Arc<SessionCache>> {
        self.0.iter().filter_map(Weak::upgrade).collect()
    }

    /// Returns a cache's position in the list, or where it would be inserted.
    fn position(&self, cache: *const SessionCache) -> Result<usize, usize> {
        self.0.binary_search_by(|listed| listed.as_ptr().cmp(&cache))
    }

    fn changed(&self) {
        LISTED.store(self.0.len(), Ordering::Release);
    }
}

/// Lists a cache before its first insertion.
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
    if let Err(position) = list.position(cache) {
        list.0.insert(position, Weak::clone(&cache.this));
        list.changed();
        cache.listed.store(true, Ordering::Release);
    }
}

/// Removes a cache from the list as it is freed.
pub(super) fn forget(cache: &SessionCache) {
    if cache.listed.load(Ordering::Acquire) {
        let mut list = lock();
        if let Ok(position) = list.position(cache) {
            list.0.remove(position);
            list.changed();
        }
    }
}

/// Changes a session and, if that succeeded, repositions it in every cache that holds it.
pub fn change(session: &Session, change: impl FnOnce() -> bool) -> bool {
    if LISTED.load(Ordering::Acquire) == 0 {
        return change();
    }
    replace_original(session);
    let from = keys_of(session);
    let before = Identity::of(session);
    let changed = change();
    if changed {
        let to = keys_of(session);
        let reposition_in = |cache: &Arc<SessionCache>| reposition(cache, session, &from, &to, before.as_ref());
        let is_done = from.own == to.own && last_added_to().as_ref().is_some_and(reposition_in);
        if !is_done {
            // Copied, so that the list is locked no longer: a cache whose last reference is dropped
            // here is freed.
            let caches = lock().caches();
            for cache in &caches {
                reposition_in(cache);
            }
        }
    }
    changed
}

/// Returns the cache that this thread last added a session to, if many are listed.
fn last_added_to() -> Option<Arc<SessionCache>> {
    if !are_many() {
        return None;
    }
    listed(LAST.try_with(Cell::get).ok()?.addr())
}

/// Replaces a cached session by its copy, if the session is still cached.
#[inline]
pub(super) fn replace_original(session: &Session) {
    if let Some(cache) = session.forget_copy() {
        replace_original_in(cache, session);
    }
}

fn replace_original_in(cache: usize, session: &Session) {
    let Some(cache) = listed(cache) else { return };
    let replaced = cache.store.replace(&keys_of(session).own, session.clone(), cache.expiry(session));
    SessionCache::assert_unlocked();
    drop(replaced);
}

/// Returns the listed cache of that address.
fn listed(address: usize) -> Option<Arc<SessionCache>> {
    let list = lock();
    list.0[list.position(ptr::without_provenance(address)).ok()?].upgrade()
}

/// Notes that the application sets data of its own at a session, under an index: other processes
/// could not restore that data. The caches that hold the session stop sharing before the data is
/// set.
pub fn keep_private(session: &Session, index: i32) {
    session.note_application_data(index);
    replace_original(session);
    if LISTED.load(Ordering::Acquire) == 0 || !sharing::is_wanted() {
        return;
    }
    let key = keys_of(session).own;
    let caches = lock().caches();
    for cache in caches.iter().filter(|cache| cache.store.contains(&key) || cache.has_record_of(session)) {
        cache.keep_private(session);
    }
}

/// Moves a session to its new key and expiry in a cache. Returns true if it is cached there.
fn reposition(cache: &SessionCache, session: &Session, from: &Keys, to: &Keys, before: Option<&Identity>) -> bool {
    let mut was_here = cache.reposition(&from.own, &to.own, session);
    if let Some(common) = from.common {
        // A session added without an id: until it gets one, the next such of its version replaces
        // it.
        was_here |= cache.reposition(&common, &to.common.unwrap_or(to.own), session);
    }
    match before {
        Some(before) if was_here => cache.republish(before, session),
        Some(before) if from.own == to.own => cache.bring_forward(before, session),
        _ => {}
    }
    was_here
}

/// The keys under which a session may be cached.
struct Keys {
    own: Key,
    common: Option<Key>,
}

/// Returns a session's keys. A session whose id was blanked has a key by its address: HAProxy
/// blanks the id while it encodes a session, and two such must not replace each other. A session
/// that was added without an id shares its key with all such of its version (semantics 4.1).
fn keys_of(session: &Session) -> Keys {
    let by_id = SessionCache::key_of(session);
    if !session.id().is_empty() {
        return Keys { own: by_id, common: None };
    }
    // No protocol version is negative, so no id's key equals this one.
    let address = session.as_ptr().addr().to_ne_bytes();
    Keys { own: Key::new(ProtocolVersion(-1), &address), common: Some(by_id) }
}

/// Sets a session's time, as SSL_SESSION_set_time(3).
pub fn set_time(session: &Session, time: UnixTime) {
    change(session, || {
        session.set_time(time);
        true
    });
}
