//! `sslsession key`: key files, which hold a key a line. The first seals, all open; a line that begins with # is a comment.
//!
//! ```text
//!   new     FILE.<random>.tmp ─ written, 0600, on the disk ──link──► FILE      or it is there already: refused
//!   rotate  FILE.<random>.tmp ─ new key, then the others ───rename─► FILE      owner and mode as before
//! ```
//! A server that reads the file meanwhile finds the former keys or the new ones, never a part.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use crate::arguments::Key;
use crate::output::Failure;

/// The fewest characters of a key.
const SHORTEST: usize = 32;

/// Bytes of a key that is made here.
const RANDOM: usize = 32;

/// The most bytes of a file, as the library has it.
const LARGEST: u64 = 64 << 10;

/// Makes or changes a key file.
pub fn key(command: &Key) -> Result<ExitCode, Failure> {
    match command {
        Key::New { file } => make(file),
        Key::Rotate { file, keep } => rotate(file, usize::from(*keep)),
    }
}

fn make(path: &Path) -> Result<ExitCode, Failure> {
    let mut text = Zeroizing::new(Vec::with_capacity(4 * RANDOM));
    text.extend_from_slice(&new_key()?);
    let unfinished = Unfinished::write(path, &text, None).map_err(|error| refused(path, &error))?;
    fs::hard_link(&unfinished.0, path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(format!(
            "{}: is there already: `sslsession key rotate` puts a new key into it",
            path.display()
        )),
        _ => refused(path, &error),
    })?;
    println!("{} has one key, for SSLSESSION_KEY_FILE. The server has to be its owner, or root.", path.display());
    Ok(ExitCode::SUCCESS)
}

fn rotate(path: &Path, keep: usize) -> Result<ExitCode, Failure> {
    let (file, old) = read(path).map_err(|why| Failure::new(format!("{}: {why}", path.display())))?;
    let lines = lines(&old).map_err(|why| Failure::new(format!("{}: {why}", path.display())))?;
    let mut text = Zeroizing::new(Vec::with_capacity(old.len() + 4 * RANDOM));
    let (mut keys, mut dropped) = (0, 0);
    for line in &lines {
        if let Line::Key(_) = line {
            if keys == 0 {
                text.extend_from_slice(&new_key()?);
                keys = 1;
            }
            if keys == keep {
                dropped += 1;
                continue;
            }
            keys += 1;
        }
        text.extend_from_slice(line.text());
        text.push(b'\n');
    }
    let unfinished = Unfinished::write(path, &text, Some(&file)).map_err(|error| refused(path, &error))?;
    fs::rename(&unfinished.0, path).map_err(|error| refused(path, &error))?;
    let older = if dropped == 0 { String::new() } else { format!("; {dropped} older ones are gone") };
    println!("{}: {keys} keys, of which the first is new and seals{older}.", path.display());
    println!("Servers read it when they start. Restart all that use it before the next rotation.");
    Ok(ExitCode::SUCCESS)
}

/// A line of a key file.
enum Line<'a> {
    Key(&'a [u8]),
    Other(&'a [u8]),
}

impl Line<'_> {
    fn text(&self) -> &[u8] {
        match self {
            Line::Key(text) | Line::Other(text) => text,
        }
    }
}

/// Reads the lines of a key file by the library's rules, so that what is no key is not carried on.
fn lines(text: &[u8]) -> Result<Vec<Line<'_>>, String> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n')) {
        let key = line.trim_ascii();
        lines.push(match key {
            [] | [b'#', ..] => Line::Other(line),
            _ if !key.iter().all(|byte| matches!(byte, b' '..=b'~')) => {
                return Err(format!("line {number} is not text"));
            }
            _ if key.len() < SHORTEST => {
                return Err(format!("the key in line {number} is shorter than {SHORTEST} characters"));
            }
            _ => Line::Key(line),
        });
    }
    match lines.iter().any(|line| matches!(line, Line::Key(_))) {
        true => Ok(lines),
        false => Err("has no key: remove it, and `sslsession key new` makes one".to_owned()),
    }
}

/// Reads a key file that nobody but its owner can have written or read.
fn read(path: &Path) -> Result<(File, Zeroizing<Vec<u8>>), String> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let mut file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == nix::errno::Errno::ELOOP as i32 => "is a symbolic link: name the file itself".to_owned(),
        _ => error.to_string(),
    })?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err("is no key file".to_owned());
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(format!(
            "its mode is {:04o}, which lets others in: chmod 600, and make new keys",
            metadata.mode() & 0o7777
        ));
    }
    // The memory is taken once, so that no part of it is left where the text was moved from.
    let mut text = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 1));
    (&mut file).take(LARGEST + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    Ok((file, text))
}

/// Returns a line with a new key.
fn new_key() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new([0; RANDOM]);
    openssl::rand::rand_bytes(bytes.as_mut_slice())
        .map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
    let mut line = Zeroizing::new(Vec::with_capacity(2 * RANDOM + 1));
    for byte in bytes.iter() {
        // A vector with room takes all that is written.
        let _ = write!(line, "{byte:02x}");
    }
    line.push(b'\n');
    Ok(line)
}

/// A key file that has not its name yet, removed when this is dropped.
struct Unfinished(PathBuf);

impl Unfinished {
    /// Writes it; for the owner of another file.
    fn write(path: &Path, text: &[u8], owner: Option<&File>) -> io::Result<Unfinished> {
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

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
