//! Sessions that have left the store and whose remove callbacks are still to be called: OpenSSL counts them until then.

#![forbid(unsafe_code)]

use sslsession_store::era::UnderWay;

/// Number of them, of this process alone: a fork's child has not the threads that would call.
#[derive(Default)]
pub(super) struct PendingRemovals(UnderWay);

impl PendingRemovals {
    /// Returns their number.
    pub(super) fn number(&self) -> usize {
        self.0.number() as usize
    }

    /// Counts sessions that have left the store.
    pub(super) fn begin(&self, number: usize) {
        if number > 0 {
            self.0.begin(number as u32);
        }
    }

    /// Counts them as called for.
    pub(super) fn end(&self, number: usize) {
        self.0.end(number as u32);
    }
}
