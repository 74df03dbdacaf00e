//! SSLSESSION_REMOTE and its options: the store of a fleet, and what it needs beside itself. Their values are read by the
//! object with the network code, which complains of them: an address may have a password, and is not repeated.
//!
//! ```text
//!   key file? ─ no ──► complaint, off         private program? ─ yes ──► off
//!   SSLSESSION_STORE? ─ unset ──► shared      memory ──► complaint, off
//! ```
#![forbid(unsafe_code)]

use std::ffi::OsStr;

use super::{Config, Settings, is_set, load};

/// The consequence of having no remote store, for messages.
pub const NOT_REMOTE: &str = "sessions stay on this machine";

const NO_ADDRESS: &str = "SSLSESSION_REMOTE_OPTIONS, SSLSESSION_REMOTE_LIBRARY: no effect without SSLSESSION_REMOTE";
const NO_KEY_FILE: &str = "SSLSESSION_REMOTE: there is no key file (SSLSESSION_KEY_FILE=/path, the same on all \
                           machines); sessions stay on this machine";
const NO_STORE: &str =
    "SSLSESSION_REMOTE: there is no shared store (SSLSESSION_STORE=shared); sessions stay on this machine";

/// The number of each variable in the names of the settings.
pub(super) const ADDRESSES: usize = 6;
pub(super) const OPTIONS: usize = 7;
pub(super) const LIBRARY: usize = 8;

/// Returns the values of SSLSESSION_REMOTE, SSLSESSION_REMOTE_OPTIONS and SSLSESSION_REMOTE_LIBRARY, empty where they are
/// unset.
pub fn values() -> [&'static OsStr; 3] {
    [ADDRESSES, OPTIONS, LIBRARY].map(|number| load::environment().values[number].as_deref().unwrap_or_default())
}

impl Settings {
    /// Turns the remote store off where it lacks what it needs. Returns the complaint.
    #[inline(never)]
    pub(super) fn check_remote(&mut self, environment: &super::Environment) -> Option<&'static str> {
        let complaint = match (self.is_remote, &self.key_file) {
            (false, _) => {
                let is_used = [OPTIONS, LIBRARY].iter().any(|&number| is_set(&environment.values[number]));
                return is_used.then_some(NO_ADDRESS);
            }
            (true, Some(_)) if self.store != Config::Memory => return None,
            (true, Some(_)) => NO_STORE,
            (true, None) => NO_KEY_FILE,
        };
        self.is_remote = false;
        (!self.is_private).then_some(complaint)
    }
}
