//! Keys of which each day has its own: the key of a day gives that of the next one, and no way leads back.
//!
//! ```text
//!   4f1d...c0@20784  ──HKDF-Expand(key, "sslsession ratchet", 32)──►  91aa...07@20785
//! ```
#![forbid(unsafe_code)]

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use zeroize::Zeroizing;

/// Bytes of a key.
const KEY: usize = 32;

/// The most days that a key is walked on at once: of a line with a later day, or of a clock that is wrong, it would take long.
const FARTHEST: u64 = 36_525;

/// A key and its day since 1970.
pub struct Walking {
    key: Zeroizing<[u8; KEY]>,
    day: u64,
}

impl Walking {
    /// Takes a key for that of a day.
    pub fn new(key: Zeroizing<[u8; KEY]>, day: u64) -> Walking {
        Walking { key, day }
    }

    /// Reads a line that is one.
    pub fn of(line: &[u8]) -> Result<Walking, String> {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        let (digits, day) = text.split_once('@').ok_or("a line without a day")?;
        let day = day.parse().map_err(|_| format!("day {day} is none"))?;
        let mut key = Zeroizing::new([0; KEY]);
        for (byte, two) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let two = std::str::from_utf8(two).map_err(|error| error.to_string())?;
            *byte = u8::from_str_radix(two, 16).map_err(|error| error.to_string())?;
        }
        Ok(Walking { key, day })
    }

    /// Walks on to a day. Returns false if the key is of that day, or of a later one.
    pub fn walk(&mut self, day: u64) -> Result<bool, String> {
        if self.day >= day {
            return Ok(false);
        }
        if day - self.day > FARTHEST {
            return Err(format!("its key is of day {}, more than 100 years ago: is the clock right?", self.day));
        }
        while self.day < day {
            self.key = next(&self.key).map_err(|error| error.to_string())?;
            self.day += 1;
        }
        Ok(true)
    }

    /// Returns the line.
    pub fn line(&self) -> Zeroizing<Vec<u8>> {
        let mut line = hex(self.key.as_slice(), 21);
        // A vector with room takes all that is written.
        let _ = write!(line, "@{}", self.day);
        line
    }
}

/// Returns the key of the next day: HKDF-Expand with SHA-256, of one block.
fn next(key: &Zeroizing<[u8; KEY]>) -> Result<Zeroizing<[u8; KEY]>, ErrorStack> {
    let hmac = PKey::hmac(key.as_slice())?;
    let mut signer = Signer::new(MessageDigest::sha256(), &hmac)?;
    signer.update(b"sslsession ratchet\x01")?;
    let mut next = Zeroizing::new([0; KEY]);
    signer.sign(next.as_mut_slice())?;
    Ok(next)
}

/// Returns bytes as digits, with room for as many characters more.
pub fn hex(bytes: &[u8], room: usize) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(2 * bytes.len() + room));
    for byte in bytes {
        // A vector with room takes all that is written.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Returns the day since 1970.
pub fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use super::Walking;

    /// The second test vector of docs/tickets.md: its epoch ends on day 20833.
    #[test]
    fn keys_walk_as_the_librarys_do() {
        let papers = include_str!("../../../docs/tickets.md");
        let vector = |name: &str| {
            let mut lines = papers.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim);
            lines.next_back().expect("a test vector").to_owned()
        };
        let line = vector("line ");
        let mut key = Walking::of(line.as_bytes()).expect("a line");
        assert_eq!(*key.line(), line.as_bytes());
        assert_eq!(key.walk(20_830), Ok(false));
        assert_eq!(key.walk(20_833), Ok(true));
        assert_eq!(*key.line(), format!("{}@20833", vector("key ")).as_bytes());
        assert_eq!(key.walk(20_833), Ok(false));
        assert!(key.walk(100_000).is_err());
    }

    #[test]
    fn lines_that_walk() {
        use sslsession_store::key_file::is_walking;

        let digits = "0f".repeat(32);
        for (line, is_one) in [
            (format!("{digits}@1"), true),
            (format!("{digits}@"), false),
            (format!("{digits}@1x"), false),
            (digits.clone(), false),
            (format!("{}g@1", &digits[1..]), false),
        ] {
            assert_eq!(is_walking(line.as_bytes()), is_one, "{line}");
        }
        assert!(Walking::of(format!("{digits}@99999999999999999999").as_bytes()).is_err());
    }
}
