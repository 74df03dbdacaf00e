//! A store of records: what the cache of a server asks of one, whatever it keeps the records in.
#![forbid(unsafe_code)]

use crate::expiry::Expiry;
use crate::record::{Fingerprint, KeyedDigest, Lookup, Policy, RecordKey};
use crate::time::UnixTime;

/// A store of encoded sessions for several processes.
///
/// Times are seconds since 1970. All functions may be called by any number of threads at once, and
/// by a child of a fork. They call nothing that could come back here. Whatever fails is a miss.
pub trait RecordStore: KeyedDigest {
    /// Returns the session's fingerprint: a keyed hash of its master secret, and its expiry.
    fn fingerprint(&self, secret: &[u8], expiry: Expiry) -> Fingerprint;

    /// Stores an encoded session and replaces any record with the same key. Returns false if it is
    /// not stored: the record is too large or the store unavailable.
    fn insert(&self, name: &RecordKey, mark: Fingerprint, bytes: &[u8]) -> bool;

    /// Replaces the record of a session that was changed: in one step, and only if the record of
    /// `was` still has the fingerprint `known`. The record keeps its policy. Returns false if
    /// nothing was replaced.
    fn replace(&self, was: &RecordKey, known: Fingerprint, name: &RecordKey, mark: Fingerprint, bytes: &[u8]) -> bool;

    /// Looks up a session that has not expired at `now`. `known` is the fingerprint of the caller's
    /// live session: if the record has it, nothing is copied, and the caller checks the expiry.
    fn find(&self, name: &RecordKey, known: Option<Fingerprint>, now: UnixTime) -> Lookup;

    /// Does the same and removes the record. Only one of all processes can take it.
    fn take(&self, name: &RecordKey, known: Option<Fingerprint>, now: UnixTime) -> Lookup;

    /// Removes the record of that key, whatever the key's policy. Returns true if there was one.
    fn remove(&self, name: &RecordKey) -> bool;

    /// Returns the policy of the record of that key, whatever the key's policy; None if there is no
    /// record.
    fn policy(&self, name: &RecordKey) -> Option<Policy>;

    /// Wipes some of the records that have expired at `now`. Cheap, except once a second.
    fn expire(&self, now: UnixTime);
}
