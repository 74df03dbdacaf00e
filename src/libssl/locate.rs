//! Searches all objects of the process for an `SSL_CTX_new` other than the library's.
//!
//! RTLD_NEXT would miss a libssl that came with dlopen(RTLD_LOCAL), as in Python and Perl, and might return another
//! interposer. So the tables of every loaded object are read, and all functions are then taken from the object found.

use std::ffi::{CStr, c_char, c_void};
use std::ops::Range;
use std::{iter, mem, ptr};

use super::elf::{Listed, Object};
use super::loader::Loaded;
use super::symbols::Symbols;
use super::{AnyLibssl, Family, Libssl};

/// Returns all loaded libssls, those to attach to first: an unknown object is then the first one's.
pub fn libssls() -> Vec<AnyLibssl> {
    let all = Listed::all(DEFINED);
    let mut libssls: Vec<AnyLibssl> =
        all.iter().filter_map(|listed| Found::among(&all, listed)?.into_libssl()).collect();
    libssls.sort_by_key(|libssl| (libssl.served.is_none(), !libssl.makes_connections));
    libssls
}

/// Returns the libssl at an address.
pub fn libssl_at(address: *const c_void) -> Option<AnyLibssl> {
    let all = Listed::all(DEFINED);
    let listed = all.iter().find(|listed| listed.object.addresses.contains(&address.addr()))?;
    // An object that merely uses a libssl is not one.
    Found::among(&all, listed)?.into_libssl()
}

/// Returns the addresses of the objects that the object at an address needs.
pub fn needed_at(address: *const c_void) -> Vec<Range<usize>> {
    let all = Listed::all(DEFINED);
    let Some(object) = Object::at(address) else { return Vec::new() };
    all.into_iter().filter(|other| object.needs(other)).map(|other| other.object.addresses).collect()
}

impl AnyLibssl {
    /// Finds functions of this libssl's, or of an object that it needs, by their names; NULL for each that there is not.
    ///
    /// # Safety
    /// The names must be NUL-terminated.
    pub unsafe fn find<const N: usize>(&self, names: &[*const c_char; N], found: &mut [*const c_void; N]) {
        let all = Listed::all(DEFINED);
        for (place, name) in found.iter_mut().zip(names) {
            // SAFETY: by the caller's promise.
            let name = unsafe { CStr::from_ptr(*name) };
            let needed = all.iter().filter(|other| self.object.needs(other)).map(|other| &other.object);
            let address = iter::once(&self.object).chain(needed).find_map(|object| object.symbol(name));
            *place = address.map_or(ptr::null(), ptr::with_exposed_provenance);
        }
    }
}

/// The function by which a libssl is known.
const DEFINED: &CStr = c"SSL_CTX_new";

/// Returns the release of an object's symbol version nodes; None if it defines no versions, or unknown ones.
fn family_of(object: &Object) -> Option<Family> {
    Family::NODES.iter().find(|(_, node)| object.defines_version(node)).map(|&(family, _)| family)
}

/// A function of each libcrypto.
const OF_LIBCRYPTO: &CStr = c"ERR_get_error";

/// An object that defines it and is not the library, held meanwhile; and the objects that it needs.
struct Found {
    held: Loaded,
    object: Object,
    needed: Vec<Object>,
}

impl Found {
    /// Returns the one that this is; None if it is another object.
    fn among(all: &[Listed], listed: &Listed) -> Option<Found> {
        let object = &listed.object;
        if !listed.defines || listed.is_ours() {
            return None;
        }
        let held = Loaded::new(&listed.name)?;
        let needed = all.iter().filter(|other| object.needs(other)).map(|other| other.object.clone()).collect();
        let found = Found { held, object: object.clone(), needed };
        if found.is_wrapper(all) { None } else { Some(found) }
    }

    /// Returns true for an object whose functions wrap those of a libssl: it calls them by RTLD_NEXT, and so calls this library
    /// where that comes after it. A wrapper has no libcrypto inside. It needs a libssl; or it names no versions that are known,
    /// there is one that does, and it uses the same libcrypto as that, or none.
    fn is_wrapper(&self, all: &[Listed]) -> bool {
        if self.object.symbol(OF_LIBCRYPTO).is_some() {
            return false;
        }
        let is_other =
            |other: &&Listed| other.defines && !other.is_ours() && other.object.addresses != self.object.addresses;
        let mut others = all.iter().filter(is_other);
        if family_of(&self.object).is_some() {
            return others.any(|other| self.object.needs(other));
        }
        let libcrypto = self.symbol(OF_LIBCRYPTO).addr();
        let has_it = |other: &Listed| {
            let its = all.iter().filter(|needed| other.object.needs(needed));
            its.filter_map(|needed| needed.object.symbol(OF_LIBCRYPTO)).any(|found| found == libcrypto)
        };
        let is_around = |other: &Listed| family_of(&other.object).is_some() && (libcrypto == 0 || has_it(other));
        others.any(|other| self.object.needs(other) || is_around(other))
    }

    /// Returns a function of its own, or of an object that it needs; NULL if there is none.
    fn symbol(&self, name: &CStr) -> *mut c_void {
        let mut objects = iter::once(&self.object).chain(&self.needed);
        objects.find_map(|object| object.symbol(name)).map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
    }

    /// Takes all functions from it, and keeps it loaded for ever, as they must not outlive it. Returns None for an
    /// object that shares only a name with a libssl: it has neither known versions nor a session cache.
    fn into_libssl(self) -> Option<AnyLibssl> {
        let family = family_of(&self.object);
        let makes_connections = !self.symbol(c"SSL_new").is_null();
        let has_cache = !self.symbol(c"SSL_CTX_add_session").is_null();
        if family.is_none() && !(makes_connections && has_cache) {
            return None;
        }
        // SAFETY: the object is a libssl, so its functions of these names are OpenSSL's.
        let symbols = unsafe { Symbols::find(|name| self.symbol(name)) };
        let is_openssl = family.is_some() || symbols.SSL_CTX_new_ex.is_some();
        // One that names no versions is an OpenSSL 3 that was built for a program of its own; or another's, which lacks some.
        let is_known = family.is_some() || !self.object.names_versions() && is_openssl;
        let functions = if is_known { symbols.complete() } else { None };
        let served = functions.map(|functions| Libssl {
            functions,
            family,
            application_data: Default::default(),
            attachment: Default::default(),
            farewell: Default::default(),
            marker: Default::default(),
            rules: Default::default(),
            tickets: Default::default(),
            hidden: Default::default(),
            accepted: Default::default(),
        });
        mem::forget(self.held);
        Some(AnyLibssl {
            symbols,
            family,
            served,
            object: self.object,
            makes_connections,
            is_openssl,
            is_tracked: Default::default(),
        })
    }
}
