//! Rules of a session cache that are not the same in all releases of OpenSSL.
//!
//! ```text
//!   libssl::rules ──tries a libssl──► Rules ──► cache     callbacks, and their order
//!                                          └──► store     order and time of eviction
//! ```
//! A distribution backports fixes, so the version of a libssl does not determine its rules: docs/openssl-behaviour.md
//! has the releases in which each was seen.

#![forbid(unsafe_code)]

/// Rules of one libssl's session cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Number of sessions in a cache of a given size.
    pub capacity: Capacity,
    /// Order of eviction of a full cache.
    pub eviction: Eviction,
    /// Position of a session that is added again.
    pub adding_again: AddingAgain,
    /// Expiry of a session whose time and timeout are too large to be added up.
    pub overflow: Overflow,
    /// Effect of SSL_SESS_CACHE_UPDATE_TIME.
    pub update_time: UpdateTime,
    /// Time and order of the remove_session callbacks for evicted sessions.
    pub evicted: Callbacks,
    /// Time and order of the remove_session callbacks for flushed sessions.
    pub flushed: Callbacks,
    /// Time at which flushed sessions are freed.
    pub freed: Freed,
    /// Treatment of a session that is marked as not resumable.
    pub marked: Marked,
}

/// Session that a lookup finds and that is marked as not resumable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marked {
    /// It counts as not found.
    Refused,
    /// It is resumed: its copies inherit the mark, which therefore means nothing for a new ticket's session.
    Used,
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

/// Sum of a time and a timeout that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The session never expires. Such sessions sort last, by their exact sums.
    Never,
    /// Nanoseconds in 64 bits, of which the sum becomes the largest: all such sessions tie.
    Saturates,
    /// The sum wraps around, so the session has expired.
    Wraps,
}

/// Mode bit SSL_SESS_CACHE_UPDATE_TIME.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpdateTime {
    /// Adding a session sets its time to now.
    Known,
    /// The bit means nothing.
    Unknown,
}

/// Time and order of the remove_session callbacks when several sessions are removed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Callbacks {
    /// Each as its session is removed: those after it still count as cached.
    EachAsRemoved,
    /// When all have been removed, last removed first; each session is freed before the next callback.
    AfterAllReversed,
}

/// Time at which flushed sessions are freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freed {
    /// Each after its own callback.
    Each,
    /// All after the last callback.
    AfterAll,
}

impl Rules {
    /// Rules of OpenSSL 3.0 and 3.1, which a cache alone has too.
    pub const OPENSSL_3_0: Rules = Rules {
        capacity: Capacity::SizeLessOne,
        eviction: Eviction::SoonestFirst,
        adding_again: AddingAgain::Moves,
        overflow: Overflow::Never,
        update_time: UpdateTime::Known,
        evicted: Callbacks::EachAsRemoved,
        flushed: Callbacks::EachAsRemoved,
        freed: Freed::AfterAll,
        marked: Marked::Refused,
    };
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::OPENSSL_3_0
    }
}

impl Marked {
    /// Returns the rule of a release by its number, 0xMNN00PP0 since 3.0. Only a handshake would show it. A distribution may
    /// have the later rule in a release of the earlier one, where libssl itself refuses what is used here.
    ///
    /// ```text
    ///   since 3.0.14, 3.1.6, 3.2.2, 3.3.0    a marked session is refused, and a new ticket's session is not marked
    ///   before                               a new ticket's session is as marked as the one that was resumed
    /// ```
    pub const fn of_release(number: u64) -> Marked {
        match number {
            0x3000_00e0..0x3010_0000 | 0x3010_0060..0x3020_0000 | 0x3020_0020.. => Marked::Refused,
            _ => Marked::Used,
        }
    }
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

impl Overflow {
    /// Returns the second as which a libssl reads `seconds`.
    ///
    /// ```text
    ///   Saturates    seconds × 10^9 modulo 2^64 are its nanoseconds, so 1970 to 2554 are all that there is
    /// ```
    #[inline]
    pub const fn clock(self, seconds: i64) -> i64 {
        match self {
            Overflow::Saturates => ((seconds as u64).wrapping_mul(SECOND) / SECOND) as i64,
            Overflow::Never | Overflow::Wraps => seconds,
        }
    }
}

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Last second that 64 bits of nanoseconds reach, in 2554.
pub const LAST_SECOND: i64 = (u64::MAX / SECOND) as i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_known_by_the_release() {
        let used = [0x1010_117f, 0x3000_0020, 0x3000_00d0, 0x3010_0050, 0x3020_0010];
        let refused = [0x3000_00e0, 0x3000_0140, 0x3010_0060, 0x3010_0070, 0x3020_0020, 0x3030_0000, 0x4000_0030];
        assert!(used.into_iter().all(|number| Marked::of_release(number) == Marked::Used));
        assert!(refused.into_iter().all(|number| Marked::of_release(number) == Marked::Refused));
    }

    #[test]
    fn a_limit_counts_the_new_session() {
        let full = |capacity: Capacity| [0, 1, 2, 5, usize::MAX].map(|size| capacity.full_at(size));
        assert_eq!(full(Capacity::SizeLessOne), [0, 1, 2, 5, usize::MAX]);
        assert_eq!(full(Capacity::Size), [0, 2, 3, 6, usize::MAX]);
    }

    #[test]
    fn seconds_beyond_2554_wrap_in_nanoseconds() {
        let clock = |seconds| Overflow::Saturates.clock(seconds);
        assert_eq!([0, 1, 1_700_000_000, LAST_SECOND].map(clock), [0, 1, 1_700_000_000, LAST_SECOND]);
        assert_eq!(clock(LAST_SECOND + 1), 0);
        assert_eq!((clock(i64::MAX), clock(-5)), (LAST_SECOND - 1, LAST_SECOND - 5));
        assert_eq!([i64::MIN, -5, i64::MAX].map(|t| Overflow::Never.clock(t)), [i64::MIN, -5, i64::MAX]);
    }
}
