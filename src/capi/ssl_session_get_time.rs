//! SSL_SESSION_get_time(3).

use std::ffi::c_long;

use super::on_session;
use crate::cache::owners;
use crate::catch_panic::catch_panic;
use crate::handle::{Session, dispatch};
use crate::types::SSL_SESSION;
use sslsession_store::time::{Seconds, UnixTime};

/// SSL_SESSION_get_time returns the time when the session `s` was made, in seconds since 1970; 0 for NULL. OpenSSL
/// deprecates it since 3.4 for SSL_SESSION_get_time_ex, and an OpenSSL 4 may be built without it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_get_time(s: *const SSL_SESSION) -> c_long {
    if s.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_SESSION_get_time_ex(s) })
}
symver!(SSL_SESSION_get_time, "SSLSESSION_0");

/// SSL_SESSION_set_time sets that time, and is deprecated likewise. Returns `tm`; 0 for NULL. The position of a cached
/// session is updated in every cache that holds it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_set_time(s: *mut SSL_SESSION, tm: c_long) -> c_long {
    on_session(s, || {
        // SAFETY: C caller.
        let Some(session) = (unsafe { Session::borrow(s) }) else { return 0 };
        owners::set_time(&session, UnixTime(tm));
        tm
    })
}
symver!(
    SSL_SESSION_set_time(s: *mut SSL_SESSION, tm: c_long) -> c_long,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_SESSION_set_time_ex is SSL_SESSION_set_time for a time_t, as OpenSSL has it since 3.3.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_set_time_ex(s: *mut SSL_SESSION, t: libc::time_t) -> libc::time_t {
    // SAFETY: C caller.
    unsafe { SSL_SESSION_set_time(s, t) }
}
symver!(
    SSL_SESSION_set_time_ex(s: *mut SSL_SESSION, t: libc::time_t) -> libc::time_t,
    "OPENSSL_3.3.0", "OPENSSL_4.0.0"
);

/// SSL_SESSION_get_timeout returns the timeout of the session `s` in seconds, from its time; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_get_timeout(s: *const SSL_SESSION) -> c_long {
    if s.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_SESSION_get_timeout(s) })
}
symver!(SSL_SESSION_get_timeout, "SSLSESSION_0");

/// SSL_SESSION_set_timeout sets that timeout. Returns 1; 0 if it is negative, and for NULL. The position of a cached
/// session is updated in every cache that holds it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_SESSION_set_timeout(s: *mut SSL_SESSION, t: c_long) -> c_long {
    on_session(s, || {
        // SAFETY: C caller.
        let Some(session) = (unsafe { Session::borrow(s) }) else { return 0 };
        c_long::from(owners::change(&session, || session.set_timeout(Seconds(t))))
    })
}
symver!(
    SSL_SESSION_set_timeout(s: *mut SSL_SESSION, t: c_long) -> c_long,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
