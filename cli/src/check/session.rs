//! What rust-openssl has no safe functions for.

use std::ffi::{c_int, c_uchar};
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslSession, SslSessionRef};

unsafe extern "C" {
    fn SSL_SESSION_dup(session: *const openssl_sys::SSL_SESSION) -> *mut openssl_sys::SSL_SESSION;
    fn SSL_SESSION_has_ticket(session: *const openssl_sys::SSL_SESSION) -> c_int;
    fn SSL_SESSION_get0_ticket(
        session: *const openssl_sys::SSL_SESSION,
        ticket: *mut *const c_uchar,
        length: *mut usize,
    );
}

/// Returns the length of the ticket that a session came with; None if it came without one.
pub fn ticket_length(session: &SslSessionRef) -> Option<usize> {
    let (mut ticket, mut length) = (ptr::null(), 0);
    // SAFETY: a live session, which both only read, and places for the answers.
    unsafe {
        SSL_SESSION_get0_ticket(session.as_ptr(), &raw mut ticket, &raw mut length);
        (SSL_SESSION_has_ticket(session.as_ptr()) == 1).then_some(length)
    }
}

/// A session, with the context it belongs to.
#[derive(Clone)]
pub struct Offered {
    context: SslContext,
    session: SslSession,
}

impl Offered {
    /// Binds a session to the context of the connection that it came from.
    pub fn new(context: &SslContext, session: SslSession) -> Offered {
        Offered { context: context.clone(), session }
    }

    /// Returns the session.
    pub fn session(&self) -> &SslSessionRef {
        &self.session
    }

    /// Makes a connection that offers the session: a copy, as libssl offers none again that was resumed in TLS 1.3. Some
    /// servers give no other.
    pub fn connection(&self) -> Result<Ssl, ErrorStack> {
        let mut ssl = Ssl::new(&self.context)?;
        // SAFETY: a live session, of which a copy is made that is ours, or NULL; it is of this context, by `new`.
        unsafe {
            let copy = SSL_SESSION_dup(self.session.as_ptr());
            if copy.is_null() {
                return Err(ErrorStack::get());
            }
            ssl.set_session(&SslSession::from_ptr(copy))?;
        }
        Ok(ssl)
    }
}
