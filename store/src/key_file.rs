//! The secrets that seal a named store, and the files that contain them.
//!
//! ```text
//!   # first seals, all open; `openssl rand -hex 32` makes one      comment
//!   4f1d...c0                                                      a key: the line, at least 32 printable characters
//!   91aa...07                                                      an older one
//! ```
//! A key is the line's own characters, not decoded: the sealing key is derived from them. Lines
//! whose key changes daily are for tickets alone: see [`ticket_keys`](crate::ticket_keys).
//!
//! A key file is trusted only if nobody else can have written or read it: a regular file, of this process's user or of
//! root, without any rights for group and others. The file that was checked is the one that is read.
#![forbid(unsafe_code)]

mod error;
mod generate;
#[cfg(all(test, not(miri)))]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::file_system;
use crate::out_of_reach::FileError;
use crate::secret::Secret;
pub use error::{KeyFileError, Reason};

/// Length in bytes of the shortest key.
pub const MIN_KEY_LEN: usize = 32;

/// Number of keys that a file may have: each is tried on what the others do not open.
const MAX_KEYS: usize = 16;

/// Length in bytes of the longest file.
pub const MAX_FILE_LEN: usize = 64 << 10;

/// One or more secrets: the first seals, all open. They are overwritten when dropped.
pub struct Keys {
    secrets: Vec<Secret>,
}

impl Keys {
    /// Reads the keys of a file, except those for tickets alone. The error says which file is
    /// refused, why, and what to do.
    pub fn read(path: &Path) -> Result<Keys, KeyFileError> {
        let mut keys = Keys::read_all(path)?;
        keys.secrets.retain(|line| !is_walking(line));
        match keys.secrets.is_empty() {
            true => Err(Reason::OnlyDaily.of(path)),
            false => Ok(keys),
        }
    }

    /// Reads all keys of a file.
    pub fn read_all(path: &Path) -> Result<Keys, KeyFileError> {
        let file = open(path).map_err(|error| Reason::Open(FileError(error)).of(path))?;
        Keys::of(&file).map_err(|reason| reason.of(path))
    }

    /// Returns the key of a store without a key file: that of STORE.key beside it, made if it does
    /// not exist. All processes that do this at once get the same key. The error says which file
    /// failed, why, and what to do.
    pub fn beside(store: &Path) -> Result<Keys, KeyFileError> {
        /// More than one only if somebody removes keys as fast as they are made.
        const ATTEMPTS: usize = 8;
        let path = with_suffix(store, ".key");
        for _ in 0..ATTEMPTS {
            match open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => generate::make(&path)?,
                Err(error) => return Err(Reason::Open(FileError(error)).of(&path)),
                Ok(file) => return Keys::of(&file).map_err(|reason| reason.of(&path)),
            }
        }
        Err(Reason::Unstable.of(&path))
    }

    /// Returns the secrets, at least one; the first seals.
    pub fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.secrets.iter().map(|secret| secret.as_slice())
    }

    #[cfg(test)]
    pub(super) fn of_lines(lines: &[&str]) -> Keys {
        Keys { secrets: lines.iter().map(|line| Secret::from(line.as_bytes().to_vec())).collect() }
    }

    fn of(file: &File) -> Result<Keys, Reason> {
        check(file)?;
        let text = contents(file)?;
        let mut secrets = Vec::new();
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            if !line.iter().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(Reason::NotText(number));
            }
            if line.len() < MIN_KEY_LEN {
                return Err(Reason::ShortKey(number));
            }
            if secrets.len() == MAX_KEYS {
                return Err(Reason::TooManyKeys);
            }
            secrets.push(Secret::from(line.to_vec()));
        }
        if secrets.is_empty() { Err(Reason::NoKey) } else { Ok(Keys { secrets }) }
    }
}

/// Returns true for a key that changes daily: 64 hex digits, an at sign and a number.
pub fn is_walking(line: &[u8]) -> bool {
    match line.split_at_checked(64) {
        Some((key, [b'@', day @ ..])) => {
            let digits = key.iter().all(u8::is_ascii_hexdigit) && day.iter().all(u8::is_ascii_digit);
            digits && !day.is_empty()
        }
        _ => false,
    }
}

/// Prints the number of keys, and nothing else of them.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.secrets.len())
    }
}

/// Opens a key file of any kind, without waiting for the other end of a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Checks that only this process's user and root can have written or read it.
fn check(file: &File) -> Result<(), Reason> {
    let metadata = file.metadata().map_err(Reason::Read)?;
    if !metadata.is_file() {
        return Err(Reason::NotRegular);
    }
    if metadata.uid() != 0 && metadata.uid() != file_system::user() {
        return Err(Reason::Owner(metadata.uid()));
    }
    match metadata.mode() & 0o7777 {
        mode if mode & 0o077 != 0 => Err(Reason::Mode(mode)),
        _ => Ok(()),
    }
}

/// Reads the whole file. The memory is allocated once, so that no moved text leaves a copy behind.
fn contents(mut file: &File) -> Result<Secret, Reason> {
    let mut text = Secret::from(vec![0; MAX_FILE_LEN + 1]);
    let mut length = 0;
    while length < text.len() {
        match file.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Reason::Read(error)),
        }
    }
    if length > MAX_FILE_LEN {
        return Err(Reason::TooLong);
    }
    text.truncate(length);
    Ok(text)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
