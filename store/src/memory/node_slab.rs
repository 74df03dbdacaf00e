//! A list of which only the beginning moves as it grows.
#![forbid(unsafe_code)]

/// A session's number, by which table and order know the same session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(transparent)]
pub(super) struct NodeId(pub(super) u32);

impl NodeId {
    /// No node.
    pub(super) const NONE: NodeId = NodeId(u32::MAX);
}

/// An element for each node, in chunks. The first grows by a quarter of itself; the others are allocated whole but
/// never filled in advance, so that no insertion pays for more than some pages.
///
/// ```text
/// element    0..1024  1024..2048  2048..3072 ...
/// chunk         0         1           2      ...
/// ```
pub(super) struct NodeSlab<T>(Vec<Vec<T>>);

/// Number of elements of a chunk.
const CHUNK: usize = 1024;

impl<T> NodeSlab<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    #[inline]
    pub(super) fn get(&self, node: NodeId) -> &T {
        &self.0[node.0 as usize / CHUNK][node.0 as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, node: NodeId) -> &mut T {
        &mut self.0[node.0 as usize / CHUNK][node.0 as usize % CHUNK]
    }

    pub(super) fn push(&mut self, element: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < last.capacity() => last.push(element),
            Some(last) if last.len() < CHUNK => {
                let more = (last.len() / 4).clamp(4, CHUNK - last.len());
                last.reserve_exact(more);
                last.push(element);
            }
            _ => self.begin_chunk(element),
        }
    }

    #[cold]
    fn begin_chunk(&mut self, element: T) {
        let mut chunk = match self.0.len() {
            0 => {
                self.0.reserve_exact(1);
                Vec::with_capacity(4)
            }
            _ => Vec::with_capacity(CHUNK),
        };
        chunk.push(element);
        self.0.push(chunk);
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * CHUNK + last.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeId, NodeSlab};

    #[test]
    fn every_element_is_found_where_it_was_pushed() {
        let count = if cfg!(miri) { 2100 } else { 100_000 };
        let mut list = NodeSlab::new();
        for n in 0..count {
            assert_eq!(list.len(), n as usize);
            list.push(n);
            assert_eq!(*list.get(NodeId(n)), n);
        }
        assert!((0..count).all(|n| *list.get(NodeId(n)) == n));
        assert_eq!(list.len(), count as usize);
    }
}
