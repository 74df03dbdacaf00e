//! Objects as bytes: the DER that libssl itself reads and writes.

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_void};
use std::ops::Deref;
use std::ptr::{self, NonNull};

use super::{Functions, error};
use crate::types::*;

/// Bytes that libssl wrote into memory of its own, which is wiped and freed when this is dropped.
pub struct Encoded {
    start: NonNull<u8>,
    length: usize,
    free: unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int),
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: as many bytes as libssl wrote there.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        // SAFETY: libssl allocated it, and it is freed once.
        unsafe { (self.free)(self.start.as_ptr().cast(), self.length, ptr::null(), 0) };
    }
}

/// Returns the encoding of a session, with its secrets; None if it has none, or no memory is left.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl.
pub unsafe fn of_session(functions: &Functions, session: *const SSL_SESSION) -> Option<Encoded> {
    // SAFETY: by the caller's promise.
    unsafe { encode(functions, |place| (functions.i2d_SSL_SESSION)(session, place)) }
}

/// Returns the encoding of a certificate; None if no memory is left.
///
/// # Safety
/// `certificate` must be a live X509 of this libssl.
pub unsafe fn of_certificate(functions: &Functions, certificate: *const X509) -> Option<Encoded> {
    // SAFETY: by the caller's promise.
    unsafe { encode(functions, |place| (functions.i2d_X509)(certificate, place)) }
}

/// Returns the encoding of each name in a list; None for a name that has none.
///
/// # Safety
/// `names` must be NULL or a list of this libssl that nobody changes.
pub unsafe fn of_names(functions: &Functions, names: *const stack_st_X509_NAME) -> Vec<Option<Encoded>> {
    // SAFETY: by the caller's promise. OpenSSL counts -1 in no list.
    let number = unsafe { (functions.OPENSSL_sk_num)(names) };
    let name_of = |at| {
        // SAFETY: a name of the list.
        unsafe {
            let name = (functions.OPENSSL_sk_value)(names, at);
            encode(functions, |place| (functions.i2d_X509_NAME)(name, place))
        }
    };
    (0..number).map(name_of).collect()
}

/// Returns the bytes of a C string; None for NULL.
///
/// # Safety
/// `string` must be NULL or a NUL-terminated string.
pub unsafe fn of_string(string: *const c_char) -> Option<Vec<u8>> {
    // SAFETY: by the caller's promise.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) }.to_bytes().to_vec())
}

/// Returns the session decoded from those bytes, with one reference; NULL if they are no session.
///
/// # Safety
/// None but that the functions are a libssl's.
pub unsafe fn to_session(functions: &Functions, bytes: &[u8]) -> *mut SSL_SESSION {
    let Ok(length) = c_long::try_from(bytes.len()) else { return ptr::null_mut() };
    let mut place = bytes.as_ptr();
    // SAFETY: as many bytes as `length` says. An error in them is ours, not the application's.
    error::unnoted(functions, || unsafe { (functions.d2i_SSL_SESSION)(ptr::null_mut(), &mut place, length) })
}

/// Returns the bytes that one of libssl's i2d functions writes into memory that it allocates.
///
/// # Safety
/// `i2d` must return how many bytes it wrote into memory of this libssl's, whose address it put where it was told.
pub(super) unsafe fn encode(functions: &Functions, i2d: impl FnOnce(*mut *mut c_uchar) -> c_int) -> Option<Encoded> {
    let mut place = ptr::null_mut();
    // An i2d function allocates where it finds NULL, and says how many bytes it wrote there.
    let length = error::unnoted(functions, || i2d(&mut place));
    let length = usize::try_from(length).unwrap_or(0);
    let start = NonNull::new(place)?;
    Some(Encoded { start, length, free: functions.CRYPTO_clear_free })
}
