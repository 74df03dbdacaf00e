//! Where sessions are kept.
//!
//! A store knows nothing of TLS: it keeps values under a [`key::Key`] until their [`expiry::Expiry`].
//! It never reads a clock (the time is an argument) and never calls out or drops a value while it
//! holds a lock: whatever leaves is returned, and the layer above notifies and frees.
//!
//! `memory` keeps live sessions in this process, `shared` their bytes for all processes of a server. `ticket_keys` are what
//! tickets are sealed with, in which the client keeps its session.
#![deny(unsafe_code)]

pub mod era;
pub mod expiry;
pub mod gate;
pub mod key;
pub mod memory;
pub mod shared;
mod sync;
pub mod ticket_keys;

pub use expiry::Expiry;
pub use key::Key;
pub use memory::{BATCH, Evicted, Inserted, Memory, Outcome, Placed};
pub use shared::{Fingerprint, Lookup, Policy, RecordKey, Scope, Shared};
pub use sync::{Mutex, MutexGuard, locks_held};
