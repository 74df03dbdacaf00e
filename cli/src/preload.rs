//! Keeps the library out of this command: what it measures as a client must not be the library's own doing.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::output::{self, Failure};

/// What the dynamic loader reads.
pub const VARIABLE: &str = "LD_PRELOAD";

/// Set for a process that is to have the library: that which asks it what it thinks of its settings.
pub const WANTED: &str = "_SSLSESSION_PROBE";

/// Starts this command anew, in its own place, if the library was preloaded into it.
pub fn leave() -> Result<(), Failure> {
    if env::var_os(WANTED).is_some() {
        return Ok(());
    }
    let preloaded = env::var_os(VARIABLE).unwrap_or_default();
    let others = without_library(&preloaded);
    if others == preloaded {
        if fs::read_to_string("/proc/self/maps").is_ok_and(|maps| maps.contains("/libsslsession.so")) {
            output::warn("the library is loaded into this command too (/etc/ld.so.preload?), so it caches as a client");
        }
        return Ok(());
    }
    let mut arguments = env::args_os();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(arguments.next().unwrap_or_default()).args(arguments);
    if others.is_empty() {
        command.env_remove(VARIABLE)
    } else {
        command.env(VARIABLE, others)
    };
    Err(Failure::new(format!("cannot be started without the library, which LD_PRELOAD names: {}", command.exec())))
}

/// Returns the libraries in LD_PRELOAD but ours. The loader separates them by colons and spaces.
pub fn without_library(preloaded: &OsStr) -> OsString {
    let is_ours = |path: &[u8]| {
        let name = Path::new(OsStr::from_bytes(path)).file_name().unwrap_or_default();
        name.as_bytes().starts_with(b"libsslsession.so")
    };
    let mut entries = preloaded.as_bytes().split(|byte| matches!(byte, b':' | b' '));
    if !entries.any(is_ours) {
        return preloaded.to_owned();
    }
    let entries = preloaded.as_bytes().split(|byte| matches!(byte, b':' | b' '));
    let others: Vec<&[u8]> = entries.filter(|entry| !entry.is_empty() && !is_ours(entry)).collect();
    OsString::from_vec(others.join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::without_library;
    use std::ffi::OsStr;

    #[test]
    fn only_the_library_is_taken_out() {
        for (preloaded, left) in [
            ("", ""),
            ("/a/libsslsession.so", ""),
            ("libsslsession.so.0", ""),
            ("/a/other.so:/b/libsslsession.so", "/a/other.so"),
            ("/b/libsslsession.so /a/other.so", "/a/other.so"),
            ("/a/other.so /b/libsslsession-not.so", "/a/other.so /b/libsslsession-not.so"),
        ] {
            assert_eq!(without_library(OsStr::new(preloaded)), left, "{preloaded}");
        }
    }
}
