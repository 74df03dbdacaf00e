//! SSL_CTX: a context, borrowed from the C caller.

use std::any::Any;
use std::ffi::{CStr, c_int, c_long};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::connection::OP_NO_TICKET;
use super::{Alert, Connection, Session, Statistic, TicketCallbacks, dispatch};
use crate::rules::Rules;
use crate::types::*;
use crate::{libssl, standalone};
use sslsession_store::time::{Seconds, UnixTime};

const CTRL_SET_CACHE_SIZE: c_int = 42;
const CTRL_SET_CACHE_MODE: c_int = 44;

/// The library's callbacks that libssl calls.
pub struct Hooks {
    /// Replaces the application's new_session callback.
    pub new: NewSessionCallback,
    /// Replaces the application's get_session callback.
    pub get: GetSessionCallback,
    /// Replaces the application's remove_session callback.
    pub remove: RemoveSessionCallback,
    /// Replace libssl's own keys for tickets.
    pub tickets: TicketCallbacks,
    /// Makes session ids, where they are to say which host made them.
    pub id: GenerateIdCallback,
}

/// Returns the attached state as its type, which the library's own objects do not know.
pub(super) fn downcast<T: Attachment>(attached: &Arc<dyn Attachment>) -> Option<&T> {
    let attached: &dyn Any = &**attached;
    attached.downcast_ref()
}

/// A context borrowed from the C caller during its call.
#[derive(Clone, Copy)]
pub struct Context<'a>(NonNull<SSL_CTX>, PhantomData<&'a SSL_CTX>);

// SAFETY: contexts are shared between threads by design; only such functions are called through this.
unsafe impl Send for Context<'_> {}
// SAFETY: as for Send.
unsafe impl Sync for Context<'_> {}

impl<'a> Context<'a> {
    /// Borrows the caller's context; None for NULL.
    ///
    /// # Safety
    /// `ctx` must be NULL or a live context, and live for `'a`.
    pub unsafe fn borrow(ctx: *const SSL_CTX) -> Option<Context<'a>> {
        NonNull::new(ctx.cast_mut()).map(|ctx| Context(ctx, PhantomData))
    }

    /// Returns the object's address.
    pub fn as_ptr(self) -> *mut SSL_CTX {
        self.0.as_ptr()
    }

    /// Returns the version string of the context's libssl; None without one.
    pub fn libssl_version(self) -> Option<String> {
        let version = libssl::owner(self.as_ptr())?.symbols.OpenSSL_version?;
        // SAFETY: OPENSSL_VERSION, whose answer is NULL or a string that stays.
        let text = unsafe { version(0) };
        // SAFETY: see above.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }

    /// Returns the same context without a lifetime, for state that is attached to it and freed with
    /// it.
    pub fn for_attachment(self) -> Context<'static> {
        Context(self.0, PhantomData)
    }

    /// Returns the rules of a new context's libssl, or alone those of a cache of the library's.
    /// None if no cache is to be attached.
    pub fn rules(self) -> Option<Rules> {
        match libssl::owner(self.as_ptr()) {
            None => Some(Rules::default()),
            // SAFETY: a live context of this libssl, which no other thread has seen yet.
            Some(libssl) => unsafe { libssl.served.as_ref()?.rules(self.as_ptr()) },
        }
    }

    /// Attaches `state` to a new context. Returns false if it has one, or its libssl is unknown.
    pub fn attach<T: Attachment>(self, state: Arc<T>, hooks: &Hooks) -> bool {
        let Some(libssl) = libssl::owner(self.as_ptr()) else {
            // SAFETY: a live context of our own.
            return unsafe { standalone::attach(self.as_ptr(), state) };
        };
        let Some(libssl) = &libssl.served else { return false };
        // SAFETY: a live context of this libssl, which no other thread has seen yet.
        if !unsafe { libssl.attach(self.as_ptr(), state) } {
            return false;
        }
        // SAFETY: a live context and callbacks of OpenSSL's types.
        unsafe {
            (libssl.functions.SSL_CTX_sess_set_new_cb)(self.as_ptr(), Some(hooks.new));
            (libssl.functions.SSL_CTX_sess_set_get_cb)(self.as_ptr(), Some(hooks.get));
            (libssl.functions.SSL_CTX_sess_set_remove_cb)(self.as_ptr(), Some(hooks.remove));
        }
        self.control(CTRL_SET_CACHE_SIZE, 0);
        true
    }

    /// Sets the callback that makes session ids. The application may set another, or one of a connection's.
    pub fn set_generate_session_id(self, callback: GenerateIdCallback) {
        if let Some(libssl) = libssl::of_object(self.as_ptr())
            && let Some(set) = libssl.functions.SSL_CTX_set_generate_session_id
        {
            // SAFETY: a live context.
            unsafe { set(self.as_ptr(), Some(callback)) };
        }
    }

    /// Returns the attached state.
    pub fn attached<T: Attachment>(self) -> Option<&'a T> {
        match libssl::owner(self.as_ptr()) {
            // SAFETY: a live context.
            Some(libssl) => unsafe { libssl.served.as_ref()?.attached_to_context(self.as_ptr()) },
            // SAFETY: a live context.
            None => unsafe { standalone::attached(self.as_ptr()) }.and_then(downcast),
        }
    }

    /// Sets libssl's own mode.
    pub fn set_own_mode(self, mode: u32) {
        self.control(CTRL_SET_CACHE_MODE, c_long::from(mode));
    }

    /// Returns a counter of libssl's, or alone of the library's handshake.
    pub fn statistic(self, statistic: Statistic) -> c_long {
        self.control(statistic as c_int, 0)
    }

    fn control(self, command: c_int, larg: c_long) -> c_long {
        // SAFETY: a live context; none of the commands takes a pointer.
        unsafe { dispatch::SSL_CTX_ctrl(self.as_ptr(), command, larg, ptr::null_mut()) }
    }

    /// Turns stateless tickets off for connections that are created from now on.
    pub fn turn_tickets_off(self) {
        if let Some(libssl) = libssl::of_object(self.as_ptr()) {
            // SAFETY: a live context.
            unsafe { (libssl.functions.SSL_CTX_set_options)(self.as_ptr(), OP_NO_TICKET) };
        }
    }

    /// Returns true if stateless tickets are off for new connections.
    pub fn has_tickets_off(self) -> bool {
        // SAFETY: a live context.
        libssl::of_object(self.as_ptr())
            .is_some_and(|libssl| unsafe { (libssl.functions.SSL_CTX_get_options)(self.as_ptr()) } & OP_NO_TICKET != 0)
    }

    /// Returns the alert of the calling thread's last error.
    pub fn last_alert(self) -> Option<Alert> {
        libssl::of_object(self.as_ptr()).and_then(|libssl| libssl::error::last_alert(&libssl.functions))
    }

    /// Returns the timeout of its new sessions; 0 for the method's default.
    pub fn timeout(self) -> Seconds {
        // SAFETY: a live context.
        Seconds(unsafe { dispatch::SSL_CTX_get_timeout(self.as_ptr()) })
    }
}

/// Functions for the shared store.
impl Context<'_> {
    /// Returns the address of its certificate, of several the one set last; 0 for none.
    pub fn certificate_address(self) -> usize {
        libssl::of_object(self.as_ptr()).map_or(0, |libssl| {
            // SAFETY: a live context.
            unsafe { (libssl.functions.SSL_CTX_get0_certificate)(self.as_ptr()) }.addr()
        })
    }

    /// Creates a connection of it while `use_it` runs; None alone, or if none can be created.
    pub fn with_connection<T>(self, use_it: impl FnOnce(Connection) -> T) -> Option<T> {
        let libssl = libssl::of_object(self.as_ptr())?;
        // SAFETY: a live context; the connection is freed once, and nobody else has it.
        unsafe {
            let ssl = (libssl.functions.SSL_new)(self.as_ptr());
            let used = Connection::borrow(ssl).map(use_it);
            (libssl.functions.SSL_free)(ssl);
            used
        }
    }
}

/// libssl's own table of sessions, which holds only stand-ins and the sentinel.
impl Context<'_> {
    /// Makes libssl's own removal find a session, once. Returns false alone, or if that failed.
    pub fn insert_stand_in(self, session: &Session) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| {
            // SAFETY: live objects of this libssl.
            unsafe { libssl::stand_in::insert_stand_in(&libssl.functions, self.as_ptr(), session.as_ptr()) }
        })
    }

    /// Removes a session from the table, marks it and runs the remove hook, as libssl does. Returns
    /// true if it was there.
    pub fn remove_stand_in(self, session: &Session) -> bool {
        // SAFETY: live objects.
        unsafe { dispatch::SSL_CTX_remove_session(self.as_ptr(), session.as_ptr()) == 1 }
    }

    /// Removes all sessions from libssl's own table that have expired at `time`; with 0, every session.
    pub fn flush_own_table(self, time: UnixTime) {
        // SAFETY: a live context.
        unsafe { dispatch::SSL_CTX_flush_sessions_ex(self.as_ptr(), time.0) };
    }

    /// Arms the sentinel, which announces the context's end. Returns true if it is armed; the
    /// library's own contexts need none.
    pub fn arm_sentinel<T: Attachment>(self) -> bool {
        libssl::owner(self.as_ptr()).is_none_or(|libssl| {
            // SAFETY: a live context of this libssl.
            libssl.served.as_ref().is_some_and(|libssl| unsafe { libssl.arm_sentinel::<T>(self.as_ptr()) })
        })
    }

    /// Returns true if a session removed from the table is the sentinel.
    pub fn is_sentinel(self, session: &Session) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| libssl.is_sentinel(session.as_ptr()))
    }
}

/// Counters for an embedding TLS stack; for the library's own contexts only.
impl Context<'_> {
    /// Counts one event.
    pub fn count(self, statistic: Statistic) {
        // SAFETY: a live context of our own.
        unsafe { standalone::count(self.as_ptr(), statistic) };
    }
}
