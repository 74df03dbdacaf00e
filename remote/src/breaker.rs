//! The circuit breaker. Pure: time is what its owner lets pass.
//!
//! ```text
//!   closed ── FAILURES in a row, or no connection ──► open ── pause ──► the thread connects and asks PING
//!      ▲                                               ▲                   │               │
//!      │                                               └── pause doubled ◄─┘ no answer     │ answer in time
//!      └───────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! Only the thread closes it: a caller is never the one who tries.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Number of failures in a row that open it. With one of three nodes dead that happens by chance four times in a
/// thousand lookups, and lasts one pause.
const FAILURES: u32 = 5;

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause: a server that is back is found within a second, and one that is not costs a connection a second.
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

#[derive(Default)]
pub struct Breaker {
    is_open: AtomicBool,
    failures: AtomicU32,
    pauses: AtomicU32,
    opened: AtomicU64,
}

impl Breaker {
    pub fn is_open(&self) -> bool {
        self.is_open.load(Relaxed)
    }

    /// Returns the number of times that it opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// Notes an answer, whatever it says.
    pub fn on_answer(&self) {
        self.failures.store(0, Relaxed);
    }

    /// Notes an error or a missing answer. Returns true if it is open now.
    pub fn on_failure(&self) -> bool {
        if self.failures.fetch_add(1, Relaxed) + 1 >= FAILURES {
            self.open();
        }
        self.is_open()
    }

    pub fn open(&self) {
        if !self.is_open.swap(true, Relaxed) {
            self.opened.fetch_add(1, Relaxed);
        }
    }

    /// Closes it, for the thread that has had an answer.
    pub fn close(&self) {
        self.failures.store(0, Relaxed);
        self.pauses.store(0, Relaxed);
        self.is_open.store(false, Relaxed);
    }

    /// Returns the time to let pass before the next attempt.
    pub fn next_pause(&self) -> Duration {
        let before = self.pauses.fetch_add(1, Relaxed).min(8);
        LONGEST_PAUSE.min(FIRST_PAUSE * (1 << before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not_let_them() {
        let breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert!(!breaker.on_failure());
            }
            breaker.on_answer();
        }
        for _ in 1..FAILURES {
            assert!(!breaker.on_failure());
        }
        assert!(breaker.on_failure());
        breaker.on_answer();
        assert!(breaker.is_open(), "a late answer of a lookup does not close it");
        assert_eq!(breaker.opened(), 1);
        breaker.close();
        assert!(!breaker.is_open());
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let breaker = Breaker::default();
        let pauses: Vec<u128> = (0..6).map(|_| breaker.next_pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 800, 800]);
        breaker.close();
        assert_eq!(breaker.next_pause(), FIRST_PAUSE);
    }
}
