//! Loads the shared object with the network code: the file that the settings name, or the one beside the library.
//!
//! It is never unloaded: it has a thread.

use std::ffi::{CStr, c_void};
use std::mem::{self, MaybeUninit};

use super::abi::{self, Table, TableFunction};

/// The name of the object, which is beside the library.
const FILE: &[u8] = b"libsslsession-remote.so";

/// Returns the directory of the library that this code is in, with its slash; nothing if that is unknown.
fn directory() -> &'static [u8] {
    static HERE: u8 = 0;
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: an address of this object's, and a place for the answer, whose name lives as long as the object.
    let library = unsafe {
        match libc::dladdr((&raw const HERE).cast(), found.as_mut_ptr()) {
            0 => return &[],
            _ if found.assume_init().dli_fname.is_null() => return &[],
            _ => CStr::from_ptr(found.assume_init().dli_fname).to_bytes(),
        }
    };
    &library[..library.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1)]
}

/// Loads the object, `file` or the one beside the library, and returns its functions. An error is a line for the
/// administrator.
pub fn load(file: &[u8]) -> Result<&'static Table, String> {
    let mut name = match file {
        [] => [directory(), FILE].concat(),
        [b'/', ..] => file.to_vec(),
        _ => return Err("SSLSESSION_REMOTE_LIBRARY: not an absolute path".to_owned()),
    };
    name.push(0);
    // SAFETY: NUL-terminated names. The object's own start has nothing of the library's in it. Its function is as `abi`
    // says, by the name that it has there.
    unsafe {
        let loaded = libc::dlopen(name.as_ptr().cast(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        if loaded.is_null() {
            let why = libc::dlerror();
            let why = if why.is_null() { c"" } else { CStr::from_ptr(why) };
            return Err(format!("SSLSESSION_REMOTE: {}", why.to_string_lossy()));
        }
        let function = libc::dlsym(loaded, abi::TABLE.as_ptr());
        let function = mem::transmute::<*mut c_void, Option<TableFunction>>(function);
        let table = function.and_then(|function| function(abi::VERSION).as_ref());
        table.ok_or_else(|| "SSLSESSION_REMOTE: libsslsession-remote.so is not of this library's version".to_owned())
    }
}
