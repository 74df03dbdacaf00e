//! Stops a call that comes back to us for ever.
//!
//! Where libssl is not linked -Bsymbolic, an older function of it that only calls a newer one comes to the newer one that
//! we export:
//!
//! ```text
//!   our X ─► libssl's X ─► our X_ex ─► libssl's X ─► our X_ex ...
//! ```
//! So our own calls take the newest name that libssl has (`symbols.rs`). A release to come may have one that we do not know:
//! then the calls of one thread nest, and from a certain depth on each exported function passes on to libssl's function
//! of exactly its own name.

use std::cell::Cell;

thread_local! {
    /// How many calls to such functions of libssl this thread is in.
    static DEPTH: Cell<u8> = const { Cell::new(0) };
}

/// More than callbacks that flush in callbacks need.
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

/// Returns true if this thread's calls to libssl have come back to us too often.
pub fn is_endless() -> bool {
    DEPTH.try_with(Cell::get).is_ok_and(|depth| depth > MAX_DEPTH)
}
