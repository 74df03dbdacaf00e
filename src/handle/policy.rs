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

use std::ffi::{c_int, c_long};
use std::ptr;

use sha2::{Digest, Sha256};

use super::held::{Certificate, TrustStore};
use super::undigested::Undigested;
use super::{Connection, Setting, Settings};
use crate::libssl::code::Code;
use crate::libssl::{self, Accepted, Functions, KeptLists, Libssl, Lists, verification};
use crate::libssl::{der, error};
use crate::types::*;

/// X509_V_FLAG_POLICY_CHECK: certificates must have policies, which cannot be read.
const POLICY_CHECK: u64 = 0x80;

/// SSL_VERIFY_PEER: a server asks its client for a certificate.
const VERIFY_PEER: c_int = 1;

/// The part of a policy that shows in a few instructions if the rest may have changed. Each search reads it: nothing is
/// allocated, it is filled where it lies, and lists and names are compared where they lie.
pub struct Snapshot<'a> {
    numbers: Numbers,
    lists: Lists<'a>,
    /// The parameters of connection and store if they expect names, whose characters are compared.
    expecting: Option<PeerNames<'a>>,
}

/// A copy of a snapshot.
pub struct KeptSnapshot {
    numbers: Numbers,
    lists: KeptLists,
    names: [Vec<Vec<u8>>; 2],
}

/// Numbers and addresses of a snapshot.
#[derive(Clone, Copy, Default)]
struct Numbers {
    settings: Settings,
    verify_mode: c_int,
    security_level: c_int,
    ciphers: List,
    /// None if clients are asked for no certificate.
    verification: Option<Verification>,
}

/// The address of a list, and its length.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
struct List {
    address: usize,
    length: c_long,
}

/// The part of a snapshot that matters only if clients are asked for a certificate: words without gaps, which are compared
/// in one piece.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Verification {
    callback: usize,
    depth: c_long,
    /// Parameters of the connection and of its store.
    parameters: [Parameters; 2],
    /// Addresses of the store's functions.
    functions: [usize; verification::FUNCTIONS],
    objects: List,
    /// -2 if it cannot be read.
    lookups: c_long,
    authorities: [List; 2],
    /// 1 if the keys and signatures that are accepted can be read.
    reads_accepted: usize,
    accepted: Accepted,
}

/// Parameters that may be set at any time, by an address that the application has read before.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Parameters {
    flags: u64,
    inherited_and_host_flags: [u32; 2],
    depth_and_level: [c_int; 2],
    time: i64,
    /// Zero if they cannot be read.
    purpose_and_trust: [c_int; 2],
    /// 1 if an IP address, or names, are expected. An address is not read here, so such a policy is worked out anew.
    expects_address_and_names: [u32; 2],
}

impl Verification {
    const WORDS: usize = size_of::<Verification>() / size_of::<usize>();

    fn words(&self) -> &[usize; Verification::WORDS] {
        const { assert!(size_of::<Verification>() == GAPLESS * size_of::<usize>()) }
        // SAFETY: integers alone, whose sizes add up to that of the whole.
        unsafe { &*ptr::from_ref(self).cast() }
    }
}

/// Words of all fields of a [`Verification`]: callback, depth; parameters; functions; objects, lookups, authorities; accepted.
const GAPLESS: usize = 2 + 2 * 6 + verification::FUNCTIONS + 2 + 1 + 4 + 1 + 4;

/// The parameters of a connection and of its store, in which names are read.
struct PeerNames<'a> {
    functions: &'a Functions,
    of: [*mut X509_VERIFY_PARAM; 2],
}

impl Numbers {
    fn are(&self, kept: &Numbers) -> bool {
        let own = |one: &Numbers| (one.settings, one.verify_mode, one.security_level, one.ciphers);
        let verification = (&self.verification, &kept.verification);
        own(self) == own(kept)
            && match verification {
                (Some(now), Some(kept)) => now.words() == kept.words(),
                (now, kept) => now.is_none() && kept.is_none(),
            }
    }
}

impl Parameters {
    fn expects_address(&self) -> bool {
        self.expects_address_and_names[0] != 0
    }

    fn expects_names(&self) -> bool {
        self.expects_address_and_names[1] != 0
    }
}

impl<'a> Snapshot<'a> {
    /// A snapshot that nothing has been read into.
    pub fn new() -> Snapshot<'a> {
        Snapshot { numbers: Numbers::default(), lists: Lists::NONE, expecting: None }
    }

    /// Returns true if the connection itself says how clients are verified (DANE).
    pub fn is_apart(&self) -> bool {
        self.numbers.verification.as_ref().is_some_and(|with| with.accepted.has_dane != 0)
    }

    /// Returns true if equal snapshots have equal policies.
    pub fn is_telling(&self) -> bool {
        let with = self.numbers.verification.as_ref();
        with.is_none_or(|with| !with.parameters.iter().any(Parameters::expects_address))
    }

    /// Returns true if the snapshot is equal to one that was kept.
    pub fn is(&self, kept: &KeptSnapshot) -> bool {
        self.numbers.are(&kept.numbers)
            && (self.numbers.verification.is_none() || self.lists.are(&kept.lists))
            && self.expecting.as_ref().is_none_or(|names| names.are(&kept.names))
    }

    /// Returns a copy.
    pub fn keep(&self) -> KeptSnapshot {
        let names = self.expecting.as_ref().map(PeerNames::keep).unwrap_or_default();
        KeptSnapshot { numbers: self.numbers, lists: self.lists.keep(), names }
    }
}

impl PeerNames<'_> {
    fn are(&self, kept: &[Vec<Vec<u8>>; 2]) -> bool {
        // SAFETY: live params, as long as the snapshot is used.
        self.of.iter().zip(kept).all(|(&of, kept)| unsafe { verification::has_peer_names(self.functions, of, kept) })
    }

    fn keep(&self) -> [Vec<Vec<u8>>; 2] {
        // SAFETY: as above.
        self.of.map(|of| unsafe { verification::peer_names(self.functions, of) })
    }
}

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

    /// Reads the policy as it is now into a new snapshot. Returns false alone. The connection's settings must not change
    /// while the snapshot is used.
    pub fn read_policy(self, settings: Settings, into: &mut Snapshot<'a>) -> bool {
        let Some(libssl) = libssl::of_object(self.as_ptr()) else { return false };
        let functions = &libssl.functions;
        let numbers = &mut into.numbers;
        // SAFETY: a live connection, whose lists stay as long as nobody changes them.
        unsafe {
            numbers.settings = settings;
            numbers.verify_mode = (functions.SSL_get_verify_mode)(self.as_ptr());
            numbers.security_level = (functions.SSL_get_security_level)(self.as_ptr());
            numbers.ciphers = list(functions, (functions.SSL_get_ciphers)(self.as_ptr()));
            if numbers.verify_mode & VERIFY_PEER != 0 {
                read_verification(libssl, self.as_ptr(), into);
            }
        }
        true
    }

    /// Works its policy out; None alone. The error queue and errno do not change.
    pub fn policy(self, snapshot: &KeptSnapshot) -> Option<ServerPolicy> {
        let libssl = libssl::of_object(self.as_ptr())?;
        // SAFETY: a live connection, in the hands of this thread.
        Some(error::unnoted(&libssl.functions, || unsafe { work_out(libssl, self.as_ptr(), snapshot) }))
    }
}

unsafe fn list(functions: &Functions, list: *const stack_st_X509_NAME) -> List {
    // SAFETY: the caller's list; libcrypto counts -1 in no list.
    List { address: list.addr(), length: unsafe { (functions.OPENSSL_sk_num)(list) }.into() }
}

unsafe fn read_parameters(libssl: &Libssl, param: *mut X509_VERIFY_PARAM, into: &mut Parameters) {
    let functions = &libssl.functions;
    // SAFETY: the caller's live param.
    unsafe {
        into.flags = (functions.X509_VERIFY_PARAM_get_flags)(param);
        into.inherited_and_host_flags[0] = (functions.X509_VERIFY_PARAM_get_inh_flags)(param);
        into.inherited_and_host_flags[1] = (functions.X509_VERIFY_PARAM_get_hostflags)(param);
        into.depth_and_level[0] = (functions.X509_VERIFY_PARAM_get_depth)(param);
        into.depth_and_level[1] = (functions.X509_VERIFY_PARAM_get_auth_level)(param);
        into.time = (functions.X509_VERIFY_PARAM_get_time)(param);
        into.purpose_and_trust = libssl.purpose_and_trust(param).unwrap_or_default();
        into.expects_address_and_names[0] = libssl.expects_address(param).into();
        into.expects_address_and_names[1] = verification::expects_names(functions, param).into();
    }
}

/// Reads the part that counts where clients are asked, and the lists of what is accepted.
unsafe fn read_verification(libssl: &'static Libssl, ssl: *mut SSL, into: &mut Snapshot) {
    let functions = &libssl.functions;
    let with = into.numbers.verification.insert(Verification::default());
    // SAFETY: the caller's live connection.
    unsafe {
        let param = (functions.SSL_get0_param)(ssl);
        let store = verification::store(functions, ssl);
        let store_param = if store.is_null() { param } else { (functions.X509_STORE_get0_param)(store) };
        with.callback = (functions.SSL_get_verify_callback)(ssl).map_or(0, |callback| callback as usize);
        with.depth = (functions.SSL_get_verify_depth)(ssl).into();
        read_parameters(libssl, param, &mut with.parameters[0]);
        read_parameters(libssl, store_param, &mut with.parameters[1]);
        verification::read_functions(functions, store, &mut with.functions);
        with.objects.address = store.addr();
        with.objects.length = verification::number_of_objects(functions, store).into();
        with.lookups = libssl.number_of_lookups(store).unwrap_or(-2).into();
        with.authorities[0] = list(functions, (functions.SSL_get_client_CA_list)(ssl));
        with.authorities[1] = list(functions, (functions.SSL_get0_CA_list)(ssl));
        with.reads_accepted = libssl.read_accepted(ssl, &mut with.accepted, &mut into.lists).into();
        if with.parameters.iter().any(Parameters::expects_names) {
            into.expecting = Some(PeerNames { functions, of: [param, store_param] });
        }
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
