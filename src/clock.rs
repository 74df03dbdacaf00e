//! The clock, read at the edge only: below `capi` and `native` time is an argument.

/// Seconds since the epoch, by the C library's time(), as OpenSSL reads it.
pub fn now() -> i64 {
    // SAFETY: time() takes NULL.
    unsafe { libc::time(std::ptr::null_mut()) }
}
