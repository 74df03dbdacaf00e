//! Bytes that are overwritten when they go.
//!
//! With the C library's explicit_bzero, which wipes a line of cache at a time: each lookup in a shared store has some
//! hundred bytes to wipe, and the usual crate for that writes them one by one.

use std::collections::TryReserveError;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes of their owner's, all of which, unused capacity included, are overwritten when it is dropped.
///
/// What outgrows its capacity leaves a copy behind: give it enough from the start.
#[derive(Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// None yet, with room for so many.
    pub fn with_capacity(capacity: usize) -> Secret {
        Secret(Vec::with_capacity(capacity))
    }

    /// Has room for so many from now on, and none of those that it had. Fails, and changes nothing, without the memory.
    pub fn start_anew(&mut self, capacity: usize) -> Result<(), TryReserveError> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(capacity)?;
        *self = Secret(bytes);
        Ok(())
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Secret {
        Secret(bytes)
    }
}

impl Deref for Secret {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Secret {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // SAFETY: the allocation, of which a part may be uninitialised, which writing does not mind.
        unsafe { overwrite(self.0.as_mut_ptr(), self.0.capacity()) };
    }
}

/// Overwrites bytes that are used no more.
pub fn wipe(bytes: &mut [u8]) {
    // SAFETY: a slice of our own.
    unsafe { overwrite(bytes.as_mut_ptr(), bytes.len()) };
}

unsafe fn overwrite(start: *mut u8, length: usize) {
    if cfg!(miri) {
        // SAFETY: as many bytes as the caller promises. Miri knows no explicit_bzero().
        return unsafe { start.write_bytes(0, length) };
    }
    // SAFETY: as above.
    unsafe { libc::explicit_bzero(start.cast(), length) };
}

#[cfg(test)]
mod tests {
    use super::{Secret, wipe};

    #[test]
    fn what_is_wiped_is_zeros() {
        let mut bytes = [7; 100];
        wipe(&mut bytes[10..90]);
        assert!(bytes[10..90].iter().all(|&byte| byte == 0) && bytes[9] == 7 && bytes[90] == 7);
    }

    #[test]
    fn it_does_not_tell_what_it_is() {
        let mut secret = Secret::from(b"password".to_vec());
        assert_eq!(format!("{secret:?}"), "Secret(8 bytes)");
        secret.start_anew(20).expect("memory");
        assert!(secret.is_empty() && secret.capacity() >= 20);
    }
}
