//! Programs to which "resumed" means "the same client": a session that another of their processes made does not prove
//! that.
//!
//! vsftpd's `require_ssl_reuse`, on by default, takes a data connection for its control connection's client if it
//! resumes any session that the process knows. In a store with other processes it knows the sessions of all clients.
//! ProFTPD compares the session itself, and needs no such care.
#![deny(unsafe_code)]

use std::ffi::OsString;
use std::path::Path;

/// The names that the process has before any configuration is read.
const KNOWN: [&str; 1] = ["vsftpd"];

/// Returns the programs that are private by default.
pub fn known() -> Vec<OsString> {
    KNOWN.map(OsString::from).into()
}

/// Returns the names of this program: of the executed file, which for a script is the script's, and the name by which
/// it was called. The kernel provides both, so that a process in a chroot knows them as well.
pub fn program_names() -> Vec<OsString> {
    let file = super::load::executed().and_then(|path| Some(Path::new(&path).file_name()?.to_owned()));
    file.into_iter().chain(super::load::called_by()).collect()
}
