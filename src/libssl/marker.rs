//! Marks sessions as not resumable.
//!
//! A session that leaves a cache is marked, so that a connection that still holds it does not offer it again. The
//! only public function that marks is SSL_CTX_remove_session. It marks whatever it is given, also when the context
//! does not hold it; so it is called on private contexts, which hold nothing, and not on the application's, whose
//! lock every handshake wants. There are a few, so that they are no such lock either.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::Functions;
use crate::types::*;

const CONTEXTS: usize = 8;

static PRIVATE: [AtomicPtr<SSL_CTX>; CONTEXTS] = [const { AtomicPtr::new(ptr::null_mut()) }; CONTEXTS];

/// Marks a session as not resumable, wherever it is. One without an id cannot be marked, nor be found by it.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl.
pub unsafe fn mark_not_resumable(functions: &Functions, session: *mut SSL_SESSION) {
    let ctx = private_context(functions);
    if !ctx.is_null() {
        // SAFETY: a live session, by the caller's promise, and a context of our own.
        unsafe { (functions.SSL_CTX_remove_session)(ctx, session) };
    }
}

fn private_context(functions: &Functions) -> *mut SSL_CTX {
    let place = &PRIVATE[this_threads_place()];
    let ctx = place.load(Ordering::Acquire);
    if !ctx.is_null() {
        return ctx;
    }
    // SAFETY: default library context, no properties, a method of the same libssl. Called by address, so that it
    // does not pass the SSL_CTX_new_ex that we export, and the context is not attached to.
    let made = unsafe { (functions.SSL_CTX_new_ex)(ptr::null_mut(), ptr::null(), (functions.TLS_method)()) };
    match place.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        Err(first) => {
            // SAFETY: made above, seen by nobody else.
            unsafe { (functions.SSL_CTX_free)(made) };
            first
        }
    }
}

/// Threads take places in turn; a thread whose locals are gone takes the first.
fn this_threads_place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
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
    place.unwrap_or(0)
}

/// In the child of a fork: another thread may have held a private context's lock, so new ones are made when needed.
pub fn forget_after_fork() {
    for place in &PRIVATE {
        place.store(ptr::null_mut(), Ordering::Release);
    }
}
