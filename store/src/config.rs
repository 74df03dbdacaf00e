//! The grammar and the limits of the settings by which a store is opened.
//!
//! ```text
//!   SSLSESSION_STORE      memory | shared[:NAME][,size=BYTES][,front=NUMBER]
//!   SSLSESSION_KEY_FILE   /absolute/path
//! ```
//! The errors are phrases that end before a semicolon.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The directory of a store that is named without a slash: memory, which the next boot clears.
pub const MEMORY_FILES: &str = "/dev/shm";

/// The store of sessions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Config {
    /// `memory`, the default: in each process's own memory.
    Memory,
    /// `shared[:NAME][,size=BYTES][,front=NUMBER]`: in one mapping for several processes.
    Shared(SharedConfig),
}

/// The mapping of a shared store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedConfig {
    /// Its file, an absolute path: in /dev/shm if NAME has no slash. None: anonymous, inherited over fork.
    pub path: Option<PathBuf>,
    /// Its size in bytes, from [`SharedConfig::MIN_SIZE`] to [`SharedConfig::MAX_SIZE`]; None if none is given: that of
    /// the existing store, or [`SharedConfig::DEFAULT_SIZE`].
    pub size: Option<usize>,
    /// Number of sessions that each cache keeps live in front of it, an eighth of them where clients
    /// have certificates; 0 for as many as it caches.
    pub front: usize,
}

impl SharedConfig {
    /// The size if none is given: 32 MiB. It fits into a container's /dev/shm, which has 64.
    pub const DEFAULT_SIZE: usize = 32 << 20;
    /// The front if none is given: 768 KB of sessions. What is not in it is decoded, in a microsecond.
    pub const DEFAULT_FRONT: usize = 512;
    /// The smallest that may be given: 64 KiB, one partition.
    pub const MIN_SIZE: usize = 64 << 10;
    /// The largest that may be given: 32 GiB, as offsets in the mapping are 32 bits that count 8 bytes.
    pub const MAX_SIZE: usize = 32 << 30;

    /// Returns true for a size within the limits.
    pub fn is_size(bytes: usize) -> bool {
        (Self::MIN_SIZE..=Self::MAX_SIZE).contains(&bytes)
    }
}

/// An error in a value of a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigError {
    /// The value begins with no store that there is.
    NoSuchStore,
    /// An option of the store in memory, which takes none.
    MemoryOption,
    /// An option that there is not.
    UnknownOption(String),
    /// Two sizes.
    SizeTwice,
    /// Two fronts.
    FrontTwice,
    /// A front that is no number.
    Front,
    /// A colon with no name after it.
    NoName,
    /// A name that is a directory's.
    NameIsDirectory,
    /// A name with a colon in it.
    NameHasColon,
    /// A name that is a size.
    NameIsSize,
    /// A name with a slash that is no path of a file.
    Name(PathError),
    /// A size that is none, or outside the limits.
    Size(SizeError),
}

/// Reason why a text is no path of a file that a setting may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathError {
    /// It does not begin with a slash.
    NotAbsolute,
    /// It ends as a directory's.
    Directory,
    /// It climbs out of the directory that it begins with.
    Climbs,
}

/// Reason why a text is no size of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SizeError {
    /// It is no number with a unit.
    NoNumber,
    /// It is below [`SharedConfig::MIN_SIZE`].
    TooSmall,
    /// It is above [`SharedConfig::MAX_SIZE`].
    TooLarge,
}

impl Config {
    /// `shared`.
    pub const SHARED: Config =
        Config::Shared(SharedConfig { path: None, size: None, front: SharedConfig::DEFAULT_FRONT });

    /// Parses SSLSESSION_STORE: `memory` or `shared[:NAME][,size=BYTES][,front=NUMBER]`. NAME has no comma.
    pub fn parse(value: &[u8]) -> Result<Config, ConfigError> {
        let mut parts = value.split(|&byte| byte == b',');
        let what = parts.next().unwrap_or_default();
        match what.strip_prefix(b"shared") {
            Some([]) => SharedConfig::parse(None, parts),
            Some([b':', name @ ..]) => SharedConfig::parse(Some(file(name)?), parts),
            _ if what != b"memory" => Err(ConfigError::NoSuchStore),
            _ if parts.next().is_some() => Err(ConfigError::MemoryOption),
            _ => Ok(Config::Memory),
        }
    }
}

impl SharedConfig {
    /// Returns a shared store in that file, with the options that follow.
    fn parse<'a>(path: Option<PathBuf>, options: impl Iterator<Item = &'a [u8]>) -> Result<Config, ConfigError> {
        let (mut given, mut front) = (None, None);
        for option in options {
            if let Some(bytes) = option.strip_prefix(b"size=") {
                if given.replace(size(bytes).map_err(ConfigError::Size)?).is_some() {
                    return Err(ConfigError::SizeTwice);
                }
            } else if let Some(digits) = option.strip_prefix(b"front=") {
                if front.replace(number(digits).ok_or(ConfigError::Front)?).is_some() {
                    return Err(ConfigError::FrontTwice);
                }
            } else {
                return Err(ConfigError::UnknownOption(String::from_utf8_lossy(option).into_owned()));
            }
        }
        Ok(Config::Shared(SharedConfig { path, size: given, front: front.unwrap_or(Self::DEFAULT_FRONT) }))
    }
}

/// Returns the file of a store's name: in memory for a plain name, else its absolute path.
fn file(name: &[u8]) -> Result<PathBuf, ConfigError> {
    if name.is_empty() {
        return Err(ConfigError::NoName);
    }
    if name.contains(&b'/') {
        return absolute(name).map_err(ConfigError::Name);
    }
    if matches!(name, b"." | b"..") {
        return Err(ConfigError::NameIsDirectory);
    }
    if name.contains(&b':') {
        return Err(ConfigError::NameHasColon);
    }
    if size(name).is_ok() {
        return Err(ConfigError::NameIsSize);
    }
    Ok(Path::new(MEMORY_FILES).join(OsStr::from_bytes(name)))
}

/// Parses an absolute path of a file, not of a directory by its form, below the directory it begins with: so is
/// SSLSESSION_KEY_FILE, as the program may change its directory.
pub fn absolute(path: &[u8]) -> Result<PathBuf, PathError> {
    if path.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    let mut parts = path.rsplit(|&byte| byte == b'/');
    if matches!(parts.next(), Some(b"" | b"." | b"..")) {
        return Err(PathError::Directory);
    }
    match parts.any(|part| part == b"..") {
        true => Err(PathError::Climbs),
        false => Ok(PathBuf::from(OsStr::from_bytes(path))),
    }
}

/// Parses a number of bytes within the limits of a shared store: digits, then K, M, G (of 1024) or nothing.
fn size(text: &[u8]) -> Result<usize, SizeError> {
    let (digits, shift) = match text {
        [digits @ .., b'K' | b'k'] => (digits, 10),
        [digits @ .., b'M' | b'm'] => (digits, 20),
        [digits @ .., b'G' | b'g'] => (digits, 30),
        digits => (digits, 0),
    };
    match number(digits).ok_or(SizeError::NoNumber)?.saturating_mul(1 << shift) {
        bytes if bytes < SharedConfig::MIN_SIZE => Err(SizeError::TooSmall),
        bytes if bytes > SharedConfig::MAX_SIZE => Err(SizeError::TooLarge),
        bytes => Ok(bytes),
    }
}

/// Parses digits. A number too long for the type is the largest.
fn number(digits: &[u8]) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConfigError::NoSuchStore => "none of memory, shared, shared:NAME, of which the last two may have ,size=64M",
            ConfigError::MemoryOption => "\"memory\" takes no options",
            ConfigError::UnknownOption(option) => return write!(f, "unknown option \"{option}\""),
            ConfigError::SizeTwice => "the size is given twice",
            ConfigError::FrontTwice => "the front is given twice",
            ConfigError::Front => "the front is a number of sessions: front=512, or front=0 for all",
            ConfigError::NoName => "the store has no name after the colon",
            ConfigError::NameIsDirectory => "the store's name is a directory",
            ConfigError::NameHasColon => "the store's name has a colon: a size is given as ,size=64M",
            ConfigError::NameIsSize => "the store's name is a size, which is given as ,size=64M",
            ConfigError::Name(error) => return write!(f, "the store's name is {error}"),
            ConfigError::Size(error) => return error.fmt(f),
        })
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathError::NotAbsolute => "not an absolute path",
            PathError::Directory => "a directory",
            PathError::Climbs => "a path with \"..\" in it",
        })
    }
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SizeError::NoNumber => f.write_str("the size is no number of bytes, such as 64M"),
            SizeError::TooSmall => write!(f, "the size is less than {}K", SharedConfig::MIN_SIZE >> 10),
            SizeError::TooLarge => write!(f, "the size is more than {}G", SharedConfig::MAX_SIZE >> 30),
        }
    }
}

impl std::error::Error for ConfigError {}
impl std::error::Error for PathError {}
impl std::error::Error for SizeError {}

#[cfg(test)]
mod tests;
