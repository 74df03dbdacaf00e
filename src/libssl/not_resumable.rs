//! Marks sessions as not resumable.
//!
//! A session that a cache removes is marked, so that a connection that still holds it does not offer it again. The
//! only public function that marks is SSL_CTX_remove_session. It marks any session, also one that the context does
//! not hold. So it is called on private contexts, which hold nothing, and not on the application's, whose lock every
//! handshake acquires. There are a few, so that none of them becomes such a lock.
//!
//! A fork must not find another thread inside one of them, or the child would wait for that thread for ever. So each
//! is under a mutex, which the forking thread holds. And the child must not have to make one, since another thread
//! may have been anywhere inside libcrypto: it uses the existing ones.

use std::cell::Cell;
use std::ffi::c_uint;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Functions, Libssl, error, known, stand_in};
use crate::types::*;
use sslsession_store::threads::Patience;

const CONTEXTS: usize = 8;

/// Index of the context that is made first: with the first session stored, so that a forked child has it.
const FIRST: usize = 0;

/// A context of our own, once it has been made.
#[derive(Default)]
enum Private {
    #[default]
    NotMade,
    Made(NonNull<SSL_CTX>),
    /// No context can be made: the default library context has no provider.
    Refused,
}

// SAFETY: contexts may be used from any thread.
unsafe impl Send for Private {}

/// One libssl's private contexts. The locks are std's, single words that the forking thread holds: parking_lot's wait
/// in a table of the process, which a fork may leave locked.
#[derive(Default)]
pub struct State([Mutex<Private>; CONTEXTS]);

/// True if this process was forked from one with several threads. It then avoids making a private context.
static FORKED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// True while this thread marks a session through an application's context, whose remove hook is called.
    static MARKING: Cell<bool> = const { Cell::new(false) };
}

/// Returns true while this thread marks a session: libssl calls our remove hook then, and nothing was removed.
pub fn is_marking() -> bool {
    MARKING.try_with(Cell::get).unwrap_or(false)
}

impl State {
    fn lock(&self, place: usize) -> MutexGuard<'_, Private> {
        self.0[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acquires the locks of all private contexts for a fork, until the guard is dropped.
    pub fn hold(&self, patience: &mut Patience) -> ForkGuard<'_> {
        ForkGuard { _contexts: self.0.each_ref().map(|context| patience.lock(context)) }
    }
}

/// Guards of all private contexts of a libssl, with no thread inside.
pub struct ForkGuard<'a> {
    _contexts: [Option<MutexGuard<'a, Private>>; CONTEXTS],
}

impl Libssl {
    /// Marks a session as not resumable.
    ///
    /// Except for incrementing a reference count, only here is libssl called under a lock of the library's: it calls
    /// nothing back, and frees nothing.
    ///
    /// # Safety
    /// `session` must be a live SSL_SESSION of this libssl, and `at_hand` a live SSL_CTX of it that does not hold it.
    pub unsafe fn mark_not_resumable(&'static self, session: *mut SSL_SESSION, at_hand: *mut SSL_CTX) {
        let mut length: c_uint = 0;
        // SAFETY: a live session, by the caller's promise.
        unsafe { (self.functions.SSL_SESSION_get_id)(session, &mut length) };
        if length == 0 {
            // SAFETY: as this function's.
            return unsafe { self.mark_without_id(session) };
        }
        let place = if FORKED.load(Ordering::Relaxed) { FIRST } else { this_threads_place() };
        let mut private = self.marker.lock(place);
        if let Some(ctx) = private.context(self) {
            // SAFETY: a live session, by the caller's promise, and a context of our own.
            unsafe { (self.functions.SSL_CTX_remove_session)(ctx.as_ptr(), session) };
            return;
        }
        drop(private);
        // SAFETY: as this function's.
        unsafe { self.mark_through(at_hand, session) };
    }

    /// Marks a session through a context of the application's: if the default library context has no provider, as in
    /// a program that works in its own OSSL_LIB_CTX, no private context can be made.
    ///
    /// # Safety
    /// As `mark_not_resumable`.
    #[cold]
    unsafe fn mark_through(&self, ctx: *mut SSL_CTX, session: *mut SSL_SESSION) {
        let before = MARKING.try_with(|marking| marking.replace(true));
        // SAFETY: live objects, by the caller's promise.
        unsafe { (self.functions.SSL_CTX_remove_session)(ctx, session) };
        if let Ok(before) = before {
            let _ = MARKING.try_with(|marking| marking.set(before));
        }
    }

    /// Marks a session without an id, which SSL_CTX_remove_session does not touch, by a flush. Always in one context:
    /// a session's links allow one table at a time. Without a private context it is not marked: such a session can be
    /// resumed only as a client's, and offers a ticket that its server can judge.
    ///
    /// # Safety
    /// `session` must be a live SSL_SESSION of this libssl, to which the caller has a reference.
    unsafe fn mark_without_id(&'static self, session: *mut SSL_SESSION) {
        let mut private = self.marker.lock(FIRST);
        if let Some(ctx) = private.context(self) {
            // SAFETY: live objects. The flush releases the reference that the table took, which is not the last.
            unsafe {
                stand_in::add(&self.functions, ctx.as_ptr(), session);
                (self.functions.SSL_CTX_flush_sessions_ex)(ctx.as_ptr(), 0);
            }
        }
    }

    /// Makes the first private context.
    pub fn prepare_to_mark(&'static self) {
        self.marker.lock(FIRST).context(self);
    }
}

impl Private {
    fn context(&mut self, libssl: &'static Libssl) -> Option<NonNull<SSL_CTX>> {
        if let Private::NotMade = self {
            let functions = &libssl.functions;
            let make = || error::unnoted(functions, || make_private(functions));
            *self = known::on_behalf_of(libssl, make).map_or(Private::Refused, Private::Made);
        }
        match *self {
            Private::Made(ctx) => Some(ctx),
            _ => None,
        }
    }
}

/// Makes a context in the default library context, by functions of the libssl's own: the call bypasses the exported
/// SSL_CTX_new_ex, and no cache is attached.
pub(super) fn make_private(functions: &Functions) -> Option<NonNull<SSL_CTX>> {
    // SAFETY: no library context, no properties, a method of the same libssl.
    NonNull::new(unsafe {
        let method = (functions.TLS_method)();
        match functions.SSL_CTX_new_ex {
            Some(new_ex) => new_ex(ptr::null_mut(), ptr::null(), method),
            None => (functions.SSL_CTX_new)(method),
        }
    })
}

/// Returns this thread's context: threads take them in turn; one whose locals are destroyed takes the first.
fn this_threads_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(FIRST);
    thread_local! {
        static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    let place = PLACE.try_with(|place| match place.get() {
        Some(taken) => taken,
        None => {
            let taken = NEXT.fetch_add(1, Ordering::Relaxed) % CONTEXTS;
            place.set(Some(taken));
            taken
        }
    });
    place.unwrap_or(FIRST)
}

/// Notes the fork, in the child of a process that had several threads.
pub fn forked() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Returns true in the child of a process that had several threads.
pub(super) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}
