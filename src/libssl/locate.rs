//! Searches all objects of the process for an `SSL_CTX_new` other than the library's.
//!
//! RTLD_NEXT would miss a libssl that came with dlopen(RTLD_LOCAL), as in Python and Perl, and might return another
//! interposer. So the tables of every loaded object are read, and all functions are then taken from the object found.

use std::ffi::{CStr, c_void};
use std::ops::Range;
use std::{iter, mem, ptr};

use super::elf::{Listed, Object};
use super::loader::Loaded;
use super::symbols::Functions;
use super::{Family, Libssl, is_ours};

/// Returns all loaded libssls, those to attach to first: an unknown object is then the first one's.
pub fn libssls() -> Vec<Libssl> {
    let all = Listed::all(DEFINED);
    let mut libssls: Vec<Libssl> = all.iter().filter_map(|listed| Found::among(&all, listed)?.into_libssl()).collect();
    libssls.sort_by_key(|libssl| (!libssl.attachable, !libssl.makes_connections));
    libssls
}

/// Returns the libssl at an address.
pub fn libssl_at(address: *const c_void) -> Option<Libssl> {
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

/// The function by which a libssl is known.
const DEFINED: &CStr = c"SSL_CTX_new";

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
        if !listed.defines || is_ours(ptr::without_provenance(object.addresses.start)) {
            return None;
        }
        let held = Loaded::new(&listed.name)?;
        let needed = all.iter().filter(|other| object.needs(other)).map(|other| other.object.clone()).collect();
        Some(Found { held, object: object.clone(), needed })
    }

    /// Returns a function of its own, or of an object that it needs; NULL if there is none.
    fn symbol(&self, name: &CStr) -> *mut c_void {
        let mut objects = iter::once(&self.object).chain(&self.needed);
        objects.find_map(|object| object.symbol(name)).map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
    }

    /// Returns the release of its symbol version nodes; None if it defines no versions, or unknown ones.
    fn family(&self) -> Option<Family> {
        let known = Family::NODES.iter().find(|(_, node)| self.object.defines_version(node));
        known.map(|&(family, _)| family)
    }

    /// Takes all functions from it, and keeps it loaded for ever, as they must not outlive it. Returns None for an
    /// object that shares only a name with a libssl: it has neither known versions nor a session cache.
    fn into_libssl(self) -> Option<Libssl> {
        let family = self.family();
        let makes_connections = !self.symbol(c"SSL_new").is_null();
        let has_cache = !self.symbol(c"SSL_CTX_add_session").is_null();
        if family.is_none() && !(makes_connections && has_cache) {
            return None;
        }
        // SAFETY: the object is a libssl, so its functions of these names are OpenSSL's.
        let functions = unsafe { Functions::find(|name| self.symbol(name)) };
        // One that names no versions is an OpenSSL 3 that was built for a program of its own; or another's, which lacks some.
        let is_known = family.is_some() || !self.object.names_versions() && functions.SSL_CTX_new_ex.is_some();
        mem::forget(self.held);
        Some(Libssl {
            functions,
            family,
            attachable: is_known && functions.are_complete,
            object: self.object,
            makes_connections,
            is_tracked: Default::default(),
            application_data: Default::default(),
            attachment: Default::default(),
            farewell: Default::default(),
            marker: Default::default(),
            rules: Default::default(),
            tickets: Default::default(),
            hidden: Default::default(),
            accepted: Default::default(),
        })
    }
}
