//! A key file that the library makes itself.
//!
//! ```text
//!   STORE.key.<16 hex>.tmp   written, 0600, on the disk ──link──► STORE.key ──► the former name is removed
//!                                                          └─ exists already: another process's key is the key
//! ```
//! The name appears with the whole key in it, or not at all. The next process that makes a key
//! removes the files of those that were killed in between; and of one still at work, which then
//! finds the existing key.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::file_system;
use crate::out_of_reach::FileError;
use crate::secret::{self, Secret};

use super::{KeyFileError, Reason, with_suffix};

/// Suffix of the names under which keys are written.
const UNFINISHED: &str = ".tmp";

/// Length in characters of the random part of such a name.
const RANDOM: usize = 16;

/// Makes a file with one key, unless the file exists by then. The error says what failed.
pub fn make(path: &Path) -> Result<(), KeyFileError> {
    let made = Unfinished::write(path).and_then(|unfinished| match fs::hard_link(&unfinished.0, path) {
        // exists already; or another process, which saw a key file, removed ours
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => Ok(()),
        linked => linked,
    });
    made.map_err(|error| Reason::Make(FileError(error)).of(path))?;
    remove_leftovers(path);
    Ok(())
}

/// A file with a key before it has its name; removed when dropped.
struct Unfinished(PathBuf);

impl Unfinished {
    fn write(path: &Path) -> io::Result<Unfinished> {
        let random = random_hex::<{ RANDOM / 2 }>()?;
        let name = with_suffix(path, &format!(".{}{UNFINISHED}", String::from_utf8_lossy(&random)));
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
        let mut file = options.open(&name)?;
        let unfinished = Unfinished(name);
        unfinished.fill(&mut file)?;
        Ok(unfinished)
    }

    fn fill(&self, file: &mut File) -> io::Result<()> {
        // the umask may have removed permissions
        file.set_permissions(Permissions::from_mode(0o600))?;
        let mut line = random_hex::<32>()?;
        line.push(b'\n');
        if file_system::largest_file() < line.len() as u64 {
            return Err(io::Error::other("may have no bytes (ulimit -f)"));
        }
        file.write_all(&line)?;
        // otherwise the name might outlast a power failure, and the key not
        file.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Returns random bytes as hex. Its memory has room for one more character.
fn random_hex<const BYTES: usize>() -> io::Result<Secret> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let mut text = Secret::with_capacity(2 * BYTES + 1);
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    secret::wipe(&mut bytes);
    Ok(text)
}

/// Removes the unfinished keys of other processes for this path. A key exists now, so none needs
/// them.
fn remove_leftovers(path: &Path) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return };
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let middle = file.as_bytes().strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"."));
        let middle = middle.and_then(|rest| rest.strip_suffix(UNFINISHED.as_bytes()));
        if middle.is_some_and(|middle| middle.len() == RANDOM && middle.iter().all(u8::is_ascii_hexdigit)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
