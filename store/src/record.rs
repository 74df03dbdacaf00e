//! Records of sessions, whatever store has them: their keys, headers and fingerprints, and the answers to lookups.
#![forbid(unsafe_code)]

use crate::secret::Secret;
use crate::time::UnixTime;
use crate::version::ProtocolVersion;

/// A digest of what must be equal for one context to use another's sessions.
pub type Scope = [u8; 16];

/// The key of a record.
#[derive(Clone, Copy, Debug)]
pub struct RecordKey<'a> {
    /// The context, or others with the same policy.
    pub scope: &'a Scope,
    /// The policy that session and connection have to agree in. A lookup skips a record of another
    /// policy; `remove` removes it.
    pub policy: Policy,
    /// The protocol version.
    pub version: ProtocolVersion,
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

    /// Returns the same policy, settled as that digest says, if it does.
    pub fn settled_as(self, policy: Option<&Scope>) -> Policy {
        Policy::new(self.begun, self.begun_by_any_name, policy.map(beginning))
    }

    /// Returns the bits for a record.
    pub fn bits(&self) -> u64 {
        self.settled.unwrap_or(0) << BEGUN | self.begun
    }

    /// Returns the policy of a record's bits.
    pub(super) fn of_bits(bits: u64) -> Policy {
        Policy::new(bits, bits, Some(bits))
    }

    /// Returns true if a record of these bits is for a connection of this policy.
    pub fn fits(&self, bits: u64) -> bool {
        let record = Policy::of_bits(bits);
        (record.begun == self.begun || record.begun == self.begun_by_any_name)
            && self.settled.is_none_or(|settled| record.settled == Some(settled))
    }
}

/// A keyed digest of bytes, which others cannot foresee.
pub trait KeyedDigest {
    /// Returns the digest: the same for all who have the key.
    fn digest(&self, parts: &[&[u8]]) -> u64;
}

/// A server name in a record's policy.
pub enum ServerName<'a> {
    /// The name that the client sent; empty if it sent none.
    Said(&'a [u8]),
    /// Any name: the application added the session, which has no name.
    Any,
}

/// The number for any name; that of no name is 0. They are no secret.
const ANY: u64 = 1;

impl ServerName<'_> {
    /// Returns the policy by which a record of that name is compared: a digest that clients, who
    /// choose the name, cannot foresee. It includes the beginning of the policy's digest, unless
    /// that is not settled yet, for a live session whose record's body is not read.
    pub fn terms(&self, key: &impl KeyedDigest, policy: Option<&Scope>) -> Policy {
        let digest = match self {
            ServerName::Any => ANY,
            ServerName::Said(b"") => 0,
            ServerName::Said(name) => key.digest(&[&name.to_ascii_lowercase()]),
        };
        Policy::new(digest, ANY, policy.map(beginning))
    }
}

/// Returns the part of a policy's digest that is compared.
fn beginning(policy: &Scope) -> u64 {
    policy.iter().take(8).fold(0, |word, &byte| word << 8 | u64::from(byte))
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

/// The fields of a record before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// Of scope, version and id.
    pub hash: u64,
    /// The policy that authenticated the client.
    pub policy: u64,
    /// The last second the record may be used in; all ones for never.
    pub expiry: u32,
    /// Fingerprint that differs between two sessions of one id.
    pub fingerprint: u32,
}

impl RecordHeader {
    /// Returns true if the session has expired at `now`. Strict: in its last second it is still valid.
    pub fn is_over(&self, now: UnixTime) -> bool {
        self.expiry != u32::MAX && now > UnixTime(i64::from(self.expiry))
    }
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
