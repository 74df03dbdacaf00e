//! Records as the tests of the shared store insert them and look them up.
#![allow(dead_code, reason = "each test uses some")]

use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Fingerprint, Lookup, Policy, RecordKey, RecordStore, Scope, Shared};

/// The time at which all is inserted and looked up.
pub const NOW: UnixTime = UnixTime(1_800_000_000);

/// The one scope.
pub const SCOPE: Scope = [7; 16];

/// Nothing is asked of a client.
pub const NOTHING: Policy = Policy::new(0, 0, Some(0));

/// Returns the key of a session's record.
pub fn name(id: &[u8]) -> RecordKey<'_> {
    RecordKey { scope: &SCOPE, policy: NOTHING, version: ProtocolVersion(0x0303), id }
}

/// Returns the fingerprint of a session of that secret that expires after ten seconds.
pub fn fingerprint(store: &Shared, secret: &[u8]) -> Fingerprint {
    store.fingerprint(secret, Expiry::new(NOW, Seconds(10)))
}

/// Inserts a session whose bytes are its secret too.
pub fn insert(store: &Shared, id: &[u8], bytes: &[u8]) -> bool {
    store.insert(&name(id), fingerprint(store, bytes), bytes)
}

/// Returns the bytes of a session's record.
pub fn find(store: &Shared, id: &[u8]) -> Option<Vec<u8>> {
    match store.find(&name(id), None, NOW) {
        Lookup::Record(bytes) => Some(bytes.to_vec()),
        Lookup::Missing => None,
        found => panic!("{found:?}"),
    }
}
