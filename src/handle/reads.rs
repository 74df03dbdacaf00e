//! The reads of a connection, which the network code of the remote store looks at.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::libssl::{self, AnyLibssl};
use crate::types::SSL;
use sslsession_store::remote::abi::{FUNCTIONS, Question, Reads};

/// Returns what the reads of a connection are looked at with; None alone.
pub fn reads(ssl: *mut SSL, question: Question) -> Option<Reads> {
    let libssl = ptr::from_ref(libssl::owner(ssl)?).cast();
    Some(Reads { ssl: ssl.cast(), libssl, find, question })
}

unsafe extern "C" fn find(
    libssl: *const c_void,
    names: &[*const c_char; FUNCTIONS],
    found: &mut [*const c_void; FUNCTIONS],
) {
    // SAFETY: the libssl that `reads` has given; it lives for ever. The network code's names are NUL-terminated.
    unsafe { (*libssl.cast::<AnyLibssl>()).find(names, found) };
}
