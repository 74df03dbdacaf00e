//! SSL_set_bio(3).

use super::ssl_set_fd::{Io, set};
use crate::types::{BIO, SSL};

/// SSL_set_bio has `ssl` read from `rbio` and write to `wbio`, which it then owns; NULL for none. NULL for `ssl` does
/// nothing.
///
/// libssl does that; without one nothing is done. With SSLSESSION_REMOTE the library looks at a server's first reads from
/// a socket, as for SSL_set_fd.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_set_bio(ssl: *mut SSL, rbio: *mut BIO, wbio: *mut BIO) {
    if ssl.is_null() {
        return;
    }
    // SAFETY: C caller.
    unsafe { set(ssl, Io::Bios(rbio, wbio)) };
}
symver!(
    SSL_set_bio(ssl: *mut SSL, rbio: *mut BIO, wbio: *mut BIO),
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
