//! The network of the remote store: one thread of a process, between the library's queue and Redis or Valkey.
//!
//! ```text
//!   any thread ─► Shared ── queue: writes, removals (bounded; the oldest goes)   queue
//!                   │    └─ lookups (bounded; refused)
//!                   │    └─ breaker: closed, open                                breaker
//!                   ▼
//!   one thread, all signals blocked: tokio, one connection or a cluster's        thread, link
//! ```
//! An object of its own, so that a program without the setting loads no thread, no socket and none of these crates.
//! It exports one function, and has TLS of its own: the process's libssl is never called here.
#![deny(unsafe_code)]

#[allow(dead_code, reason = "the library's half of it")]
#[path = "../../store/src/remote/abi.rs"]
mod abi;
mod breaker;
#[allow(unsafe_code, reason = "the C interface")]
mod exported;
mod link;
mod queue;
#[allow(unsafe_code, reason = "signals are blocked around the start of the thread")]
mod thread;
