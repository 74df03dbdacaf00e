//! The cache's own counters for SSL_CTX_sess_number(3).
//!
//! Four of the twelve: number, cb_hits, cache_full, and the misses of its own lookups. libssl, or
//! alone `standalone`, counts the other eight and a client's misses, in the handshake.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI32, Ordering};

use super::SessionCache;
use crate::handle::Statistic;

/// Counters that wrap as plain ints and are never reset, as in OpenSSL.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) misses: Counter,
    pub(super) callback_hits: Counter,
    pub(super) cache_full: Counter,
}

#[derive(Default)]
pub(super) struct Counter(AtomicI32);

impl Counter {
    pub(super) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> i32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl SessionCache {
    /// Returns the number of sessions that the get_session callback returned.
    pub fn callback_hits(&self) -> i32 {
        self.counters.callback_hits.get()
    }

    /// Returns the number of sessions that clients offered, or servers looked up, and that were not
    /// found.
    pub fn misses(&self) -> i32 {
        let in_handshakes = self.context.statistic(Statistic::Misses) as i32;
        self.counters.misses.get().wrapping_add(in_handshakes)
    }

    /// Returns the number of sessions that were evicted because the cache was full.
    pub fn cache_full(&self) -> i32 {
        self.counters.cache_full.get()
    }
}
