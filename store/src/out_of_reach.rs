//! Reasons why a file cannot be used, in words that say what to do.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::file_system;

/// Returns the reason why the file's directory is unusable for this process, if the file is not the
/// cause. None if it is usable, as far as can be seen without writing.
pub fn why_out_of_reach(path: &Path) -> Option<String> {
    let directory = path.parent()?;
    let closed = || Some(format!("user {} may not enter {}", file_system::user(), directory.display()));
    match directory.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Some(format!(
            "there is no {} for this process: make it; in a chroot, start the program from outside, or mount it there",
            directory.display()
        )),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => closed(),
        Ok(found) if !found.is_dir() => Some(format!("{} is no directory", directory.display())),
        Ok(_) => match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => closed(),
            Ok(found) if found.is_dir() => Some("is a directory: name a file".to_owned()),
            _ => None,
        },
        Err(_) => None,
    }
}

/// Returns the meaning of an error for a file: a clause that follows its path.
pub fn in_words(error: &io::Error) -> String {
    let clause = match error.raw_os_error() {
        // Our own error: it has its own words.
        None => return error.to_string(),
        Some(libc::EACCES) => {
            return format!("is not for user {} to use: chown it to that user, or name another", file_system::user());
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
        _ => return format!("cannot be had: {error}"),
    };
    clause.to_owned()
}
