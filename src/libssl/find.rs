//! Looks through all objects of the process for another `SSL_CTX_new` than our own.
//!
//! RTLD_NEXT would miss a libssl that came with dlopen(RTLD_LOCAL), as in Python and Perl, and might return another
//! interposer. So every loaded object is asked by handle, and all functions are then taken from the one found.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ops::Range;
use std::ptr;

use super::symbols::Functions;
use super::{Family, Libssl, elf};

/// Returns all libssls that are loaded, those to attach to first: an object that we know nothing of is the first one's.
pub fn libssls() -> Vec<Libssl> {
    // Miri has no dynamic loader; what it runs stands alone.
    if cfg!(miri) {
        return Vec::new();
    }
    let objects = loaded_objects();
    let mut libssls: Vec<Libssl> =
        objects.iter().filter_map(|name| Object::open(name)).filter_map(Object::into_libssl).collect();
    libssls.sort_by_key(|libssl| !libssl.attachable);
    libssls
}

/// Returns the libssl in which an address lies.
pub fn libssl_at(address: *const c_void) -> Option<Libssl> {
    let info = object_info(address)?;
    // SAFETY: the loader's names are NUL-terminated and stay as long as the object does.
    let object = Object::open(unsafe { CStr::from_ptr(info.dli_fname) })?;
    // An object that merely uses a libssl is not one.
    let is_there = object.addresses().contains(&address.addr());
    if is_there { object.into_libssl() } else { None }
}

/// The names of all loaded objects, in the loader's order.
fn loaded_objects() -> Vec<CString> {
    unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _size: usize, names: *mut c_void) -> c_int {
        // SAFETY: dl_iterate_phdr passes a valid entry and the vector handed to it below.
        let (name, names) = unsafe { ((*info).dlpi_name, &mut *names.cast::<Vec<CString>>()) };
        if !name.is_null() {
            // SAFETY: the loader's names are NUL-terminated and stay for the time of this call.
            names.push(unsafe { CStr::from_ptr(name) }.to_owned());
        }
        0
    }
    let mut names: Vec<CString> = Vec::new();
    // SAFETY: `note` has the type asked for and keeps nothing beyond the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut names).cast()) };
    names
}

/// The head of the loader's own record of an object, as <link.h> has it.
#[repr(C)]
struct LinkMap {
    address: usize,
    name: *const c_char,
    dynamic: *mut c_void,
}

/// A loaded object that defines an `SSL_CTX_new` other than ours; held open meanwhile.
struct Object {
    handle: *mut c_void,
}

impl Object {
    fn open(name: &CStr) -> Option<Object> {
        let path = if name.is_empty() { ptr::null() } else { name.as_ptr() };
        // SAFETY: a NUL-terminated name, or NULL for the program itself; RTLD_NOLOAD runs no constructor.
        let handle = unsafe { libc::dlopen(path, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            return None;
        }
        let object = Object { handle };
        let defined = object.symbol(c"SSL_CTX_new");
        (!defined.is_null() && !is_ours(defined) && object.starts_at() == start_of(defined)).then_some(object)
    }

    /// Where the object is loaded. dlsym looks into its dependencies too, and what they define is not the object's: it
    /// may be unloaded before them.
    fn starts_at(&self) -> *mut c_void {
        let mut map: *mut LinkMap = ptr::null_mut();
        // SAFETY: an open handle, and a place for its link map, which stays as long as the object.
        match unsafe { libc::dlinfo(self.handle, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) } {
            // SAFETY: dlinfo gave the object's own link map.
            0 => start_of(unsafe { (*map).dynamic }),
            _ => ptr::null_mut(),
        }
    }

    fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: an open handle and a NUL-terminated name.
        unsafe { libc::dlsym(self.handle, name.as_ptr()) }
    }

    fn defines(&self, node: &CStr) -> bool {
        // SAFETY: an open handle and NUL-terminated names.
        let found = unsafe { libc::dlvsym(self.handle, c"SSL_CTX_new".as_ptr(), node.as_ptr()) };
        !found.is_null() && !is_ours(found)
    }

    /// The loader's view of it.
    fn loaded(&self) -> Option<elf::Object> {
        elf::Object::at(self.symbol(c"SSL_CTX_new"))
    }

    fn addresses(&self) -> Range<usize> {
        self.loaded().map_or(0..0, |object| object.addresses)
    }

    fn names_versions(&self) -> bool {
        self.loaded().is_some_and(|object| object.names_versions())
    }

    /// Returns the release whose symbol version nodes it has; None if it names no versions or others than we know.
    fn family(&self) -> Option<Family> {
        let known = || Family::NODES.iter().find(|(_, node)| self.defines(node)).map(|&(family, _)| family);
        self.names_versions().then(known)?
    }

    /// Takes all functions from this object, which stays loaded from now on: they must not outlive it. Returns None for an
    /// object that has no more than a name in common with a libssl: it has neither versions that we know nor a session
    /// cache.
    fn into_libssl(self) -> Option<Libssl> {
        let family = self.family();
        let has_cache = [c"SSL_new", c"SSL_CTX_add_session"].iter().all(|name| !self.symbol(name).is_null());
        if family.is_none() && !has_cache {
            return None;
        }
        // SAFETY: the object is a libssl, so its functions of these names are OpenSSL's.
        let functions = unsafe { Functions::find(|name| self.symbol(name)) };
        let object = self.addresses();
        std::mem::forget(self);
        Some(Libssl::new(functions, family, object))
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the handle came from dlopen and is closed once; the object's other users keep it loaded.
        unsafe { libc::dlclose(self.handle) };
    }
}

/// Whether an address lies in this library.
fn is_ours(address: *mut c_void) -> bool {
    start_of(address) == start_of(is_ours as fn(*mut c_void) -> bool as *const c_void)
}

/// Where the object is loaded in which an address lies; NULL if it lies in none.
fn start_of(address: *const c_void) -> *mut c_void {
    object_info(address).map_or(ptr::null_mut(), |info| info.dli_fbase)
}

/// What the loader knows of the object in which an address lies.
fn object_info(address: *const c_void) -> Option<libc::Dl_info> {
    // SAFETY: all-zero is a valid Dl_info.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: dladdr takes any address and fills the structure.
    (unsafe { libc::dladdr(address, &mut info) } != 0).then_some(info)
}
