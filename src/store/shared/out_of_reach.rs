//! Why a file cannot be reached by this process, where that is not the file's doing.
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::path::Path;

use crate::mapping;

/// Returns the reason: the process has another root directory, or is a user who may not go there. None if the directory
/// can be written to by this process, as far as can be seen without writing.
pub fn why_out_of_reach(path: &Path) -> Option<String> {
    let directory = path.parent()?;
    match directory.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Some(format!(
            "there is no {} for this process; in a chroot, start it from outside, or mount it there",
            directory.display()
        )),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Some(format!("user {} may not enter {}", mapping::user(), directory.display()))
        }
        Ok(_) if path.metadata().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) => {
            Some(format!("user {} may not enter {}", mapping::user(), directory.display()))
        }
        _ => None,
    }
}
