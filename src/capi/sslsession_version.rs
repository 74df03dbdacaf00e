//! The library's version, which no OpenSSL has.

use std::ffi::{CStr, c_char};

/// The version as a C string, from Cargo.toml.
const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("the version has a NUL in it"),
};

/// SSLSESSION_version returns the version of the library that is loaded, such as "0.1.0": a string that lives as long as the
/// process. SSLSESSION_VERSION is that of the header. A program that has OpenSSL's header declares the function itself, or
/// looks it up with dlsym to learn if the library was preloaded.
#[unsafe(no_mangle)]
pub extern "C" fn SSLSESSION_version() -> *const c_char {
    VERSION.as_ptr()
}
symver!(SSLSESSION_version, "SSLSESSION_0");

/// An ELF note, from which `readelf -n` and `sslsession check PID` read the version without loading the library.
#[repr(C, align(4))]
struct Note {
    owner_length: u32,
    version_length: u32,
    kind: u32,
    owner: [u8; 12],
    version: [u8; VERSION_ROOM],
}

const VERSION_LENGTH: usize = VERSION.to_bytes_with_nul().len();

/// A note's parts begin at multiples of four.
const VERSION_ROOM: usize = VERSION_LENGTH.next_multiple_of(4);

#[used]
// SAFETY: the linker copies sections of this name, and nothing reads this one but as bytes.
#[unsafe(link_section = ".note.sslsession")]
static NOTE: Note = Note {
    owner_length: 11,
    version_length: VERSION_LENGTH as u32,
    kind: 1,
    owner: *b"sslsession\0\0",
    version: padded(VERSION),
};

const fn padded(version: &CStr) -> [u8; VERSION_ROOM] {
    let mut padded = [0; VERSION_ROOM];
    let bytes = version.to_bytes_with_nul();
    let mut index = 0;
    while index < bytes.len() {
        padded[index] = bytes[index];
        index += 1;
    }
    padded
}
