//! The lines of a key file, as tickets use them.
//!
//! ```text
//!   4f1d...c0            any key: static, the same for ever
//!   4f1d...c0@20784      64 hex digits and a day since 1970: the key of that day, from which each later day's follows
//! ```
//! In a file with lines of the second kind, tickets use these alone: beside a static key, one that
//! changes daily would protect nothing. A store skips them, as what it seals has to open tomorrow.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::derive::{self, Key};
use crate::key_file::{KeyFileError, Keys, Reason, is_walking};
use crate::secret;
use crate::threads::uncancelled;

/// The last day that a line may name: in the year 4707.
const LAST_DAY: i64 = 1_000_000;

/// A key and its day; overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// The key.
    pub key: Key,
    /// The day that it is for; None for a static key.
    pub day: Option<i64>,
}

impl Drop for Line {
    fn drop(&mut self) {
        secret::wipe(&mut self.key);
    }
}

impl Line {
    /// Returns the content of a line of a key file; None for a ratchet line whose digits or day are
    /// invalid.
    pub fn of(line: &[u8]) -> Option<Line> {
        if !is_walking(line) {
            return Some(Line { key: derive::static_key(line), day: None });
        }
        let day = str::from_utf8(&line[65..]).ok()?.parse().ok().filter(|day| (0..=LAST_DAY).contains(day))?;
        let mut walking = Line { key: [0; 32], day: Some(day) };
        for (byte, digits) in walking.key.iter_mut().zip(line[..64].chunks_exact(2)) {
            *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(walking)
    }
}

/// The identity and state of a file: differs between files, and after a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp([u64; 5]);

impl Stamp {
    /// Returns a file's stamp; None if this process cannot read the file.
    pub fn of(path: &Path) -> Option<Stamp> {
        let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
        let of = uncancelled(|| OpenOptions::new().read(true).custom_flags(flags).open(path)?.metadata()).ok()?;
        Some(Stamp([of.dev(), of.ino(), of.mtime() as u64, of.mtime_nsec() as u64, of.size()]))
    }
}

/// Reads the lines of a key file that tickets use, at least one; the first seals, all open. The
/// error says which file is refused, why, and what to do.
pub fn read(path: &Path) -> Result<Vec<Line>, KeyFileError> {
    let keys = uncancelled(|| Keys::read_all(path))?;
    let walks = keys.secrets().any(is_walking);
    let lines: Option<Vec<Line>> = keys.secrets().filter(|line| !walks || is_walking(line)).map(Line::of).collect();
    lines.ok_or_else(|| Reason::NoDay.of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_walk_are_told_from_others() {
        let hex = "0123456789abcdefABCDEF0123456789".repeat(2);
        for (line, day) in [
            (format!("{hex}@20784"), Some(Some(20784))),
            (format!("{hex}@0"), Some(Some(0))),
            (format!("{hex}@1000001"), None),
            (format!("{hex}@99999999999999999999"), None),
            (hex.clone(), Some(None)),
            (format!("{hex}@"), Some(None)),
            (format!("{hex}@-1"), Some(None)),
            (format!("x{hex}@5"), Some(None)),
        ] {
            assert_eq!(Line::of(line.as_bytes()).map(|line| line.day), day, "{line}");
        }
        let line = Line::of(format!("{hex}@7").as_bytes()).expect("a line");
        assert_eq!(line.key[..11], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef]);
    }
}
