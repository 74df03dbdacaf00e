//! The terms in which a shared store is asked, and answers.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// A digest of what must be equal for one SSL_CTX to use another's sessions.
pub type Scope = [u8; 16];

/// What a record is found by.
#[derive(Clone, Copy, Debug)]
pub struct RecordKey<'a> {
    /// The SSL_CTX, or others that are as good as it.
    pub scope: &'a Scope,
    /// What else the session and the connection have to agree in. A record of another policy is not found; but it is
    /// removed.
    pub policy: Policy,
    /// The protocol version.
    pub version: i32,
    /// The session id.
    pub id: &'a [u8],
}

/// What a session and a connection have to agree in, as digests of which 40 and 24 bits are kept.
///
/// Who stores knows all of it. Who searches may know only how the connection began: its name says what will be asked of
/// the client in the end, so that is compared only if it is settled already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    begun: u64,
    begun_by_any_name: u64,
    settled: Option<u64>,
}

impl Policy {
    /// `begun` is of the server name and of what is asked at first, `begun_by_any_name` the same for a session that is good
    /// for all names, and `settled` of what is asked in the end, if that is known.
    pub const fn new(begun: u64, begun_by_any_name: u64, settled: Option<u64>) -> Policy {
        const KEPT: u64 = (1 << BEGUN) - 1;
        let settled = match settled {
            Some(settled) => Some(settled >> BEGUN),
            None => None,
        };
        Policy { begun: begun & KEPT, begun_by_any_name: begun_by_any_name & KEPT, settled }
    }

    /// As a record has it.
    pub(super) fn bits(&self) -> u64 {
        self.settled.unwrap_or(0) << BEGUN | self.begun
    }

    /// That of a record.
    pub(super) fn of_bits(bits: u64) -> Policy {
        Policy::new(bits, bits, Some(bits))
    }

    /// Whether a record of these bits is for a connection of this policy.
    pub(super) fn fits(&self, bits: u64) -> bool {
        let record = Policy::of_bits(bits);
        (record.begun == self.begun || record.begun == self.begun_by_any_name)
            && self.settled.is_none_or(|settled| record.settled == Some(settled))
    }
}

/// How many bits are kept of how a connection began.
const BEGUN: u32 = 40;

/// Tells one session from another of the same id, and from itself before its expiry was changed: what a live session has
/// in common with its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub(super) expiry: u32,
    pub(super) fingerprint: u32,
}

/// The answer to a search.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The very session that the caller has stands, or stood until it was taken; over or not.
    Current,
    /// The session's bytes.
    Record(Secret),
    /// There is none, or one that is over.
    Missing,
    /// There is one, for connections of another policy.
    PolicyMismatch,
    /// Another process has had the partition for too long; there may be one.
    Unavailable,
}

/// What a store counts, by process, since it was made. The numbers are part of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was found, or found still standing.
    Found,
    /// No record was found.
    Missed,
    /// A record was stored.
    Stored,
    /// A record was removed, or taken to be used once.
    Removed,
    /// A record left because its partition was full.
    Evicted,
    /// A record was larger than 10 KiB, or than a quarter of a small partition, and not stored.
    TooLarge,
    /// A sealed record was found and did not open.
    Refused,
    /// A lock was not to be had in time.
    Unavailable,
    /// A partition was emptied, because a process died while changing it or because its bytes made no sense.
    Emptied,
    /// A record was over, and wiped.
    Expired,
    /// A record was found that is for connections of another policy.
    PolicyMismatch,
    /// A record was found that is over.
    Over,
    /// A lock was held by another.
    Waited,
}
