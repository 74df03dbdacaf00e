//! The search for the library.
#![forbid(unsafe_code)]

use std::env;
use std::path::{Path, PathBuf};

use crate::output::Failure;

/// Its file name.
pub const NAME: &str = "libsslsession.so";

/// Directories where it may be installed, in the order of the dynamic loader's own search.
const INSTALLED: [&str; 4] = ["/usr/local/lib", "/lib64", "/usr/lib64", "/usr/lib"];

/// Returns the absolute path of the library: of the one named, or else the one beside this command or installed.
pub fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        let found = named.canonicalize().ok().filter(|path| path.is_file());
        return found.ok_or_else(|| Failure::new(format!("{}: there is no such library", named.display())));
    }
    let found = directories().into_iter().map(|directory| directory.join(NAME)).find(|path| path.is_file());
    found.ok_or_else(|| Failure::new(format!("{NAME} is not installed: name it with --library")))
}

/// Returns true for the path of a library of ours, of whatever version.
pub fn is_ours(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NAME))
}

/// Returns what to write for the library where it is recommended.
pub fn name() -> String {
    find(None).map_or_else(|_| NAME.to_owned(), |path| path.display().to_string())
}

fn directories() -> Vec<PathBuf> {
    let of_architecture = format!("{}-linux-gnu", env::consts::ARCH);
    let mut directories = Vec::new();
    let command = env::current_exe().unwrap_or_default();
    if let Some(beside) = command.parent() {
        directories.push(beside.to_owned());
        if let Some(prefix) = beside.parent() {
            directories.push(prefix.join("lib").join(&of_architecture));
            directories.push(prefix.join("lib"));
        }
    }
    directories.push(Path::new("/usr/lib").join(of_architecture));
    directories.extend(INSTALLED.map(PathBuf::from));
    directories
}
