//! Data at sessions: the application's, in their ex_data, which no encoding has; and the library's notes, by address.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use once_cell::race::OnceBox;

use super::address_map::AddressMap;
use super::ex_data::CLASS_SSL_SESSION;
use super::{Functions, Libssl};
use crate::catch_panic::catch_panic;
use crate::types::*;

/// Up to this index data is always looked for: a callback may set it as a session is made, without a call that we
/// see.
const ALWAYS_LOOKED_AT: c_int = 8;

/// The same for a session that was just decoded.
const LOOKED_AT_ONCE: c_int = 64;

/// The highest index under which SSL_SESSION_set_ex_data has been seen to set something.
static HIGHEST: AtomicI32 = AtomicI32::new(-1);

/// The sessions that have, or have had, a record in the shared store and may be used once.
static RECORDS: AddressMap = AddressMap::new();

/// The copies of cached sessions that connections have, each with the address of its cache.
static COPIES: AddressMap = AddressMap::new();

/// One libssl's callback for the end of such sessions; reserved with the first, since it costs a little at every session.
#[derive(Default)]
pub struct State {
    is_reserved: OnceBox<bool>,
}

/// Notes that the application sets data under an index.
pub fn is_set_under(index: c_int) {
    HIGHEST.fetch_max(index, Ordering::Relaxed);
}

/// Returns true if the application has data at a session.
///
/// # Safety
/// `session` must be a live SSL_SESSION of this libssl.
pub unsafe fn is_at(functions: &Functions, session: *const SSL_SESSION) -> bool {
    // SAFETY: by the caller's promise.
    unsafe { is_below(ALWAYS_LOOKED_AT.max(HIGHEST.load(Ordering::Relaxed).saturating_add(1)), functions, session) }
}

/// Returns true if the application has data at a session that was just decoded, by a callback of its own.
///
/// # Safety
/// As for [`is_at`].
pub unsafe fn is_at_new(functions: &Functions, session: *const SSL_SESSION) -> bool {
    // SAFETY: by the caller's promise.
    unsafe { is_below(LOOKED_AT_ONCE, functions, session) }
}

/// # Safety
/// As for [`is_at`].
unsafe fn is_below(end: c_int, functions: &Functions, session: *const SSL_SESSION) -> bool {
    // SAFETY: a live session, by the caller's promise; OpenSSL answers NULL for an index that nobody reserved.
    let has_data = |index| !unsafe { (functions.SSL_SESSION_get_ex_data)(session, index) }.is_null();
    (0..end).any(has_data)
}

impl Libssl {
    /// Notes that a session has, or has had, a record in the shared store. Returns false if no memory is left. Its
    /// copies have none.
    pub fn note_record(&'static self, session: *const SSL_SESSION) -> bool {
        self.hears_of_ends() && RECORDS.insert(session.addr(), 1)
    }

    /// Notes that a session is a copy of one in the cache of that address. Returns false if no memory is left.
    pub fn note_copy(&'static self, session: *const SSL_SESSION, cache: usize) -> bool {
        self.hears_of_ends() && COPIES.insert(session.addr(), cache)
    }

    /// Returns true if a callback announces the end of sessions.
    fn hears_of_ends(&'static self) -> bool {
        let reserve = || {
            let free = Some(session_freed as ExDataFree);
            // SAFETY: the callback has OpenSSL's type and lives for ever (-z nodelete).
            unsafe { (self.functions.CRYPTO_get_ex_new_index)(CLASS_SSL_SESSION, 0, ptr::null_mut(), None, None, free) }
        };
        *self.application_data.is_reserved.get_or_init(|| Box::new(reserve() >= 0))
    }
}

/// Returns true if a record was noted of a session.
pub fn had_record(session: *const SSL_SESSION) -> bool {
    RECORDS.get(session.addr()).is_some()
}

/// Removes the note that a session is a copy. Returns the address of its cache; None if it was not noted.
#[inline]
pub fn forget_copy(session: *const SSL_SESSION) -> Option<usize> {
    COPIES.remove(session.addr())
}

/// SSL_SESSION ex_data free callback; OpenSSL calls it for every session.
unsafe extern "C-unwind" fn session_freed(
    session: *mut c_void,
    _value: *mut c_void,
    _ex_data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    catch_panic((), || {
        RECORDS.remove(session.addr());
        COPIES.remove(session.addr());
    });
}
