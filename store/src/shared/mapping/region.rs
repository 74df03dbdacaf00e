//! Bytes that another process may be writing at any moment.
//!
//! A lock keeps honest processes from them, and no others. So no reference to these bytes is ever made, which would
//! promise the compiler that they do not change: numbers are read once and whole, longer parts are copied, and every
//! check is made on the copy. A range that does not lie within the region is refused, not cut.

use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// A part of memory that processes share, aligned to 8 bytes.
#[derive(Clone, Copy)]
pub struct Region<'a> {
    start: NonNull<u8>,
    length: usize,
    _memory: PhantomData<&'a [AtomicU64]>,
}

impl<'a> Region<'a> {
    /// Returns the region of `length` bytes that begins at `start`.
    ///
    /// # Safety
    /// The memory is mapped, readable and writable, for `'a`, and `start` is aligned to 8 bytes.
    pub unsafe fn new(start: NonNull<u8>, length: usize) -> Region<'a> {
        debug_assert!(start.cast::<u64>().is_aligned());
        Region { start, length, _memory: PhantomData }
    }

    /// Returns the region of memory that nobody else has.
    #[cfg(test)]
    pub fn of(memory: &'a mut [u64]) -> Region<'a> {
        let bytes = size_of_val(memory);
        // SAFETY: borrowed for 'a, and aligned as u64 is.
        unsafe { Region::new(NonNull::from(memory).cast(), bytes) }
    }

    /// Returns the region's length in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns the first `at` bytes and the rest. Panics unless `at` is a multiple of 8 within the region.
    pub fn split_at(self, at: usize) -> (Region<'a>, Region<'a>) {
        assert!(at <= self.length && at.is_multiple_of(8));
        let (first, rest) = (Region { length: at, ..self }, self.length - at);
        // SAFETY: within the region, or at its end.
        (first, Region { start: unsafe { self.start.add(at) }, length: rest, _memory: PhantomData })
    }

    /// Returns the number of 32 bits at a multiple of 4.
    pub fn word(&self, at: usize) -> Option<u32> {
        self.atomic(at).map(|word: &AtomicU32| word.load(Relaxed))
    }

    /// Returns the number of 64 bits at a multiple of 8.
    pub fn double(&self, at: usize) -> Option<u64> {
        self.atomic(at).map(|double: &AtomicU64| double.load(Relaxed))
    }

    /// Writes a number of 32 bits.
    #[must_use]
    pub fn set_word(&self, at: usize, value: u32) -> Option<()> {
        self.atomic(at).map(|word: &AtomicU32| word.store(value, Relaxed))
    }

    /// Writes a number of 64 bits.
    #[must_use]
    pub fn set_double(&self, at: usize, value: u64) -> Option<()> {
        self.atomic(at).map(|double: &AtomicU64| double.store(value, Relaxed))
    }

    /// Appends a copy of a range to `copy`, which has the capacity: it does not move.
    #[must_use]
    pub fn append_to(&self, range: Range<usize>, copy: &mut Vec<u8>) -> Option<()> {
        let (from, length) = self.part(range)?;
        let free = copy.spare_capacity_mut();
        if length > free.len() {
            return None;
        }
        // SAFETY: `part` is within the region, and the vector has room. What others write meanwhile is copied or not.
        unsafe {
            from.as_ptr().copy_to_nonoverlapping(free.as_mut_ptr().cast(), length);
            copy.set_len(copy.len() + length);
        }
        Some(())
    }

    /// Writes bytes.
    #[must_use]
    pub fn write(&self, at: usize, bytes: &[u8]) -> Option<()> {
        let (to, length) = self.part(at..at.checked_add(bytes.len())?)?;
        // SAFETY: `part` is within the region, of which no slice is made, so the two do not overlap.
        unsafe { to.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), length) };
        Some(())
    }

    /// Overwrites a range with zeros.
    #[must_use]
    pub fn clear(&self, range: Range<usize>) -> Option<()> {
        let (start, length) = self.part(range)?;
        // SAFETY: `part` is within the region.
        unsafe { start.as_ptr().write_bytes(0, length) };
        Some(())
    }

    fn part(&self, range: Range<usize>) -> Option<(NonNull<u8>, usize)> {
        let length = range.end.checked_sub(range.start)?;
        if range.end > self.length {
            return None;
        }
        // SAFETY: within the region, or at its end.
        Some((unsafe { self.start.add(range.start) }, length))
    }

    fn atomic<T>(&self, at: usize) -> Option<&'a T> {
        let (start, _) = self.part(at..at.checked_add(size_of::<T>())?)?;
        // SAFETY: within the region and aligned. T is one of the atomics above: of any bytes, and written by anybody.
        start.cast::<T>().is_aligned().then(|| unsafe { start.cast().as_ref() })
    }
}

#[cfg(test)]
mod tests {
    use super::Region;

    #[test]
    fn what_lies_within_is_read_and_written_and_nothing_else() {
        let mut memory = [0; 4];
        let region = Region::of(&mut memory);
        assert_eq!((region.len(), region.set_word(4, 7), region.set_double(24, 9)), (32, Some(()), Some(())));
        assert_eq!((region.word(4), region.word(0), region.double(24)), (Some(7), Some(0), Some(9)));
        for at in [1, 2, 29, 32, usize::MAX - 3, usize::MAX] {
            assert_eq!((region.word(at), region.set_word(at, 1)), (None, None), "{at}");
            assert_eq!((region.double(at), region.set_double(at, 1)), (None, None), "{at}");
        }
        assert_eq!(region.double(28), None);
        assert_eq!((region.write(30, b"abc"), region.write(usize::MAX, b"abc")), (None, None));
        assert_eq!((region.clear(0..33), region.clear(usize::MAX..usize::MAX)), (None, None));
        assert_eq!(memory[3], 9);
    }

    #[test]
    fn bytes_are_copied_as_far_as_there_is_room() {
        let mut memory = [0; 2];
        let (_, region) = Region::of(&mut memory).split_at(8);
        assert_eq!(region.write(1, b"abc"), Some(()));
        let mut copy = Vec::with_capacity(3);
        let room = copy.capacity();
        assert_eq!(region.append_to(0..room + 1, &mut copy), None);
        assert_eq!((region.append_to(1..4, &mut copy), copy.as_slice()), (Some(()), &b"abc"[..]));
        assert_eq!(region.clear(1..3), Some(()));
        assert_eq!(memory[1].to_ne_bytes(), [0, 0, 0, b'c', 0, 0, 0, 0]);
    }
}
