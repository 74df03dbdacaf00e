//! Reads everything that authenticates a server and its clients: certificates, and the stores and parameters that
//! verify them.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::der::{self, Encoded};
use super::{Functions, der::encode};
use crate::types::*;

const CTRL_SET_CURRENT_CERT: c_int = 117;
const CTRL_GET_VERIFY_CERT_STORE: c_int = 137;
/// SSL_CERT_SET_FIRST and SSL_CERT_SET_NEXT: they pass over a certificate without its key.
const FIRST: i64 = 1;
const NEXT: i64 = 2;
/// X509_LU_X509: a certificate is looked for.
const LOOK_FOR_CERTIFICATE: c_int = 1;
/// MBSTRING_ASC.
const ASCII: c_int = 0x1001;

/// Returns the encodings of all certificates with a key that a connection may show: RSA, ECDSA, Ed25519 side by side.
/// None if they cannot be listed, because the current one has no key; empty if there is none.
///
/// The connection has a list of its own, which no other thread sees. The current certificate is restored.
///
/// # Safety
/// `ssl` must be a live SSL of this libssl, in the hands of this thread, that has no handshake yet or waits for us in one.
pub unsafe fn certificates(functions: &Functions, ssl: *mut SSL) -> Option<Vec<(*mut X509, Encoded)>> {
    // SAFETY: by the caller's promise, here and below.
    let go_to = |which| unsafe { (functions.SSL_ctrl)(ssl, CTRL_SET_CURRENT_CERT, which, ptr::null_mut()) } == 1;
    // SAFETY: as above.
    let current = || unsafe { (functions.SSL_get_certificate)(ssl) };
    let before = current();
    // SAFETY: as above.
    let has_key = !unsafe { (functions.SSL_get_privatekey)(ssl) }.is_null();
    if before.is_null() || !has_key {
        return before.is_null().then(Vec::new);
    }
    let mut all = Vec::new();
    let mut is_there = go_to(FIRST);
    while is_there {
        // SAFETY: a certificate that the connection holds.
        all.push((current(), unsafe { der::of_certificate(functions, current()) }));
        is_there = go_to(NEXT);
    }
    go_to(FIRST);
    while current() != before && go_to(NEXT) {}
    all.into_iter().map(|(address, bytes)| Some((address, bytes?))).collect()
}

/// Returns the store that verifies the client's certificate, without a reference: the connection's own if it has one,
/// else that of its current context.
///
/// # Safety
/// `ssl` must be a live SSL of this libssl.
pub unsafe fn store(functions: &Functions, ssl: *mut SSL) -> *mut X509_STORE {
    let mut own: *mut X509_STORE = ptr::null_mut();
    // SAFETY: a live SSL, and a place for the answer.
    unsafe {
        (functions.SSL_ctrl)(ssl, CTRL_GET_VERIFY_CERT_STORE, 0, (&raw mut own).cast());
        if own.is_null() { (functions.SSL_CTX_get_cert_store)((functions.SSL_get_SSL_CTX)(ssl)) } else { own }
    }
}

/// Returns true if libssl can say whether another store than the context's verifies the client's certificate.
///
/// # Safety
/// `ssl` must be a live SSL of this libssl.
pub unsafe fn tells_store(functions: &Functions, ssl: *mut SSL) -> bool {
    let mut own: *mut X509_STORE = ptr::null_mut();
    // SAFETY: a live SSL, and a place for the answer.
    unsafe { (functions.SSL_ctrl)(ssl, CTRL_GET_VERIFY_CERT_STORE, 0, (&raw mut own).cast()) != 0 }
}

/// Returns the number of certificates and CRLs of a store. It only ever grows.
///
/// # Safety
/// `store` must be NULL or a live store.
pub unsafe fn number_of_objects(functions: &Functions, store: *const X509_STORE) -> c_int {
    match store.is_null() {
        true => 0,
        // SAFETY: by the caller's promise. The number is read as it stands, while others may add.
        false => unsafe { (functions.OPENSSL_sk_num)((functions.X509_STORE_get0_objects)(store)) },
    }
}

/// An encoded certificate or CRL of a store.
pub struct Object {
    /// The encoded name that it is looked up by.
    pub name: Encoded,
    /// The object's encoding; of a certificate also its trust.
    pub bytes: Encoded,
}

/// Returns all certificates and CRLs of a store, in its order; None for one that cannot be encoded.
///
/// # Safety
/// `store` must be a live store.
pub unsafe fn objects(functions: &Functions, store: *mut X509_STORE) -> Vec<Option<Object>> {
    // SAFETY: a live store, whose list nobody changes while it is locked; references are taken before it is not.
    let held: Vec<(*mut X509, *mut X509_CRL)> = unsafe {
        (functions.X509_STORE_lock)(store);
        let list = (functions.X509_STORE_get0_objects)(store);
        let hold = |at| {
            let object: *const X509_OBJECT = (functions.OPENSSL_sk_value)(list, at).cast_const().cast();
            let certificate = (functions.X509_OBJECT_get0_X509)(object);
            let crl = (functions.X509_OBJECT_get0_X509_CRL)(object);
            if !certificate.is_null() {
                (functions.X509_up_ref)(certificate);
            }
            if !crl.is_null() {
                (functions.X509_CRL_up_ref)(crl);
            }
            (certificate, crl)
        };
        let held = (0..(functions.OPENSSL_sk_num)(list)).map(hold).collect();
        (functions.X509_STORE_unlock)(store);
        held
    };
    // SAFETY: references taken above, released once.
    held.into_iter().map(|(certificate, crl)| unsafe { encode_object(functions, certificate, crl) }).collect()
}

/// Encodes an object that is one of the two, and releases its reference.
///
/// # Safety
/// Both must be NULL or live, with a reference to give away.
unsafe fn encode_object(functions: &Functions, certificate: *mut X509, crl: *mut X509_CRL) -> Option<Object> {
    // SAFETY: by the caller's promise. X509_free and X509_CRL_free take NULL.
    unsafe {
        let (name, bytes) = match (certificate.is_null(), crl.is_null()) {
            (false, _) => {
                let bytes = encode(functions, |place| (functions.i2d_X509_AUX)(certificate, place));
                ((functions.X509_get_subject_name)(certificate), bytes)
            }
            (true, false) => {
                let bytes = encode(functions, |place| (functions.i2d_X509_CRL)(crl, place));
                ((functions.X509_CRL_get_issuer)(crl), bytes)
            }
            (true, true) => return None,
        };
        let name = encode(functions, |place| (functions.i2d_X509_NAME)(name, place));
        (functions.X509_free)(certificate);
        (functions.X509_CRL_free)(crl);
        Some(Object { name: name?, bytes: bytes? })
    }
}

/// Beginnings of names, by their kind.
const HOST: &[u8] = b"host ";
const MAIL: &[u8] = b"mail ";

/// Number of functions by which a store verifies.
pub const FUNCTIONS: usize = 11;

/// Reads the functions by which a store verifies, none for no store; those of a store that nobody changed are libcrypto's.
///
/// # Safety
/// `store` must be NULL or a live store.
#[inline]
pub unsafe fn read_functions(functions: &Functions, store: *const X509_STORE, into: &mut [usize; FUNCTIONS]) {
    if store.is_null() {
        return;
    }
    macro_rules! read {
        ($($get:ident)*) => {
            // SAFETY: a live store, by the caller's promise.
            unsafe { [$((functions.$get)(store).map_or(0, |function| function as usize)),*] }
        };
    }
    *into = read! {
        X509_STORE_get_verify X509_STORE_get_verify_cb X509_STORE_get_get_issuer X509_STORE_get_check_issued
        X509_STORE_get_check_revocation X509_STORE_get_get_crl X509_STORE_get_check_crl X509_STORE_get_cert_crl
        X509_STORE_get_check_policy X509_STORE_get_lookup_certs X509_STORE_get_lookup_crls
    };
}

/// Returns true if a store takes certificates from a directory, where they cannot be listed.
///
/// No function of libcrypto says so. The store looks up a certificate that nobody has, and so searches a directory;
/// the missing file sets errno, which is restored.
///
/// # Safety
/// `store` must be a live store.
pub unsafe fn looks_elsewhere(functions: &Functions, store: *mut X509_STORE) -> bool {
    const NOBODY: &CStr = c"b6c8c1e1-0c50-4e52-ae43-b17c2ad1e4a6";
    // SAFETY: objects made and freed here, and the C library's errno of this thread.
    unsafe {
        let (name, object) = ((functions.X509_NAME_new)(), (functions.X509_OBJECT_new)());
        let search = (functions.X509_STORE_CTX_new)();
        let text = NOBODY.as_ptr().cast();
        let is_ready = !name.is_null()
            && !object.is_null()
            && !search.is_null()
            && (functions.X509_NAME_add_entry_by_txt)(name, c"CN".as_ptr(), ASCII, text, -1, -1, 0) == 1
            && (functions.X509_STORE_CTX_init)(search, store, ptr::null_mut(), ptr::null_mut()) == 1;
        let errno = libc::__errno_location();
        let before = errno.replace(0);
        let found =
            is_ready && (functions.X509_STORE_CTX_get_by_subject)(search, LOOK_FOR_CERTIFICATE, name, object) != 0;
        let has_searched = errno.replace(before) != 0;
        (functions.X509_STORE_CTX_free)(search);
        (functions.X509_OBJECT_free)(object);
        (functions.X509_NAME_free)(name);
        !is_ready || found || has_searched
    }
}

/// Returns the parameters of verification that can be read: not purpose, trust and policies. The error queue may have
/// one more error afterwards.
///
/// # Safety
/// `param` must be a live X509_VERIFY_PARAM that nobody changes.
pub unsafe fn parameters(functions: &Functions, param: *mut X509_VERIFY_PARAM) -> Vec<u8> {
    // SAFETY: by the caller's promise, here and below.
    let mut bytes = unsafe {
        [
            (functions.X509_VERIFY_PARAM_get_flags)(param) as i64,
            i64::from((functions.X509_VERIFY_PARAM_get_inh_flags)(param)),
            i64::from((functions.X509_VERIFY_PARAM_get_hostflags)(param)),
            i64::from((functions.X509_VERIFY_PARAM_get_depth)(param)),
            i64::from((functions.X509_VERIFY_PARAM_get_auth_level)(param)),
            (functions.X509_VERIFY_PARAM_get_time)(param),
        ]
    }
    .map(i64::to_le_bytes)
    .concat();
    // SAFETY: as above.
    let names = unsafe { peer_names(functions, param).into_iter().chain([address(functions, param)]) };
    for name in names {
        bytes.extend(name.len().to_le_bytes());
        bytes.extend(name);
    }
    bytes
}

/// Returns the IP address that a certificate must have; empty if none. The error queue then has one more error.
/// OpenSSL 4 may know several, of which this is the first.
///
/// # Safety
/// `param` must be a live X509_VERIFY_PARAM that nobody changes.
pub unsafe fn address(functions: &Functions, param: *mut X509_VERIFY_PARAM) -> Vec<u8> {
    // SAFETY: by the caller's promise; the address is a string of our own to free.
    unsafe {
        let address: *mut c_char = functions.X509_VERIFY_PARAM_get1_ip_asc.map_or(ptr::null_mut(), |get| get(param));
        let text = der::of_string(address).unwrap_or_default();
        if !address.is_null() {
            (functions.CRYPTO_clear_free)(address.cast::<c_void>(), text.len() + 1, ptr::null(), 0);
        }
        text
    }
}

/// Returns true if [`parameters`] and [`peer_names`] read the names that are required: possible since OpenSSL 3.
pub fn reads_peer_names(functions: &Functions) -> bool {
    functions.X509_VERIFY_PARAM_get0_host.is_some() && functions.X509_VERIFY_PARAM_get0_email.is_some()
}

/// Returns true if a client's certificate must have one of some names.
///
/// # Safety
/// As for [`parameters`].
pub unsafe fn expects_names(functions: &Functions, param: *mut X509_VERIFY_PARAM) -> bool {
    // SAFETY: a live param.
    let (has_host, has_email) = unsafe {
        let has_host = functions.X509_VERIFY_PARAM_get0_host.is_some_and(|get| !get(param, 0).is_null());
        (has_host, functions.X509_VERIFY_PARAM_get0_email.is_some_and(|get| !get(param).is_null()))
    };
    has_host || has_email
}

/// Returns true if [`peer_names`] are these. Nothing is allocated.
///
/// # Safety
/// As for [`parameters`].
pub unsafe fn has_peer_names(functions: &Functions, param: *mut X509_VERIFY_PARAM, names: &[Vec<u8>]) -> bool {
    let readers = (functions.X509_VERIFY_PARAM_get0_host, functions.X509_VERIFY_PARAM_get0_email);
    let (Some(get_host), Some(get_email)) = readers else { return names.is_empty() };
    let mut names = names.iter();
    let mut is_next = |kind: &[u8], name: *const c_char| {
        // SAFETY: a name of the param's.
        let name = unsafe { CStr::from_ptr(name) }.to_bytes();
        names.next().and_then(|kept| kept.strip_prefix(kind)) == Some(name)
    };
    // SAFETY: a live param.
    unsafe {
        let mut number = 0;
        let mut host = get_host(param, number);
        while !host.is_null() {
            if !is_next(HOST, host) {
                return false;
            }
            number += 1;
            host = get_host(param, number);
        }
        let email = get_email(param);
        if !email.is_null() && !is_next(MAIL, email) {
            return false;
        }
    }
    names.next().is_none()
}

/// Returns the names, of hosts and mail, one of which a client's certificate must have.
///
/// # Safety
/// As for [`parameters`].
pub unsafe fn peer_names(functions: &Functions, param: *mut X509_VERIFY_PARAM) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let readers = (functions.X509_VERIFY_PARAM_get0_host, functions.X509_VERIFY_PARAM_get0_email);
    let (Some(get_host), Some(get_email)) = readers else { return names };
    // SAFETY: a live param, and names of its own.
    unsafe {
        let mut host = get_host(param, 0);
        while !host.is_null() {
            names.push([HOST, CStr::from_ptr(host).to_bytes()].concat());
            host = get_host(param, names.len() as c_int);
        }
        let email = get_email(param);
        if !email.is_null() {
            names.push([MAIL, CStr::from_ptr(email).to_bytes()].concat());
        }
    }
    names
}

/// Returns the cipher suites of a list by their numbers, in order.
///
/// # Safety
/// `list` must be NULL or a list of cipher suites that nobody changes.
pub unsafe fn cipher_suites(functions: &Functions, list: *const stack_st_X509_NAME) -> Vec<u8> {
    // SAFETY: by the caller's promise.
    let number = unsafe { (functions.OPENSSL_sk_num)(list) };
    let id = |at| {
        // SAFETY: an element of the list.
        unsafe { (functions.SSL_CIPHER_get_id)((functions.OPENSSL_sk_value)(list, at).cast_const().cast()) }
    };
    (0..number).flat_map(|at| id(at).to_le_bytes()).collect()
}
