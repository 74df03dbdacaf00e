//! The settings: where the fleet's store is, and how it is used.
//!
//! ```text
//!   SSLSESSION_REMOTE           addresses          SSLSESSION_REMOTE_OPTIONS   options ── files: password, authorities
//! ```
//! Texts and files are read when the object is opened, before the program changes its root or its rights.
#![forbid(unsafe_code)]

mod addresses;
mod files;
mod options;

use sslsession_store::secret::Secret;

pub use addresses::Addresses;
pub use options::Options;

/// The settings, with what their files have.
pub struct Settings {
    pub addresses: Addresses,
    pub options: Options,
    /// Of `password-file`.
    pub password: Option<Secret>,
    /// Of `ca`: certificates in PEM.
    pub authorities: Option<Vec<u8>>,
}

impl Settings {
    /// Reads the settings. An error is a line for the administrator, without the address, which may have a password.
    pub fn read(addresses: &[u8], options: &[u8]) -> Result<Settings, String> {
        let addresses = Addresses::parse(addresses).map_err(|why| format!("SSLSESSION_REMOTE: {why}"))?;
        let in_options = |why: String| format!("SSLSESSION_REMOTE_OPTIONS: {why}");
        let options = Options::parse(options).map_err(|why| in_options(why.to_string()))?;
        if let Some(unused) = options.unused_by(&addresses) {
            return Err(in_options(unused.to_owned()));
        }
        let password = options.password_file.as_deref().map(files::password).transpose().map_err(in_options)?;
        let authorities = options.ca.as_deref().map(files::authorities).transpose().map_err(in_options)?;
        Ok(Settings { addresses, options, password, authorities })
    }
}
