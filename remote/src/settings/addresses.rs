//! The addresses of the remote store.
//!
//! ```text
//!   SSLSESSION_REMOTE   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]      TCP; 6379 unless given
//!                       rediss://...                                          the same over TLS
//!                       redis+unix:///a/socket                                a socket of this machine
//!                       redis://HOST,redis://HOST,...                         some nodes of a cluster
//! ```
#![forbid(unsafe_code)]

use std::fmt;
use std::path::Path;

/// Addresses that have been checked, between commas.
#[derive(Clone, PartialEq, Eq)]
pub struct Addresses(String);

/// Reason why a text is no address of a remote store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressError {
    /// It has characters that no address has.
    NotText,
    /// It begins with no scheme that there is.
    Scheme,
    /// It has no host.
    NoHost,
    /// Its port is none.
    Port,
    /// Its database is no number.
    Database,
    /// Its socket has no absolute path.
    Socket,
    /// One of several is a socket, or has a database, or another scheme than the first.
    Cluster,
}

impl Addresses {
    /// Checks the value of SSLSESSION_REMOTE.
    pub fn parse(value: &[u8]) -> Result<Addresses, AddressError> {
        let text = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text = text.ok_or(AddressError::NotText)?;
        let first = parse(text.split(',').next().unwrap_or_default())?;
        for other in text.split(',').skip(1) {
            let other = parse(other)?;
            if first.is_single || other.is_single || other.scheme != first.scheme {
                return Err(AddressError::Cluster);
            }
        }
        Ok(Addresses(text.to_owned()))
    }

    /// Returns each address, with its password.
    pub fn each(&self) -> impl Iterator<Item = &str> {
        self.0.split(',')
    }

    /// Returns true for the nodes of a cluster.
    pub fn is_cluster(&self) -> bool {
        self.0.contains(',')
    }

    /// Returns true if they are reached over TLS.
    pub fn has_tls(&self) -> bool {
        self.0.starts_with("rediss:")
    }
}

struct Address<'a> {
    scheme: &'a str,
    /// True if it can be no node of a cluster.
    is_single: bool,
}

fn parse(text: &str) -> Result<Address<'_>, AddressError> {
    let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
    if scheme == "redis+unix" {
        let path = rest.split('?').next().unwrap_or_default();
        let is_file = Path::new(path).is_absolute() && !path.ends_with('/');
        return if is_file { Ok(Address { scheme, is_single: true }) } else { Err(AddressError::Socket) };
    }
    if !matches!(scheme, "redis" | "rediss") {
        return Err(AddressError::Scheme);
    }
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    if !database.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::Database);
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(['?', '#', '[', ']']) {
        return Err(AddressError::NoHost);
    }
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err(AddressError::Port);
    }
    Ok(Address { scheme, is_single: !database.is_empty() })
}

/// Prints no password.
impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Addresses")
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressError::NotText => "the address has a character that no address has; a password has %XX for it",
            AddressError::Scheme => "none of redis://HOST, rediss://HOST, redis+unix:///a/socket",
            AddressError::NoHost => "the address has no host",
            AddressError::Port => "the address's port is none",
            AddressError::Database => "the address's database is no number",
            AddressError::Socket => {
                "the address's socket is no absolute path, as in redis+unix:///run/redis/redis.sock"
            }
            AddressError::Cluster => "the nodes of a cluster are all redis:// or all rediss://, without a database",
        })
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in [
            "redis://cache",
            "redis://cache:6380/3",
            "rediss://user:pass%40word@cache.example:6380",
            "redis://:word@[::1]:6379",
            "redis+unix:///run/redis.sock",
            "redis+unix:///run/redis.sock?db=2",
            "redis://a,redis://b:7000,redis://c",
        ] {
            assert_eq!(Addresses::parse(good.as_bytes()).map(|it| it.0), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", AddressError::Scheme),
            ("cache:6379", AddressError::Scheme),
            ("http://cache", AddressError::Scheme),
            ("redis://", AddressError::NoHost),
            ("redis://:6379", AddressError::NoHost),
            ("redis://user@", AddressError::NoHost),
            ("redis://cache:", AddressError::Port),
            ("redis://cache:0", AddressError::Port),
            ("redis://cache:65536", AddressError::Port),
            ("redis://cache/one", AddressError::Database),
            ("redis+unix://run/redis.sock", AddressError::Socket),
            ("redis+unix:///run/", AddressError::Socket),
            ("redis://a,redis://b/1", AddressError::Cluster),
            ("redis://a,rediss://b", AddressError::Cluster),
            ("redis+unix:///a,redis+unix:///b", AddressError::Cluster),
            ("redis://a,", AddressError::Scheme),
            ("redis://a b", AddressError::NotText),
            ("redis://\u{e9}", AddressError::NotText),
        ] {
            assert_eq!(Addresses::parse(bad.as_bytes()).err(), Some(why), "{bad}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let addresses = Addresses::parse(b"redis://:word@cache").expect("an address");
        assert!(!format!("{addresses:?}").contains("word"));
    }
}
