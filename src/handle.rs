//! SSL_CTX, SSL and SSL_SESSION, of any owner.
//!
//! Beside a libssl they are its objects; alone they are the library's (`standalone`). The layers
//! above need not know. `Session` owns a reference and releases it when dropped; `Context` and
//! `Connection` are borrowed from the C caller during its call.

pub mod callbacks;
mod connection;
mod context;
pub mod dispatch;
mod held;
mod policy;
mod reads;
mod session;
mod session_der;
mod settings;
mod ticket;
mod undigested;

pub use connection::{Connection, TLS1_3};
pub use context::{Context, Hooks};
pub use policy::{KeptSnapshot, ServerPolicy, Snapshot};
pub use reads::reads;
pub use session::Session;
pub use session_der::SessionDer;
pub use settings::{Setting, Settings};
pub use ticket::{KeyCallbackChange, ReplacedCallbacks, TicketCipher};
pub use undigested::Undigested;

pub use crate::libssl::Family;
/// Returns true if a call came from a libssl: see the definition.
pub use crate::libssl::called_from::is_of_libssl;
/// A fatal alert: see the definition.
pub use crate::libssl::error::Alert;
/// Returns true if the calls of an object reach the library: see the definition.
pub use crate::libssl::is_bound_in;
/// Wrappers of calls in a process with several libssls: see their definitions.
pub use crate::libssl::known::{for_caller_of, for_libssl, for_session_of_caller, note_session_with};
/// Runs when the library is loaded: see the definition.
pub use crate::libssl::loader::at_load;
/// Returns true while this thread marks a session through a context of the application's.
pub use crate::libssl::not_resumable::is_marking;
/// Returns true while this thread is in libssl's SSL_CTX_add_session for a stand-in.
pub use crate::libssl::stand_in::is_inserting_stand_in;
/// Callbacks and MAC of shared tickets: see their definitions.
pub use crate::libssl::tickets::{Callbacks as TicketCallbacks, KeyCallback, Mac as TicketMac};
pub use crate::standalone::{DEFAULT_TIMEOUT, Statistic};
use crate::{libssl, standalone};
use sslsession_store::threads::Patience;
/// Returns true if the process has no other thread: see the definition.
pub use sslsession_store::threads::is_alone;

/// Returns true if this process has no libssl: the library owns the objects, and an embedding stack
/// runs the handshakes.
pub fn stands_alone() -> bool {
    libssl::in_process().is_none()
}

/// Returns true if a libssl is loaded now. Others may be loaded later.
pub fn has_libssl() -> bool {
    !libssl::locate::libssls().is_empty()
}

/// Guards for all locks outside the caches, held across fork().
pub struct ForkGuard {
    _libssls: Vec<libssl::not_resumable::ForkGuard<'static>>,
    _native: standalone::ForkGuard,
}

/// Acquires these locks until the guard is dropped.
pub fn hold(patience: &mut Patience) -> ForkGuard {
    ForkGuard { _libssls: libssl::known::hold(patience), _native: standalone::hold(patience) }
}

/// Resets state in the child of a process that had several threads.
pub fn forked() {
    libssl::not_resumable::forked();
}

/// Makes, before a context's first session is stored, what marking its removed sessions will need.
pub fn prepare_to_mark(context: Context) {
    if let Some(libssl) = libssl::of_object(context.as_ptr()) {
        libssl.prepare_to_mark();
    }
}

/// Puts an error on libssl's error queue, if there is one: the function called has no meaning
/// beside libssl.
pub fn raise_not_beside_libssl() {
    if let Some(libssl) = libssl::in_process() {
        libssl::error::raise(&libssl.symbols, libssl::error::SHOULD_NOT_HAVE_BEEN_CALLED);
    }
}
