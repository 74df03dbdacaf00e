//! Marks sessions as not resumable.
//!
//! A session that leaves a cache is marked, so that a connection that still holds it does not offer it again. The
//! only public function that marks is SSL_CTX_remove_session. It marks whatever it is given, also when the context
//! does not hold it; so it is called on private contexts, which hold nothing, and not on the application's, whose
//! lock every handshake wants. There are a few, so that they are no such lock either.
//!
//! A fork must not find another thread inside one of them, or the child would wait for that thread for ever. So each is
//! under a mutex, which the forking thread holds. And the child must not have to make one, since another thread may
//! have been anywhere inside libcrypto: it goes on with those that are there.

use std::cell::Cell;
use std::ffi::c_uint;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Functions, lending};
use crate::types::*;

const CONTEXTS: usize = 8;

/// A context of our own, once it has been made.
struct Private(Option<NonNull<SSL_CTX>>);

// SAFETY: contexts may be used from any thread.
unsafe impl Send for Private {}

static PRIVATE: [Mutex<Private>; CONTEXTS] = [const { Mutex::new(Private(None)) }; CONTEXTS];

/// This process was forked from one with several threads, and makes no private context if it can help it.
static FORKED: AtomicBool = AtomicBool::new(false);

fn lock(place: usize) -> MutexGuard<'static, Private> {
    PRIVATE[place].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks a session as not resumable, wherever it is.
///
/// But for counting a reference, here alone is libssl called under a lock of ours: it calls nothing back, and frees nothing.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl.
pub unsafe fn mark_not_resumable(functions: &Functions, session: *mut SSL_SESSION) {
    let mut length: c_uint = 0;
    // SAFETY: a live session, by the caller's promise.
    unsafe { (functions.SSL_SESSION_get_id)(session, &mut length) };
    if length == 0 {
        // SAFETY: as this function's.
        return unsafe { mark_without_id(functions, session) };
    }
    let place = if FORKED.load(Ordering::Relaxed) { FIRST } else { this_threads_place() };
    let mut private = lock(place);
    if let Some(ctx) = private.context(functions) {
        // SAFETY: a live session, by the caller's promise, and a context of our own.
        unsafe { (functions.SSL_CTX_remove_session)(ctx.as_ptr(), session) };
    }
}

/// A session without an id, which SSL_CTX_remove_session does not touch, is marked by a flush. Always in the one
/// context: a session's links allow it one table at a time.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl, to which the caller has a reference.
unsafe fn mark_without_id(functions: &Functions, session: *mut SSL_SESSION) {
    let mut private = lock(FIRST);
    if let Some(ctx) = private.context(functions) {
        // SAFETY: live objects. The flush gives back the reference that the table took, which is not the last.
        unsafe {
            lending::add(functions, ctx.as_ptr(), session);
            (functions.SSL_CTX_flush_sessions_ex)(ctx.as_ptr(), 0);
        }
    }
}

/// The place whose context is made first: with the first session stored, so that a forked child has it.
const FIRST: usize = 0;

/// Makes the first private context.
pub fn prepare(functions: &Functions) {
    lock(FIRST).context(functions);
}

impl Private {
    fn context(&mut self, functions: &Functions) -> Option<NonNull<SSL_CTX>> {
        if self.0.is_none() {
            // SAFETY: default library context, no properties, a method of the same libssl. Called by address, so that
            // it does not pass the SSL_CTX_new_ex that we export, and the context is not attached to.
            let ctx = unsafe { (functions.SSL_CTX_new_ex)(ptr::null_mut(), ptr::null(), (functions.TLS_method)()) };
            self.0 = NonNull::new(ctx);
        }
        self.0
    }
}

/// Threads take places in turn; a thread whose locals are gone takes the first.
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

/// Around a fork: all private contexts, with no thread inside.
pub struct Held {
    _contexts: [MutexGuard<'static, Private>; CONTEXTS],
}

/// Locks all private contexts until the guard goes.
pub fn hold() -> Held {
    Held { _contexts: std::array::from_fn(lock) }
}

/// In the child of a process that had several threads.
pub fn forked() {
    FORKED.store(true, Ordering::Relaxed);
}
