//! Rules of a session cache that are not the same in all releases of OpenSSL.
//!
//! ```text
//!   libssl::rules ──tries a libssl──► Rules ──► cache     callbacks, and their order
//!                                          └──► store     order and time of eviction
//! ```
//! A distribution backports fixes, so the version of a libssl does not determine its rules: docs/openssl-behaviour.md
//! has the releases in which each was seen.

#![forbid(unsafe_code)]

pub use sslsession_store::expiry::Overflow;
pub use sslsession_store::memory::{AddingAgain, Capacity, Eviction, MemoryRules};

/// Rules of one libssl's session cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Number, order and eviction of the sessions in memory.
    pub memory: MemoryRules,
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
        memory: MemoryRules::SOONEST_FIRST,
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
}
