//! Keys of stateless tickets that follow from a key file and the clock, so that every process with the file has them.
//!
//! ```text
//!   line of the file ─► K ─► epoch key T ─┬─► tag of policy and server name   8 ┐ the ticket's name: libssl finds its
//!                                         ├─► family, the context's copies    8 ┘ key by it
//!                                         └─► HMAC key 32 | AES key 32, of tag and server name
//! ```
//! [`derive`] has the formulas, which docs/tickets.md repeats with test vectors; [`line`] reads the
//! file. [`window`] has the epoch keys that are in force, [`ring`] these and the last used keys.
//! Secrets are in [`SecretSlots`], which no core dump has.
#![forbid(unsafe_code)]

pub mod derive;
mod line;
mod ring;
mod window;

pub use derive::{Label, Tag, TicketKeys};
pub use line::{Line, Stamp, read};
pub use ring::{Audience, KeyRing, RootKey, TicketName, Wanted, halves};

/// Number of lines of a key file that are used, as many as a file may have.
const MAX_LINES: usize = 16;

/// Number of keys that stay after their use.
const MAX_KNOWN: usize = 96;
