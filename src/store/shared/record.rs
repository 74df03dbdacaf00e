//! The keys and the answers of a shared store.
#![forbid(unsafe_code)]

use crate::secret::Secret;

/// A digest of what must be equal for one SSL_CTX to use another's sessions.
pub type Scope = [u8; 16];

/// The key of a record.
#[derive(Clone, Copy, Debug)]
pub struct RecordKey<'a> {
    /// The SSL_CTX, or others with the same policy.
    pub scope: &'a Scope,
    /// The policy that session and connection have to agree in. A lookup skips a record of another
    /// policy; `remove` removes it.
    pub policy: Policy,
    /// The protocol version.
    pub version: i32,
    /// The session id.
    pub id: &'a [u8],
}

/// The policy that a session and a connection have to agree in, as digests of which 40 and 24 bits
/// are stored.
///
/// An insertion knows all of it. A search may know only how the connection began: the policy that
/// the server name leads to is compared only if it is settled already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    begun: u64,
    begun_by_any_name: u64,
    settled: Option<u64>,
}

impl Policy {
    /// Returns a policy. `begun` is of the server name and of the first policy, `begun_by_any_name`
    /// the same for a session that is good for all names, and `settled` of the final policy, if
    /// that is known.
    pub const fn new(begun: u64, begun_by_any_name: u64, settled: Option<u64>) -> Policy {
        const KEPT: u64 = (1 << BEGUN) - 1;
        let settled = match settled {
            Some(settled) => Some(settled >> BEGUN),
            None => None,
        };
        Policy { begun: begun & KEPT, begun_by_any_name: begun_by_any_name & KEPT, settled }
    }

    /// Returns the bits for a record.
    pub(super) fn bits(&self) -> u64 {
        self.settled.unwrap_or(0) << BEGUN | self.begun
    }

    /// Returns the policy of a record's bits.
    pub(super) fn of_bits(bits: u64) -> Policy {
        Policy::new(bits, bits, Some(bits))
    }

    /// Returns true if a record of these bits is for a connection of this policy.
    pub(super) fn fits(&self, bits: u64) -> bool {
        let record = Policy::of_bits(bits);
        (record.begun == self.begun || record.begun == self.begun_by_any_name)
            && self.settled.is_none_or(|settled| record.settled == Some(settled))
    }
}

/// Number of bits stored of how a connection began.
const BEGUN: u32 = 40;

/// Fingerprint of a session: a live session and its record have the same. It differs between two
/// sessions of one id, and after a change of expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub(super) expiry: u32,
    pub(super) fingerprint: u32,
}

/// The answer to a lookup.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The record has the fingerprint that the caller knows, or had it until it was taken; expired
    /// or not.
    Current,
    /// The encoded session.
    Record(Secret),
    /// No record, or an expired one.
    Missing,
    /// A record for connections of another policy.
    PolicyMismatch,
    /// Another process held the partition's lock for too long; there may be a record.
    Unavailable,
}

/// An event that a store counts, by process, since it was made. The numbers are part of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was found, or found to be current.
    Found,
    /// No record was found.
    Missed,
    /// A record was stored.
    Stored,
    /// A record was removed, or taken to be used once.
    Removed,
    /// A record was evicted because its partition was full.
    Evicted,
    /// A record was larger than 10 KiB, or than a quarter of a small partition, and not stored.
    TooLarge,
    /// A sealed record was found and did not open.
    Refused,
    /// A lock was not acquired in time.
    Unavailable,
    /// A partition was emptied: a process died while changing it, or its bytes made no sense.
    Emptied,
    /// An expired record was wiped.
    Expired,
    /// A record was found that is for connections of another policy.
    PolicyMismatch,
    /// An expired record was found.
    Over,
    /// A lock was held by another.
    Waited,
}
