//! Memory for secrets of one process and of those that it forks: excluded from core dumps, and from swap where the
//! limits allow, and overwritten when dropped.

use std::io;
use std::ptr::{self, NonNull};
use std::slice;

/// A secret.
pub type Slot = [u8; 64];

/// Slots of one mapping, initially zeros.
pub struct SecretSlots {
    start: NonNull<Slot>,
    count: usize,
}

// SAFETY: memory of its owner's alone.
unsafe impl Send for SecretSlots {}
// SAFETY: as above; it is changed through `&mut` only.
unsafe impl Sync for SecretSlots {}

impl SecretSlots {
    /// Maps that number of slots. A child has the parent's as they are at the fork.
    pub fn new(count: usize) -> io::Result<SecretSlots> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), count * size_of::<Slot>(), protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        let slots = SecretSlots { start, count };
        slots.keep_in_memory();
        // SAFETY: this mapping.
        match unsafe { libc::madvise(slots.start.as_ptr().cast(), slots.size(), libc::MADV_DONTDUMP) } {
            0 => Ok(slots),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn size(&self) -> usize {
        self.count * size_of::<Slot>()
    }

    /// Locks the memory against swapping, if the process's limits allow it: also in a child, which inherits no lock.
    pub fn keep_in_memory(&self) {
        // SAFETY: this mapping.
        unsafe { libc::mlock(self.start.as_ptr().cast(), self.size()) };
    }

    /// Returns a slot. Panics if there is none of that number.
    pub fn get(&self, number: usize) -> &Slot {
        // SAFETY: this mapping, which lasts as long as it is borrowed; any bytes are a slot.
        let all = unsafe { slice::from_raw_parts(self.start.as_ptr(), self.count) };
        &all[number]
    }

    /// Returns a slot for a change. Panics if there is none of that number.
    pub fn get_mut(&mut self, number: usize) -> &mut Slot {
        &mut self.all_mut()[number]
    }

    fn all_mut(&mut self) -> &mut [Slot] {
        // SAFETY: this mapping, which lasts as long as it is borrowed, and nobody else has it.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.count) }
    }

    /// Overwrites the slots from that number on.
    pub fn wipe_from(&mut self, first: usize) {
        let rest = &mut self.all_mut()[first..];
        // SAFETY: as many bytes as the slots have.
        unsafe { libc::explicit_bzero(rest.as_mut_ptr().cast(), size_of_val(rest)) };
    }
}

impl Drop for SecretSlots {
    fn drop(&mut self) {
        self.wipe_from(0);
        // SAFETY: this mapping, of which nothing is borrowed any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size()) };
    }
}
