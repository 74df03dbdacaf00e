//! Ends a call that libssl sends back to the library for ever.
//!
//! In a libssl that is not linked -Bsymbolic, an older function that only calls a newer one calls the newer one that
//! the library exports:
//!
//! ```text
//!   our X ─► libssl's X ─► our X_ex ─► libssl's X ─► our X_ex ...
//! ```
//! So our own calls use the newest name that libssl has (`nested` in `functions.rs`). A future release may have an unknown one:
//! then the calls of one thread nest, and from a certain depth on each exported function passes on to libssl's
//! function of exactly its own name.

use std::cell::Cell;

thread_local! {
    /// Number of nested calls of this thread to such functions of libssl.
    static DEPTH: Cell<u8> = const { Cell::new(0) };
}

/// Depth that exceeds callbacks that flush in callbacks.
const MAX_DEPTH: u8 = 8;

/// Makes a call to libssl that a newer release might send back to us.
pub fn nested<T>(call: impl FnOnce() -> T) -> T {
    let depth = DEPTH.try_with(|depth| depth.replace(depth.get().saturating_add(1)));
    let result = call();
    if let Ok(depth) = depth {
        let _ = DEPTH.try_with(|current| current.set(depth));
    }
    result
}

/// Returns true if libssl has sent this thread's calls back too often.
pub fn is_endless() -> bool {
    DEPTH.try_with(Cell::get).is_ok_and(|depth| depth > MAX_DEPTH)
}
