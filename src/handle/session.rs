//! SSL_SESSION: an owned reference.

use std::ffi::{c_int, c_uchar, c_uint};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use super::{Context, dispatch};
use crate::libssl::der::{self, Encoded};
use crate::types::*;
use crate::{libssl, standalone};
use sslsession_store::secret;
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;

/// A reference to a session. Cloning increments the reference count; dropping decrements it, which
/// may free the session and run the application's ex_data callbacks: never drop one under a lock.
#[derive(Debug)]
#[repr(transparent)]
pub struct Session(NonNull<SSL_SESSION>);

// SAFETY: sessions are counted atomically and shared between threads by design.
unsafe impl Send for Session {}
// SAFETY: what a shared reference can call is what OpenSSL allows from several threads.
unsafe impl Sync for Session {}

impl Session {
    /// Adopts the caller's reference; None for NULL.
    ///
    /// # Safety
    /// `session` must be NULL or a live session, with a reference to give away.
    pub unsafe fn adopt(session: *mut SSL_SESSION) -> Option<Session> {
        NonNull::new(session).map(Session)
    }

    /// Increments the reference count; None for NULL.
    ///
    /// # Safety
    /// `session` must be NULL or a live session.
    pub unsafe fn up_ref(session: *mut SSL_SESSION) -> Option<Session> {
        // SAFETY: by the caller's promise.
        unsafe { Session::borrow(session) }.map(|borrowed| borrowed.clone())
    }

    /// Borrows the caller's reference; None for NULL.
    ///
    /// # Safety
    /// `session` must be NULL or a live session, and live for `'a`.
    pub unsafe fn borrow<'a>(session: *mut SSL_SESSION) -> Option<Borrowed<'a>> {
        NonNull::new(session).map(|session| Borrowed(ManuallyDrop::new(Session(session)), PhantomData))
    }

    /// Passes the reference to C.
    pub fn into_raw(self) -> *mut SSL_SESSION {
        ManuallyDrop::new(self).as_ptr()
    }

    /// Returns the object's address.
    pub fn as_ptr(&self) -> *mut SSL_SESSION {
        self.0.as_ptr()
    }

    /// Returns the session id; empty if it has none.
    pub fn id(&self) -> &[u8] {
        let mut length: c_uint = 0;
        // SAFETY: a live session; its id stays in place as long as it lives.
        unsafe {
            let id = dispatch::SSL_SESSION_get_id(self.as_ptr(), &mut length);
            bytes_at(id, length)
        }
    }

    /// Sets the session id. Returns false if it is too long.
    pub fn set_id(&self, id: &[u8]) -> bool {
        // SAFETY: a live session and a slice.
        unsafe { dispatch::SSL_SESSION_set1_id(self.as_ptr(), id.as_ptr(), id.len() as c_uint) == 1 }
    }

    /// Returns the session id context.
    pub fn id_context(&self) -> &[u8] {
        let mut length: c_uint = 0;
        // SAFETY: a live session; its id context stays in place as long as it lives.
        unsafe {
            let context = dispatch::SSL_SESSION_get0_id_context(self.as_ptr(), &mut length);
            bytes_at(context, length)
        }
    }

    /// Sets the session id context. Returns false if it is too long.
    pub fn set_id_context(&self, context: &[u8]) -> bool {
        // SAFETY: a live session and a slice.
        unsafe { dispatch::SSL_SESSION_set1_id_context(self.as_ptr(), context.as_ptr(), context.len() as c_uint) == 1 }
    }

    /// Returns the protocol version; [`ProtocolVersion::NONE`] if none was set.
    pub fn version(&self) -> ProtocolVersion {
        // SAFETY: a live session.
        ProtocolVersion(unsafe { dispatch::SSL_SESSION_get_protocol_version(self.as_ptr()) })
    }

    /// Returns the time when the session was made.
    pub fn time(&self) -> UnixTime {
        // SAFETY: a live session.
        UnixTime(unsafe { dispatch::SSL_SESSION_get_time_ex(self.as_ptr()) })
    }

    /// Sets the time when the session was made.
    pub fn set_time(&self, time: UnixTime) {
        // SAFETY: a live session.
        unsafe { dispatch::SSL_SESSION_set_time_ex(self.as_ptr(), time.0) };
    }

    /// Returns the timeout.
    pub fn timeout(&self) -> Seconds {
        // SAFETY: a live session.
        Seconds(unsafe { dispatch::SSL_SESSION_get_timeout(self.as_ptr()) })
    }

    /// Sets the timeout. Returns false if it is negative.
    pub fn set_timeout(&self, timeout: Seconds) -> bool {
        // SAFETY: a live session.
        unsafe { dispatch::SSL_SESSION_set_timeout(self.as_ptr(), timeout.0) == 1 }
    }

    /// Returns true if the session is not marked and has an id or a ticket to be resumed by.
    pub fn is_resumable(&self) -> bool {
        // SAFETY: a live session.
        unsafe { dispatch::SSL_SESSION_is_resumable(self.as_ptr()) == 1 }
    }

    /// Returns a copy that is in no cache; None if no memory is left.
    pub fn copy(&self) -> Option<Session> {
        // SAFETY: a live session; the copy's reference is for us.
        unsafe { Session::adopt(dispatch::SSL_SESSION_dup(self.as_ptr())) }
    }

    /// Returns the encoded session, from which another process can decode it: DER, as
    /// i2d_SSL_SESSION(3) writes it. None alone, or if no memory is left.
    pub fn encode(&self) -> Option<Encoded> {
        let libssl = libssl::of_object(self.as_ptr())?;
        // SAFETY: a live session.
        unsafe { der::of_session(&libssl.functions, self.as_ptr()) }
    }

    /// Decodes a session for `context`; None if the bytes are no session, or if the application has
    /// data of its own at it already.
    pub fn decode(bytes: &[u8], context: Context) -> Option<Session> {
        let functions = &libssl::of_object(context.as_ptr())?.functions;
        // SAFETY: a session made just now, with a reference for us.
        unsafe {
            let session = Session::adopt(der::to_session(functions, bytes))?;
            (!libssl::application_data::is_at_new(functions, session.as_ptr())).then_some(session)
        }
    }

    /// Passes the first 48 bytes of the master secret, or of its equivalent in TLS 1.3, to
    /// `use_it`.
    pub fn with_secret<T>(&self, use_it: impl FnOnce(&[u8]) -> T) -> T {
        let mut secret = [0; 48];
        let length = libssl::of_object(self.as_ptr()).map_or(0, |libssl| {
            // SAFETY: a live session and a place for so many bytes.
            unsafe { (libssl.functions.SSL_SESSION_get_master_key)(self.as_ptr(), secret.as_mut_ptr(), secret.len()) }
        });
        let used = use_it(&secret[..length.min(secret.len())]);
        secret::wipe(&mut secret);
        used
    }

    /// Sets the master secret, or its equivalent in TLS 1.3. Returns false if it is too long, or alone.
    pub fn set_secret(&self, secret: &[u8]) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| {
            // SAFETY: a live session and a slice.
            unsafe { (libssl.functions.SSL_SESSION_set1_master_key)(self.as_ptr(), secret.as_ptr(), secret.len()) == 1 }
        })
    }

    /// Returns the server name of its handshake, if the session has it.
    pub fn server_name(&self) -> Option<Vec<u8>> {
        let libssl = libssl::of_object(self.as_ptr())?;
        // SAFETY: a live session; NULL or a C string that it keeps.
        unsafe { der::of_string((libssl.functions.SSL_SESSION_get0_hostname)(self.as_ptr())) }
    }

    /// Returns true if the application has set data of its own at the session, which its encoding
    /// lacks.
    pub fn has_application_data(&self) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| {
            // SAFETY: a live session.
            unsafe { libssl::application_data::is_at(&libssl.functions, self.as_ptr()) }
        })
    }

    /// Notes that the application sets data of its own under an index.
    pub fn note_application_data(&self, index: c_int) {
        if libssl::owner(self.as_ptr()).is_some() {
            libssl::application_data::is_set_under(index);
        }
    }

    /// Notes that the session has, or has had, a record in the shared store. Returns false if no
    /// memory is left.
    pub fn note_record(&self) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| libssl.note_record(self.as_ptr()))
    }

    /// Returns true if a record was noted.
    pub fn had_record(&self) -> bool {
        libssl::application_data::had_record(self.as_ptr())
    }

    /// Notes that the session is a copy of one in the cache of that address. Returns false if no
    /// memory is left.
    pub fn note_copy(&self, cache: usize) -> bool {
        libssl::of_object(self.as_ptr()).is_some_and(|libssl| libssl.note_copy(self.as_ptr(), cache))
    }

    /// Removes that note. Returns the address; None if the session is no copy.
    pub fn forget_copy(&self) -> Option<usize> {
        libssl::application_data::forget_copy(self.as_ptr())
    }

    /// Marks a session that the cache of `context` has removed: connections that still hold it do
    /// not offer it again.
    pub fn mark_not_resumable(&self, context: Context) {
        match libssl::owner(self.as_ptr()).map(|libssl| &libssl.served) {
            // SAFETY: a live session and a live context of the same libssl.
            Some(Some(libssl)) => unsafe { libssl.mark_not_resumable(self.as_ptr(), context.as_ptr()) },
            Some(None) => {}
            // SAFETY: a live session.
            None => unsafe { standalone::mark_not_resumable(self.as_ptr()) },
        }
    }
}

/// Returns what libssl points to; nothing for NULL, the answer of a libssl that has no such function.
///
/// # Safety
/// `start` must be NULL or readable over `length` bytes for `'a`.
unsafe fn bytes_at<'a>(start: *const c_uchar, length: c_uint) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: by the caller's promise.
    unsafe { std::slice::from_raw_parts(start, length as usize) }
}

impl Clone for Session {
    fn clone(&self) -> Session {
        // SAFETY: a live session. The count cannot overflow before memory does.
        unsafe { dispatch::SSL_SESSION_up_ref(self.as_ptr()) };
        Session(self.0)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: this reference is ours and is released once.
        unsafe { dispatch::SSL_SESSION_free(self.as_ptr()) };
    }
}

/// Equality of the object, not of its content.
impl PartialEq for Session {
    fn eq(&self, other: &Session) -> bool {
        self.0 == other.0
    }
}

impl Eq for Session {}

/// A session whose reference the C caller owns.
pub struct Borrowed<'a>(ManuallyDrop<Session>, PhantomData<&'a SSL_SESSION>);

impl Deref for Borrowed<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}
