//! The automatic flush (contract M7): when one is due, and how far the present one has come.
//!
//! ```text
//!   256 handshakes more ─► claim ─► begin(now) ─► up_to() ─► 64 sessions at a time, with each connection ─► end
//! ```

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use super::Role;
use sslsession_store::time::UnixTime;

/// State of one cache's automatic flushes.
#[derive(Default)]
pub(super) struct AutoFlush {
    /// Time up to which sessions are still to be removed; 0 for none.
    up_to: AtomicI64,
    /// By role: the number of flushes that were claimed, modulo 256.
    claimed: [AtomicU8; 2],
}

impl AutoFlush {
    /// Claims the flush that is due after so many handshakes: each 256th is, and the one before it counts already. Returns
    /// true for the first caller only.
    pub(super) fn claim(&self, role: Role, handshakes: u64) -> bool {
        let due = ((handshakes + 1) >> 8) as u8;
        let claimed = &self.claimed[role as usize];
        claimed.load(Ordering::Relaxed) != due && claimed.swap(due, Ordering::Relaxed) != due
    }

    /// Begins to remove what has expired by `now`.
    pub(super) fn begin(&self, now: UnixTime) {
        self.up_to.store(now.0, Ordering::Relaxed);
    }

    /// Returns the time up to which sessions are still to be removed; None if nothing is.
    pub(super) fn up_to(&self) -> Option<UnixTime> {
        Some(UnixTime(self.up_to.load(Ordering::Relaxed))).filter(|&time| time != UnixTime(0))
    }

    /// Ends it: nothing is left that expired by then.
    pub(super) fn end(&self) {
        self.up_to.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{AutoFlush, Role, UnixTime};

    #[test]
    fn each_256th_handshake_is_claimed_once() {
        let flush = AutoFlush::default();
        let claimed: Vec<u64> = (0..600).filter(|&handshakes| flush.claim(Role::Server, handshakes)).collect();
        assert_eq!(claimed, [255, 511]);
        assert!(!flush.claim(Role::Server, 600) && flush.claim(Role::Client, 255), "each role has its own");
    }

    #[test]
    fn it_goes_on_until_it_ends() {
        let flush = AutoFlush::default();
        assert_eq!(flush.up_to(), None);
        flush.begin(UnixTime(1000));
        assert_eq!((flush.up_to(), flush.up_to()), (Some(UnixTime(1000)), Some(UnixTime(1000))));
        flush.end();
        assert_eq!(flush.up_to(), None);
    }
}
