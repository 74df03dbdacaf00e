//! A key file: its lines, and how it is read and written.
//!
//! ```text
//!   # a comment
//!   4f1d...c0            a key that stays: at least 32 printable characters
//!   4f1d...c0@20784      a key that walks: 64 hex digits and the day since 1970 whose key they are
//! ```
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use sslsession_store::key_file::{MAX_FILE_LEN, MIN_KEY_LEN, is_walking};
use zeroize::Zeroizing;

/// The most bytes of a file, as the library has it.
const MAX_LEN: u64 = MAX_FILE_LEN as u64;

/// A line of a key file.
pub enum Line<'a> {
    /// A key that stays.
    Key(&'a [u8]),
    /// A key that walks.
    Walking(&'a [u8]),
    /// A comment, or nothing.
    Other(&'a [u8]),
}

impl Line<'_> {
    /// Returns the line as it stands in the file.
    pub fn text(&self) -> &[u8] {
        match self {
            Line::Key(text) | Line::Walking(text) | Line::Other(text) => text,
        }
    }
}

/// Reads the lines of a key file by the library's rules, so that what is no key is not carried on.
pub fn lines(text: &[u8]) -> Result<Vec<Line<'_>>, String> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n')) {
        let key = line.trim_ascii();
        lines.push(match key {
            [] | [b'#', ..] => Line::Other(line),
            _ if !key.iter().all(|byte| matches!(byte, b' '..=b'~')) => {
                return Err(format!("line {number} is not text"));
            }
            _ if key.len() < MIN_KEY_LEN => {
                return Err(format!("the key in line {number} is shorter than {MIN_KEY_LEN} characters"));
            }
            _ if is_walking(key) => Line::Walking(line),
            _ => Line::Key(line),
        });
    }
    match lines.iter().any(|line| !matches!(line, Line::Other(_))) {
        true => Ok(lines),
        false => Err("has no key: remove it, and `sslsession key new` makes one".to_owned()),
    }
}

/// Reads a key file that nobody but its owner can have written or read.
pub fn read(path: &Path) -> Result<(File, Zeroizing<Vec<u8>>), String> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let mut file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == nix::errno::Errno::ELOOP as i32 => "is a symbolic link: name the file itself".to_owned(),
        _ => error.to_string(),
    })?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || metadata.len() > MAX_LEN {
        return Err("is no key file".to_owned());
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(format!(
            "its mode is {:04o}, which lets others in: chmod 600, and make new keys",
            metadata.mode() & 0o7777
        ));
    }
    // The memory is taken once, so that no part of it is left where the text was moved from.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize + 1));
    (&mut file).take(MAX_LEN + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    Ok((file, text))
}

/// A key file that has not its name yet, removed when this is dropped.
pub struct Unfinished(PathBuf);

impl Unfinished {
    /// Writes it; for the owner of another file, and with its mode, if there is one.
    pub fn write(path: &Path, text: &[u8], owner: Option<&File>) -> io::Result<Unfinished> {
        let mut random = [0; 8];
        openssl::rand::rand_bytes(&mut random).map_err(io::Error::other)?;
        let mut name = OsString::from(path);
        name.push(format!(".{:016x}.tmp", u64::from_ne_bytes(random)));
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&name)?;
        let unfinished = Unfinished(PathBuf::from(name));
        // The umask may have taken rights from us.
        file.set_permissions(Permissions::from_mode(0o600))?;
        if let Some(owner) = owner {
            let metadata = owner.metadata()?;
            fchown(&file, Some(metadata.uid()), Some(metadata.gid()))?;
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(text)?;
        file.sync_all()?;
        Ok(unfinished)
    }
}

impl Unfinished {
    /// Gives it its name, unless there is a file of that name.
    pub fn link(&self, path: &Path) -> io::Result<()> {
        fs::hard_link(&self.0, path)
    }

    /// Gives it its name, in place of the file that has it.
    pub fn replace(&self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
