//! SSL_CTX, SSL and SSL_SESSION, whosever they are.
//!
//! Beside a libssl they are its objects; alone they are ours (`standalone`). Above this line nobody needs to know.
//! `Session` owns a reference and gives it back when dropped; `Context` and `Connection` are borrowed from the C
//! caller for the time of its call.

pub mod callbacks;
mod connection;
mod context;
pub mod dispatch;
mod held;
mod policy;
mod session;
mod settings;
mod ticket;
mod undigested;

pub use connection::Connection;
pub use context::{Context, Hooks};
pub use policy::{ServerPolicy, Snapshot};
pub use session::Session;
pub use settings::{Setting, Settings};
pub use ticket::TicketCipher;
pub use undigested::Undigested;

pub use crate::libssl::Family;
/// Returns true if a call came from a libssl: see there.
pub use crate::libssl::called_from::is_of_libssl;
/// A fatal alert: see there.
pub use crate::libssl::error::Alert;
/// Whether the calls of an object reach us: see there.
pub use crate::libssl::is_bound_in;
/// Around calls, in a process with several libssls: see there.
pub use crate::libssl::known::{for_caller_of, for_libssl, for_session_of_caller, note_session_with};
/// When we are loaded: see there.
pub use crate::libssl::loader::at_load;
/// Whether this thread is marking a session through a context of the application's.
pub use crate::libssl::not_resumable::is_marking;
/// Whether this thread is inside libssl's own SSL_CTX_add_session on our behalf.
pub use crate::libssl::stand_in::is_inserting_stand_in;
/// Shared tickets: see there.
pub use crate::libssl::tickets::{
    Callbacks as TicketCallbacks, KeyCallback, KeyCallbackChange, Mac as TicketMac, ReplacedCallbacks,
};
pub use crate::standalone::{DEFAULT_TIMEOUT, Statistic};
use crate::threads::Patience;
/// Whether the process has no other thread: see there.
pub use crate::threads::is_alone;
use crate::{libssl, standalone};

/// Whether this process has no libssl: the objects are ours and handshakes are the embedding stack's.
pub fn stands_alone() -> bool {
    libssl::in_process().is_none()
}

/// Returns true if a libssl is loaded now. Others may be loaded later.
pub fn has_libssl() -> bool {
    !libssl::locate::libssls().is_empty()
}

/// What is locked around a fork that is not a cache's.
pub struct ForkGuard {
    _libssls: Vec<libssl::not_resumable::ForkGuard<'static>>,
    _native: standalone::ForkGuard,
}

/// Locks it until the guard goes.
pub fn hold(patience: &mut Patience) -> ForkGuard {
    ForkGuard { _libssls: libssl::known::hold(patience), _native: standalone::hold(patience) }
}

/// In the child of a process that had several threads.
pub fn forked() {
    libssl::not_resumable::forked();
}

/// Before the first session of a context is stored: makes what marking sessions that leave will need.
pub fn prepare_to_mark(context: Context) {
    if let Some(libssl) = libssl::of_object(context.as_ptr()) {
        libssl.prepare_to_mark();
    }
}

/// Notes on libssl's error stack, where there is one, that a function was called which has no place beside libssl.
pub fn raise_not_beside_libssl() {
    if let Some(libssl) = libssl::in_process() {
        libssl::error::raise(&libssl.functions, libssl::error::SHOULD_NOT_HAVE_BEEN_CALLED);
    }
}
