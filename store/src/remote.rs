//! The remote store: the sessions of all hosts of a fleet, in Redis or Valkey.
//!
//! ```text
//!   Remote ─── loader ───► libsslsession-remote.so     keys, ids, seals, queue, thread, network      see its sources
//!              functions   abi
//!   check  ─── loader ───► the same object             for the command
//! ```
//! It stands behind the shared store of each host: a session that is not there is asked for here, if its id says that
//! another host made it. Writes and removals are queued, and nothing waits for them. A lookup waits for some
//! milliseconds at most, and a thread for a part of each second. Whatever fails is a miss.
#![deny(unsafe_code)]

pub mod abi;
#[allow(unsafe_code, reason = "a function of another object")]
mod check;
#[allow(unsafe_code, reason = "the loader")]
mod loader;
#[allow(unsafe_code, reason = "functions of another object")]
mod object;

pub use check::{State, Step, check};
pub use object::{ID_LENGTH, Remote};
