//! A session id or a session id context: up to 32 bytes.

use std::cell::UnsafeCell;
use std::ffi::{c_uchar, c_uint};
use std::ptr;

use crate::types::MAX_ID_LENGTH;

/// Bytes that a C caller may read in place through the getter's pointer.
///
/// The setters of one object need it alone, as in OpenSSL; that is the promise every `SAFETY` below leans on.
#[derive(Default)]
pub struct Id {
    bytes: UnsafeCell<[u8; MAX_ID_LENGTH]>,
    length: UnsafeCell<u8>,
}

// SAFETY: changes need the object alone (above); without a change it is plain data.
unsafe impl Send for Id {}
// SAFETY: as for Send.
unsafe impl Sync for Id {}

impl Id {
    /// Returns the bytes, valid until others are set.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: nobody sets the id meanwhile (C caller); the length is at most 32.
        unsafe { std::slice::from_raw_parts(self.bytes.get().cast(), usize::from(*self.length.get())) }
    }

    /// Returns the start of the bytes, and writes their number to `length` unless that is NULL.
    ///
    /// # Safety
    /// `length` must be NULL or point to a c_uint.
    pub unsafe fn read(&self, length: *mut c_uint) -> *const c_uchar {
        if !length.is_null() {
            // SAFETY: by the caller's promise.
            unsafe { *length = self.bytes().len() as c_uint };
        }
        self.bytes.get().cast()
    }

    /// Sets the bytes. Returns false, without a change, if there are more than 32 or `from` is NULL with a length.
    ///
    /// # Safety
    /// `from` must be NULL or point to `length` bytes, which may be this id's own.
    pub unsafe fn set(&self, from: *const c_uchar, length: c_uint) -> bool {
        let length = length as usize;
        if length > MAX_ID_LENGTH || (from.is_null() && length != 0) {
            return false;
        }
        // SAFETY: at most 32 readable bytes at `from`, and nobody else uses the id meanwhile.
        unsafe {
            if length != 0 {
                ptr::copy(from, self.bytes.get().cast::<u8>(), length);
            }
            *self.length.get() = length as u8;
        }
        true
    }

    /// Copies another id's bytes.
    pub fn copy_from(&self, other: &Id) {
        let bytes = other.bytes();
        // SAFETY: a slice is readable over its length.
        unsafe { self.set(bytes.as_ptr(), bytes.len() as c_uint) };
    }
}
