//! The application's session callbacks: their storage, and the only place that calls them.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{Connection, Context, Session, for_libssl, note_session_with};
use crate::catch_panic::{call_out, is_unwinding};
use crate::types::*;

/// The answer of a new_session callback that ends by unwinding. It may have kept its reference: the
/// library does not release it.
const LEFT: c_int = 1;

/// A function pointer or none, set and read without a lock as in OpenSSL.
pub struct Callback<F> {
    function: AtomicPtr<()>,
    of_type: PhantomData<F>,
}

impl<F: Copy> Callback<F> {
    /// Returns no callback.
    pub const fn none() -> Callback<F> {
        Callback { function: AtomicPtr::new(ptr::null_mut()), of_type: PhantomData }
    }

    /// Sets the callback.
    pub fn set(&self, callback: Option<F>) {
        const { assert!(size_of::<Option<F>>() == size_of::<*mut ()>()) };
        // SAFETY: F is a function pointer (`Callbacks` and `ReplacedCallbacks` make no other), so the option is one nullable pointer.
        let function = unsafe { mem::transmute_copy::<Option<F>, *mut ()>(&callback) };
        self.function.store(function, Ordering::Release);
    }

    /// Returns the callback as it was set.
    pub fn get(&self) -> Option<F> {
        let function = self.function.load(Ordering::Acquire);
        // SAFETY: `set` stored an Option<F>, or it is NULL.
        unsafe { mem::transmute_copy::<*mut (), Option<F>>(&function) }
    }

    /// Returns the callback as it was set; None while this thread unwinds from another one.
    fn callable(&self) -> Option<F> {
        self.get().filter(|_| !is_unwinding())
    }
}

/// The three callbacks of one context.
pub struct Callbacks {
    /// SSL_CTX_sess_set_new_cb
    pub new: Callback<NewSessionCallback>,
    /// SSL_CTX_sess_set_get_cb
    pub get: Callback<GetSessionCallback>,
    /// SSL_CTX_sess_set_remove_cb
    pub remove: Callback<RemoveSessionCallback>,
}

impl Callbacks {
    /// Returns callbacks of which none is set.
    pub const fn none() -> Callbacks {
        Callbacks { new: Callback::none(), get: Callback::none(), remove: Callback::none() }
    }

    /// Calls the new_session callback with a new session.
    ///
    /// SSL_CTX_sess_set_get_cb(3): the session's reference count is incremented for the callback.
    /// If it returns 1, it releases that reference later; if 0, the library releases it.
    pub fn new_session(&self, connection: Connection, session: &Session) {
        let Some(callback) = self.new.callable() else { return };
        let reference = session.clone();
        let (ssl, session) = (connection.as_ptr(), reference.as_ptr());
        // SAFETY: live objects, and a callback of this type that the application registered.
        if for_libssl(|| call_out(LEFT, || unsafe { callback(ssl, session) })) != 0 {
            mem::forget(reference);
        }
    }

    /// Calls the get_session callback for the session of that id.
    ///
    /// SSL_CTX_sess_set_get_cb(3): with `copy` still 1 the library increments the reference count;
    /// a callback that sets it to 0 passes on its own reference.
    pub fn get_session(&self, connection: Connection, id: &[u8]) -> Option<Session> {
        let callback = self.get.callable()?;
        let mut copy: c_int = 1;
        let (ssl, place) = (connection.as_ptr(), &raw mut copy);
        // SAFETY: a live connection, a slice of at most 32 bytes, and a place for the answer; what comes back is
        // NULL or a live session.
        unsafe {
            let ask = || callback(ssl, id.as_ptr(), id.len() as c_int, place);
            let session = for_libssl(|| call_out(ptr::null_mut(), ask));
            note_session_with(session, ssl);
            if copy == 0 { Session::adopt(session) } else { Session::up_ref(session) }
        }
    }

    /// Calls the remove_session callback with a removed session, which it borrows:
    /// SSL_CTX_sess_set_get_cb(3), "the session will be freed".
    pub fn remove_session(&self, context: Context, session: &Session) {
        if let Some(callback) = self.remove.callable() {
            let (ctx, session) = (context.as_ptr(), session.as_ptr());
            // SAFETY: live objects, and a callback of this type that the application registered.
            for_libssl(|| call_out((), || unsafe { callback(ctx, session) }));
        }
    }
}
