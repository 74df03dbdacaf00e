//! The counters of SSL_CTX_sess_number(3) that are the cache's.
//!
//! Of the twelve, four: number, cb_hits, cache_full, and the misses of its own lookups. The other eight, and a
//! client's misses, happen in the handshake and are counted by libssl, or alone by `standalone`.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI32, Ordering};

use super::SessionCache;
use crate::handle::Statistic;

/// Plain ints that wrap and are never reset, as in OpenSSL.
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
    /// Sessions that the get_session callback gave.
    pub fn callback_hits(&self) -> i32 {
        self.counters.callback_hits.get()
    }

    /// Sessions that clients proposed, or servers looked up, and that were not found.
    pub fn misses(&self) -> i32 {
        let in_handshakes = self.context.statistic(Statistic::Misses) as i32;
        self.counters.misses.get().wrapping_add(in_handshakes)
    }

    /// Sessions that left because the cache was full.
    pub fn cache_full(&self) -> i32 {
        self.counters.cache_full.get()
    }
}
