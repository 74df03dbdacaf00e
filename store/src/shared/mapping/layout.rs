//! The sizes of a shared store's parts, all of them derived from that of the mapping.
#![forbid(unsafe_code)]

use std::ops::Range;

use crate::config::SharedConfig;

/// The head of the mapping: one page.
pub const HEADER: usize = 4096;

/// The head of each partition: its lock.
pub const HEAD: usize = 64;

/// A process's slot.
pub const SLOT: usize = 448;

/// Number of bytes of a store for each slot: a small store has few.
const BYTES_PER_SLOT: usize = 8 << 10;

/// Number of slots that exceeds a server's processes.
const SLOTS: usize = 256;

/// Offsets within a partition's ring count units of this many bytes.
pub const UNIT: usize = 8;

/// Number of partitions that exceeds the processes at work, so that two seldom meet in one.
const PARTITIONS: usize = 64;

/// Size of the largest partition. One is emptied within a fraction of a millisecond, under its lock. Offsets within
/// it fit 32 bits.
const LARGEST_PARTITION: usize = 4 << 20;

/// Number of bytes for each bucket. Records that share a bucket are chained, so the smallest records need fewer
/// buckets than this.
const BYTES_PER_BUCKET: usize = 160;

/// The offsets of all parts in a mapping of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Size of the whole mapping in bytes.
    pub size: usize,
    /// Number of partitions.
    pub partitions: usize,
    /// Number of buckets in each.
    pub buckets: usize,
    /// Number of slots, with the one that is nobody's.
    pub slots: usize,
    stride: usize,
}

impl Layout {
    /// Returns the layout of a mapping of `size` bytes; None if that is not within the limits
    /// of [`SharedConfig`].
    pub fn of(size: usize) -> Option<Layout> {
        if !SharedConfig::is_size(size) {
            return None;
        }
        let partitions = (size / (4 * SharedConfig::MIN_SIZE)).clamp(1, PARTITIONS).max(size / LARGEST_PARTITION);
        // Whole cache lines: no two partitions share one.
        let slots = (size / BYTES_PER_SLOT).min(SLOTS);
        let stride = (size - HEADER - slots * SLOT) / partitions / 64 * 64;
        Some(Layout { size, partitions, buckets: (stride - HEAD) / BYTES_PER_BUCKET, slots, stride })
    }

    /// Returns the layout of a mapping that has only slots.
    pub fn of_slots() -> Layout {
        let size = 4 * HEADER;
        Layout { size, partitions: 0, buckets: 0, slots: (size - HEADER) / SLOT, stride: 0 }
    }

    /// Returns the offset of partition `number`, with its head.
    pub fn partition(&self, number: usize) -> usize {
        HEADER + number * self.stride
    }

    /// Returns the offset of the slots: behind the last partition.
    pub fn first_slot(&self) -> usize {
        self.partition(self.partitions)
    }

    /// Returns the range of a partition behind its head: ring state, buckets, records.
    pub fn body(&self, number: usize) -> Range<usize> {
        let start = self.partition(number);
        start + HEAD..start + self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Layout, SLOT};
    use crate::config::SharedConfig;

    const MIN_SIZE: usize = SharedConfig::MIN_SIZE;
    const MAX_SIZE: usize = SharedConfig::MAX_SIZE;

    #[test]
    fn the_parts_lie_side_by_side_within_the_mapping() {
        for size in [MIN_SIZE, MIN_SIZE + 1, 1 << 20, 12_345_678, 64 << 20, 1 << 30, MAX_SIZE] {
            let shape = Layout::of(size).expect("a legal size");
            assert_eq!(shape.partition(0), HEADER);
            for number in 0..shape.partitions {
                let body = shape.body(number);
                assert_eq!(body.end, shape.partition(number + 1));
                assert!(body.end <= size && shape.partition(number).is_multiple_of(64), "{shape:?}");
                assert!(4 * shape.buckets < body.len() / 4 && body.len() / 8 < 1 << 30, "{shape:?}");
            }
            let end = shape.first_slot() + shape.slots * SLOT;
            assert!(end <= size && size - end < 64 * shape.partitions, "little is left over: {shape:?}");
            assert!(shape.slots >= 8 && shape.slots * SLOT < size / 18, "slots take little: {shape:?}");
        }
        assert_eq!(Layout::of(64 << 20).map(|shape| shape.partitions), Some(64));
        assert_eq!((Layout::of(MIN_SIZE - 1), Layout::of(MAX_SIZE + 1), Layout::of(0)), (None, None, None));
    }
}
