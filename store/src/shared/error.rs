//! Reasons why a store is refused.
#![forbid(unsafe_code)]

use std::fmt;

use super::header::VERSION;
use crate::file_system::user;
use crate::out_of_reach::FileError;

/// Reason why a shared store cannot be had: a clause that follows its path, if it has one.
#[derive(Debug)]
pub enum StoreError {
    /// No store may be of this size.
    Size(usize),
    /// Its memory cannot be mapped: the text is of a store without a path.
    Memory(FileError),
    /// The kernel gives no random numbers.
    Random(getrandom::Error),
    /// Its file cannot be used.
    File(FileError),
    /// Somebody removes the file as fast as it is made.
    Unstable,
    /// The file is a directory, a device, a FIFO.
    NotRegular,
    /// The file belongs to this user, who is another.
    Owner(u32),
    /// The file's mode lets others in.
    Mode(u32),
    /// The file has this number of names.
    Links(u64),
    /// Another process locks the file for too long.
    Locked,
    /// The store is in use, and none of the keys opens it.
    OtherKeys,
    /// The file is no store.
    NoStore,
    /// The store is of this layout.
    Layout(u32),
    /// The store is of programs with another size of pointers.
    Architecture,
    /// The store is of another size than is wanted.
    OtherSize {
        /// Its size.
        found: u64,
        /// The size that is wanted.
        wanted: usize,
    },
    /// The file has lost its end, and is of this length.
    CutShort(u64),
    /// The file system has no room for it.
    NoRoom {
        /// Number of bytes that it needs.
        needed: usize,
        /// Number of bytes that are free, if that is known.
        free: Option<u64>,
    },
    /// A new header cannot be sealed: there are no random numbers.
    NoHeader,
    /// A new header is not opened by the key that sealed it.
    Misfit,
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> StoreError {
        StoreError::File(error)
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> StoreError {
        StoreError::File(FileError(error))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreError::Size(bytes) => return write!(f, "cannot be of {bytes} bytes"),
            StoreError::Memory(error) => return write!(f, "the store {error}"),
            StoreError::Random(error) => return error.fmt(f),
            StoreError::File(error) => return error.fmt(f),
            StoreError::Unstable => "is removed as soon as it is made",
            StoreError::NotRegular => "is no regular file",
            StoreError::Owner(owner) => return write!(f, "belongs to user {owner}, and this is user {}", user()),
            StoreError::Mode(mode) => return write!(f, "has mode {mode:04o}, which lets others in: chmod 600"),
            StoreError::Links(links) => return write!(f, "has {links} names (hard links), and may have one only"),
            StoreError::Locked => "is locked by another process",
            StoreError::OtherKeys => {
                "is sealed with other keys, and in use: give this process one of them, or remove the file"
            }
            StoreError::NoStore => "is no store of sessions",
            StoreError::Layout(found) => {
                return write!(f, "is a store of layout {found}, and this is layout {VERSION}: remove it");
            }
            StoreError::Architecture => "is a store of programs of another architecture",
            StoreError::OtherSize { found, wanted } => {
                return write!(f, "is a store of {found} bytes, not {wanted}: remove it to change that");
            }
            StoreError::CutShort(length) => return write!(f, "was cut short to {length} bytes: remove it"),
            StoreError::NoRoom { needed, free } => return no_room(f, *needed, *free),
            StoreError::NoHeader => "cannot be made: the kernel gives no random numbers",
            StoreError::Misfit => "cannot be made: its key does not fit",
        })
    }
}

/// Writes the space needed and available. In KiB, as a size can be set.
fn no_room(f: &mut fmt::Formatter<'_>, needed: usize, free: Option<u64>) -> fmt::Result {
    write!(f, "has no room on its file system: it needs {}K", needed >> 10)?;
    if let Some(free) = free {
        write!(f, ", and {}K are free", free >> 10)?;
    }
    f.write_str("; give it less (SSLSESSION_STORE=shared:NAME,size=), or more room (docker: --shm-size)")
}

impl std::error::Error for StoreError {}
