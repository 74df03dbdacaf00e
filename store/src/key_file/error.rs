//! Reasons why a key file is refused.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{fmt, io};

use super::{MAX_FILE_LEN, MAX_KEYS, MIN_KEY_LEN};
use crate::file_system::user;
use crate::out_of_reach::FileError;

/// An error of a key file's. Its text names the file, and says why it is refused and what to do.
#[derive(Debug)]
pub struct KeyFileError {
    /// The file.
    pub path: PathBuf,
    /// The reason.
    pub reason: Reason,
}

/// Reason why a key file is refused.
#[derive(Debug)]
pub enum Reason {
    /// It cannot be opened.
    Open(FileError),
    /// It cannot be read.
    Read(io::Error),
    /// It cannot be made.
    Make(FileError),
    /// Somebody removes it as fast as it is made.
    Unstable,
    /// It is a directory, a device, a FIFO.
    NotRegular,
    /// It belongs to this user, who is another.
    Owner(u32),
    /// Its mode lets others in.
    Mode(u32),
    /// It is longer than a file of keys is.
    TooLong,
    /// A line has other than printable characters.
    NotText(usize),
    /// The key in a line is too short.
    ShortKey(usize),
    /// It has more keys than are tried.
    TooManyKeys,
    /// It has none.
    NoKey,
    /// All its keys change daily, which a store cannot use.
    OnlyDaily,
    /// A key names a day that there is not.
    NoDay,
}

impl Reason {
    /// Returns the error of a file that is refused for this reason.
    pub fn of(self, path: &Path) -> KeyFileError {
        KeyFileError { path: path.to_owned(), reason: self }
    }
}

const MAKE: &str = "`openssl rand -hex 32` makes one";

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Open(error) => match error.0.raw_os_error() {
                Some(libc::ELOOP) => f.write_str("it is a symbolic link: name the file itself"),
                Some(libc::ENOENT) => f.write_str("there is no such file"),
                Some(libc::EACCES) => {
                    write!(f, "user {} may not read it: chown it to that user, or use another for this one", user())
                }
                _ => write!(f, "it {error}"),
            },
            Reason::Read(error) => error.fmt(f),
            Reason::Make(error) => write!(f, "it cannot be made: it {error}"),
            Reason::Unstable => f.write_str("it goes as soon as it is made"),
            Reason::NotRegular => f.write_str("it is not a regular file"),
            Reason::Owner(owner) => write!(f, "it belongs to user {owner}: chown it to user {}", user()),
            Reason::Mode(mode) => write!(f, "its mode is {mode:04o}, which lets others in: chmod 600"),
            Reason::TooLong => write!(f, "it has more than {} KiB: it is no file of keys", MAX_FILE_LEN >> 10),
            Reason::NotText(line) => write!(f, "line {line} is not text: `openssl rand -hex 32` makes a key"),
            Reason::ShortKey(line) => write!(f, "the key in line {line} is shorter than {MIN_KEY_LEN} bytes: {MAKE}"),
            Reason::TooManyKeys => write!(f, "it has more than {MAX_KEYS} keys: remove the oldest"),
            Reason::NoKey => write!(f, "it has no key: {MAKE}"),
            Reason::OnlyDaily => write!(f, "its keys change daily, and a store needs one that stays: {MAKE}"),
            Reason::NoDay => f.write_str("a line's day is none: HEX@DAY counts days since 1970"),
        }
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for KeyFileError {}
