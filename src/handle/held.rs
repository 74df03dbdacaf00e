//! References to a policy's objects: as long as they are held, an address is of one object.

use std::ptr::NonNull;

use crate::libssl::Functions;
use crate::types::*;

/// A reference to a certificate.
#[derive(Debug)]
pub struct Certificate(NonNull<X509>, unsafe extern "C" fn(*mut X509));

// SAFETY: certificates are counted atomically and shared between threads by design.
unsafe impl Send for Certificate {}

impl Certificate {
    /// Takes a reference; None for NULL.
    ///
    /// # Safety
    /// The object must be NULL or live, and of this libcrypto.
    pub unsafe fn up_ref(functions: &Functions, certificate: *mut X509) -> Option<Certificate> {
        let certificate = NonNull::new(certificate)?;
        // SAFETY: a live certificate, by the caller's promise.
        unsafe { (functions.X509_up_ref)(certificate.as_ptr()) };
        Some(Certificate(certificate, functions.X509_free))
    }

    /// The object's address.
    pub fn addr(&self) -> usize {
        self.0.addr().get()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: this reference is ours and is given back once, to the libcrypto that it is of.
        unsafe { (self.1)(self.0.as_ptr()) };
    }
}

/// A reference to a store.
#[derive(Debug)]
pub struct TrustStore(NonNull<X509_STORE>, unsafe extern "C" fn(*mut X509_STORE));

// SAFETY: stores are counted atomically and shared between threads by design.
unsafe impl Send for TrustStore {}

impl TrustStore {
    /// Takes a reference; None for NULL.
    ///
    /// # Safety
    /// The object must be NULL or live, and of this libcrypto.
    pub unsafe fn up_ref(functions: &Functions, store: *mut X509_STORE) -> Option<TrustStore> {
        let store = NonNull::new(store)?;
        // SAFETY: a live store, by the caller's promise.
        unsafe { (functions.X509_STORE_up_ref)(store.as_ptr()) };
        Some(TrustStore(store, functions.X509_STORE_free))
    }

    /// The object's address.
    pub fn as_ptr(&self) -> *mut X509_STORE {
        self.0.as_ptr()
    }
}

impl Drop for TrustStore {
    fn drop(&mut self) {
        // SAFETY: this reference is ours and is given back once, to the libcrypto that it is of.
        unsafe { (self.1)(self.0.as_ptr()) };
    }
}
