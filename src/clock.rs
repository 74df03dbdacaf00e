//! The clock, read at the edge only: below `capi` and `standalone` time is an argument.

/// Returns the seconds since the epoch, by the C library's time(): OpenSSL reads it too, and a finer clock is ahead
/// of it for some milliseconds at each turn of a second.
pub fn now() -> i64 {
    // Miri knows no time().
    if cfg!(miri) {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        return since.map_or(0, |since| since.as_secs() as i64);
    }
    // SAFETY: time() takes NULL.
    unsafe { libc::time(std::ptr::null_mut()) }
}
