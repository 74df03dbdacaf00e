//! No panic crosses into C, and what C throws crosses us.
//!
//! A cache must not take its host down: a fault of ours is answered with the function's failure value, which costs
//! a full handshake at worst. And the application may leave its callback other than by returning: its thread is cancelled
//! there, calls pthread_exit(3), or throws a C++ exception. It leaves libssl that way, and leaves us the same:
//!
//! ```text
//!   application ─► exported function: guard ─► ours ─► call_out ─► callback
//!        ▲                              │                 │            │ unwinds
//!        └────────── goes on ───────────┘◄─── returns ────┘◄─ caught ──┘
//! ```
//! What is between, with its locks, counts and references, sees a callback that failed. The unwinding itself does not pass
//! there: Rust defines no forced unwinding over frames that have something to drop, and where our unwinder is another
//! than the application's (a library that is linked with one of its own), neither understands the other's frames.

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod assembly;
mod unwinding;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use unwinding::{call_out, is_unwinding, put_off};

/// Runs the body of a function that C calls; gives `fallback` if it panics, and goes on with what was thrown through it.
///
/// State is not torn by that: what changes under a lock changes by single insertions and removals, and the stores
/// carry no invariant over a call out.
#[inline(always)]
pub fn catch_panic<T: Copy>(fallback: T, body: impl FnOnce() -> T) -> T {
    and_go_on(|| caught(fallback, body))
}

/// Runs what catches, and then goes on with what was caught in it. What was caught before is not for here: ours makes its last
/// calls to libssl then, which may come back to us, and its own end goes on.
#[inline(always)]
pub fn and_go_on<T: Copy>(body: impl FnOnce() -> T) -> T {
    let was_unwinding = is_unwinding();
    let answer = body();
    if !was_unwinding {
        unwinding::go_on();
    }
    answer
}

/// A frame of its own: what catches has a personality routine, Rust's, which may know another unwinder than the one that comes
/// by. The caller's has nothing to drop, and so none.
#[inline(never)]
fn caught<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::catch_panic;

    #[test]
    fn a_panic_becomes_the_failure_value() {
        assert_eq!(catch_panic(0, || if std::hint::black_box(true) { panic!("on purpose") } else { 1 }), 0);
    }

    #[test]
    fn without_a_panic_the_answer_is_the_bodys() {
        assert_eq!(catch_panic(0, || 1), 1);
    }
}
