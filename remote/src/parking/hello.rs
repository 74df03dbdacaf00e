//! The ClientHello, before libssl reads it.
//!
//! ```text
//!   record    type 22 | version 3, minor | length 2 | ClientHello ...
//!   message   type 1 | length 3 | version 2 | random 32 | session id | cipher suites | compression | extensions
//!                                                            │                                          │
//!                         TLS 1.2: the id of its session ◄───┘      pre_shared_key 41, 32-byte identities ┘ TLS 1.3
//! ```
//! Nothing is decided here but whether to ask for a session ahead of libssl. So a message that is cut off, or goes on in
//! another record, offers what can be read of it.
#![forbid(unsafe_code)]

/// The length of an id that the fleet's servers make.
pub const ID: usize = 32;

/// The largest record, with its header.
pub const LARGEST_RECORD: usize = HEADER + 16384;

/// Length of a record's header.
const HEADER: usize = 5;

/// Identities of one ClientHello that are looked at: clients offer one or two.
const MAX_IDENTITIES: usize = 16;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const PRE_SHARED_KEY: u16 = 41;

/// The protocol version of an offered session, as OpenSSL numbers it.
pub const TLS1_2: i32 = 0x0303;
/// See [`TLS1_2`].
pub const TLS1_3: i32 = 0x0304;

/// The first bytes of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Extent {
    /// They are no ClientHello, whatever follows.
    Other,
    /// That many are needed to know more.
    Partial(usize),
    /// A record is whole, and has that length.
    Whole(usize),
}

/// Returns the extent of the first record, of which some bytes are there.
pub fn extent(bytes: &[u8]) -> Extent {
    let is_other = |at: usize, wanted: u8| bytes.get(at).is_some_and(|&byte| byte != wanted);
    if is_other(0, HANDSHAKE) || is_other(1, 3) || is_other(HEADER, CLIENT_HELLO) {
        return Extent::Other;
    }
    let Some(&[_, _, _, high, low]) = bytes.first_chunk::<HEADER>() else { return Extent::Partial(HEADER) };
    let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
    match length {
        HEADER => Extent::Other,
        _ if length > LARGEST_RECORD => Extent::Other,
        _ if bytes.len() < length => Extent::Partial(length),
        _ => Extent::Whole(length),
    }
}

/// A session that the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    pub version: i32,
    pub id: &'a [u8; ID],
}

/// Returns the first offered session that `is_wanted`, of a ClientHello in a whole record.
pub fn find<'a>(record: &'a [u8], mut is_wanted: impl FnMut(&Offer<'a>) -> bool) -> Option<Offer<'a>> {
    let mut hello = Reader(record);
    hello.take(HEADER + 4 + 2 + 32)?;
    let id = hello.vector8()?;
    if let Some(offer) = offer(TLS1_2, id).filter(&mut is_wanted) {
        return Some(offer);
    }
    hello.vector16()?;
    hello.vector8()?;
    let mut extensions = Reader(hello.up_to16()?);
    while let Some(kind) = extensions.u16() {
        let body = extensions.vector16()?;
        if kind == PRE_SHARED_KEY {
            return find_identity(body, is_wanted);
        }
    }
    None
}

fn offer(version: i32, id: &[u8]) -> Option<Offer<'_>> {
    Some(Offer { version, id: id.try_into().ok()? })
}

fn find_identity<'a>(body: &'a [u8], mut is_wanted: impl FnMut(&Offer<'a>) -> bool) -> Option<Offer<'a>> {
    let mut identities = Reader(Reader(body).vector16()?);
    for _ in 0..MAX_IDENTITIES {
        let identity = identities.vector16()?;
        // The age of its ticket.
        identities.take(4)?;
        if let Some(offer) = offer(TLS1_3, identity).filter(&mut is_wanted) {
            return Some(offer);
        }
    }
    None
}

/// The bytes that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// Returns a vector of which the end may be missing.
    fn up_to16(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u16()?);
        self.take(length.min(self.0.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector16(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
    }

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &vector16(body)].concat()
    }

    /// Returns the record of a ClientHello with that session id and these identities.
    fn hello(session_id: &[u8], identities: &[&[u8]]) -> Vec<u8> {
        let mut extensions = extension(0, b"\0\x0c\0\0\x09localhost");
        if !identities.is_empty() {
            let all: Vec<u8> = identities.iter().flat_map(|id| [vector16(id), vec![1, 2, 3, 4]].concat()).collect();
            let binders = vector16(&[32; 33]);
            extensions.extend(extension(PRE_SHARED_KEY, &[vector16(&all), binders].concat()));
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(session_id.len() as u8);
        body.extend(session_id);
        body.extend(vector16(&[0x13, 0x01, 0xc0, 0x2b]));
        body.extend([1, 0]);
        body.extend(vector16(&extensions));
        let length = (body.len() as u32).to_be_bytes();
        let message = [&[CLIENT_HELLO], &length[1..], &body].concat();
        [&[HANDSHAKE, 3, 1], &vector16(&message)[..]].concat()
    }

    fn offers(record: &[u8]) -> Vec<(i32, [u8; ID])> {
        let mut offers = Vec::new();
        assert_eq!(
            find(record, |offer| {
                offers.push((offer.version, *offer.id));
                false
            }),
            None
        );
        offers
    }

    const A: [u8; ID] = [0xa; ID];
    const B: [u8; ID] = [0xb; ID];
    const C: [u8; ID] = [0xc; ID];

    #[test]
    fn offers_are_the_session_id_and_then_the_identities() {
        assert_eq!(offers(&hello(&A, &[&B, &[1; 200], &C])), [(TLS1_2, A), (TLS1_3, B), (TLS1_3, C)]);
        assert_eq!(offers(&hello(&[], &[&B])), [(TLS1_3, B)]);
        assert_eq!(offers(&hello(&A, &[])), [(TLS1_2, A)]);
        assert_eq!(offers(&hello(&[1; 31], &[&[1; 31], &[1; 33]])), []);
        let found = hello(&A, &[&B, &C]);
        assert_eq!(find(&found, |offer| *offer.id != A), Some(Offer { version: TLS1_3, id: &B }));
    }

    #[test]
    fn no_more_than_some_identities_are_looked_at() {
        let many = vec![&B[..]; 300];
        assert_eq!(offers(&hello(&A, &many)).len(), 1 + MAX_IDENTITIES);
    }

    #[test]
    fn a_record_is_whole_at_its_length() {
        let whole = hello(&A, &[&B]);
        assert_eq!(extent(&[]), Extent::Partial(5));
        for length in 1..5 {
            assert_eq!(extent(&whole[..length]), Extent::Partial(5));
        }
        for length in 5..whole.len() {
            assert_eq!(extent(&whole[..length]), Extent::Partial(whole.len()));
        }
        assert_eq!(extent(&whole), Extent::Whole(whole.len()));
        assert_eq!(extent(&[&whole[..], b"early data"].concat()), Extent::Whole(whole.len()));
        let mut largest = vec![HANDSHAKE, 3, 3, 0x40, 0, CLIENT_HELLO];
        largest.resize(LARGEST_RECORD, 0);
        assert_eq!(extent(&largest), Extent::Whole(LARGEST_RECORD));
    }

    #[test]
    fn what_is_no_client_hello_is_never_waited_for() {
        let server_hello = [HANDSHAKE, 3, 3, 0, 80, 2];
        let too_long = [HANDSHAKE, 3, 3, 0x40, 1, CLIENT_HELLO];
        let empty = [HANDSHAKE, 3, 3, 0, 0];
        for bytes in [
            &b"G"[..],
            b"GET / HTTP/1.0\r\n",
            b"\x15\x03",
            b"\x16\x02",
            b"\x80\x2e\x01",
            &server_hello,
            &too_long,
            &empty,
        ] {
            assert_eq!(extent(bytes), Extent::Other, "{bytes:?}");
        }
    }

    #[test]
    fn a_message_that_goes_on_in_another_record_offers_what_is_there() {
        let mut first = hello(&A, &[&B]);
        first.truncate(first.len() - 60);
        let length = (first.len() - HEADER) as u16;
        first[3..5].copy_from_slice(&length.to_be_bytes());
        assert_eq!(extent(&first), Extent::Whole(first.len()));
        assert_eq!(offers(&first), [(TLS1_2, A)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Extent::Whole(length) = extent(&bytes) {
                prop_assert!(length <= bytes.len());
            }
            offers(&bytes);
        }

        #[test]
        fn a_message_with_any_byte_changed_or_cut_off_is_read_without_a_fault(
            at in 0usize..200, byte: u8, cut in 0usize..300,
        ) {
            let mut record = hello(&A, &[&B, &C]);
            if let Some(place) = record.get_mut(at) {
                *place = byte;
            }
            record.truncate(record.len().saturating_sub(cut));
            let number = offers(&record).len();
            prop_assert!(number <= 1 + MAX_IDENTITIES);
        }
    }
}
