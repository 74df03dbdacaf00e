//! The store of a fleet: the sessions of all its hosts, in Redis or Valkey.
//!
//! ```text
//!   the library ─► exported ─► fleet ─┬─ id, keys, sealed       ids that say whom to ask; names and seals of records
//!                                     ├─ waiting, budget        how long a lookup may wait
//!                                     ├─ parking                connections that wait, and no thread with them
//!                                     ├─ process                this process's thread
//!                                     │    ▼
//!                                     └─ thread                 one, all signals blocked: tokio
//!                                          ├─ queue             writes, removals (bounded; the oldest goes)
//!                                          ├─ breaker           closed, open
//!                                          └─ link, cluster, resolver   one connection, or one to each node
//!   settings      SSLSESSION_REMOTE, SSLSESSION_REMOTE_OPTIONS and their files
//!   check         for `sslsession check --remote`: the same steps, one after the other
//! ```
//! An object of its own, so that a program without the setting loads no thread, no socket and none of these crates.
//! It exports one function, and has TLS of its own: its thread never calls the process's libssl.
#![deny(unsafe_code)]

mod breaker;
mod budget;
mod check;
mod cluster;
#[allow(unsafe_code, reason = "the C interface")]
mod exported;
mod fleet;
mod id;
mod keys;
mod link;
mod parking;
#[allow(unsafe_code, reason = "a pointer that a child of a fork resets")]
mod process;
mod queue;
mod resolver;
mod sealed;
mod settings;
mod slot;
#[allow(unsafe_code, reason = "signals are blocked around the start of the thread")]
mod thread;
mod waiting;
