//! Policies: everything that authenticates a server and its clients. Equal policies share.
//!
//! A policy is worked out once. Each search takes a snapshot of a few addresses and numbers, and
//! compares it:
//!
//! ```text
//!   connection ─ snapshot ─► equal to one that is known? ─ yes ─► its digest
//!                                                        └ no ──► work the digest out, and store it with the snapshot
//! ```
//! A policy that cannot be digested completely gets a digest that includes the numbers of the
//! contexts. A context gets its number when it is made, and its copies in forked processes have the
//! same.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::brief_lock::BriefLock;
use super::not_shared::Kind;
use super::{Authentication, NotShared};
use crate::cache::{self, SessionCache};
use crate::handle::{Connection, KeptSnapshot, ServerPolicy, Setting, Settings, Snapshot};

/// The number of a context and its copies.
pub(super) type Number = [u8; 16];

/// A policy's digest, with the numbers of the contexts if it does not cover all.
pub(super) type PolicyDigest = [u8; 16];

/// Number of policies kept for a context: connections may have settings of their own, and
/// certificates are renewed.
const MAX_KNOWN: usize = 8;

/// Draws a number; None if the kernel returns none.
pub(super) fn new_number() -> Option<Number> {
    let mut number = [0; 16];
    getrandom::fill(&mut number).ok()?;
    Some(number)
}

/// The settings of a context that libssl has no function to read.
#[derive(Default)]
pub(super) struct NotedSettings {
    bits: AtomicU32,
    /// Settings that were made at any time.
    ever: AtomicU32,
    cert_verify_callback: AtomicUsize,
}

impl NotedSettings {
    pub(super) fn get(&self) -> Settings {
        Settings::new(self.bits.load(Ordering::Acquire), self.cert_verify_callback.load(Ordering::Acquire))
    }

    /// Returns true if a setting was made at any time.
    pub(super) fn ever_had(&self, setting: Setting) -> bool {
        self.ever.load(Ordering::Acquire) & setting as u32 != 0
    }

    pub(super) fn note(&self, setting: Setting, is_set: bool) {
        if is_set {
            self.ever.fetch_or(setting as u32, Ordering::AcqRel);
            self.bits.fetch_or(setting as u32, Ordering::AcqRel);
        } else {
            self.bits.fetch_and(!(setting as u32), Ordering::AcqRel);
        }
    }

    pub(super) fn note_cert_verify_callback(&self, address: usize) {
        self.cert_verify_callback.store(address, Ordering::Release);
    }
}

/// A policy that has been worked out.
struct Known {
    snapshot: Box<KeptSnapshot>,
    /// Number of the context that the connection began with, if that was another one.
    begun: Option<Number>,
    policy: ServerPolicy,
    digest: PolicyDigest,
}

/// The policies of connections that have, or had, one context, the last used first.
#[derive(Default)]
pub(super) struct Policies(BriefLock<Vec<Known>>);

impl Policies {
    fn find(&self, snapshot: &Snapshot, begun: Option<Number>, certificate: usize) -> Option<(PolicyDigest, bool)> {
        let is_it = |known: &Known| {
            snapshot.is(&known.snapshot) && known.begun == begun && known.policy.has_certificate(certificate)
        };
        let mut known = self.0.lock()?;
        let at = known.iter().position(is_it)?;
        if at > 0 {
            known[..=at].rotate_right(1);
        }
        Some((known[0].digest, known[0].policy.undigested.is_none()))
    }

    fn insert(&self, new: Known) {
        let forgotten = self.0.lock().map(|mut known| {
            known.insert(0, new);
            let kept = known.len().min(MAX_KNOWN);
            known.split_off(kept)
        });
        // Certificates are freed with the list unlocked.
        drop(forgotten);
    }

    /// Returns the digests for connections that were not switched, the last used first.
    pub(super) fn digests(&self) -> Vec<PolicyDigest> {
        let own = |known: &Known| known.begun.is_none().then_some(known.digest);
        self.0.lock().map_or_else(Vec::new, |known| known.iter().filter_map(own).collect())
    }

    /// Returns the last used digest, if its context still has that certificate.
    pub(super) fn last(&self, certificate: usize) -> Option<PolicyDigest> {
        let known = self.0.lock()?;
        let last = known.iter().find(|known| known.begun.is_none())?;
        last.policy.has_certificate(certificate).then_some(last.digest)
    }
}

impl SessionCache {
    /// Returns the digest of what now authenticates a connection and its client.
    pub(super) fn policy_of(&self, own: &Authentication, connection: Connection) -> Result<PolicyDigest, NotShared> {
        self.policy_and_completeness(own, connection).map(|(digest, _)| digest)
    }

    /// Returns that digest, and true if it covers all, so that other contexts may have the same.
    pub(super) fn policy_and_completeness(
        &self,
        own: &Authentication,
        connection: Connection,
    ) -> Result<(PolicyDigest, bool), NotShared> {
        if own.apart.may_have(connection) {
            return Err(NotShared::ConnectionSettings);
        }
        if connection.is_of(self.context) {
            return Self::digest(own, None, own.settings.get(), connection);
        }
        let context = connection.context().ok_or(NotShared::UnknownContext)?;
        let cache = cache::of_context(context).ok_or(NotShared::UnknownContext)?;
        let now = cache.authentication.as_deref().ok_or(NotShared::UnknownContext)?;
        let settings = own.settings.get().switched_to(now.settings.get());
        Self::digest(now, Some(own.number), settings, connection)
    }

    fn digest(
        of: &Authentication,
        begun: Option<Number>,
        settings: Settings,
        connection: Connection,
    ) -> Result<(PolicyDigest, bool), NotShared> {
        let mut snapshot = Snapshot::new();
        if !connection.read_policy(settings, &mut snapshot) {
            return Err(NotShared::NoStore);
        }
        if snapshot.is_apart() {
            return Err(NotShared::ConnectionSettings);
        }
        let certificate = connection.certificate_address(settings);
        if snapshot.is_telling()
            && let Some(found) = of.policies.find(&snapshot, begun, certificate)
        {
            return Ok(found);
        }
        Self::assert_unlocked();
        let snapshot = snapshot.keep();
        let policy = connection.policy(&snapshot).ok_or(NotShared::NoStore)?;
        policy.undigested.into_iter().for_each(|reason| of.noted.note(Kind::AmongCopies(reason)));
        let digest = with_numbers(&policy, &of.number, begun.as_ref());
        let is_complete = policy.undigested.is_none();
        of.policies.insert(Known { snapshot: Box::new(snapshot), begun, policy, digest });
        Ok((digest, is_complete))
    }

    /// Returns the policy of the context's own connections.
    pub(super) fn own_policy(&self, own: &Authentication) -> Option<PolicyDigest> {
        let is_chosen = own.settings.get().has(Setting::CertificateCallback);
        let certificate = if is_chosen { 0 } else { self.context.certificate_address() };
        own.policies.last(certificate).or_else(|| {
            Self::assert_unlocked();
            self.context.with_connection(|connection| self.policy_of(own, connection).ok())?
        })
    }
}

/// Returns 16 bytes of the digest; of one that does not cover all, together with the numbers of the contexts.
fn with_numbers(policy: &ServerPolicy, number: &Number, begun: Option<&Number>) -> PolicyDigest {
    let digest: [u8; 32] = match policy.undigested {
        None => policy.digest,
        Some(_) => {
            let mut sha = Sha256::new();
            sha.update(policy.digest);
            sha.update(number);
            sha.update(begun.unwrap_or(number));
            sha.finalize().into()
        }
    };
    std::array::from_fn(|at| digest[at])
}
