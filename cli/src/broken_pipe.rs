//! Ends the command, as others are ended, when nobody reads what it prints (`sslsession store ls | head -n 1`).

use nix::sys::signal::{SigHandler, Signal, signal};

/// Undoes what Rust does before `main`, which is to have writes fail instead. Sockets are written to without the signal.
pub fn end_this_process() {
    // SAFETY: the default action is no function of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}
