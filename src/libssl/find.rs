//! Looks through all objects of the process for another `SSL_CTX_new` than our own.
//!
//! RTLD_NEXT would miss a libssl that came with dlopen(RTLD_LOCAL), as in Python and Perl, and might return another
//! interposer. So every loaded object is asked by handle, and all functions are then taken from the one found.

use std::ffi::{CStr, c_void};
use std::ptr;

use super::symbols::Functions;
use super::{Family, Libssl, elf, is_ours};

/// Returns all libssls that are loaded, those to attach to first: an object that we know nothing of is the first one's.
pub fn libssls() -> Vec<Libssl> {
    // Miri has no dynamic loader; what it runs stands alone.
    if cfg!(miri) {
        return Vec::new();
    }
    let objects = elf::Object::all().into_iter().filter_map(|(name, loaded)| Object::open(&name, loaded));
    let mut libssls: Vec<Libssl> = objects.filter_map(Object::into_libssl).collect();
    libssls.sort_by_key(|libssl| (!libssl.attachable, !libssl.makes_connections));
    libssls
}

/// Returns the libssl in which an address lies.
pub fn libssl_at(address: *const c_void) -> Option<Libssl> {
    let mut all = elf::Object::all().into_iter();
    let (name, loaded) = all.find(|(_, loaded)| loaded.addresses.contains(&address.addr()))?;
    // An object that merely uses a libssl is not one.
    Object::open(&name, loaded)?.into_libssl()
}

/// A loaded object that defines an `SSL_CTX_new` other than ours; held open meanwhile.
struct Object {
    handle: *mut c_void,
    loaded: elf::Object,
}

impl Object {
    fn open(name: &CStr, loaded: elf::Object) -> Option<Object> {
        let path = if name.is_empty() { ptr::null() } else { name.as_ptr() };
        // SAFETY: a NUL-terminated name, or NULL for the program itself; RTLD_NOLOAD runs no constructor.
        let handle = unsafe { libc::dlopen(path, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            return None;
        }
        let object = Object { handle, loaded };
        let defined = object.symbol(c"SSL_CTX_new");
        // dlsym looks into its dependencies too, and what they define is not the object's: it may be unloaded before them.
        let is_its_own = object.loaded.addresses.contains(&defined.addr());
        (is_its_own && !is_ours(defined)).then_some(object)
    }

    fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: an open handle and a NUL-terminated name.
        unsafe { libc::dlsym(self.handle, name.as_ptr()) }
    }

    /// Returns the release whose symbol version nodes it has; None if it names no versions or others than we know.
    fn family(&self) -> Option<Family> {
        let known = Family::NODES.iter().find(|(_, node)| self.loaded.defines_version(node));
        known.map(|&(family, _)| family)
    }

    /// Takes all functions from this object, which stays loaded from now on: they must not outlive it. Returns None for an
    /// object that has no more than a name in common with a libssl: it has neither versions that we know nor a session
    /// cache.
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
        let is_known = family.is_some() || !self.loaded.names_versions() && functions.SSL_CTX_new_ex.is_some();
        let (object, handle) = (self.loaded.addresses.clone(), self.handle.expose_provenance());
        std::mem::forget(self);
        Some(Libssl {
            functions,
            family,
            attachable: is_known && functions.are_complete,
            object,
            handle,
            makes_connections,
            application_data: Default::default(),
            attachment: Default::default(),
            farewell: Default::default(),
            marker: Default::default(),
            rules: Default::default(),
            hidden: Default::default(),
        })
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the handle came from dlopen and is closed once; the object's other users keep it loaded.
        unsafe { libc::dlclose(self.handle) };
    }
}
