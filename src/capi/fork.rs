//! Around a fork.
//!
//! The child has one thread. A lock that another thread of the parent held at that moment would stay locked for ever,
//! and what it guarded half changed. So the forking thread takes all of ours first, and both sides let go of them. Only
//! who reads in a store's buckets is let be: it changes nothing, and the child does not count it.
//!
//! ```text
//!   prepare   list of caches, every store's locks, private contexts, what else is kept of objects
//!   parent    let go
//!   child     forget who was reading, let go; if there were other threads, make nothing inside libssl that could wait
//!             for one of them
//! ```

use std::cell::RefCell;
use std::ffi::c_char;
use std::mem;
use std::sync::{Arc, Once};

use crate::cache::residence::{self, Listed};
use crate::cache::{self, Held, SessionCache};
use crate::guard::guard;
use crate::handle;

/// Everything that is locked, in the order in which it is let go: a cache whose last reference this was goes last,
/// when the list is free again.
struct Locks {
    _stores: Vec<Held<'static>>,
    _list: Listed,
    _handles: handle::Held,
    ticket_keys: cache::HeldTicketKeys,
    caches: Vec<Arc<SessionCache>>,
    had_threads: bool,
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
        let locks = Locks {
            _stores: stores,
            _list: list,
            _handles: handle::hold(),
            ticket_keys: cache::hold_ticket_keys(),
            caches,
            had_threads: has_threads(),
        };
        // A thread whose locals are gone forks without.
        let _ = LOCKS.try_with(|place| place.replace(Some(locks)));
    });
}

fn hold(cache: &Arc<SessionCache>) -> Held<'static> {
    // SAFETY: `Locks` keeps the cache for longer than its locks.
    unsafe { mem::transmute::<Held<'_>, Held<'static>>(cache.hold()) }
}

/// Whether the process has, or has had, other threads. glibc says so since 2.32; where it does not, there may be some.
fn has_threads() -> bool {
    // SAFETY: a NUL-terminated name.
    let single = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) };
    // SAFETY: the C library's variable of that name is a char.
    unsafe { single.cast::<c_char>().as_ref() }.is_none_or(|&single| single == 0)
}

/// Runs `before` with what is locked, then lets go of it.
fn let_go(before: impl FnOnce(&Locks)) {
    guard((), || {
        if let Ok(Some(locks)) = LOCKS.try_with(RefCell::take) {
            before(&locks);
        }
    });
}

unsafe extern "C" fn parent() {
    let_go(|_| {});
}

unsafe extern "C" fn child() {
    cache::forked();
    let_go(|locks| {
        locks.caches.iter().for_each(|cache| cache.forget_leaving());
        locks.ticket_keys.forked();
        if locks.had_threads {
            handle::forked();
        }
    });
}
