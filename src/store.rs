//! The stores of sessions.
//!
//! A store knows nothing of TLS: it maps a [`key::Key`] to a value until its [`expiry::Expiry`]. It
//! never reads a clock (the time is an argument). It never calls out or drops a value while it
//! holds a lock: removed values are returned, and the layer above calls back and frees.
//!
//! `memory` has the live sessions of this process, `shared` their encodings for all processes of a
//! server. `ticket_keys` seal the tickets in which clients hold their sessions.
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
pub use memory::{BATCH, Evicted, Inserted, Memory, Outcome, Placed, total};
pub use shared::{Fingerprint, Lookup, Policy, RecordKey, Scope, Shared};
pub use sync::{Mutex, MutexGuard, locks_held};
