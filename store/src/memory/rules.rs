//! Rules of the memory store, which its maker chooses.

#![forbid(unsafe_code)]

/// Number of sessions in a store, and their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryRules {
    /// Number of sessions in a store of a given size.
    pub capacity: Capacity,
    /// Order of eviction from a full store.
    pub eviction: Eviction,
    /// Position of a session that is inserted again.
    pub adding_again: AddingAgain,
}

impl MemoryRules {
    /// The order of expiry: the soonest is evicted first, and one that is inserted again moves.
    pub const SOONEST_FIRST: MemoryRules = MemoryRules {
        capacity: Capacity::SizeLessOne,
        eviction: Eviction::SoonestFirst,
        adding_again: AddingAgain::Moves,
    };
}

/// Number of sessions that a cache keeps when one is added to a full cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capacity {
    /// Its size.
    Size,
    /// One less, but at least one.
    SizeLessOne,
}

/// Order of eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Eviction {
    /// Soonest to expire first, ties oldest first.
    SoonestFirst,
    /// Oldest insertion first.
    OldestFirst,
}

/// Position of a session that is added while it is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddingAgain {
    /// It moves to its expiry, as the newest of its second.
    Moves,
    /// It keeps its position, also if its time is later since this addition.
    Stays,
}

impl Capacity {
    /// Returns the number of sessions from which on a cache of this size evicts, the new session counted; 0 for a
    /// cache without a limit.
    #[inline]
    pub const fn full_at(self, size: usize) -> usize {
        match self {
            Capacity::SizeLessOne => size,
            Capacity::Size if size == 0 => 0,
            Capacity::Size => size.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Capacity;

    #[test]
    fn a_limit_counts_the_new_session() {
        let full = |capacity: Capacity| [0, 1, 2, 5, usize::MAX].map(|size| capacity.full_at(size));
        assert_eq!(full(Capacity::SizeLessOne), [0, 1, 2, 5, usize::MAX]);
        assert_eq!(full(Capacity::Size), [0, 2, 3, 6, usize::MAX]);
    }
}
