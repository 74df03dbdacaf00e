//! The options of the remote store.
//!
//! ```text
//!   SSLSESSION_REMOTE_OPTIONS   OPTION=VALUE[,OPTION=VALUE...]
//!
//!   password-file   /a/file   its first line is the password; the environment can be read in /proc
//!   ca              /a/file   the authorities that may have signed the server's certificate, in PEM
//!   name            NAME      the name in that certificate, if it is not the address's
//!   wait            10ms      the most that a lookup waits; 0 for not at all
//!   park            50ms      the time for an answer: a connection is parked for no longer, and a later one is a failure
//!   keep            60s       the time for which a session of another host stays here before it is asked for again
//!   life            none      the most that a session stays in the remote store
//!   queue           8M        the most that waits to be written, in bytes
//!   replicas        0         number of replicas that must have noted that a session for single use was taken
//! ```
#![forbid(unsafe_code)]

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sslsession_store::config::{self, PathError};

use super::Addresses;
use crate::budget;

/// The options, or what is so unless they say otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub password_file: Option<PathBuf>,
    pub ca: Option<PathBuf>,
    pub name: Option<String>,
    pub wait: Duration,
    pub park: Duration,
    pub keep: Duration,
    pub life: Option<Duration>,
    pub queue: usize,
    pub replicas: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            password_file: None,
            ca: None,
            name: None,
            wait: Duration::from_millis(10),
            park: Duration::from_millis(50),
            keep: Duration::from_secs(60),
            life: None,
            queue: 8 << 20,
            replicas: 0,
        }
    }
}

/// Reason why a text is no value of SSLSESSION_REMOTE_OPTIONS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OptionError {
    NotText,
    Unknown(String),
    Twice(&'static str),
    Path(&'static str, PathError),
    Name,
    NoTime(&'static str),
    /// A value outside the limits, which are named.
    Limits(&'static str, &'static str),
    NoSize,
    ParkIsShorter,
}

const NAMES: [&str; 9] = ["password-file", "ca", "name", "wait", "park", "keep", "life", "queue", "replicas"];

const DAY: Duration = Duration::from_secs(86_400);

impl Options {
    /// Parses the value of SSLSESSION_REMOTE_OPTIONS.
    pub fn parse(value: &[u8]) -> Result<Options, OptionError> {
        let text = str::from_utf8(value).map_err(|_| OptionError::NotText)?;
        let (mut options, mut seen) = (Options::default(), Vec::new());
        for option in text.split(',').filter(|_| !text.is_empty()) {
            let unknown = || OptionError::Unknown(option.chars().take(40).collect());
            let (name, value) = option.split_once('=').ok_or_else(unknown)?;
            let name = NAMES.into_iter().find(|known| *known == name).ok_or_else(unknown)?;
            if seen.contains(&name) {
                return Err(OptionError::Twice(name));
            }
            seen.push(name);
            options.set(name, value)?;
        }
        if options.park < options.wait {
            return Err(OptionError::ParkIsShorter);
        }
        Ok(options)
    }

    fn set(&mut self, name: &'static str, value: &str) -> Result<(), OptionError> {
        const MOST_WAIT: Duration = Duration::from_micros(budget::MOST as u64);
        const MOST_PARK: Duration = Duration::from_secs(1);
        let path = || config::absolute(value.as_bytes()).map_err(|why| OptionError::Path(name, why));
        let time = |least: Duration, most: Duration, limits: &'static str| {
            let time = time(value).ok_or(OptionError::NoTime(name))?;
            if (least..=most).contains(&time) { Ok(time) } else { Err(OptionError::Limits(name, limits)) }
        };
        match name {
            "password-file" => self.password_file = Some(path()?),
            "ca" => self.ca = Some(path()?),
            "name" => self.name = Some(host_name(value).ok_or(OptionError::Name)?),
            "wait" => self.wait = time(Duration::ZERO, MOST_WAIT, "0 to 50ms")?,
            "park" => self.park = time(Duration::from_millis(1), MOST_PARK, "1ms to 1s")?,
            "keep" => self.keep = time(Duration::ZERO, DAY, "0 to 1d")?,
            "life" => self.life = Some(time(Duration::from_secs(1), 365 * DAY, "1s to 365d")?),
            "replicas" => {
                let number = value.parse().ok().filter(|number| (0..=16).contains(number) && !value.starts_with('+'));
                self.replicas = number.ok_or(OptionError::Limits(name, "0 to 16"))?;
            }
            _ => {
                let size = size(value).ok_or(OptionError::NoSize)?;
                let is_size = (64 << 10..=1 << 30).contains(&size);
                self.queue = is_size.then_some(size).ok_or(OptionError::Limits(name, "64K to 1G"))?;
            }
        }
        Ok(())
    }

    /// Returns a complaint if one of them has no effect with these addresses.
    pub fn unused_by(&self, addresses: &Addresses) -> Option<&'static str> {
        match (addresses.has_tls(), addresses.is_cluster()) {
            (false, _) if self.ca.is_some() || self.name.is_some() => {
                Some("ca and name are for TLS, and need SSLSESSION_REMOTE=rediss://HOST")
            }
            (_, true) if self.name.is_some() => {
                Some("name is for one server, and the nodes of a cluster have names each")
            }
            _ => None,
        }
    }
}

/// Returns a name that a certificate may have.
fn host_name(text: &str) -> Option<String> {
    let is_part = |part: &str| {
        let is_text = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (1..=63).contains(&part.len()) && is_text
    };
    (text.len() <= 253 && text.split('.').all(is_part)).then(|| text.to_owned())
}

/// Parses digits, then ms, s, m, h or d; 0 needs none.
fn time(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let number: u32 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let unit = match &text[digits.len()..] {
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        "d" => DAY,
        "" if number == 0 => Duration::ZERO,
        _ => return None,
    };
    unit.checked_mul(number)
}

/// Parses a number of bytes: digits, then K, M or G, of 1024, or nothing.
fn size(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let number: usize = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let shift = match &text[digits.len()..] {
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "" => 0,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionError::NotText => f.write_str("no text"),
            OptionError::Unknown(option) => {
                write!(f, "unknown option \"{option}\"; there are {}, each with =VALUE", NAMES.join(", "))
            }
            OptionError::Twice(name) => write!(f, "{name} is given twice"),
            OptionError::Path(name, why) => write!(f, "{name} is {why}"),
            OptionError::Name => f.write_str("name is no name of a host"),
            OptionError::NoTime(name) => write!(f, "{name} is no time, such as 10ms or 60s"),
            OptionError::Limits(name, limits) => write!(f, "{name} is not within {limits}"),
            OptionError::NoSize => f.write_str("queue is no number of bytes, such as 8M"),
            OptionError::ParkIsShorter => f.write_str("park, the time for an answer, is shorter than wait"),
        }
    }
}

impl std::error::Error for OptionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parsed() {
        assert_eq!(Options::parse(b""), Ok(Options::default()));
        let all = b"password-file=/p,ca=/c.pem,name=host.tls,wait=5ms,park=1s,keep=0,life=1h,queue=64K,replicas=2";
        let expected = Options {
            password_file: Some("/p".into()),
            ca: Some("/c.pem".into()),
            name: Some("host.tls".to_owned()),
            wait: Duration::from_millis(5),
            park: Duration::from_secs(1),
            keep: Duration::ZERO,
            life: Some(Duration::from_secs(3600)),
            queue: 64 << 10,
            replicas: 2,
        };
        assert_eq!(Options::parse(all), Ok(expected));
    }

    #[test]
    fn a_bad_value_is_one_clear_line() {
        for (value, complaint) in [
            (&b"\xff"[..], "no text"),
            (
                b"wait",
                "unknown option \"wait\"; there are password-file, ca, name, wait, park, keep, life, queue, replicas, each",
            ),
            (b"wait=5ms,", "unknown option \"\""),
            (b"timeout=5ms", "unknown option \"timeout=5ms\""),
            (b"wait=5ms,wait=6ms", "wait is given twice"),
            (b"ca=ca.pem", "ca is not an absolute path"),
            (b"name=a..b", "name is no name of a host"),
            (b"name=a b", "name is no name of a host"),
            (b"wait=5", "wait is no time"),
            (b"wait=ms", "wait is no time"),
            (b"keep=+5s", "keep is no time"),
            (b"wait=51ms", "wait is not within 0 to 50ms"),
            (b"park=5ms", "park, the time for an answer, is shorter than wait"),
            (b"life=0", "life is not within 1s to 365d"),
            (b"queue=8X", "queue is no number of bytes"),
            (b"replicas=17", "replicas is not within 0 to 16"),
            (b"replicas=+1", "replicas is not within 0 to 16"),
            (b"queue=1", "queue is not within 64K to 1G"),
            (b"queue=99999999999999999999G", "queue is no number of bytes"),
        ] {
            let why = Options::parse(value).expect_err(complaint).to_string();
            assert!(why.starts_with(complaint), "{why}");
        }
    }

    #[test]
    fn options_of_tls_need_it() {
        let unused = |options: &[u8], addresses: &[u8]| {
            let addresses = Addresses::parse(addresses).expect("addresses");
            Options::parse(options).expect("options").unused_by(&addresses)
        };
        assert!(unused(b"ca=/c", b"redis://a").is_some_and(|why| why.contains("rediss")));
        assert!(unused(b"name=b", b"rediss://a,rediss://c").is_some_and(|why| why.contains("cluster")));
        assert_eq!(unused(b"ca=/c", b"rediss://a,rediss://c"), None);
        assert_eq!(unused(b"ca=/c,name=b", b"rediss://a"), None);
    }
}
