//! Reasons why a file cannot be used, in words that say what to do.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::file_system::user;

/// Reason why a file's directory is unusable for this process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OutOfReach {
    /// The directory does not exist.
    NoDirectory(PathBuf),
    /// This user may not enter the directory.
    Closed(PathBuf),
    /// It is a file.
    NotADirectory(PathBuf),
    /// The file itself is a directory.
    FileIsDirectory,
}

impl OutOfReach {
    /// Returns the reason, if the file is not the cause. None if the directory is usable, as far as
    /// can be seen without writing.
    pub fn of(path: &Path) -> Option<OutOfReach> {
        let directory = path.parent()?;
        let closed = || Some(OutOfReach::Closed(directory.to_owned()));
        match directory.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Some(OutOfReach::NoDirectory(directory.to_owned())),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => closed(),
            Ok(found) if !found.is_dir() => Some(OutOfReach::NotADirectory(directory.to_owned())),
            Ok(_) => match path.symlink_metadata() {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => closed(),
                Ok(found) if found.is_dir() => Some(OutOfReach::FileIsDirectory),
                _ => None,
            },
            Err(_) => None,
        }
    }
}

impl fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutOfReach::NoDirectory(directory) => write!(
                f,
                "there is no {} for this process: make it; in a chroot, start the program from outside, or mount it there",
                directory.display()
            ),
            OutOfReach::Closed(directory) => write!(f, "user {} may not enter {}", user(), directory.display()),
            OutOfReach::NotADirectory(directory) => write!(f, "{} is no directory", directory.display()),
            OutOfReach::FileIsDirectory => f.write_str("is a directory: name a file"),
        }
    }
}

/// An error of a file's, whose text is a clause that follows the file's path.
#[derive(Debug)]
pub struct FileError(pub io::Error);

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> FileError {
        FileError(error)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileError(error) = self;
        f.write_str(match error.raw_os_error() {
            // Our own error: it has its own words.
            None => return error.fmt(f),
            Some(libc::EACCES) => {
                return write!(f, "is not for user {} to use: chown it to that user, or name another", user());
            }
            Some(libc::EROFS) => {
                "is on a file system that is read-only here: let it be written to (systemd: ReadWritePaths=), or name another"
            }
            Some(libc::ENOENT) => "is not there, or has no directory",
            Some(libc::ENOTDIR) => "is below what is no directory",
            Some(libc::EISDIR) => "is a directory: name a file",
            Some(libc::ELOOP) => "is a symbolic link, and symbolic links are not followed: name the file itself",
            Some(libc::ENOMEM) => "needs more memory or address space than this process may have (ulimit -v)",
            Some(libc::EMFILE | libc::ENFILE) => "cannot be opened: too many files are open (ulimit -n)",
            Some(libc::EPERM) => "is refused by the system: a filter of system calls, or a flag of the file (lsattr)",
            _ => return write!(f, "cannot be had: {error}"),
        })
    }
}

impl std::error::Error for OutOfReach {}
impl std::error::Error for FileError {}
