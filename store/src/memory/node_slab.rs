//! A list that grows without moving its elements.
#![forbid(unsafe_code)]

/// Elements in segments: four of 4, four of 8, four of 16 and so on, so that a quarter of the
/// existing elements is added at a time. A segment is allocated whole but never filled in advance:
/// a long one costs its pages when they are first used, not all at once under a lock.
///
/// ```text
/// element    0..4  4..8  8..12  12..16  16..24  24..32 ...
/// segment     0     1     2      3       4       5     ...
/// ```
pub(super) struct NodeSlab<T>(Vec<Vec<T>>);

/// Log2 of the number of elements before segment sizes first double.
const FIRST_SEGMENT_BITS: u32 = 4;

/// Position of an element, the same in every list that has it.
#[derive(PartialEq, Debug)]
struct Position {
    segment: u32,
    at: u32,
}

impl Position {
    /// Returns the position of element `index`.
    #[inline]
    fn of(index: u32) -> Self {
        // Counted from 2^FIRST_SEGMENT_BITS, the top bit gives the number of times the sizes
        // doubled, and the next two which of the four segments of that size it is.
        let index = u64::from(index) + (1 << FIRST_SEGMENT_BITS);
        let top = index.ilog2();
        let size = top - 2;
        Self {
            segment: 4 * (top - FIRST_SEGMENT_BITS) + (index >> size) as u32 - 4,
            at: (index & ((1 << size) - 1)) as u32,
        }
    }
}

/// Returns the first element of a segment.
fn first(segment: usize) -> usize {
    (4 + segment % 4) * size(segment) - (1 << FIRST_SEGMENT_BITS)
}

/// Returns the size of a segment.
fn size(segment: usize) -> usize {
    1 << (segment / 4 + FIRST_SEGMENT_BITS as usize - 2)
}

impl<T> NodeSlab<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> &T {
        let position = Position::of(index);
        &self.0[position.segment as usize][position.at as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        let position = Position::of(index);
        &mut self.0[position.segment as usize][position.at as usize]
    }

    pub(super) fn push(&mut self, element: T) {
        let segments = self.0.len();
        if self.0.last().is_none_or(|last| last.len() == size(segments - 1)) {
            if segments == 0 {
                self.0.reserve_exact(1);
            }
            self.0.push(Vec::with_capacity(size(segments)));
        }
        if let Some(last) = self.0.last_mut() {
            last.push(element);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| first(self.0.len() - 1) + last.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeSlab, Position, first, size};

    #[test]
    fn every_element_is_found_where_it_was_pushed() {
        let count = if cfg!(miri) { 200 } else { 100_000 };
        let mut list = NodeSlab::new();
        for n in 0..count {
            assert_eq!(list.len(), n as usize);
            list.push(n);
            assert_eq!(*list.get(n), n);
        }
        assert!((0..count).all(|n| *list.get(n) == n));
        assert_eq!(list.len(), count as usize);
    }

    #[test]
    fn segments_follow_one_another_without_a_gap_up_to_the_last_number() {
        let mut next = 0u64;
        for segment in 0.. {
            let Ok(index) = u32::try_from(next) else { break };
            assert_eq!(Position::of(index), Position { segment: segment as u32, at: 0 });
            assert_eq!(first(segment), index as usize);
            next += size(segment) as u64;
            if let Ok(last) = u32::try_from(next - 1) {
                let at = size(segment) as u32 - 1;
                assert_eq!(Position::of(last), Position { segment: segment as u32, at });
            }
        }
    }
}
