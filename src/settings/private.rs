//! Programs to which "resumed" means "the same client": a session that another of their processes made says nothing to them.
//!
//! vsftpd's `require_ssl_reuse`, on unless its configuration says otherwise, takes a data connection for the client's whose
//! control connection it serves, if that resumes any session that its process knows. In a store with other processes it knows
//! the sessions of all clients. ProFTPD compares the session itself, and needs no such care.
#![deny(unsafe_code)]

use std::ffi::OsString;
use std::path::Path;

/// By the names that the process has before any configuration is read.
const KNOWN: [&str; 1] = ["vsftpd"];

/// Returns the programs that are private unless the settings say otherwise.
pub fn known() -> Vec<OsString> {
    KNOWN.map(OsString::from).into()
}

/// Returns the names of this program: of the file that was executed, which for a script is the script's, and what it was
/// called by. The kernel handed over both, so that a process in a chroot knows them as well.
pub fn program_names() -> Vec<OsString> {
    let file = super::load::executed().and_then(|path| Some(Path::new(&path).file_name()?.to_owned()));
    file.into_iter().chain(super::load::called_by()).collect()
}
