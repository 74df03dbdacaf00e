//! SSL: one connection of a TLS stack that embeds us.
//!
//! ```text
//!   SSL_new ──► before ──(SSLSESSION_lookup / SSL_set_session)──► before, with a session
//!                  └────────────── SSLSESSION_finish ──────────────► open
//!   open ──(SSL_shutdown, SSL_set_shutdown with SSL_SENT_SHUTDOWN)──► shut down
//! ```
//! While open, a session that is released becomes bad (contract S5): the cache removes it.

#![allow(non_snake_case, reason = "OpenSSL's names")]
#![allow(clippy::missing_safety_doc, reason = "each takes live objects, as the C function of its name does")]

use std::ffi::{c_int, c_long, c_uchar, c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering, fence};

use super::context::{self, SSL_CTX_free, SSL_CTX_up_ref};
use super::ex_data::{self, Class, ExData};
use super::id::Id;
use super::session::{SSL_SESSION_free, SSL_SESSION_up_ref};
use crate::types::*;

/// Our own connection object.
struct Connection {
    references: AtomicI32,
    context: *mut SSL_CTX,
    server: AtomicBool,
    version: AtomicI32,
    session: AtomicPtr<SSL_SESSION>,
    reused: AtomicBool,
    started: AtomicBool,
    open: AtomicBool,
    shutdown: AtomicI32,
    id_context: Id,
    ex_data: ExData,
}

impl Connection {
    fn take_side(&self, server: bool) {
        self.server.store(server, Ordering::Relaxed);
        self.shutdown.store(0, Ordering::Relaxed);
    }

    fn has_bad_session(&self) -> bool {
        self.open.load(Ordering::Relaxed) && self.shutdown.load(Ordering::Relaxed) & SSL_SENT_SHUTDOWN == 0
    }

    /// Calls the cache for a session that was not shut down; releases nothing.
    unsafe fn clear_bad_session(&self) {
        let session = self.session.load(Ordering::Relaxed);
        if session.is_null() || !self.has_bad_session() {
            return;
        }
        // SAFETY: the connection holds its context.
        if let Some(state) = unsafe { context::attached(self.context) } {
            // SAFETY: the connection holds its session.
            unsafe { state.on_bad_session(session) };
        }
    }

    /// Adopts the caller's reference to `session`, which may be NULL, and releases the previous one.
    unsafe fn replace_session(&self, session: *mut SSL_SESSION) {
        let before = self.session.swap(session, Ordering::Relaxed);
        // SAFETY: the connection owned a reference to it.
        unsafe { SSL_SESSION_free(before) };
    }
}

/// # Safety
/// `ssl` must be a live connection made by `SSL_new`.
unsafe fn of<'a>(ssl: *const SSL) -> &'a Connection {
    // SAFETY: by the caller's promise.
    unsafe { &*ssl.cast::<Connection>() }
}

/// Makes a connection with one reference, of the side of the context's method and with the context's session id
/// context.
pub unsafe fn SSL_new(ctx: *mut SSL_CTX) -> *mut SSL {
    // SAFETY: the caller passes a live context; the connection takes a reference of its own.
    let context = unsafe {
        SSL_CTX_up_ref(ctx);
        context::of(ctx)
    };
    let connection = Connection {
        references: AtomicI32::new(1),
        context: ctx,
        server: AtomicBool::new(context.is_server()),
        version: AtomicI32::new(TLS1_3_VERSION),
        session: AtomicPtr::new(ptr::null_mut()),
        reused: AtomicBool::new(false),
        started: AtomicBool::new(false),
        open: AtomicBool::new(false),
        shutdown: AtomicI32::new(0),
        id_context: Id::default(),
        ex_data: ExData::new(Class::Connection),
    };
    connection.id_context.copy_from(context.id_context());
    let ssl: *mut SSL = Box::into_raw(Box::new(connection)).cast();
    // SAFETY: made above.
    unsafe { of(ssl).ex_data.made(ssl.cast()) };
    ssl
}

/// Increments the reference count. Returns 1.
pub unsafe fn SSL_up_ref(ssl: *mut SSL) -> c_int {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.references.fetch_add(1, Ordering::Relaxed);
    1
}

/// Releases a reference; the last one removes a session that was not shut down from the cache, and frees.
pub unsafe fn SSL_free(ssl: *mut SSL) {
    if ssl.is_null() {
        return;
    }
    // SAFETY: the caller passes a live connection and gives up its reference.
    let connection = unsafe { of(ssl) };
    if connection.references.fetch_sub(1, Ordering::Release) != 1 {
        return;
    }
    fence(Ordering::Acquire);
    // SAFETY: that was the last reference, so the object is ours alone, with all that it holds.
    unsafe {
        connection.ex_data.going(ssl.cast());
        connection.clear_bad_session();
        connection.replace_session(ptr::null_mut());
        let context = connection.context;
        drop(Box::from_raw(ssl.cast::<Connection>()));
        SSL_CTX_free(context);
    }
}

/// Returns the connection's context, borrowed.
pub unsafe fn SSL_get_SSL_CTX(ssl: *const SSL) -> *mut SSL_CTX {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.context
}

/// Returns 1 for a server's connection.
pub unsafe fn SSL_is_server(ssl: *const SSL) -> c_int {
    // SAFETY: the caller passes a live connection.
    c_int::from(unsafe { of(ssl) }.server.load(Ordering::Relaxed))
}

/// Makes the connection a server's, not shut down.
pub unsafe fn SSL_set_accept_state(ssl: *mut SSL) {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.take_side(true);
}

/// Makes the connection a client's, not shut down.
pub unsafe fn SSL_set_connect_state(ssl: *mut SSL) {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.take_side(false);
}

/// Sets the session to offer, NULL for none, and increments its reference count. Releases the previous one, which is
/// bad if still open.
pub unsafe fn SSL_set_session(ssl: *mut SSL, session: *mut SSL_SESSION) -> c_int {
    // SAFETY: the caller passes a live connection, and a live session or NULL.
    unsafe {
        let connection = of(ssl);
        connection.clear_bad_session();
        if !session.is_null() {
            SSL_SESSION_up_ref(session);
        }
        connection.replace_session(session);
    }
    1
}

/// Returns the connection's session, borrowed; NULL if it has none.
pub unsafe fn SSL_get_session(ssl: *const SSL) -> *mut SSL_SESSION {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.session.load(Ordering::Relaxed)
}

/// Returns the connection's session with a reference for the caller; NULL if it has none.
pub unsafe fn SSL_get1_session(ssl: *mut SSL) -> *mut SSL_SESSION {
    // SAFETY: the caller passes a live connection, which holds its session.
    unsafe {
        let session = SSL_get_session(ssl);
        if !session.is_null() {
            SSL_SESSION_up_ref(session);
        }
        session
    }
}

/// Returns 1 if the connection resumed its session.
pub unsafe fn SSL_session_reused(ssl: *const SSL) -> c_int {
    // SAFETY: the caller passes a live connection.
    c_int::from(unsafe { of(ssl) }.reused.load(Ordering::Relaxed))
}

/// Notes that the close_notify has been sent. Returns 1 if the peer's has been received, 0 if not yet; -1 before the
/// handshake has finished.
pub unsafe fn SSL_shutdown(ssl: *mut SSL) -> c_int {
    // SAFETY: the caller passes a live connection.
    let connection = unsafe { of(ssl) };
    if !connection.open.load(Ordering::Relaxed) {
        return -1;
    }
    let before = connection.shutdown.fetch_or(SSL_SENT_SHUTDOWN, Ordering::Relaxed);
    c_int::from(before & SSL_RECEIVED_SHUTDOWN != 0)
}

/// Sets the shutdown state.
pub unsafe fn SSL_set_shutdown(ssl: *mut SSL, mode: c_int) {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.shutdown.store(mode, Ordering::Relaxed);
}

/// Returns the shutdown state.
pub unsafe fn SSL_get_shutdown(ssl: *const SSL) -> c_int {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.shutdown.load(Ordering::Relaxed)
}

/// Sets the session id context. Returns 0 if it has more than 32 bytes.
pub unsafe fn SSL_set_session_id_context(ssl: *mut SSL, context: *const c_uchar, length: c_uint) -> c_int {
    // SAFETY: the caller passes a live connection and `length` bytes.
    c_int::from(unsafe { of(ssl).id_context.set(context, length) })
}

/// Returns the session id context.
pub unsafe fn id_context<'a>(ssl: *const SSL) -> &'a [u8] {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.id_context.bytes()
}

/// Returns the protocol version: TLS 1.3 until the handshake sets another, as in OpenSSL.
pub unsafe fn SSL_version(ssl: *const SSL) -> c_int {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.version.load(Ordering::Relaxed)
}

/// Notes the version that the handshake negotiates.
pub unsafe fn set_version(ssl: *mut SSL, version: c_int) {
    // SAFETY: the caller passes a live connection.
    unsafe { of(ssl) }.version.store(version, Ordering::Relaxed);
}

/// Notes that a handshake starts. Returns true the first time.
pub unsafe fn start(ssl: *mut SSL) -> bool {
    // SAFETY: the caller passes a live connection.
    !unsafe { of(ssl) }.started.swap(true, Ordering::Relaxed)
}

/// Sets the session that the handshake found, adopting the caller's reference (NULL: none), and notes if it is
/// resumed.
pub unsafe fn negotiate(ssl: *mut SSL, session: *mut SSL_SESSION, reused: bool) {
    // SAFETY: the caller passes a live connection, and a session with a reference to give away, or NULL.
    unsafe {
        of(ssl).replace_session(session);
        of(ssl).reused.store(reused, Ordering::Relaxed);
    }
}

/// Notes that the handshake has finished.
pub unsafe fn open(ssl: *mut SSL) {
    // SAFETY: the caller passes a live connection.
    let connection = unsafe { of(ssl) };
    connection.started.store(false, Ordering::Relaxed);
    connection.open.store(true, Ordering::Relaxed);
}

ex_data::functions! { Class::Connection, SSL: SSL_get_ex_new_index, SSL_set_ex_data, SSL_get_ex_data }
