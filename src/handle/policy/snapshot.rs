//! Snapshots of policies: a few numbers and addresses, and the lists and names that they lead to.

use std::ffi::{c_int, c_long};
use std::ptr;

use crate::handle::{Connection, Settings};
use crate::libssl::{self, Accepted, Functions, KeptLists, Libssl, Lists, verification};
use crate::types::*;

/// SSL_VERIFY_PEER: a server asks its client for a certificate.
const VERIFY_PEER: c_int = 1;

/// The part of a policy that shows in a few instructions if the rest may have changed. Each search reads it: nothing is
/// allocated, it is filled where it lies, and lists and names are compared where they lie.
pub struct Snapshot<'a> {
    pub(super) numbers: Numbers,
    pub(super) lists: Lists<'a>,
    /// The parameters of connection and store if they expect names, whose characters are compared.
    pub(super) expecting: Option<PeerNames<'a>>,
    /// True if they expect names that cannot be read.
    expects_unreadable: bool,
}

/// A copy of a snapshot.
pub struct KeptSnapshot {
    pub(super) numbers: Numbers,
    pub(super) lists: KeptLists,
    pub(super) names: [Vec<Vec<u8>>; 2],
}

/// Numbers and addresses of a snapshot.
#[derive(Clone, Copy, Default)]
pub(super) struct Numbers {
    pub(super) settings: Settings,
    pub(super) verify_mode: c_int,
    pub(super) security_level: c_int,
    pub(super) ciphers: List,
    /// None if clients are asked for no certificate.
    pub(super) verification: Option<Verification>,
}

/// A list as far as a few instructions show it: its address, its length, and its first and last element. A list that takes
/// another's place often lies where that was.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct List {
    pub(super) address: usize,
    pub(super) length: c_long,
    pub(super) ends: [usize; 2],
}

/// The part of a snapshot that matters only if clients are asked for a certificate: words without gaps, which are compared
/// in one piece.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Verification {
    pub(super) callback: usize,
    pub(super) depth: c_long,
    /// Parameters of the connection and of its store.
    pub(super) parameters: [Parameters; 2],
    /// Addresses of the store's functions.
    pub(super) functions: [usize; verification::FUNCTIONS],
    pub(super) objects: List,
    /// -2 if it cannot be read.
    pub(super) lookups: c_long,
    pub(super) authorities: [List; 2],
    /// 1 if the keys and signatures that are accepted can be read.
    pub(super) reads_accepted: usize,
    pub(super) accepted: Accepted,
}

/// Parameters that may be set at any time, by an address that the application has read before.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Parameters {
    pub(super) flags: u64,
    pub(super) inherited_and_host_flags: [u32; 2],
    pub(super) depth_and_level: [c_int; 2],
    pub(super) time: i64,
    /// Zero if they cannot be read.
    pub(super) purpose_and_trust: [c_int; 2],
    /// 1 if an IP address, or names, are expected. An address is not read here, so such a policy is worked out anew.
    pub(super) expects_address_and_names: [u32; 2],
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
const GAPLESS: usize = 2 + 2 * 6 + verification::FUNCTIONS + 4 + 1 + 8 + 1 + 4;

/// The parameters of a connection and of its store, in which names are read.
pub(super) struct PeerNames<'a> {
    pub(super) functions: &'a Functions,
    pub(super) of: [*mut X509_VERIFY_PARAM; 2],
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
    pub(super) fn expects_address(&self) -> bool {
        self.expects_address_and_names[0] != 0
    }

    fn expects_names(&self) -> bool {
        self.expects_address_and_names[1] != 0
    }
}

impl<'a> Snapshot<'a> {
    /// A snapshot that nothing has been read into.
    pub fn new() -> Snapshot<'a> {
        Snapshot { numbers: Numbers::default(), lists: Lists::NONE, expecting: None, expects_unreadable: false }
    }

    /// Returns true if the connection itself says how clients are verified (DANE), or by names that cannot be read.
    pub fn is_apart(&self) -> bool {
        let has_dane = self.numbers.verification.as_ref().is_some_and(|with| with.accepted.has_dane != 0);
        has_dane || self.expects_unreadable
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

impl<'a> Connection<'a> {
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
}

unsafe fn list(functions: &Functions, list: *const stack_st_X509_NAME) -> List {
    // SAFETY: the caller's list; libcrypto counts -1 in no list, and has NULL at any place where there is nothing.
    unsafe {
        let length = (functions.OPENSSL_sk_num)(list);
        let element = |at| (functions.OPENSSL_sk_value)(list, at).addr();
        List { address: list.addr(), length: length.into(), ends: [element(0), element(length - 1)] }
    }
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
            into.expects_unreadable = libssl.may_tell_names_without_end();
            into.expecting = Some(PeerNames { functions, of: [param, store_param] });
        }
    }
}
