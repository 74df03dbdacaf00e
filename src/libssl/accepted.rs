//! Reads which keys and signatures a connection accepts of its peer: what SSL_CTX_set1_client_sigalgs, SSL_CTX_set1_sigalgs,
//! SSL_CTX_set1_groups, SSL_CTX_set1_client_certificate_types and their like have set, whoever called them: the application,
//! SSL_CONF_cmd, a configuration file. libssl has no function to read it. Where it lies in memory is found by trying, as in
//! `hidden`, on a connection of the library's own:
//!
//! ```text
//!   SSL    | ... | certificates ─┼─► | ... | types | n | signatures | n | clients' signatures | n | ...
//!          | ... | n | groups | ...
//!          | ... | DANE ─────────┼─► what SSL_get0_dane returns: its first word is set by SSL_dane_enable
//! ```
//! `certificates` is the one pointer, beside the context's, that SSL_set_SSL_CTX exchanges. What is not found is not read.

use std::ffi::{CStr, c_int, c_long, c_uchar, c_void};
use std::{ptr, slice};

use once_cell::race::OnceBox;

use super::{Functions, Libssl, error, known, not_resumable};
use crate::types::*;

const CTRL_SET_GROUPS_LIST: c_int = 92;
const CTRL_SET_SIGALGS_LIST: c_int = 98;
const CTRL_CERT_FLAGS: c_int = 99;
const CTRL_SET_CLIENT_SIGALGS_LIST: c_int = 102;
const CTRL_SET_CLIENT_CERT_TYPES: c_int = 104;

/// Values that are set to be found: lists of different lengths, and the form in which libssl keeps them.
const TYPES: [u8; 2] = [1, 64];
const SIGNATURES: (&CStr, [u16; 3]) = (c"ECDSA+SHA256:RSA+SHA256:ECDSA+SHA384", [0x403, 0x401, 0x503]);
const CLIENTS: (&CStr, [u16; 5]) =
    (c"ECDSA+SHA256:RSA+SHA256:ECDSA+SHA384:RSA+SHA512:RSA+SHA384", [0x403, 0x401, 0x503, 0x601, 0x501]);
const GROUPS: (&CStr, [u16; 3]) = (c"P-521:P-384:P-256", [25, 24, 23]);

/// The words of a connection among which is looked. It has 675 or more, in all releases.
const WORDS: usize = 384;
/// The same of its certificates, which have 67 or more before OpenSSL 3.2, and 23 since.
const WORDS_OF_CERTIFICATES: usize = 60;
const WORDS_OF_CERTIFICATES_SINCE_3_2: usize = 22;
const OPENSSL_3_2: u64 = 0x3020_0000;

/// Greatest length of a list; a longer one is none.
const LONGEST: usize = 1024;
/// OSSL_QUIC1_VERSION: its object is another.
const QUIC_VERSION: c_int = 1;

/// SSL_get0_client_cert_type, and the server's.
type GetKinds = unsafe extern "C" fn(*const SSL, *mut *mut c_uchar, *mut usize) -> c_int;

/// Where it lies, in words from the beginning of each.
struct Places {
    certificates: usize,
    /// In these: certificate types, signatures, clients' signatures; each is followed by its length.
    lists: usize,
    /// In the connection; the length goes before it.
    groups: usize,
    /// The security callback of a connection whose context has none of the application's.
    security: usize,
}

/// Places of one libssl, once tried; None if they were not found.
#[derive(Default)]
pub struct State(OnceBox<Option<Places>>);

/// Number of lists that are read: certificate types, signatures, clients' signatures, groups, both kinds of certificates.
const LISTS: usize = 6;

/// The lists of what a connection accepts of its peer, as their bytes lie there.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a>([&'a [u8]; LISTS]);

/// A copy of such lists.
#[derive(Debug)]
pub struct KeptLists([Vec<u8>; LISTS]);

/// Keys and signatures that a connection accepts of its peer, besides the lists: words without gaps.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Accepted {
    /// SSL_set_cert_flags: Suite B, strict.
    pub flags: c_long,
    /// The application's security callback; 0 for none.
    pub security_callback: usize,
    /// The application's data for that, SSL_set0_security_ex_data.
    pub security_data: usize,
    /// SSL_dane_enable: 1 if the peer is known by records of this connection's own.
    pub has_dane: usize,
}

impl Libssl {
    fn places_of_accepted(&'static self) -> Option<&'static Places> {
        let find = || {
            // SAFETY: objects made and freed there.
            known::on_behalf_of(self, || error::unnoted(&self.functions, || unsafe { find(&self.functions) }))
        };
        self.accepted.0.get_or_init(|| Box::new(find())).as_ref()
    }

    /// Reads what a connection accepts of its peer, with each search: nothing is allocated. Returns false if it cannot be read.
    ///
    /// # Safety
    /// `ssl` must be a live SSL of this libssl, in the hands of this thread, that nobody changes as long as the lists are used.
    pub unsafe fn read_accepted<'a>(&'static self, ssl: *mut SSL, into: &mut Accepted, lists: &mut Lists<'a>) -> bool {
        // SAFETY: the caller's promise.
        unsafe { self.try_read_accepted(ssl, into, lists) }.is_some()
    }

    /// Does so as far as it can.
    ///
    /// # Safety
    /// As for [`Libssl::read_accepted`].
    unsafe fn try_read_accepted<'a>(
        &'static self,
        ssl: *mut SSL,
        into: &mut Accepted,
        lists: &mut Lists<'a>,
    ) -> Option<()> {
        let functions = &self.functions;
        let places = self.places_of_accepted()?;
        // SAFETY: the caller's connection; not QUIC's, so what was found lies in it.
        unsafe {
            if (functions.SSL_version)(ssl) == QUIC_VERSION {
                return None;
            }
            let certificates = word(ssl, places.certificates) as *const usize;
            if certificates.is_null() {
                return None;
            }
            let of_certificates = |at, size| list(word(certificates, at), word(certificates, at + 1), size);
            let kinds = |get: Option<GetKinds>| {
                let Some(get) = get else { return Some(&[] as &'a [u8]) };
                let (mut kinds, mut number): (*mut c_uchar, usize) = (ptr::null_mut(), 0);
                get(ssl, &raw mut kinds, &raw mut number);
                list(kinds.addr(), number, 1)
            };
            lists.0[0] = of_certificates(places.lists, 1)?;
            lists.0[1] = of_certificates(places.lists + 2, 2)?;
            lists.0[2] = of_certificates(places.lists + 4, 2)?;
            lists.0[3] = list(word(ssl, places.groups), word(ssl, places.groups - 1), 2)?;
            lists.0[4] = kinds(functions.SSL_get0_client_cert_type)?;
            lists.0[5] = kinds(functions.SSL_get0_server_cert_type)?;
            let callback = functions.SSL_get_security_callback?(ssl).map_or(0, |callback| callback as usize);
            if callback != places.security && !super::tickets::is_ours(callback) {
                into.security_callback = callback;
                into.security_data = functions.SSL_get0_security_ex_data?(ssl).addr();
            }
            into.flags = (functions.SSL_ctrl)(ssl, CTRL_CERT_FLAGS, 0, ptr::null_mut());
            into.has_dane = usize::from(word(functions.SSL_get0_dane?(ssl), 0) != 0);
            Some(())
        }
    }
}

/// Reads a word of an object.
///
/// # Safety
/// `object` must be live, and as long.
unsafe fn word(object: *const impl Sized, at: usize) -> usize {
    // SAFETY: by the caller's promise.
    unsafe { object.cast::<usize>().add(at).read_unaligned() }
}

/// Returns a list's bytes, by its address, the number of its elements, and the size of each; None if it is no list.
///
/// # Safety
/// One that is not empty must be such a list, which nobody changes meanwhile.
unsafe fn list<'a>(address: usize, number: usize, size: usize) -> Option<&'a [u8]> {
    if number == 0 {
        return Some(&[]);
    }
    let is_list = address != 0 && number <= LONGEST;
    // SAFETY: by the caller's promise.
    is_list.then(|| unsafe { slice::from_raw_parts(address as *const u8, number * size) })
}

impl Lists<'_> {
    /// The lists of a connection of which none can be read.
    pub const NONE: Lists<'static> = Lists([&[]; LISTS]);

    /// Returns true if the lists are those that were kept. Mostly none is set, so lengths are compared first.
    pub fn are(&self, kept: &KeptLists) -> bool {
        let is_it =
            |at: usize| self.0[at].len() == kept.0[at].len() && (kept.0[at].is_empty() || self.0[at] == kept.0[at]);
        (0..LISTS).all(is_it)
    }

    /// Returns a copy.
    pub fn keep(&self) -> KeptLists {
        KeptLists(self.0.map(<[u8]>::to_vec))
    }
}

impl KeptLists {
    /// Returns the bytes of all, each with its length; nothing if all are empty, as they are by default.
    pub fn bytes(&self) -> Vec<u8> {
        if self.0.iter().all(Vec::is_empty) {
            return Vec::new();
        }
        let of_one = |list: &Vec<u8>| [&(list.len() as u16).to_le_bytes(), list.as_slice()].concat();
        self.0.iter().flat_map(of_one).collect()
    }
}

/// Makes two contexts and a connection, and looks for the places there.
unsafe fn find(functions: &Functions) -> Option<Places> {
    let contexts = [not_resumable::make_private(functions), not_resumable::make_private(functions)];
    // SAFETY: objects made and freed here.
    unsafe {
        let mut found = None;
        if let [Some(first), Some(second)] = contexts {
            let ssl = (functions.SSL_new)(first.as_ptr());
            if !ssl.is_null() {
                found = find_in(functions, ssl, second.as_ptr());
                (functions.SSL_free)(ssl);
            }
        }
        contexts.into_iter().flatten().for_each(|ctx| (functions.SSL_CTX_free)(ctx.as_ptr()));
        found
    }
}

unsafe fn words(object: *const impl Sized, number: usize) -> Vec<usize> {
    // SAFETY: the caller's object, which is as long.
    (0..number).map(|at| unsafe { word(object, at) }).collect()
}

unsafe fn find_in(functions: &Functions, ssl: *mut SSL, other: *mut SSL_CTX) -> Option<Places> {
    let number = functions.OpenSSL_version_num;
    // SAFETY: a connection of our own, which is longer than what is read of it, as are its certificates.
    unsafe {
        let before = words(ssl, WORDS);
        if (functions.SSL_set_SSL_CTX)(ssl, other) != other {
            return None;
        }
        let now = words(ssl, WORDS);
        let mut exchanged = (0..WORDS).filter(|&at| now[at] != before[at] && now[at] != other.addr());
        let certificates = exchanged.next()?;
        if exchanged.next().is_some() || now[certificates] == 0 {
            return None;
        }
        let set =
            |command, number, list: *const c_void| (functions.SSL_ctrl)(ssl, command, number, list.cast_mut()) == 1;
        let are_set = set(CTRL_SET_CLIENT_CERT_TYPES, TYPES.len() as c_long, TYPES.as_ptr().cast())
            && set(CTRL_SET_SIGALGS_LIST, 0, SIGNATURES.0.as_ptr().cast())
            && set(CTRL_SET_CLIENT_SIGALGS_LIST, 0, CLIENTS.0.as_ptr().cast())
            && set(CTRL_SET_GROUPS_LIST, 0, GROUPS.0.as_ptr().cast());
        let is_long = number?() < OPENSSL_3_2;
        let length = if is_long { WORDS_OF_CERTIFICATES } else { WORDS_OF_CERTIFICATES_SINCE_3_2 };
        let lists = find_lists(now[certificates] as *const usize, length).filter(|_| are_set)?;
        let now_with_groups = words(ssl, WORDS);
        let is_groups = |&at: &usize| {
            let changed = now_with_groups[at] != now[at] && now_with_groups[at] != 0;
            changed && now_with_groups[at - 1] == GROUPS.1.len() && has(now_with_groups[at], &GROUPS.1)
        };
        let groups = (1..WORDS).find(is_groups)?;
        let security = functions.SSL_get_security_callback?(ssl)? as usize;
        let dane = functions.SSL_get0_dane?(ssl);
        let was_enabled = word(dane, 0) != 0;
        let is_enabled = functions.SSL_CTX_dane_enable?(other) > 0
            && functions.SSL_dane_enable?(ssl, ptr::null()) > 0
            && word(dane, 0) != 0;
        (is_enabled && !was_enabled).then_some(Places { certificates, lists, groups, security })
    }
}

/// Looks for the three lists that were set, from the beginning on: nothing behind them is read.
unsafe fn find_lists(certificates: *const usize, length: usize) -> Option<usize> {
    // SAFETY: the caller's object, which is as long; what is followed by its length is that list.
    (0..=length - 6).find(|&at| unsafe {
        let is_it = |place, number| word(certificates, at + place) != 0 && word(certificates, at + place + 1) == number;
        is_it(0, TYPES.len())
            && is_it(2, SIGNATURES.1.len())
            && is_it(4, CLIENTS.1.len())
            && has(word(certificates, at), &TYPES)
            && has(word(certificates, at + 2), &SIGNATURES.1)
            && has(word(certificates, at + 4), &CLIENTS.1)
    })
}

/// Returns true if there is a list of these elements at an address.
///
/// # Safety
/// There must be as many bytes.
unsafe fn has<T: PartialEq>(address: usize, expected: &[T]) -> bool {
    // SAFETY: by the caller's promise; lists are allocated, and so aligned for any element.
    address.is_multiple_of(align_of::<T>())
        && unsafe { slice::from_raw_parts(address as *const T, expected.len()) } == expected
}

#[cfg(test)]
mod tests {
    use super::{LISTS, LONGEST, Lists, list};

    const ONE: &[u8] = &[3, 4, 1, 4];

    #[test]
    fn lists_that_differ_have_other_bytes_and_empty_ones_none() {
        let with = |at: usize, list| {
            let mut lists = [&[] as &[u8]; LISTS];
            lists[at] = list;
            Lists(lists).keep().bytes()
        };
        assert!(with(0, &[]).is_empty());
        assert_eq!(with(0, ONE), [&[4, 0, 3, 4, 1, 4], [0; 10].as_slice()].concat());
        assert_ne!(with(0, ONE), with(1, ONE));
        assert_ne!(with(1, ONE), with(1, &ONE[..2]));
    }

    #[test]
    fn lists_are_those_that_were_kept_if_all_bytes_are_equal() {
        for at in 0..LISTS {
            let with = |list| {
                let mut lists = [ONE; LISTS];
                lists[at] = list;
                Lists(lists)
            };
            let kept = with(ONE).keep();
            assert!(with(ONE).are(&kept));
            for other in [&[] as &[u8], &[3, 4], &[3, 4, 1, 5], &[3, 4, 1, 4, 0, 0]] {
                assert!(!with(other).are(&kept), "{at}: {other:?}");
            }
        }
        assert!(!Lists([ONE; LISTS]).are(&Lists::NONE.keep()));
    }

    #[test]
    fn what_is_no_list_is_not_followed() {
        // SAFETY: neither is read.
        let of = |address, number| unsafe { list(address, number, 2) };
        assert_eq!(of(0, 1), None);
        assert_eq!(of(1, LONGEST + 1), None);
        assert_eq!(of(0, 0), Some(&[] as &[u8]));
    }
}
