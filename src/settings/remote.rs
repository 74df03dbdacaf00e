//! SSLSESSION_REMOTE and SSLSESSION_REMOTE_LIBRARY: the store of a fleet, and what it needs beside itself.
//!
//! ```text
//!   key file? ─ no ──► complaint, off         private program? ─ yes ──► off
//!   SSLSESSION_STORE? ─ unset ──► shared      memory ──► complaint, off
//! ```
//! A complaint does not repeat the address, which may have a password.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use super::{Config, Reading, Settings};
use sslsession_store::config::{Addresses, absolute};

/// The store of a fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// SSLSESSION_REMOTE.
    pub addresses: Addresses,
    /// SSLSESSION_REMOTE_LIBRARY, an absolute path; None for the object beside the library.
    pub library: Option<PathBuf>,
}

/// The consequence of having no remote store, for messages.
pub const NOT_REMOTE: &str = "sessions stay on this machine";

/// The number of each variable in the names of the settings.
pub(super) const ADDRESSES: usize = 6;
const LIBRARY: usize = 7;

impl Reading<'_> {
    /// Returns the remote store that the variables ask for; None, with a complaint, for an invalid value.
    #[inline(never)]
    pub(super) fn remote(&mut self) -> Option<Remote> {
        let complaints = self.complaints.len();
        let library = self.value(LIBRARY, |path| absolute(path).map(Some), None, NOT_REMOTE);
        let value = self.values[ADDRESSES].as_deref().unwrap_or_default();
        if value.is_empty() {
            if library.is_some() {
                self.complaints.push("SSLSESSION_REMOTE_LIBRARY: no effect without SSLSESSION_REMOTE".to_owned());
            }
            return None;
        }
        match Addresses::parse(value.as_encoded_bytes()) {
            Ok(addresses) if self.complaints.len() == complaints => Some(Remote { addresses, library }),
            Ok(_) => None,
            Err(reason) => {
                self.complaints.push(format!("SSLSESSION_REMOTE: {reason}; {NOT_REMOTE}"));
                None
            }
        }
    }
}

impl Settings {
    /// Turns the remote store off where it lacks what it needs. Returns the complaint.
    #[inline(never)]
    pub(super) fn check_remote(&mut self) -> Option<String> {
        let needed = match (&self.remote, &self.key_file) {
            (None, _) => return None,
            (Some(_), Some(_)) if self.store != Config::Memory => return None,
            (Some(_), None) => "there is no key file (SSLSESSION_KEY_FILE=/path, the same on all machines)",
            (Some(_), Some(_)) => "there is no shared store (SSLSESSION_STORE=shared)",
        };
        self.remote = None;
        (!self.is_private).then(|| format!("SSLSESSION_REMOTE: {needed}; {NOT_REMOTE}"))
    }
}
