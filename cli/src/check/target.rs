//! Reads what is to be checked.
#![forbid(unsafe_code)]

use crate::arguments::Protocol;
use crate::output::Failure;

/// What is to be checked.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// A process, by its id.
    Process(u32),
    /// A server.
    Server {
        /// A name or an address, without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// Reads `PID`, `HOST`, `HOST:PORT`, `[ADDRESS]:PORT` or an IPv6 address.
pub fn parse(text: &str, starttls: Option<Protocol>) -> Result<Target, Failure> {
    let usual = starttls.map_or(443, port_of);
    if let Ok(id) = text.parse() {
        return Ok(Target::Process(id));
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        // More than one colon is an IPv6 address without a port.
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_complete = !text.starts_with('[') || text.ends_with(']') || port.is_some();
    let port = port.map_or(Some(usual), |port| port.parse().ok().filter(|port| *port != 0));
    match port {
        Some(port) if !host.is_empty() && is_complete => Ok(Target::Server { host: host.to_owned(), port }),
        _ => Err(Failure::new(format!("\"{text}\" is neither HOST:PORT nor the id of a process"))),
    }
}

/// Returns the port on which a protocol starts TLS.
fn port_of(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Smtp => 25,
        Protocol::Imap => 143,
        Protocol::Pop3 => 110,
        Protocol::Ldap => 389,
        Protocol::Postgres => 5432,
        Protocol::Mysql => 3306,
        Protocol::Ftp => 21,
    }
}

#[cfg(test)]
mod tests {
    use super::{Protocol, Target, parse};

    fn server(text: &str) -> Option<(String, u16)> {
        match parse(text, None) {
            Ok(Target::Server { host, port }) => Some((host, port)),
            _ => None,
        }
    }

    #[test]
    fn servers_and_processes() {
        for (text, host, port) in [
            ("localhost:8443", "localhost", 8443),
            ("localhost", "localhost", 443),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:8443", "::1", 8443),
            ("[::1]", "::1", 443),
            ("::1", "::1", 443),
        ] {
            assert_eq!(server(text), Some((host.to_owned(), port)), "{text}");
        }
        for text in ["", ":443", "a:", "a:0", "a:65536", "a:b", "[::1", "[::1]443", "[]:443", "-1:"] {
            assert_eq!(server(text), None, "{text}");
        }
        assert_eq!(parse("4711", None).ok(), Some(Target::Process(4711)));
        let smtp = Target::Server { host: "a".to_owned(), port: 25 };
        assert_eq!(parse("a", Some(Protocol::Smtp)).ok(), Some(smtp));
    }
}
