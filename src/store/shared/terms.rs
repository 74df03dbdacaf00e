//! The terms in which a shared store is asked, and answers.
#![forbid(unsafe_code)]

use zeroize::Zeroizing;

/// A digest of what must be equal for one SSL_CTX to use another's sessions.
pub type Scope = [u8; 16];

/// What a record is found by.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    /// The SSL_CTX, or others that are as good as it.
    pub scope: &'a Scope,
    /// What the connection asks of its client. A record of another policy is not found; but it is removed.
    pub policy: u64,
    /// The protocol version.
    pub version: i32,
    /// The session id.
    pub id: &'a [u8],
}

/// Tells one session from another of the same id, and from itself before its expiry was changed: what a live session has
/// in common with its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub(super) expiry: u32,
    pub(super) fingerprint: u32,
}

/// The answer to a search.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The very session that the caller has stands, or stood until it was taken; over or not.
    Standing,
    /// The session's bytes.
    Record(Zeroizing<Vec<u8>>),
    /// There is none, or one that is over.
    Missing,
    /// There is one, for connections of another policy.
    Withheld,
    /// Another process has had the partition for too long; there may be one.
    OutOfReach,
}

/// What a store counts, over all processes, since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was found, or found still standing.
    Found,
    /// A record was searched for and not found.
    Missed,
    /// A record was stored.
    Stored,
    /// A record was removed, or taken to be used once.
    Removed,
    /// A record left because its partition was full.
    Evicted,
    /// A record was larger than a quarter of a partition, and not stored.
    TooLarge,
    /// A sealed record was found and did not open.
    Refused,
    /// A lock was not to be had in time.
    OutOfReach,
    /// A partition was emptied, because a process died while changing it or because its bytes made no sense.
    Emptied,
}
