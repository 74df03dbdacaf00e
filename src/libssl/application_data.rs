//! Data at sessions, in their ex_data: the application's own, which no encoding carries, and a note of ours.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use super::Functions;
use super::attachment::CLASS_SSL_SESSION;
use crate::types::*;

/// Up to this index data is looked for in any case: a callback at a session's making may set it without a call that we see.
const ALWAYS_LOOKED_AT: c_int = 8;

/// The highest index under which SSL_SESSION_set_ex_data has been seen to set something.
static HIGHEST: AtomicI32 = AtomicI32::new(-1);

/// The index of our note.
static NOTE: OnceLock<c_int> = OnceLock::new();

/// Notes that the application sets data under an index.
pub fn is_set_under(index: c_int) {
    HIGHEST.fetch_max(index, Ordering::Relaxed);
}

/// Returns true if the application has data at a session.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl.
pub unsafe fn is_at(functions: &Functions, session: *const SSL_SESSION) -> bool {
    let end = ALWAYS_LOOKED_AT.max(HIGHEST.load(Ordering::Relaxed).saturating_add(1));
    let ours = NOTE.get().copied();
    // SAFETY: a live session, by the caller's promise; OpenSSL answers NULL for an index that nobody reserved.
    let has_data = |index| !unsafe { (functions.SSL_SESSION_get_ex_data)(session, index) }.is_null();
    (0..end).any(|index| Some(index) != ours && has_data(index))
}

/// Notes at a session that it has, or has had, a record in the shared store; false if no memory is left.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl, which no other thread has yet.
pub unsafe fn note_record(functions: &Functions, session: *mut SSL_SESSION) -> bool {
    // SAFETY: a callback of OpenSSL's type, which stays loaded (-z nodelete).
    let reserve = || unsafe {
        let dup = Some(not_copied as ExDataDup);
        (functions.CRYPTO_get_ex_new_index)(CLASS_SSL_SESSION, 0, ptr::null_mut(), None, dup, None)
    };
    let index = *NOTE.get_or_init(reserve);
    let note = (&raw const NOTE).cast_mut().cast::<c_void>();
    // SAFETY: a live session, by the caller's promise; the pointer is only compared with NULL.
    index >= 0 && unsafe { (functions.SSL_SESSION_set_ex_data)(session, index, note) } == 1
}

/// Returns true if that was noted.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl.
pub unsafe fn had_record(functions: &Functions, session: *const SSL_SESSION) -> bool {
    // SAFETY: a live session, by the caller's promise.
    NOTE.get().is_some_and(|&index| !unsafe { (functions.SSL_SESSION_get_ex_data)(session, index) }.is_null())
}

/// SSL_SESSION ex_data dup callback: a copy is another session, of another id.
unsafe extern "C" fn not_copied(
    _to: *mut CRYPTO_EX_DATA,
    _from: *const CRYPTO_EX_DATA,
    place: *mut *mut c_void,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL passes the place of the value to set in the copy.
    unsafe { *place = ptr::null_mut() };
    1
}
