//! SSL: a connection, borrowed from the C caller.

use std::ffi::{c_int, c_uint};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::context::downcast;
use super::{Context, Session, dispatch};
use crate::types::*;
use crate::{libssl, standalone};
use sslsession_store::version::ProtocolVersion;

/// SSL_OP_NO_TICKET: no stateless tickets.
pub(super) const OP_NO_TICKET: u64 = 1 << 14;
/// SSL_OP_NO_ANTI_REPLAY: early data may be replayed.
const OP_NO_ANTI_REPLAY: u64 = 1 << 24;
/// OSSL_QUIC1_VERSION: SSL_version's result for a QUIC connection, since OpenSSL 3.2.
const QUIC: ProtocolVersion = ProtocolVersion(1);
/// The version whose sessions are tickets.
pub const TLS1_3: ProtocolVersion = ProtocolVersion(TLS1_3_VERSION);
/// TLSEXT_NAMETYPE_host_name.
const NAME_TYPE_HOST: c_int = 0;
/// TLSEXT_TYPE_server_name.
const EXTENSION_SERVER_NAME: c_uint = 0;

/// A connection borrowed from the C caller during its call.
#[derive(Clone, Copy)]
pub struct Connection<'a>(NonNull<SSL>, PhantomData<&'a SSL>);

impl<'a> Connection<'a> {
    /// Borrows the caller's connection; None for NULL.
    ///
    /// # Safety
    /// `ssl` must be NULL or a live connection, and live for `'a`.
    pub unsafe fn borrow(ssl: *const SSL) -> Option<Connection<'a>> {
        NonNull::new(ssl.cast_mut()).map(|ssl| Connection(ssl, PhantomData))
    }

    /// Returns the object's address.
    pub fn as_ptr(self) -> *mut SSL {
        self.0.as_ptr()
    }

    /// Returns the state attached to the context it was created with, whose cache serves it.
    pub fn attached<T: Attachment>(self) -> Option<&'a T> {
        match libssl::owner(self.as_ptr()) {
            // SAFETY: a live connection.
            Some(libssl) => unsafe { libssl.served.as_ref()?.attached_to_connection(self.as_ptr()) },
            // SAFETY: a live connection.
            None => unsafe { standalone::attached(dispatch::SSL_get_SSL_CTX(self.as_ptr())) }.and_then(downcast),
        }
    }

    /// Returns true if its ex_data is freed after its session, so that SSL_free has to read the
    /// session before.
    pub fn is_freed_late(self) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| libssl.context_comes_late())
    }

    /// Returns true on the server side.
    pub fn is_server(self) -> bool {
        // SAFETY: a live connection.
        unsafe { dispatch::SSL_is_server(self.as_ptr()) != 0 }
    }

    /// Returns the current protocol version.
    pub fn version(self) -> ProtocolVersion {
        // SAFETY: a live connection.
        ProtocolVersion(unsafe { dispatch::SSL_version(self.as_ptr()) })
    }

    /// Returns the protocol version of its sessions: for QUIC that of the TLS handshake. Nothing
    /// more is read from a QUIC connection in a handshake: SSL_get_options and SSL_set_options wait
    /// for a lock that libssl holds there.
    pub fn session_version(self) -> ProtocolVersion {
        match self.version() {
            QUIC => TLS1_3,
            version => version,
        }
    }

    /// Returns true for a server of TLS 1.3: its sessions are tickets.
    pub fn is_tls13_server(self) -> bool {
        self.version() == TLS1_3 && self.is_server()
    }

    /// Returns true if a TLS 1.3 ticket may be used once only: early data, protected against replay
    /// (semantics 4.6).
    pub fn takes_sessions_once(self) -> bool {
        self.is_tls13_server() && self.protects_early_data()
    }

    /// Returns true if this server's TLS 1.3 tickets are ids that are looked up, and not the
    /// session itself. Alone they always are: an embedding stack that makes its own tickets has no
    /// use for a cache.
    pub fn has_stateful_tickets(self) -> bool {
        super::stands_alone() || self.options() & OP_NO_TICKET != 0 || self.protects_early_data()
    }

    /// Returns true if a TLS 1.3 server takes each session once only.
    pub fn protects_early_data(self) -> bool {
        // SAFETY: a live connection.
        let max_early_data = unsafe { dispatch::SSL_get_max_early_data(self.as_ptr()) };
        max_early_data > 0 && self.options() & OP_NO_ANTI_REPLAY == 0
    }

    fn options(self) -> u64 {
        // SAFETY: a live connection.
        unsafe { dispatch::SSL_get_options(self.as_ptr()) }
    }

    /// Returns true if its handshake has begun.
    pub fn has_begun(self) -> bool {
        // SAFETY: a live connection.
        libssl::of_object(self.as_ptr())
            .is_some_and(|libssl| unsafe { (libssl.functions.SSL_in_before)(self.as_ptr()) == 0 })
    }

    /// Turns stateless tickets off, except for a QUIC connection.
    pub fn turn_tickets_off(self) {
        if self.version() != QUIC
            && let Some(libssl) = libssl::of_object(self.as_ptr())
        {
            // SAFETY: a live connection.
            unsafe { (libssl.functions.SSL_set_options)(self.as_ptr(), OP_NO_TICKET) };
        }
    }

    /// Turns stateless tickets on again.
    pub fn turn_tickets_on(self) {
        if self.version() != QUIC
            && let Some(libssl) = libssl::of_object(self.as_ptr())
        {
            // SAFETY: a live connection.
            unsafe { (libssl.functions.SSL_clear_options)(self.as_ptr(), OP_NO_TICKET) };
        }
    }

    /// Returns the server name that the client sent, once libssl has read it.
    pub fn server_name(self) -> Option<Vec<u8>> {
        let libssl = libssl::of_object(self.as_ptr())?;
        // SAFETY: a live connection; NULL or a C string that it keeps.
        unsafe { libssl::der::of_string((libssl.functions.SSL_get_servername)(self.as_ptr(), NAME_TYPE_HOST)) }
    }

    /// Returns the server name in the ClientHello, which libssl has not read yet when it looks a
    /// session up.
    pub fn server_name_offered(self) -> Option<Vec<u8>> {
        let libssl = libssl::of_object(self.as_ptr())?;
        let (mut start, mut length) = (ptr::null(), 0);
        let get = libssl.functions.SSL_client_hello_get0_ext;
        // SAFETY: a live connection, whose ClientHello stays while libssl waits for our answer.
        let extension = unsafe {
            if get(self.as_ptr(), EXTENSION_SERVER_NAME, &mut start, &mut length) != 1 || start.is_null() {
                return None;
            }
            std::slice::from_raw_parts(start, length)
        };
        // RFC 6066: a list, with one name in it as libssl accepts it: its type, its length, itself.
        match extension {
            [_, _, 0, _, _, name @ ..] => Some(name.to_vec()),
            _ => None,
        }
    }

    /// Returns the context that it has now; None alone.
    pub fn context(self) -> Option<Context<'a>> {
        libssl::owner(self.as_ptr())?;
        // SAFETY: a live connection, which holds its context.
        unsafe { Context::borrow(dispatch::SSL_get_SSL_CTX(self.as_ptr())) }
    }

    /// Returns true if its session was resumed.
    pub fn is_resumed(self) -> bool {
        // SAFETY: a live connection.
        unsafe { dispatch::SSL_session_reused(self.as_ptr()) == 1 }
    }

    /// Returns true if it still has the context that it was created with.
    pub fn is_of(self, context: Context) -> bool {
        // SAFETY: a live connection.
        (unsafe { dispatch::SSL_get_SSL_CTX(self.as_ptr()) }) == context.as_ptr()
    }

    /// Returns the session of a connection that ends without a shutdown: libssl takes the session
    /// for bad, and is about to remove it (semantics 4.7, ssl_clear_bad_session).
    pub fn session_breaking_off(self) -> Option<Session> {
        let libssl = libssl::of_object(self.as_ptr())?;
        // SAFETY: a live connection. One of QUIC's streams has no session, and libssl notes that as an error.
        libssl::error::unnoted(&libssl.functions, || unsafe {
            let shut_down = (libssl.functions.SSL_get_shutdown)(self.as_ptr()) & SSL_SENT_SHUTDOWN != 0;
            let is_open = (libssl.functions.SSL_in_init)(self.as_ptr()) == 0
                && (libssl.functions.SSL_in_before)(self.as_ptr()) == 0;
            if shut_down || !is_open { None } else { self.session() }
        })
    }

    /// Returns its current session.
    pub fn session(self) -> Option<Session> {
        // SAFETY: a live connection; the reference is taken for us.
        unsafe { Session::adopt(dispatch::SSL_get1_session(self.as_ptr())) }
    }
}

/// Functions for an embedding TLS stack's handshakes; for the library's own connections only.
impl Connection<'_> {
    /// Returns the session id context.
    pub fn id_context(&self) -> &[u8] {
        // SAFETY: a live connection of our own.
        unsafe { standalone::id_context(self.as_ptr()) }
    }

    /// Notes the version that the handshake negotiates.
    pub fn set_version(&self, version: ProtocolVersion) {
        // SAFETY: a live connection of our own.
        unsafe { standalone::set_version(self.as_ptr(), version.0) };
    }

    /// Notes that a handshake starts. Returns true the first time.
    pub fn start(&self) -> bool {
        // SAFETY: a live connection of our own.
        unsafe { standalone::start(self.as_ptr()) }
    }

    /// Sets or removes the connection's session, and notes if it is resumed.
    pub fn negotiate(&self, session: Option<Session>, reused: bool) {
        let session = session.map_or(ptr::null_mut(), Session::into_raw);
        // SAFETY: a live connection of our own, and a reference to give away.
        unsafe { standalone::negotiate(self.as_ptr(), session, reused) };
    }

    /// Notes that the handshake has finished.
    pub fn open(&self) {
        // SAFETY: a live connection of our own.
        unsafe { standalone::open(self.as_ptr()) };
    }
}
