//! The clock, read at the edge only: below `capi` and `standalone` time is an argument.

use sslsession_store::time::UnixTime;

/// Returns the time by the C library's time(): OpenSSL reads it too, and a finer clock is ahead
/// of it for some milliseconds at each turn of a second.
pub fn now() -> UnixTime {
    // Miri knows no time().
    if cfg!(miri) {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        return UnixTime(since.map_or(0, |since| since.as_secs() as i64));
    }
    // SAFETY: time() takes NULL.
    UnixTime(unsafe { libc::time(std::ptr::null_mut()) })
}
