//! The encoding of a session, cut into what differs between the sessions of one client and the rest.
//!
//! As OpenSSL's i2d_SSL_SESSION writes it:
//!
//! ```text
//!   SEQUENCE
//!     INTEGER, INTEGER, OCTET STRING   format, protocol version, cipher
//!     OCTET STRING, OCTET STRING       session id, master secret   a function sets each
//!     [1] INTEGER, [2] INTEGER         time, timeout (seconds)     a function sets each
//!     [3] ... [13]                     certificate ([3]), id context, verify result, server name, flags, ...
//!     [14] INTEGER                     number added to a ticket's age, which only early data uses
//!     [15] ... [20]                    size of early data ([15]), ALPN, group, ...
//! ```
#![forbid(unsafe_code)]

use sslsession_store::time::{Seconds, UnixTime};

/// An encoding in parts.
pub struct SessionDer<'a> {
    pub id: &'a [u8],
    pub secret: &'a [u8],
    pub time: UnixTime,
    pub timeout: Seconds,
    /// All that no function sets: the elements before the session id; those after the timeout; and
    /// those after the number that is added to a ticket's age.
    pub rest: [&'a [u8]; 3],
}

/// Length in bytes of the longest session id.
const LONGEST_ID: usize = 32;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;

/// Returns the tag of the explicit element of that number.
const fn explicit(number: u8) -> u8 {
    0xA0 | number
}

impl<'a> SessionDer<'a> {
    /// Length in bytes of the longest secret of a cipher suite; an application may set a longer one.
    pub const LONGEST_SECRET: usize = 48;

    /// Cuts an encoding into its parts. None if it is not as drawn above, if its id or secret is
    /// longer than any of TLS, and if it takes early data.
    pub fn cut(bytes: &'a [u8]) -> Option<SessionDer<'a>> {
        let mut elements = Elements(Elements(bytes).next_of(SEQUENCE)?);
        let begin = elements.0;
        for tag in [INTEGER, INTEGER, OCTET_STRING] {
            elements.next_of(tag)?;
        }
        let head = difference(begin, elements.0);
        let (id, secret) = (elements.next_of(OCTET_STRING)?, elements.next_of(OCTET_STRING)?);
        let (time, timeout) = (elements.next_integer(explicit(1))?, elements.next_integer(explicit(2))?);
        let [before, after] = without_age(elements.0)?;
        let is_usual = id.len() <= LONGEST_ID && secret.len() <= Self::LONGEST_SECRET;
        let (time, timeout) = (UnixTime(time), Seconds(timeout));
        is_usual.then_some(SessionDer { id, secret, time, timeout, rest: [head, before, after] })
    }

    /// Returns true if neither time nor timeout is 0, in whose place libssl reads one of its own.
    pub fn has_times(&self) -> bool {
        self.time.0 > 0 && self.timeout.0 > 0
    }

    /// Returns true if the peer's certificate is in it.
    pub fn has_certificate(&self) -> bool {
        self.rest[1].first() == Some(&explicit(3))
    }

    /// Returns true for the encoding of the same session, whatever its times are.
    pub fn is_of_same(&self, other: &SessionDer) -> bool {
        (self.id, self.secret, self.rest) == (other.id, other.secret, other.rest)
    }
}

/// Returns the elements before and after the number that is added to a ticket's age. None if the
/// session takes early data, which needs that number.
fn without_age(bytes: &[u8]) -> Option<[&[u8]; 2]> {
    let (mut elements, mut parts) = (Elements(bytes), [bytes, &[]]);
    while !elements.0.is_empty() {
        let from = elements.0;
        let (tag, _) = elements.next()?;
        if tag == explicit(14) {
            parts = [difference(bytes, from), elements.0];
        } else if tag == explicit(15) {
            return None;
        }
    }
    Some(parts)
}

/// Returns the beginning of `whole` up to where its end `end` begins.
fn difference<'a>(whole: &'a [u8], end: &[u8]) -> &'a [u8] {
    &whole[..whole.len() - end.len()]
}

/// Elements not read yet; each has a tag of one byte.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// Reads an element. Returns its tag and content; None if it is cut off.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut after) = self.0.split_first_chunk()?;
        let length = match first {
            0..0x80 => usize::from(first),
            _ => {
                let (length, content) = after.split_at_checked(usize::from(first & 0x7F))?;
                after = content;
                unsigned(length)?
            }
        };
        let (content, rest) = after.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn next_of(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|element| element.0 == tag).map(|element| element.1)
    }

    /// Reads an explicit element that holds an integer. None also for one that is negative or has
    /// more than 8 bytes.
    fn next_integer(&mut self, tag: u8) -> Option<i64> {
        let bytes = Elements(self.next_of(tag)?).next_of(INTEGER)?;
        let is_negative = bytes.first().is_some_and(|&first| first & 0x80 != 0);
        if is_negative { None } else { i64::try_from(unsigned(bytes)?).ok() }
    }
}

/// Returns a number of up to 8 bytes, the most significant first.
fn unsigned(bytes: &[u8]) -> Option<usize> {
    let is_short = bytes.len() <= size_of::<usize>();
    is_short.then(|| bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::{Seconds, SessionDer, UnixTime};

    /// Returns an element of less than 128 bytes.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, content.len() as u8], content].concat()
    }

    fn session(certificate: &[u8], age: u8, tail: &[u8]) -> Vec<u8> {
        let body = [
            element(2, &[1]),
            element(2, &[3, 4]),
            element(4, &[0x13, 2]),
            element(4, b"an id"),
            element(4, b"a secret"),
            element(0xA1, &element(2, &[0, 0xF0, 0, 0, 1])),
            element(0xA2, &element(2, &[7])),
            element(0xA3, certificate),
            element(0xAE, &element(2, &[age])),
            tail.to_vec(),
        ];
        element(0x30, &body.concat())
    }

    #[test]
    fn what_functions_set_is_cut_out() {
        let der = session(b"certificate", 9, &element(0xB0, b"h2"));
        let parts = SessionDer::cut(&der).expect("it is a session");
        assert_eq!((parts.id, parts.secret), (b"an id".as_slice(), b"a secret".as_slice()));
        assert_eq!((parts.time, parts.timeout), (UnixTime(0xF000_0001), Seconds(7)));
        let certificate = element(0xA3, b"certificate");
        assert_eq!(parts.rest, [&der[2..13], &certificate, &element(0xB0, b"h2")]);
        assert!(parts.has_certificate());
        let at = der.windows(certificate.len()).position(|bytes| bytes == certificate).expect("it has one");
        let without = element(0x30, &[&der[2..at], &der[at + certificate.len()..]].concat());
        assert!(SessionDer::cut(&without).is_some_and(|parts| !parts.has_certificate()));
    }

    #[test]
    fn an_age_matters_with_early_data_only() {
        let [one, other] = [1, 2].map(|age| session(b"certificate", age, &[]));
        let rest = |der| SessionDer::cut(der).expect("it is a session").rest;
        assert_eq!(rest(&one), rest(&other));
        let early = element(0xAF, &element(2, &[1]));
        assert!(SessionDer::cut(&session(b"certificate", 1, &early)).is_none());
    }

    #[test]
    fn what_libssl_reads_otherwise_is_none() {
        let der = session(b"certificate", 9, &[]);
        let with = |from: &[u8], to: &[u8]| {
            let at = der.windows(from.len()).position(|bytes| bytes == from).expect("it has that");
            let body = [&der[2..at], to, &der[at + from.len()..]].concat();
            SessionDer::cut(&element(0x30, &body)).is_some()
        };
        assert!(with(&[2, 1, 7], &[2, 1, 0x7F]));
        assert!(!with(&[2, 1, 7], &[2, 1, 0x80]), "a timeout that is negative");
        assert!(!with(&[2, 5, 0, 0xF0], &[2, 5, 0xFF, 0xF0]), "a time that is negative");
        let (id, secret) = (element(4, b"an id"), element(4, b"a secret"));
        assert!(with(&id, &element(4, &[1; 32])) && !with(&id, &element(4, &[1; 33])));
        assert!(with(&secret, &element(4, &[1; 48])) && !with(&secret, &element(4, &[1; 49])));
    }

    #[test]
    fn what_is_cut_off_is_none_and_a_time_of_0_is_said() {
        let der = session(b"certificate", 9, &[]);
        for length in 0..der.len() {
            assert!(SessionDer::cut(&der[..length]).is_none(), "{length}");
        }
        let mut timeless = der.clone();
        let at = der.windows(3).position(|bytes| bytes == [2, 1, 7]).expect("it has a timeout");
        timeless[at + 2] = 0;
        assert!(SessionDer::cut(&timeless).is_some_and(|parts| !parts.has_times() && parts.is_of_same(&parts)));
    }
}
