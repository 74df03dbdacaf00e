//! The policies with which connections came to their searches, until they are freed: where a client_hello callback and a
//! servername callback both may switch, the name alone does not say where a connection is led.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::brief_lock::BriefLock;
use super::policy::PolicyDigest;
use crate::handle::Connection;

/// By the connection's address.
#[derive(Default)]
pub(super) struct Begun {
    policies: BriefLock<HashMap<usize, PolicyDigest>>,
    /// How many there are, readable without the lock.
    number: AtomicUsize,
}

impl Begun {
    /// Notes the policy with which a connection searches.
    pub(super) fn note(&self, connection: Connection, policy: PolicyDigest) {
        self.change(|policies| policies.insert(connection.as_ptr().addr(), policy));
    }

    /// Takes what was noted; None if the client offered nothing.
    pub(super) fn take(&self, connection: Connection) -> Option<PolicyDigest> {
        match self.number.load(Ordering::Acquire) {
            0 => None,
            _ => self.change(|policies| policies.remove(&connection.as_ptr().addr())),
        }
    }

    fn change(
        &self,
        change: impl FnOnce(&mut HashMap<usize, PolicyDigest>) -> Option<PolicyDigest>,
    ) -> Option<PolicyDigest> {
        let mut policies = self.policies.lock()?;
        let before = change(&mut policies);
        self.number.store(policies.len(), Ordering::Release);
        before
    }
}

/// Returns what a route is known by: the name, and what a client_hello callback has made of the connection.
pub(super) fn route(name: &[u8], begun: Option<&PolicyDigest>) -> Vec<u8> {
    // A name is never so long that it could be taken for another with a digest behind it: it has no zero in it.
    let mut route = name.to_ascii_lowercase();
    if let Some(begun) = begun {
        route.push(0);
        route.extend_from_slice(begun);
    }
    route
}
