//! Everything by which a server and its clients know each other, as a digest.
//!
//! It is read from a connection, which is in the hands of one thread: what it has of its context it has copied, or holds.
//! To read it from the context would race with a thread that renews the context's certificate.
//!
//! ```text
//!   snapshot    a few numbers and addresses, read for each search: as long as they are equal, so is the digest
//!   digest      every certificate, cipher suites; and where clients are asked for a certificate: the store's certificates
//!               and CRLs, parameters, callbacks, names of authorities
//! ```
//! The protocol version is not among it: libssl resumes a session in its own version alone, and a record is found by it.

use std::ffi::c_int;
use std::ptr::NonNull;

use sha2::{Digest, Sha256};

use super::Connection;
use super::undigested::Undigested;
use crate::libssl::code::Code;
use crate::libssl::{self, Functions, verification};
use crate::libssl::{encoding, error};
use crate::types::*;

/// SSL_VERIFY_PEER: a server asks its client for a certificate.
const VERIFY_PEER: c_int = 1;

/// A setting that libssl has no function to read; it is noted when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// SSL_CTX_set_cert_cb(3): the certificate is chosen for each connection.
    CertificateCallback = 1,
    /// SSL_CTX_set_psk_server_callback(3).
    PskServerCallback = 2,
    /// SSL_CTX_set_psk_find_session_callback(3).
    PskFindSessionCallback = 4,
    /// SSL_CTX_set_srp_username_callback(3).
    SrpCallback = 8,
    /// SSL_CTX_set_client_hello_cb(3): it may switch the connection to another context before the search.
    ClientHelloCallback = 16,
    /// SSL_CTX_set_tlsext_servername_callback(3): it may switch the connection after the search.
    ServerNameCallback = 32,
    /// SSL_CTX_set1_param(3), SSL_CTX_set_purpose(3), SSL_CTX_set_trust(3).
    VerifyParameters = 64,
    /// SSL_CTX_set_cert_verify_callback(3) with an argument.
    CertVerifyArgument = 128,
    /// SSL_CTX_load_verify_store(3): authorities are at a URI.
    StoreByUri = 256,
}

/// The settings of that kind that are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    bits: u32,
    /// SSL_CTX_set_cert_verify_callback(3): its address; 0 for none.
    pub cert_verify_callback: usize,
}

impl Settings {
    /// Those of these bits.
    pub const fn new(bits: u32, cert_verify_callback: usize) -> Settings {
        Settings { bits, cert_verify_callback }
    }

    /// Returns true if the setting has been made.
    pub const fn has(self, setting: Setting) -> bool {
        self.bits & setting as u32 != 0
    }

    /// Those of a connection that began with a context of these settings, and has one of those `now`. The connection keeps
    /// what it copied as it began.
    pub const fn switched_to(self, now: Settings) -> Settings {
        const KEPT: u32 = Setting::PskServerCallback as u32
            | Setting::PskFindSessionCallback as u32
            | Setting::SrpCallback as u32
            | Setting::VerifyParameters as u32;
        Settings { bits: self.bits & KEPT | now.bits & !KEPT, cert_verify_callback: now.cert_verify_callback }
    }
}

/// The part of a policy that tells in a few instructions whether the rest can have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    settings: Settings,
    verify_mode: c_int,
    security_level: c_int,
    ciphers: List,
    /// None if clients are asked for none.
    verification: Option<Verification>,
}

/// The address of a list, and how long it is.
type List = (usize, c_int);

/// The part of a snapshot that counts only where clients are asked for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verification {
    callback: usize,
    depth: c_int,
    flags: u64,
    store_flags: u64,
    objects: List,
    authorities: [List; 2],
    /// Names that certificates must have. They are of each connection's own, so a policy with some is worked out anew.
    peer_names: Vec<Vec<u8>>,
}

impl Snapshot {
    /// Returns true if a policy of an equal snapshot is equal.
    pub fn is_telling(&self) -> bool {
        self.verification.as_ref().is_none_or(|verification| verification.peer_names.is_empty())
    }
}

/// A policy, and what must not be freed for its snapshot to be telling: an address is of one object as long as that lives.
#[derive(Debug)]
pub struct ServerPolicy {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// The reason why it is not all in the digest.
    pub undigested: Option<Undigested>,
    certificates: Vec<Certificate>,
    _store: Option<TrustStore>,
}

impl ServerPolicy {
    /// Returns true if the certificate at that address, 0 for none, is among those of the policy.
    pub fn has_certificate(&self, address: usize) -> bool {
        match address {
            0 => self.certificates.is_empty(),
            _ => self.certificates.iter().any(|certificate| certificate.0.addr().get() == address),
        }
    }
}

impl Connection<'_> {
    /// Returns the address of the certificate that is current; 0 for none, or if a callback gives it one.
    pub fn certificate_address(self, settings: Settings) -> usize {
        let libssl = libssl::of_object(self.as_ptr()).filter(|_| !settings.has(Setting::CertificateCallback));
        libssl.map_or(0, |libssl| {
            // SAFETY: a live connection.
            unsafe { (libssl.functions.SSL_get_certificate)(self.as_ptr()) }.addr()
        })
    }

    /// Returns the snapshot of what it asks and shows now; None alone.
    pub fn policy_snapshot(self, settings: Settings) -> Option<Snapshot> {
        let functions = &libssl::of_object(self.as_ptr())?.functions;
        // SAFETY: a live connection, whose lists stay as long as nobody changes them.
        unsafe {
            let verify_mode = (functions.SSL_get_verify_mode)(self.as_ptr());
            let asks = verify_mode & VERIFY_PEER != 0;
            Some(Snapshot {
                settings,
                verify_mode,
                security_level: (functions.SSL_get_security_level)(self.as_ptr()),
                ciphers: list(functions, (functions.SSL_get_ciphers)(self.as_ptr())),
                verification: if asks { Some(verification_of(functions, self.as_ptr())) } else { None },
            })
        }
    }

    /// Works its policy out; None alone. The error queue and errno stay as they are.
    pub fn policy(self, snapshot: &Snapshot) -> Option<ServerPolicy> {
        let functions = &libssl::of_object(self.as_ptr())?.functions;
        // SAFETY: a live connection, in the hands of this thread.
        Some(error::unnoted(functions, || unsafe { work_out(functions, self.as_ptr(), snapshot) }))
    }
}

unsafe fn list(functions: &Functions, list: *const stack_st_X509_NAME) -> List {
    // SAFETY: the caller's list; libcrypto counts -1 in no list.
    (list.addr(), unsafe { (functions.OPENSSL_sk_num)(list) })
}

unsafe fn verification_of(functions: &Functions, ssl: *mut SSL) -> Verification {
    // SAFETY: the caller's live connection.
    unsafe {
        let param = (functions.SSL_get0_param)(ssl);
        let store = verification::store(functions, ssl);
        let store_param = if store.is_null() { param } else { (functions.X509_STORE_get0_param)(store) };
        Verification {
            callback: (functions.SSL_get_verify_callback)(ssl).map_or(0, |callback| callback as usize),
            depth: (functions.SSL_get_verify_depth)(ssl),
            flags: (functions.X509_VERIFY_PARAM_get_flags)(param),
            store_flags: (functions.X509_VERIFY_PARAM_get_flags)(store_param),
            objects: (store.addr(), verification::number_of_objects(functions, store)),
            authorities: [
                list(functions, (functions.SSL_get_client_CA_list)(ssl)),
                list(functions, (functions.SSL_get0_CA_list)(ssl)),
            ],
            peer_names: verification::peer_names(functions, param),
        }
    }
}

/// A digest under way.
struct Work {
    sha: Sha256,
    undigested: Option<Undigested>,
}

impl Work {
    /// Adds a part; its length tells it from the next.
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

    /// Notes the first reason.
    fn lacks(&mut self, reason: Undigested) {
        self.undigested.get_or_insert(reason);
    }

    /// Adds a callback; 0 is none.
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
unsafe fn work_out(functions: &Functions, ssl: *mut SSL, snapshot: &Snapshot) -> ServerPolicy {
    let mut work = Work { sha: Sha256::new(), undigested: None };
    for (setting, reason) in [
        (Setting::CertificateCallback, Undigested::CertificateCallback),
        (Setting::PskServerCallback, Undigested::PreSharedKeys),
        (Setting::PskFindSessionCallback, Undigested::PreSharedKeys),
        (Setting::SrpCallback, Undigested::Srp),
    ] {
        if snapshot.settings.has(setting) {
            work.lacks(reason);
        }
    }
    // SAFETY: the caller's connection.
    let certificates = unsafe { show(functions, ssl, snapshot, &mut work) };
    // SAFETY: the connection's list.
    work.add(&unsafe { verification::cipher_suites(functions, (functions.SSL_get_ciphers)(ssl)) });
    work.add(&snapshot.security_level.to_le_bytes());
    work.add(&snapshot.verify_mode.to_le_bytes());
    // SAFETY: the caller's connection.
    let verify_with = |with| unsafe { verify(functions, ssl, snapshot.settings, with, &mut work) };
    let store = snapshot.verification.as_ref().and_then(verify_with);
    ServerPolicy { digest: work.sha.finalize().into(), undigested: work.undigested, certificates, _store: store }
}

/// Adds all certificates of a connection; none where a callback gives it some, which it has done at the handshake's end.
unsafe fn show(functions: &Functions, ssl: *mut SSL, snapshot: &Snapshot, work: &mut Work) -> Vec<Certificate> {
    if snapshot.settings.has(Setting::CertificateCallback) {
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

/// Adds all by which a client's certificate is verified.
unsafe fn verify(
    functions: &Functions,
    ssl: *mut SSL,
    settings: Settings,
    with: &Verification,
    work: &mut Work,
) -> Option<TrustStore> {
    if settings.has(Setting::VerifyParameters) || !verification::reads_peer_names(functions) {
        work.lacks(Undigested::VerifyParameters);
    }
    if settings.has(Setting::CertVerifyArgument) {
        work.lacks(Undigested::VerifyCallback);
    }
    work.add_code(with.callback);
    work.add_code(settings.cert_verify_callback);
    // SAFETY: the caller's connection, and its store, parameters and lists.
    unsafe {
        work.add(&verification::parameters(functions, (functions.SSL_get0_param)(ssl)));
        for names in [(functions.SSL_get_client_CA_list)(ssl).cast_const(), (functions.SSL_get0_CA_list)(ssl)] {
            let names = encoding::of_names(functions, names);
            work.add_set(names.iter().map(|name| sha256(name.as_deref().unwrap_or_default())));
        }
        let store = TrustStore::up_ref(functions, verification::store(functions, ssl));
        let Some(TrustStore(address, _)) = &store else {
            work.lacks(Undigested::Store);
            return None;
        };
        let address = address.as_ptr();
        let of_context = (functions.SSL_CTX_get_cert_store)((functions.SSL_get_SSL_CTX)(ssl));
        if settings.has(Setting::StoreByUri) && address == of_context {
            work.lacks(Undigested::Store);
        }
        work.add(&verification::parameters(functions, (functions.X509_STORE_get0_param)(address)));
        verification::functions_of(functions, address).into_iter().for_each(|function| work.add_code(function));
        let mut objects = verification::objects(functions, address);
        if objects.iter().any(Option::is_none) || verification::looks_elsewhere(functions, address) {
            work.lacks(Undigested::Store);
        }
        // libcrypto sorts them by name, in time; of one name the first that fits is taken.
        objects.sort_by(|one, other| one.as_ref().map(|one| &*one.name).cmp(&other.as_ref().map(|other| &*other.name)));
        let digests: Vec<_> = objects.iter().flatten().map(|object| sha256(&object.bytes)).collect();
        work.add(&digests.concat());
        store
    }
}

/// A reference to a certificate.
#[derive(Debug)]
struct Certificate(NonNull<X509>, unsafe extern "C" fn(*mut X509));

// SAFETY: certificates are counted atomically and shared between threads by design.
unsafe impl Send for Certificate {}

impl Certificate {
    /// Takes a reference; None for NULL.
    unsafe fn up_ref(functions: &Functions, certificate: *mut X509) -> Option<Certificate> {
        let certificate = NonNull::new(certificate)?;
        // SAFETY: a live certificate, by the caller's promise.
        unsafe { (functions.X509_up_ref)(certificate.as_ptr()) };
        Some(Certificate(certificate, functions.X509_free))
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: this reference is ours and is given back once, to the libcrypto that it is of.
        unsafe { (self.1)(self.0.as_ptr()) };
    }
}

/// A reference to a store.
#[derive(Debug)]
struct TrustStore(NonNull<X509_STORE>, unsafe extern "C" fn(*mut X509_STORE));

// SAFETY: stores are counted atomically and shared between threads by design.
unsafe impl Send for TrustStore {}

impl TrustStore {
    /// Takes a reference; None for NULL.
    unsafe fn up_ref(functions: &Functions, store: *mut X509_STORE) -> Option<TrustStore> {
        let store = NonNull::new(store)?;
        // SAFETY: a live store, by the caller's promise.
        unsafe { (functions.X509_STORE_up_ref)(store.as_ptr()) };
        Some(TrustStore(store, functions.X509_STORE_free))
    }
}

impl Drop for TrustStore {
    fn drop(&mut self) {
        // SAFETY: this reference is ours and is given back once, to the libcrypto that it is of.
        unsafe { (self.1)(self.0.as_ptr()) };
    }
}
