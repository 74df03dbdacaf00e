//! Around a fork.
//!
//! The child has one thread. A lock that another thread of the parent held at that moment would stay locked for ever,
//! and what it guarded half changed. So the forking thread takes all of ours first, and both sides let go of them:
//!
//! ```text
//!   prepare   list of caches, then every store's locks, in that order   (as everywhere)
//!   parent    let go
//!   child     let go, and forget the contexts inside whose libssl locks another thread may have been
//! ```

use std::cell::RefCell;
use std::mem;
use std::sync::{Arc, Once};

use crate::cache::Held;
use crate::cache::SessionCache;
use crate::cache::residence::{self, Listed};
use crate::guard::guard;
use crate::handle;

/// Everything that is locked, in the order in which it is let go: a cache whose last reference this was goes last,
/// when the list is free again.
struct Locks {
    _stores: Vec<Held<'static>>,
    _list: Listed,
    _handles: handle::Held,
    caches: Vec<Arc<SessionCache>>,
}

thread_local! {
    static LOCKS: RefCell<Option<Locks>> = const { RefCell::new(None) };
}

/// Asks the C library to call us around every fork; once.
pub fn watch() {
    static WATCHED: Once = Once::new();
    if cfg!(not(miri)) {
        WATCHED.call_once(|| {
            // SAFETY: three functions of the right type, which stay loaded (-z nodelete).
            unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        });
    }
}

unsafe extern "C" fn prepare() {
    guard((), || {
        let list = residence::lock();
        let caches = list.caches();
        let stores = caches.iter().map(hold).collect();
        let locks = Locks { _stores: stores, _list: list, _handles: handle::hold(), caches };
        // A thread whose locals are gone forks without.
        let _ = LOCKS.try_with(|place| place.replace(Some(locks)));
    });
}

fn hold(cache: &Arc<SessionCache>) -> Held<'static> {
    // SAFETY: `Locks` keeps the cache for longer than its locks.
    unsafe { mem::transmute::<Held<'_>, Held<'static>>(cache.hold()) }
}

fn let_go(before: impl FnOnce(&[Arc<SessionCache>])) {
    guard((), || {
        if let Ok(Some(locks)) = LOCKS.try_with(RefCell::take) {
            before(&locks.caches);
        }
    });
}

unsafe extern "C" fn parent() {
    let_go(|_| {});
}

unsafe extern "C" fn child() {
    let_go(|caches| caches.iter().for_each(|cache| cache.forget_leaving()));
    handle::forget_after_fork();
}
