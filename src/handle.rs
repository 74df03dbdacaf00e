//! SSL_CTX, SSL and SSL_SESSION, whosever they are.
//!
//! Beside a libssl they are its objects; alone they are ours (`native`). Above this line nobody needs to know.
//! `Session` owns a reference and gives it back when dropped; `Context` and `Connection` are borrowed from the C
//! caller for the time of its call.

pub mod callbacks;
mod connection;
mod context;
pub mod raw;
mod session;

pub use connection::Connection;
pub use context::{Context, Hooks};
pub use session::{Borrowed, Session};

use crate::libssl;
/// Whether this thread is inside libssl's own SSL_CTX_add_session on our behalf.
pub use crate::libssl::lending::is_lending;
pub use crate::libssl::others::Held;
pub use crate::native::{DEFAULT_TIMEOUT, Statistic};

/// Whether this process has no libssl: the objects are ours and handshakes are the embedding stack's.
pub fn stands_alone() -> bool {
    libssl::in_process().is_none()
}

/// Around a fork: locks what is ours and not a cache's, until the guard goes.
pub fn hold() -> Held {
    libssl::others::hold()
}

/// In the child of a fork: lets go of what another thread of the parent may have been using inside libssl.
pub fn forget_after_fork() {
    libssl::marker::forget_after_fork();
}

/// Notes on libssl's error stack, where there is one, that a function was called which has no place beside libssl.
pub fn raise_not_beside_libssl() {
    if let Some(libssl) = libssl::in_process() {
        libssl::error::raise(&libssl.functions, libssl::error::SHOULD_NOT_HAVE_BEEN_CALLED);
    }
}
