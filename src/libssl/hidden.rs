//! Reads fields for which libcrypto has no function: the purpose and trust that certificates must have, and the ways
//! in which a store looks certificates up. Their offsets are found by trying, as the structures are libcrypto's own
//! affair.
//!
//! ```text
//!   X509_VERIFY_PARAM   purpose, trust: the int that follows the setter; the address: the pointer that is there then
//!   X509_STORE          | objects | lookups | param |: between two that functions return
//!   X509_LOOKUP         method: the word that is X509_LOOKUP_file()
//! ```
//! A field that is not found, as in a release with another layout, is not read.

use std::ffi::{c_int, c_void};
use std::ptr;

use once_cell::race::OnceBox;

use super::{Family, Functions, Libssl, error, verification};
use crate::types::*;

/// X509_PURPOSE_OCSP_HELPER and X509_TRUST_OCSP_SIGN: numbers that no other field has.
const PURPOSE: c_int = 8;
const TRUST: c_int = 6;

/// The length of a param up to its policies, in all releases; and of the whole, before OpenSSL 4.
const BEGINNING: usize = 48;
const WHOLE: usize = 112;

/// Number of words of a store and of a lookup that are searched. Both are longer.
const STORE_WORDS: usize = 8;
const LOOKUP_WORDS: usize = 3;

/// Offsets of the fields, in bytes.
struct Places {
    purpose_and_trust: Option<(usize, usize)>,
    address: Option<usize>,
    lookups_and_method: Option<(usize, usize)>,
}

/// Offsets in one libssl's objects, once tried.
#[derive(Default)]
pub struct State(OnceBox<Places>);

impl Libssl {
    #[inline]
    fn places(&self) -> &Places {
        let find = || {
            // SAFETY: objects made and freed there.
            error::unnoted(&self.functions, || unsafe { find(&self.functions, self.family) })
        };
        self.hidden.0.get_or_init(|| Box::new(find()))
    }

    /// Returns the purpose and trust that certificates must have; None if they cannot be read.
    ///
    /// # Safety
    /// `param` must be a live param.
    pub unsafe fn purpose_and_trust(&self, param: *const X509_VERIFY_PARAM) -> Option<[c_int; 2]> {
        let (purpose, trust) = self.places().purpose_and_trust?;
        // SAFETY: both lie in it.
        Some(unsafe { [read(param, purpose), read(param, trust)] })
    }

    /// Returns true if the peer must have a certain address.
    ///
    /// # Safety
    /// `param` must be a live param that nobody changes.
    pub unsafe fn expects_address(&self, param: *mut X509_VERIFY_PARAM) -> bool {
        let Some(place) = self.places().address else {
            // SAFETY: as the caller promises.
            let address = || unsafe { verification::address(&self.functions, param) };
            return !error::unnoted(&self.functions, address).is_empty();
        };
        // SAFETY: it lies in it.
        unsafe { read::<usize>(param, place) != 0 }
    }

    /// Returns true if there may be more addresses than can be read.
    pub fn may_expect_several_addresses(&self) -> bool {
        self.family == Some(Family::V4)
    }

    /// Returns true if the names that a certificate must have are told as C strings that may lack their end: OpenSSL
    /// 4.0 copies a param's names, as for each connection, without it. And of several of mail one is told.
    pub fn may_tell_names_without_end(&self) -> bool {
        self.family == Some(Family::V4)
    }

    /// Returns the number of ways in which a store looks certificates up; None if it cannot be read. It only ever
    /// grows.
    ///
    /// # Safety
    /// `store` must be NULL or a live store.
    pub unsafe fn number_of_lookups(&self, store: *const X509_STORE) -> Option<c_int> {
        let (lookups, _) = self.places().lookups_and_method.filter(|_| !store.is_null())?;
        // SAFETY: a list of the store, whose length is read as it stands.
        Some(unsafe { (self.functions.OPENSSL_sk_num)(read(store, lookups)) })
    }

    /// Returns true if a store looks certificates up outside what it has read: in a directory, at a URI, by a method
    /// of the application's. None if it cannot be read.
    ///
    /// # Safety
    /// `store` must be a live store.
    pub unsafe fn has_other_lookups(&self, store: *mut X509_STORE) -> Option<bool> {
        let (lookups, method) = self.places().lookups_and_method?;
        let functions = &self.functions;
        let file = functions.X509_LOOKUP_file?;
        // SAFETY: the store's list, which nobody changes while it is locked.
        unsafe {
            (functions.X509_STORE_lock)(store);
            let list: *const stack_st_X509_NAME = read(store, lookups);
            let is_other = |at| {
                let lookup = (functions.OPENSSL_sk_value)(list, at);
                lookup.is_null() || read::<*const c_void>(lookup, method) != file()
            };
            let has_other = (0..(functions.OPENSSL_sk_num)(list)).any(is_other);
            (functions.X509_STORE_unlock)(store);
            Some(has_other)
        }
    }
}

/// Reads a field of an object whose type is libcrypto's.
///
/// # Safety
/// `object` must be live, and have a `T` there.
unsafe fn read<T>(object: *const impl Sized, place: usize) -> T {
    // SAFETY: by the caller's promise.
    unsafe { object.cast::<u8>().add(place).cast::<T>().read_unaligned() }
}

unsafe fn find(functions: &Functions, family: Option<Family>) -> Places {
    // SAFETY: objects made and freed there.
    unsafe {
        let (purpose_and_trust, address) = find_in_param(functions, family).unwrap_or_default();
        Places { purpose_and_trust, address, lookups_and_method: find_in_store(functions) }
    }
}

/// Returns the offset of the one `T` that is `expected` now and was nothing before; None if there is none, or
/// several.
unsafe fn only<T: Default + PartialEq>(
    before: &[u8],
    param: *const X509_VERIFY_PARAM,
    is_expected: impl Fn(&T) -> bool,
) -> Option<usize> {
    let mut found = None;
    for place in (0..before.len()).step_by(size_of::<T>()) {
        // SAFETY: within the bytes and the param, which is as long; any bytes are a number.
        let (was, is): (T, T) = unsafe { (read(before.as_ptr(), place), read(param, place)) };
        if was == T::default() && is_expected(&is) && found.replace(place).is_some() {
            return None;
        }
    }
    found
}

type InParam = (Option<(usize, usize)>, Option<usize>);

unsafe fn find_in_param(functions: &Functions, family: Option<Family>) -> Option<InParam> {
    let (make, free) = (functions.X509_VERIFY_PARAM_new?, functions.X509_VERIFY_PARAM_free?);
    let (set_purpose, set_trust) = (functions.X509_VERIFY_PARAM_set_purpose?, functions.X509_VERIFY_PARAM_set_trust?);
    let set_address = functions.X509_VERIFY_PARAM_set1_ip_asc?;
    // SAFETY: a param of our own, not read beyond its end.
    unsafe {
        let param = make();
        if param.is_null() {
            return None;
        }
        let before = |length| std::slice::from_raw_parts(param.cast::<u8>(), length).to_vec();
        let beginning = before(BEGINNING);
        let is_set = set_purpose(param, PURPOSE) == 1 && set_trust(param, TRUST) == 1;
        let purpose = only(&beginning, param, |&is: &c_int| is == PURPOSE);
        let trust = only(&beginning, param, |&is: &c_int| is == TRUST);
        let mut address = None;
        if matches!(family, Some(Family::V1_1 | Family::V3)) {
            let whole = before(WHOLE);
            // Its length, 4, is set with it.
            if set_address(param, c"127.0.0.1".as_ptr()) == 1 {
                address = only(&whole, param, |&is: &usize| is > WHOLE);
            }
        }
        free(param);
        Some((purpose.zip(trust).filter(|_| is_set), address))
    }
}

unsafe fn find_in_store(functions: &Functions) -> Option<(usize, usize)> {
    let (make, add, file) = (functions.X509_STORE_new?, functions.X509_STORE_add_lookup?, functions.X509_LOOKUP_file?);
    // SAFETY: a store of our own; it is longer than what is read of it, and so is the lookup.
    unsafe {
        let store = make();
        if store.is_null() {
            return None;
        }
        let words: [usize; STORE_WORDS] = read(store, 0);
        let objects = (functions.X509_STORE_get0_objects)(store).addr();
        let param = (functions.X509_STORE_get0_param)(store).addr();
        let at = words.windows(3).position(|word| word[0] == objects && word[2] == param && word[1] != 0);
        let found = at.and_then(|at| {
            let place = (at + 1) * size_of::<usize>();
            let list: *const stack_st_X509_NAME = read(store, place);
            let was_empty = (functions.OPENSSL_sk_num)(list) == 0;
            let lookup = add(store, file());
            let is_it = was_empty
                && !lookup.is_null()
                && (functions.OPENSSL_sk_num)(list) == 1
                && (functions.OPENSSL_sk_value)(list, 0).cast() == lookup;
            let words: [*const c_void; LOOKUP_WORDS] =
                if is_it { read(lookup, 0) } else { [ptr::null(); LOOKUP_WORDS] };
            let method = words.iter().position(|&word| word == file())?;
            Some((place, method * size_of::<usize>()))
        });
        (functions.X509_STORE_free)(store);
        found
    }
}
