//! SSL_set_fd(3).

use std::ffi::c_int;

use super::hooks;
use crate::cache;
use crate::catch_panic::catch_panic;
use crate::handle::{self, dispatch};
use crate::types::{BIO, SSL};

/// SSL_set_fd has `ssl` read from and write to a socket, by a BIO that does not close it.
///
/// libssl does that. With SSLSESSION_REMOTE the library looks at a server's first reads from it: a client whose session
/// another host has does not make the server wait.
///
/// Returns 1; 0 on failure, for NULL, and without a libssl.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_fd(ssl: *mut SSL, fd: c_int) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    unsafe { set(ssl, Io::Socket(fd)) }
}
symver!(SSL_set_fd(ssl: *mut SSL, fd: c_int) -> c_int, "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0");

/// The input and output of a connection.
pub(super) enum Io {
    Socket(c_int),
    Bios(*mut BIO, *mut BIO),
}

/// Gives a connection its input and output. Returns libssl's result. One function for all of the nodes of both.
///
/// # Safety
/// `ssl` must be a live connection.
#[inline(never)]
pub(super) unsafe fn set(ssl: *mut SSL, io: Io) -> c_int {
    catch_panic(0, || {
        // SAFETY: by the caller's promise, and C caller.
        let result = unsafe {
            match io {
                Io::Socket(fd) => dispatch::SSL_set_fd(ssl, fd),
                Io::Bios(rbio, wbio) => {
                    dispatch::SSL_set_bio(ssl, rbio, wbio);
                    1
                }
            }
        };
        if result == 1 {
            cache::watch_reads(|| handle::reads(ssl, hooks::scope_to_ask));
        }
        result
    })
}
