//! No panic crosses into C, and an unwinding from C crosses the library.
//!
//! A cache must not end its host: a fault of the library's gives the function's failure value, which costs a full
//! handshake at worst. And the application's callback may end by unwinding: its thread is cancelled there, calls
//! pthread_exit(3), or throws a C++ exception. The unwinding passes libssl, and passes the library the same:
//!
//! ```text
//!   application ─► exported function: guard ─► ours ─► call_out ─► callback
//!        ▲                              │                 │            │ unwinds
//!        └──────── continues ───────────┘◄─── returns ────┘◄─ caught ──┘
//! ```
//! The frames between, with their locks, counts and references, see a callback that failed. The unwinding itself does
//! not pass there: Rust defines no forced unwinding over frames that drop values. And if our unwinder is not the
//! application's (a library that is linked with one of its own), neither understands the other's frames.

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod assembly;
mod unwinding;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use unwinding::{call_out, is_unwinding, put_off};

/// Runs the body of a function that C calls. Returns `fallback` if it panics, and continues an unwinding that it
/// caught.
///
/// State is not torn by that: single insertions and removals change it under a lock, and the stores carry no
/// invariant over a call out.
#[inline(always)]
pub fn catch_panic<T: Copy>(fallback: T, body: impl FnOnce() -> T) -> T {
    and_go_on(|| caught(fallback, body))
}

/// Runs a body that catches an unwinding, and then continues that one. One that was caught before is not continued
/// here: the library then makes its last calls to libssl, which may call back, and its own end continues it.
#[inline(always)]
pub fn and_go_on<T: Copy>(body: impl FnOnce() -> T) -> T {
    let was_unwinding = is_unwinding();
    let answer = body();
    if !was_unwinding {
        unwinding::go_on();
    }
    answer
}

/// Catches a panic in a frame of its own: a frame that catches has a personality routine, Rust's, which may belong to another unwinder
/// than the one that arrives. The caller's frame drops nothing, and so has none.
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
