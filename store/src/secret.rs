//! Bytes that are overwritten when they are dropped.
//!
//! With the C library's explicit_bzero, which wipes a line of cache at a time: each lookup in a shared store has some
//! hundred bytes to wipe, and the usual crate for that writes them one by one.

use std::collections::TryReserveError;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

/// Owned bytes, all of which, unused capacity included, are overwritten when dropped.
///
/// Growing beyond the capacity copies them and does not wipe the old memory: give it enough from the start.
#[derive(Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Returns an empty secret with that capacity.
    pub fn with_capacity(capacity: usize) -> Secret {
        Secret(Vec::with_capacity(capacity))
    }

    /// Sets the capacity, and removes all bytes. Fails, and changes nothing, without the memory.
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

/// Overwrites bytes that are no longer used.
pub fn wipe(bytes: &mut [u8]) {
    // SAFETY: a slice of our own.
    unsafe { overwrite(bytes.as_mut_ptr(), bytes.len()) };
}

/// Runs a function that works with secrets, and overwrites the part of the stack that it used. Values that are
/// returned or passed leave copies there that have no owner.
pub fn leaving_no_trace<T>(body: impl FnOnce() -> T) -> T {
    let result = in_own_frame(body);
    wipe_below();
    result
}

#[inline(never)]
fn in_own_frame<T>(body: impl FnOnce() -> T) -> T {
    body()
}

/// Depth in bytes that exceeds the keys' derivation.
const DEPTH: usize = 16 * 1024;

#[inline(never)]
fn wipe_below() {
    let mut below = MaybeUninit::<[u8; DEPTH]>::uninit();
    // SAFETY: all of it is written, which is also why the memory is there.
    unsafe { overwrite(below.as_mut_ptr().cast(), DEPTH) };
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
    #[cfg(not(miri))]
    use super::leaving_no_trace;
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

    /// Returns the number of a secret's bytes in the stack below, which nobody owns.
    #[cfg(not(miri))]
    #[inline(never)]
    fn left_below() -> usize {
        const SEEN: usize = 12 * 1024;
        let mut copy = vec![0_u8; SEEN];
        let here = (&raw const copy).cast::<u8>();
        // SAFETY: the test's thread has come down further than that before.
        unsafe { here.sub(SEEN + 512).copy_to_nonoverlapping(copy.as_mut_ptr(), SEEN) };
        copy.iter().filter(|byte| **byte == 0xA7).count()
    }

    #[cfg(not(miri))]
    #[test]
    fn the_stack_keeps_no_copy() {
        #[inline(never)]
        fn use_a_secret() {
            std::hint::black_box([0xA7_u8; 8 * 1024]);
        }
        use_a_secret();
        assert!(left_below() > 1024, "it would be seen");
        leaving_no_trace(use_a_secret);
        assert!(left_below() < 64);
    }
}
