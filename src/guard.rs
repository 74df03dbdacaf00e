//! No panic crosses into C.
//!
//! A cache must not take its host down: a fault of ours is answered with the function's failure value, which costs
//! a full handshake at worst.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of a function that C calls; gives `fallback` if it panics.
///
/// State is not torn by that: what changes under a lock changes by single insertions and removals, and the stores
/// carry no invariant over a call out.
pub fn guard<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn a_panic_becomes_the_failure_value() {
        assert_eq!(guard(0, || if std::hint::black_box(true) { panic!("on purpose") } else { 1 }), 0);
    }

    #[test]
    fn without_a_panic_the_answer_is_the_bodys() {
        assert_eq!(guard(0, || 1), 1);
    }
}
