//! What tells one server's policy from another's: its certificate, and what it asks of its clients.

use std::ffi::c_int;
use std::ptr::NonNull;

use crate::libssl::encoding::{self, Encoded};
use crate::libssl::{Functions, Libssl};
use crate::types::*;

/// A reference to a certificate, which as long as it is held cannot be taken for another of the same address.
pub struct Certificate(NonNull<X509>, &'static Libssl);

// SAFETY: certificates are counted atomically and shared between threads by design.
unsafe impl Send for Certificate {}

impl Certificate {
    /// Takes a reference; None for NULL.
    pub(super) unsafe fn up_ref(libssl: &'static Libssl, certificate: *mut X509) -> Option<Certificate> {
        let certificate = NonNull::new(certificate)?;
        // SAFETY: a live certificate, by the caller's promise.
        unsafe { (libssl.functions.X509_up_ref)(certificate.as_ptr()) };
        Some(Certificate(certificate, libssl))
    }

    /// The object's address.
    pub fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// Its bytes; none if no memory is left.
    pub fn encode(&self) -> Option<Encoded> {
        // SAFETY: a live certificate.
        unsafe { encoding::of_certificate(&self.1.functions, self.0.as_ptr()) }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: this reference is ours and is given back once.
        unsafe { (self.1.functions.X509_free)(self.0.as_ptr()) };
    }
}

/// What a server asks of its clients.
#[derive(Default)]
pub struct ClientAuthentication {
    /// SSL_CTX_set_verify(3): 0 for nothing.
    pub verify_mode: c_int,
    /// The names of the authorities whose certificates it takes; empty if it asks for none.
    pub authorities: Vec<Option<Encoded>>,
}

impl ClientAuthentication {
    /// Of that mode, with that list of names, which is looked at only if the mode asks for a certificate.
    pub(super) unsafe fn new(
        functions: &Functions,
        verify_mode: c_int,
        names: impl FnOnce() -> *mut stack_st_X509_NAME,
    ) -> ClientAuthentication {
        let authorities = match verify_mode {
            0 => Vec::new(),
            // SAFETY: the caller's list.
            _ => unsafe { encoding::of_names(functions, names()) },
        };
        ClientAuthentication { verify_mode, authorities }
    }
}
