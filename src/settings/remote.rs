//! SSLSESSION_REMOTE and its options: the store of a fleet, and what it needs beside itself. Their values are read by the
//! object with the network code, which complains of them.
//!
//! ```text
//!   key file? ─ no ──► complaint, off         private program? ─ yes ──► off
//!   SSLSESSION_STORE? ─ unset ──► shared      memory ──► complaint, off
//! ```
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt;

use super::{Config, Reading, Settings};

/// The store of a fleet.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// SSLSESSION_REMOTE, not empty.
    pub addresses: OsString,
    /// SSLSESSION_REMOTE_OPTIONS.
    pub options: OsString,
    /// SSLSESSION_REMOTE_LIBRARY; empty for the object beside the library.
    pub library: OsString,
}

/// Prints no address, which may have a password.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

/// The consequence of having no remote store, for messages.
pub const NOT_REMOTE: &str = "sessions stay on this machine";

/// A complaint of settings that say how, where none says where.
const NO_ADDRESS: &str = "SSLSESSION_REMOTE_OPTIONS, SSLSESSION_REMOTE_LIBRARY: no effect without SSLSESSION_REMOTE";

/// The number of each variable in the names of the settings.
pub(super) const ADDRESSES: usize = 6;
const OPTIONS: usize = 7;
const LIBRARY: usize = 8;

impl Reading<'_> {
    /// Returns the remote store that the variables ask for.
    #[inline(never)]
    pub(super) fn remote(&mut self) -> Option<Remote> {
        let [addresses, options, library] =
            [ADDRESSES, OPTIONS, LIBRARY].map(|number| self.values[number].clone().unwrap_or_default());
        if !addresses.is_empty() {
            return Some(Remote { addresses, options, library });
        }
        if !options.is_empty() || !library.is_empty() {
            self.complaints.push(NO_ADDRESS.to_owned());
        }
        None
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
