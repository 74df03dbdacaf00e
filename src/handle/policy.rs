//! The policy: everything that authenticates a server and its clients, as a digest.
//!
//! It is read from a connection, which one thread owns: the connection has copied or references
//! what it has of its context. Reading the context would race with a thread that renews the
//! context's certificate.
//!
//! ```text
//!   snapshot    a few numbers and addresses, read for each search: while they are equal, so is the digest
//!   digest      every certificate, cipher suites; and, if clients are asked for a certificate: the store's
//!               certificates and CRLs, parameters, callbacks, names of authorities
//! ```
//! The allowed versions are no part of it. libssl chooses the version before it searches for a
//! session, whatever the client offers: a full handshake would choose the same. And libssl resumes
//! a session only in its own version, which is part of a record's key.
//!
//! Later changes, to the context or through the address of a param or a store that the application
//! has, show in the snapshot. The exceptions are the contents of a directory, and other methods
//! that look certificates up: there only copies share. A full handshake reads the directory, as
//! with OpenSSL's own cache.

mod snapshot;

use std::ffi::c_int;

use sha2::{Digest, Sha256};

use super::held::{Certificate, TrustStore};
use super::undigested::Undigested;
use super::{Connection, Setting, Settings};
use crate::libssl::code::Code;
use crate::libssl::{self, Accepted, Functions, KeptLists, Libssl, verification};
use crate::libssl::{der, error};
use crate::types::*;
pub use snapshot::{KeptSnapshot, Snapshot};
use snapshot::{Parameters, Verification};

/// X509_V_FLAG_POLICY_CHECK: certificates must have policies, which cannot be read.
const POLICY_CHECK: u64 = 0x80;

/// A policy, with references to the objects in its snapshot: an address belongs to one object while
/// that lives.
pub struct ServerPolicy {
    /// SHA-256 of the policy.
    pub digest: [u8; 32],
    /// The reason why the digest does not cover all of it.
    pub undigested: Option<Undigested>,
    certificates: Vec<Certificate>,
    _store: Option<TrustStore>,
}

impl ServerPolicy {
    /// Returns true if the certificate at that address, 0 for none, is one of the policy's.
    pub fn has_certificate(&self, address: usize) -> bool {
        match address {
            0 => self.certificates.is_empty(),
            _ => self.certificates.iter().any(|certificate| certificate.as_ptr().addr() == address),
        }
    }
}

impl<'a> Connection<'a> {
    /// Returns the current certificate's address; 0 for none, or if a callback chooses it.
    pub fn certificate_address(self, settings: Settings) -> usize {
        let libssl = libssl::of_object(self.as_ptr()).filter(|_| !settings.has(Setting::CertificateCallback));
        libssl.map_or(0, |libssl| {
            // SAFETY: a live connection.
            unsafe { (libssl.functions.SSL_get_certificate)(self.as_ptr()) }.addr()
        })
    }

    /// Works its policy out; None alone. The error queue and errno do not change.
    pub fn policy(self, snapshot: &KeptSnapshot) -> Option<ServerPolicy> {
        let libssl = libssl::of_object(self.as_ptr())?;
        // SAFETY: a live connection, in the hands of this thread.
        Some(error::unnoted(&libssl.functions, || unsafe { work_out(libssl, self.as_ptr(), snapshot) }))
    }
}

/// A digest in progress.
struct Work {
    sha: Sha256,
    undigested: Option<Undigested>,
}

impl Work {
    /// Adds a part, after its length, which separates it from the next.
    fn add(&mut self, part: &[u8]) {
        self.sha.update((part.len() as u64).to_le_bytes());
        self.sha.update(part);
    }

    /// Adds parts whose order does not matter.
    fn add_set(&mut self, parts: impl Iterator<Item = [u8; 32]>) {
        let mut parts: Vec<_> = parts.collect();
        parts.sort_unstable();
        self.add(&parts.concat());
    }

    fn add_numbers(&mut self, numbers: impl Iterator<Item = c_int>) {
        self.add(&numbers.flat_map(c_int::to_le_bytes).collect::<Vec<_>>());
    }

    /// Notes the first reason.
    fn lacks(&mut self, reason: Undigested) {
        self.undigested.get_or_insert(reason);
    }

    /// Adds a callback; 0 for none.
    fn add_code(&mut self, address: usize) {
        match Code::at(address) {
            _ if address == 0 => self.add(b""),
            Some(code) => self.add(&code.bytes()),
            None => self.lacks(Undigested::VerifyCallback),
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// # Safety
/// `ssl` must be a live connection, in the hands of this thread.
unsafe fn work_out(libssl: &Libssl, ssl: *mut SSL, snapshot: &KeptSnapshot) -> ServerPolicy {
    let functions = &libssl.functions;
    let mut work = Work { sha: Sha256::new(), undigested: None };
    for (setting, reason) in [
        (Setting::CertificateCallback, Undigested::CertificateCallback),
        (Setting::PskServerCallback, Undigested::PreSharedKeys),
        (Setting::PskFindSessionCallback, Undigested::PreSharedKeys),
        (Setting::SrpCallback, Undigested::Srp),
    ] {
        if snapshot.numbers.settings.has(setting) {
            work.lacks(reason);
        }
    }
    // SAFETY: the caller's connection.
    let certificates = unsafe { show(functions, ssl, snapshot, &mut work) };
    // SAFETY: the connection's list.
    work.add(&unsafe { verification::cipher_suites(functions, (functions.SSL_get_ciphers)(ssl)) });
    work.add(&snapshot.numbers.security_level.to_le_bytes());
    work.add(&snapshot.numbers.verify_mode.to_le_bytes());
    // SAFETY: the caller's connection.
    let mut verify_with = |with| unsafe { verify(libssl, ssl, snapshot, with, &mut work) };
    let store = snapshot.numbers.verification.as_ref().and_then(&mut verify_with);
    ServerPolicy { digest: work.sha.finalize().into(), undigested: work.undigested, certificates, _store: store }
}

/// Adds all certificates of a connection; none if a callback chooses them, which has run by the handshake's end.
unsafe fn show(functions: &Functions, ssl: *mut SSL, snapshot: &KeptSnapshot, work: &mut Work) -> Vec<Certificate> {
    if snapshot.numbers.settings.has(Setting::CertificateCallback) {
        return Vec::new();
    }
    // SAFETY: certificates that the caller's connection holds.
    let hold = |address| unsafe { Certificate::up_ref(functions, address) };
    // SAFETY: the caller's connection.
    let Some(shown) = (unsafe { verification::certificates(functions, ssl) }) else {
        work.lacks(Undigested::CertificateWithoutKey);
        // SAFETY: as above.
        return hold(unsafe { (functions.SSL_get_certificate)(ssl) }).into_iter().collect();
    };
    if shown.is_empty() {
        work.lacks(Undigested::NoCertificate);
    }
    work.add_set(shown.iter().map(|(_, bytes)| sha256(bytes)));
    shown.iter().filter_map(|&(address, _)| hold(address)).collect()
}

/// Adds the accepted keys and signatures.
fn accept(accepted: &Accepted, lists: &KeptLists, work: &mut Work) {
    work.add(&lists.bytes());
    work.add(&accepted.flags.to_le_bytes());
    work.add_code(accepted.security_callback);
    if accepted.security_data != 0 {
        work.lacks(Undigested::VerifyCallback);
    }
}

/// Adds everything that verifies a client's certificate.
unsafe fn verify(
    libssl: &Libssl,
    ssl: *mut SSL,
    snapshot: &KeptSnapshot,
    with: &Verification,
    work: &mut Work,
) -> Option<TrustStore> {
    let functions = &libssl.functions;
    let settings = snapshot.numbers.settings;
    let may_miss = |one: &Parameters| {
        one.flags & POLICY_CHECK != 0 || one.expects_address() && libssl.may_expect_several_addresses()
    };
    let misses = with.parameters.iter().any(may_miss) || !verification::reads_peer_names(functions);
    if settings.has(Setting::VerifyParameters) || misses {
        work.lacks(Undigested::VerifyParameters);
    }
    if settings.has(Setting::CertVerifyArgument) {
        work.lacks(Undigested::VerifyCallback);
    }
    work.add_code(with.callback);
    work.add_code(settings.cert_verify_callback);
    match with.reads_accepted != 0 {
        true => accept(&with.accepted, &snapshot.lists, work),
        false => work.lacks(Undigested::Accepted),
    }
    // SAFETY: the caller's connection, and its store, parameters and lists.
    unsafe {
        work.add(&verification::parameters(functions, (functions.SSL_get0_param)(ssl)));
        work.add_numbers(with.parameters.iter().flat_map(|one| one.purpose_and_trust));
        for names in [(functions.SSL_get_client_CA_list)(ssl).cast_const(), (functions.SSL_get0_CA_list)(ssl)] {
            let names = der::of_names(functions, names);
            work.add_set(names.iter().map(|name| sha256(name.as_deref().unwrap_or_default())));
        }
        let store = TrustStore::up_ref(functions, verification::store(functions, ssl));
        let Some(address) = store.as_ref().map(TrustStore::as_ptr) else {
            work.lacks(Undigested::Store);
            return None;
        };
        let of_context = (functions.SSL_CTX_get_cert_store)((functions.SSL_get_SSL_CTX)(ssl));
        let is_untold = settings.has(Setting::VerifyStore) && !verification::tells_store(functions, ssl);
        if is_untold || settings.has(Setting::StoreByUri) && address == of_context {
            work.lacks(Undigested::Store);
        }
        work.add(&verification::parameters(functions, (functions.X509_STORE_get0_param)(address)));
        with.functions.iter().for_each(|&function| work.add_code(function));
        let mut objects = verification::objects(functions, address);
        let looks_elsewhere = libssl.has_other_lookups(address);
        let looks_elsewhere = looks_elsewhere.unwrap_or_else(|| verification::looks_elsewhere(functions, address));
        if objects.iter().any(Option::is_none) || looks_elsewhere {
            work.lacks(Undigested::Store);
        }
        // libcrypto sorts them by name, in time; of one name the first that fits is used.
        objects.sort_by(|one, other| one.as_ref().map(|one| &*one.name).cmp(&other.as_ref().map(|other| &*other.name)));
        let digests: Vec<_> = objects.iter().flatten().map(|object| sha256(&object.bytes)).collect();
        work.add(&digests.concat());
        store
    }
}
