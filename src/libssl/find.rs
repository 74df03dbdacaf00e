//! Looks through all objects of the process for another `SSL_CTX_new` than our own.
//!
//! RTLD_NEXT would miss a libssl that came with dlopen(RTLD_LOCAL), as in Python and Perl, and might return another
//! interposer. So every loaded object is asked by handle, and all functions are then taken from the one found.

use std::ffi::{CStr, c_void};
use std::ptr;

use super::symbols::Functions;
use super::{Libssl, elf};

/// The version node of an OpenSSL 3 libssl, whatever its minor release.
const OPENSSL_3: &CStr = c"OPENSSL_3.0.0";

/// The libssl to work beside: an OpenSSL 3 if there is one, else one without symbol versions, else none.
pub fn libssl() -> Option<Libssl> {
    // Miri has no dynamic loader; what it runs stands alone.
    if cfg!(miri) {
        return None;
    }
    let mut objects: Vec<Object> =
        elf::Object::all().into_iter().filter_map(|(name, loaded)| Object::open(&name, loaded)).collect();
    let chosen =
        objects.iter().position(Object::is_openssl_3).or_else(|| objects.iter().position(Object::is_unversioned))?;
    Some(objects.swap_remove(chosen).into_libssl())
}

/// The libssl, other than the one we work beside, in which an address lies. Its contexts are not attached to.
pub fn libssl_at(address: *const c_void) -> Option<Libssl> {
    let mut all = elf::Object::all().into_iter();
    let (name, loaded) = all.find(|(_, loaded)| loaded.addresses.contains(&address.addr()))?;
    // An object that merely uses a libssl is not one.
    Some(Libssl { attachable: false, ..Object::open(&name, loaded)?.into_libssl() })
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

    fn is_openssl_3(&self) -> bool {
        self.loaded.defines_version(OPENSSL_3)
    }

    /// A libssl that names no versions; those of other releases name theirs, and their programs never reach us. That it
    /// has a session cache tells it from what has only a name in common.
    fn is_unversioned(&self) -> bool {
        !self.loaded.names_versions() && !self.symbol(c"SSL_CTX_add_session").is_null()
    }

    /// Takes all functions from this object, which stays loaded from now on: they must not outlive it.
    fn into_libssl(self) -> Libssl {
        // SAFETY: the object is a libssl, so its functions of these names are OpenSSL's.
        let functions = unsafe { Functions::find(|name| self.symbol(name)) };
        // SAFETY: the function takes nothing; where there is none, its stand-in gives 0.
        let major = unsafe { (functions.OPENSSL_version_major)() };
        let attachable = major >= 3 && !self.symbol(c"SSL_CTX_new_ex").is_null();
        let object = self.loaded.addresses.clone();
        std::mem::forget(self);
        Libssl { functions, attachable, object }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the handle came from dlopen and is closed once; the object's other users keep it loaded.
        unsafe { libc::dlclose(self.handle) };
    }
}

/// Whether an address lies in this library.
fn is_ours(address: *const c_void) -> bool {
    let here = is_ours as fn(*const c_void) -> bool as *const c_void;
    elf::Object::at(here).is_some_and(|ours| ours.addresses.contains(&address.addr()))
}
