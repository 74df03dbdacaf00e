//! References to a policy's objects: while they are owned, an address belongs to one object.

use std::ffi::c_int;
use std::ptr::NonNull;

use crate::libssl::Functions;
use crate::types::*;

/// A reference to an object of libcrypto's, released when dropped.
pub struct Owned<T> {
    object: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

/// A reference to a certificate.
pub type Certificate = Owned<X509>;

/// A reference to a store.
pub type TrustStore = Owned<X509_STORE>;

// SAFETY: certificates and stores are counted atomically and shared between threads by design; there are no others.
unsafe impl<T> Send for Owned<T> {}

impl Certificate {
    /// Increments a certificate's reference count; None for NULL.
    ///
    /// # Safety
    /// The object must be NULL or live, and of this libcrypto.
    pub unsafe fn up_ref(functions: &Functions, certificate: *mut X509) -> Option<Certificate> {
        // SAFETY: by the caller's promise.
        unsafe { Owned::new(certificate, functions.X509_up_ref, functions.X509_free) }
    }
}

impl TrustStore {
    /// Increments a store's reference count; None for NULL.
    ///
    /// # Safety
    /// The object must be NULL or live, and of this libcrypto.
    pub unsafe fn up_ref(functions: &Functions, store: *mut X509_STORE) -> Option<TrustStore> {
        // SAFETY: by the caller's promise.
        unsafe { Owned::new(store, functions.X509_STORE_up_ref, functions.X509_STORE_free) }
    }
}

impl<T> Owned<T> {
    unsafe fn new(
        object: *mut T,
        up_ref: unsafe extern "C" fn(*mut T) -> c_int,
        free: unsafe extern "C" fn(*mut T),
    ) -> Option<Owned<T>> {
        let object = NonNull::new(object)?;
        // SAFETY: a live object, by the caller's promise.
        unsafe { up_ref(object.as_ptr()) };
        Some(Owned { object, free })
    }

    /// Returns the object's address.
    pub fn as_ptr(&self) -> *mut T {
        self.object.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: this reference is ours and is released once, by the libcrypto that it is of.
        unsafe { (self.free)(self.object.as_ptr()) };
    }
}
