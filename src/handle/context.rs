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

const CTRL_SET_CACHE_SIZE: c_int = 42;
const CTRL_SET_CACHE_MODE: c_int = 44;

/// The callbacks of ours that libssl calls.
pub struct Hooks {
    /// In the place of the application's new_session callback.
    pub new: NewSessionCallback,
    /// In the place of the application's get_session callback.
    pub get: GetSessionCallback,
    /// In the place of the application's remove_session callback.
    pub remove: RemoveSessionCallback,
    /// In the place of libssl's own keys for tickets.
    pub tickets: TicketCallbacks,
}

/// Our own objects do not know the type of what is attached to them.
pub(super) fn downcast<T: Attachment>(attached: &Arc<dyn Attachment>) -> Option<&T> {
    let attached: &dyn Any = &**attached;
    attached.downcast_ref()
}

/// A context of the C caller, good for the time of its call.
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

    /// The object's address.
    pub fn as_ptr(self) -> *mut SSL_CTX {
        self.0.as_ptr()
    }

    /// Returns what the context's libssl calls itself; None without one.
    pub fn libssl_version(self) -> Option<String> {
        let version = libssl::of_object(self.as_ptr())?.functions.OpenSSL_version?;
        // SAFETY: OPENSSL_VERSION, whose answer is NULL or a string that stays.
        let text = unsafe { version(0) };
        // SAFETY: see above.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }

    /// The same context without a bound on its life, for what is attached to it and goes with it.
    pub fn for_attachment(self) -> Context<'static> {
        Context(self.0, PhantomData)
    }

    /// Returns the rules by which the libssl of a context just made keeps sessions, or alone a cache of ours; None if it is
    /// not to be attached to.
    pub fn rules(self) -> Option<Rules> {
        match libssl::of_object(self.as_ptr()) {
            None => Some(Rules::default()),
            // SAFETY: a live context of this libssl, which no other thread has seen yet.
            Some(libssl) if libssl.attachable => unsafe { libssl.rules(self.as_ptr()) },
            Some(_) => None,
        }
    }

    /// Attaches `state` to a context just made; false if one is attached already, or the libssl is none we know.
    pub fn attach<T: Attachment>(self, state: Arc<T>, hooks: &Hooks) -> bool {
        let Some(libssl) = libssl::of_object(self.as_ptr()) else {
            // SAFETY: a live context of our own.
            return unsafe { standalone::attach(self.as_ptr(), state) };
        };
        // SAFETY: a live context of this libssl, which no other thread has seen yet.
        if !libssl.attachable || !unsafe { libssl.attach(self.as_ptr(), state) } {
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

    /// What is attached to it.
    pub fn attached<T: Attachment>(self) -> Option<&'a T> {
        match libssl::of_object(self.as_ptr()) {
            Some(libssl) if !libssl.attachable => None,
            // SAFETY: a live context.
            Some(libssl) => unsafe { libssl.attached_to_context(self.as_ptr()) },
            // SAFETY: a live context.
            None => unsafe { standalone::attached(self.as_ptr()) }.and_then(downcast),
        }
    }

    /// Sets the mode that libssl itself works by.
    pub fn set_own_mode(self, mode: u32) {
        self.control(CTRL_SET_CACHE_MODE, c_long::from(mode));
    }

    /// What libssl, or alone our handshake, has counted.
    pub fn statistic(self, statistic: Statistic) -> c_long {
        self.control(statistic as c_int, 0)
    }

    fn control(self, command: c_int, larg: c_long) -> c_long {
        // SAFETY: a live context; none of the commands takes a pointer.
        unsafe { dispatch::SSL_CTX_ctrl(self.as_ptr(), command, larg, ptr::null_mut()) }
    }

    /// Turns stateless tickets off, for connections that are made from now on.
    pub fn turn_tickets_off(self) {
        if let Some(libssl) = libssl::of_object(self.as_ptr()) {
            // SAFETY: a live context.
            unsafe { (libssl.functions.SSL_CTX_set_options)(self.as_ptr(), OP_NO_TICKET) };
        }
    }

    /// Returns true if stateless tickets are off for the connections that are made.
    pub fn has_tickets_off(self) -> bool {
        // SAFETY: a live context.
        libssl::of_object(self.as_ptr())
            .is_some_and(|libssl| unsafe { (libssl.functions.SSL_CTX_get_options)(self.as_ptr()) } & OP_NO_TICKET != 0)
    }

    /// Returns the alert that the calling thread's last error goes with.
    pub fn last_alert(self) -> Option<Alert> {
        libssl::of_object(self.as_ptr()).and_then(|libssl| libssl::error::last_alert(&libssl.functions))
    }

    /// The timeout that its new sessions get, in seconds; 0 for the method's default.
    pub fn timeout(self) -> i64 {
        // SAFETY: a live context.
        unsafe { dispatch::SSL_CTX_get_timeout(self.as_ptr()) }
    }
}

/// What a shared store has to know of it.
impl Context<'_> {
    /// Returns the address of its certificate, of several the one that was set last; 0 for none.
    pub fn certificate_address(self) -> usize {
        libssl::of_object(self.as_ptr()).map_or(0, |libssl| {
            // SAFETY: a live context.
            unsafe { (libssl.functions.SSL_CTX_get0_certificate)(self.as_ptr()) }.addr()
        })
    }

    /// Makes a connection of it for as long as `use_it` runs; None alone, or if none can be made.
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

/// libssl's own table of sessions, which holds only what we put there.
impl Context<'_> {
    /// Lets libssl's own removal find a session, once; false alone, or if that failed.
    pub fn insert_stand_in(self, session: &Session) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| {
            // SAFETY: live objects of this libssl.
            unsafe { libssl::stand_in::insert_stand_in(&libssl.functions, self.as_ptr(), session.as_ptr()) }
        })
    }

    /// Removes a session from the table, marks it and runs our remove hook, as libssl does itself; whether it was there.
    pub fn remove_stand_in(self, session: &Session) -> bool {
        // SAFETY: live objects.
        unsafe { dispatch::SSL_CTX_remove_session(self.as_ptr(), session.as_ptr()) == 1 }
    }

    /// Empties the table of what is over at `time`, 0 for of everything.
    pub fn flush_own_table(self, time: i64) {
        // SAFETY: a live context.
        unsafe { dispatch::SSL_CTX_flush_sessions(self.as_ptr(), time) };
    }

    /// Asks to be told when the context goes: true if it will be. Our own contexts always tell.
    pub fn arm_sentinel<T: Attachment>(self) -> bool {
        libssl::of_object(self.as_ptr()).is_none_or(|libssl| {
            // SAFETY: a live context of this libssl.
            unsafe { libssl.arm_sentinel::<T>(self.as_ptr()) }
        })
    }

    /// Whether a session that left the table is only there to tell when the context goes.
    pub fn is_sentinel(self, session: &Session) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| libssl.is_sentinel(session.as_ptr()))
    }
}

/// What is counted when a TLS stack embeds us; for our own contexts only.
impl Context<'_> {
    /// Counts one event.
    pub fn count(self, statistic: Statistic) {
        // SAFETY: a live context of our own.
        unsafe { standalone::count(self.as_ptr(), statistic) };
    }
}
