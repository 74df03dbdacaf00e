//! Opening the shared store of a configuration.
#![forbid(unsafe_code)]

use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::config::{MEMORY_FILES, SharedConfig};
use crate::key_file::{KeyFileError, Keys};
use crate::out_of_reach::OutOfReach;
use crate::shared::{Shared, StoreError, room_for};

/// Reason why a store is not opened. Its text begins with the variable to correct.
#[derive(Debug)]
pub enum OpenError {
    /// The store without a name.
    Anonymous(StoreError),
    /// The store in that file.
    Named(PathBuf, StoreError),
    /// The directory of that file.
    OutOfReach(PathBuf, OutOfReach),
    /// A store on a disk, whose key has to be elsewhere.
    NeedsKeyFile(PathBuf),
    /// The key file that is named.
    KeyFile(KeyFileError),
    /// The key beside the store.
    KeyBeside(KeyFileError),
}

/// Opens the store, or makes it. `key_file` has the keys of one with a name.
pub fn open(config: &SharedConfig, key_file: Option<&Path>) -> Result<Shared, OpenError> {
    match &config.path {
        None => Shared::anonymous(config.size.unwrap_or(SharedConfig::DEFAULT_SIZE)).map_err(OpenError::Anonymous),
        Some(path) => open_file(path, config.size, key_file),
    }
}

fn open_file(path: &Path, size: Option<usize>, key_file: Option<&Path>) -> Result<Shared, OpenError> {
    if let Some(reason) = OutOfReach::of(path) {
        return Err(OpenError::OutOfReach(path.to_owned(), reason));
    }
    let size = size.or_else(|| size_of_store(path)).unwrap_or(SharedConfig::DEFAULT_SIZE);
    let refused = |why| OpenError::Named(path.to_owned(), why);
    let keys = match key_file {
        Some(file) => Keys::read(file).map_err(OpenError::KeyFile),
        // A store in memory may have its key beside it: who can read that can read the server's
        // memory too. Without room for the store, no key is made that would stay.
        None if path.starts_with(MEMORY_FILES) => {
            room_for(path, size).map_err(refused)?;
            Keys::beside(path).map_err(OpenError::KeyBeside)
        }
        None => Err(OpenError::NeedsKeyFile(path.to_owned())),
    }?;
    Shared::named(path, size, &keys).map_err(refused)
}

/// Returns the size of an existing store, which applies where the configuration names none.
fn size_of_store(path: &Path) -> Option<usize> {
    let size = path.symlink_metadata().ok().filter(Metadata::is_file)?.len() as usize;
    SharedConfig::is_size(size).then_some(size)
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Anonymous(why) => write!(f, "SSLSESSION_STORE: {why}"),
            OpenError::Named(path, why) => write!(f, "SSLSESSION_STORE: {} {why}", path.display()),
            OpenError::OutOfReach(path, why) => write!(f, "SSLSESSION_STORE: {}: {why}", path.display()),
            OpenError::NeedsKeyFile(path) => write!(
                f,
                "SSLSESSION_STORE: {} is on a disk, and a store there needs SSLSESSION_KEY_FILE",
                path.display()
            ),
            OpenError::KeyFile(why) => write!(f, "SSLSESSION_KEY_FILE: {why}"),
            OpenError::KeyBeside(why) => write!(f, "SSLSESSION_STORE: {why}"),
        }
    }
}

impl std::error::Error for OpenError {}
