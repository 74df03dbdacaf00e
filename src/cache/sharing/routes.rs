//! Routes: the policy that a server name has led to, behind a context whose servername callback
//! switches connections.
//!
//! A session is searched for before that callback runs. Among the copies of one context it does not
//! matter, as in OpenSSL's one cache. A session of another context, or of an earlier run, is
//! resumed only over a known route: this context has led a full handshake of that name to the
//! policy that the session was made under.
//!
//! ```text
//!   full handshake ─► name, policy at its end ─► here ─► store, under the context's number ─► its copies
//! ```
//! Without a store each process learns by itself.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};

use super::brief_lock::BriefLock;
use super::policy::{Number, PolicyDigest};
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Lookup, Policy, RecordKey, RecordStore};

/// Number of names that this process remembers. Clients choose them.
const MAX_NAMES: usize = 1024;

/// Number of seconds for which the store remembers a name.
const TIMEOUT: Seconds = Seconds(7 * 86_400);

/// The policy of all routes, which are found by number and name alone.
const TERMS: Policy = Policy::new(0, 0, Some(0));

/// The routes that one context has learnt.
#[derive(Default)]
pub(super) struct Routes {
    known: BriefLock<HashMap<Vec<u8>, PolicyDigest>>,
    /// True once a name has led elsewhere than before, in the same context.
    has_changed: AtomicBool,
}

impl Routes {
    /// Returns true if a name has been seen to lead elsewhere than before.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Relaxed)
    }

    /// Returns the policy that a name leads to, if this process knows.
    pub(super) fn known_here(&self, name: &[u8]) -> Option<PolicyDigest> {
        self.known.lock()?.get(name).copied()
    }

    /// Returns the policy that a name leads to, if this process or a copy of the context knows.
    pub(super) fn known(
        &self,
        store: Option<&impl RecordStore>,
        number: &Number,
        name: &[u8],
        now: UnixTime,
    ) -> Option<PolicyDigest> {
        self.known_here(name).or_else(|| {
            let (scope, id) = key(number, name);
            let record = RecordKey { scope: &scope, policy: TERMS, version: ProtocolVersion::NONE, id: &id };
            match store?.find(&record, None, now) {
                Lookup::Record(bytes) => {
                    let digest = bytes.as_slice().try_into().ok()?;
                    self.remember(name, digest);
                    Some(digest)
                }
                _ => None,
            }
        })
    }

    /// Learns a route from a full handshake.
    pub(super) fn learn(
        &self,
        store: Option<&impl RecordStore>,
        number: &Number,
        name: &[u8],
        digest: PolicyDigest,
        now: UnixTime,
    ) {
        let before = self.known_here(name);
        if before == Some(digest) {
            return;
        }
        if before.is_some() {
            self.has_changed.store(true, Ordering::Relaxed);
        }
        self.remember(name, digest);
        let Some(store) = store else { return };
        let (scope, id) = key(number, name);
        let mark = store.fingerprint(&digest, Expiry::new(now, TIMEOUT));
        let record = RecordKey { scope: &scope, policy: TERMS, version: ProtocolVersion::NONE, id: &id };
        store.insert(&record, mark, &digest);
    }

    fn remember(&self, name: &[u8], digest: PolicyDigest) {
        if let Some(mut known) = self.known.lock() {
            if known.len() >= MAX_NAMES {
                known.clear();
            }
            known.insert(name.to_vec(), digest);
        }
    }
}

/// Returns a route's scope and id, in place of a policy's digest and of a session id.
fn key(number: &Number, name: &[u8]) -> ([u8; 16], [u8; 32]) {
    let scope: [u8; 32] = Sha256::new().chain_update(b"route").chain_update(number).finalize().into();
    (std::array::from_fn(|at| scope[at]), Sha256::digest(name).into())
}
