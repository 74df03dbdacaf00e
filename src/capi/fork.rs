//! Around a fork.
//!
//! The child has one thread. A lock that another thread of the parent held at the fork would stay locked for ever, and
//! its data half changed. So the forking thread closes the gate of the stores and acquires the other locks; parent and
//! child release them. Readers of a store need no care: they change nothing, and the child does not count them.
//!
//! ```text
//!   prepare   one thread: nothing. Else: list of caches, gate, private contexts, other locks of objects
//!   parent    release
//!   child     begin a new era, release; make nothing in libssl that could wait for a thread that is not here
//! ```
//! No context is visited, for there may be thousands.
//!
//! **Signal handlers** may fork, and the interrupted thread may hold such a lock: it would wait for itself. The child
//! of a process with one thread continues as its parent does, so nothing is acquired. With several threads a lock that
//! is held for longer than any thread works under it counts as this thread's own, and the fork continues without it.

use std::cell::RefCell;
use std::sync::Once;

use crate::cache::gate::{self, Closed};
use crate::cache::owners::{self, Listed};
use crate::cache::{self, TicketKeysForkGuard, era};
use crate::catch_panic::catch_panic;
use crate::handle;
use sslsession_store::threads::{self, Patience};

/// Guards of all locks.
struct Locks {
    gate: Closed,
    _list: Option<Listed>,
    _handles: handle::ForkGuard,
    _ticket_keys: Option<TicketKeysForkGuard>,
}

thread_local! {
    /// None in a process of one thread.
    static LOCKS: RefCell<Option<Locks>> = const { RefCell::new(None) };
}

/// Registers the fork handlers with the C library, once.
pub fn watch() {
    static WATCHED: Once = Once::new();
    if cfg!(not(miri)) {
        WATCHED.call_once(|| {
            threads::watch();
            // SAFETY: three functions of the right type, which stay loaded (-z nodelete).
            unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        });
    }
}

unsafe extern "C" fn prepare() {
    if threads::is_alone_for_certain() {
        return;
    }
    catch_panic((), || {
        let mut patience = Patience::default();
        let list = patience.until(owners::try_lock);
        let gate = gate::close(&mut patience);
        let _handles = handle::hold(&mut patience);
        let locks = Locks { gate, _list: list, _handles, _ticket_keys: patience.until(cache::try_hold_ticket_keys) };
        // A thread whose locals are destroyed forks without.
        let _ = LOCKS.try_with(|place| place.replace(Some(locks)));
    });
}

fn taken() -> Option<Locks> {
    LOCKS.try_with(RefCell::take).ok().flatten()
}

unsafe extern "C" fn parent() {
    catch_panic((), || drop(taken()));
}

unsafe extern "C" fn child() {
    catch_panic((), || {
        cache::forget_remote_thread();
        if let Some(locks) = taken() {
            era::forked();
            handle::forked();
            locks.gate.open_in_child();
        } else if LOCKS.try_with(|_| ()).is_err() {
            era::forked();
            handle::forked();
        }
        cache::keep_ticket_keys_in_memory();
    });
}
