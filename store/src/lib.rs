//! The stores of sessions.
//!
//! ```text
//!   open (config -> store)   config   the grammar and limits of the settings
//!   ┌──────────────┬──────────────┬─────────────┐
//! memory         shared ─────► seal       ticket_keys      key_file     the secrets of both
//!   │              ├► record    the keys and answers of any store of encoded sessions
//!   ▼              └► mapping   memory of several processes
//! key version expiry time counting   secret  secret_slots  threads  file_system  gate  era  sync
//! ```
//! A store knows nothing of TLS: it maps a [`key::Key`] to a value until its [`expiry::Expiry`]. It
//! never reads a clock (the time is an argument). It never calls out or drops a value while it
//! holds a lock: removed values are returned, and the layer above calls back and frees.
//!
//! `memory` has the live sessions of this process, `shared` their encodings for all processes of a
//! server, and `remote` those for all hosts of a fleet. `ticket_keys` seal the tickets in which clients hold their sessions.
#![deny(unsafe_code)]

pub mod config;
pub mod counting;
pub mod era;
pub mod expiry;
#[allow(unsafe_code, reason = "system calls")]
pub mod file_system;
pub mod gate;
pub mod key;
pub mod key_file;
pub mod memory;
pub mod open;
pub mod out_of_reach;
pub mod record;
pub mod record_store;
pub mod remote;
mod seal;
#[allow(unsafe_code, reason = "memory is wiped as no compiler may leave out")]
pub mod secret;
#[allow(unsafe_code, reason = "system calls")]
pub mod secret_slots;
pub mod shared;
mod sync;
#[allow(unsafe_code, reason = "the C library's threads")]
pub mod threads;
pub mod ticket_keys;
pub mod time;
pub mod version;

pub use expiry::Expiry;
pub use key::Key;
pub use memory::{BATCH, Evicted, Inserted, Memory, Outcome, Repositioned, total};
pub use record::{Fingerprint, Lookup, Policy, RecordKey, Scope};
pub use record_store::RecordStore;
pub use shared::Shared;
pub use sync::{LeafMutex, LeafMutexGuard, leaf_locks_held};
