//! A ClientHello, taken apart and put together again.

pub const SERVER_NAME: u16 = 0;
pub const SESSION_TICKET: u16 = 35;
pub const PRE_SHARED_KEY: u16 = 41;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const MAX_RECORD: usize = 1 << 14;

/// A ClientHello's parts; what stands before its extensions stays as it is.
#[derive(Clone)]
pub struct Hello {
    start: Vec<u8>,
    pub extensions: Vec<(u16, Vec<u8>)>,
}

/// An offer of TLS 1.3: tickets with their ages, and a binder of each.
#[derive(Clone)]
pub struct Offer {
    pub tickets: Vec<(Vec<u8>, [u8; 4])>,
    pub binders: Vec<Vec<u8>>,
}

impl Hello {
    /// Takes the records apart that a client sends first.
    pub fn of(records: &[u8]) -> Hello {
        let mut rest = records;
        let mut message = Vec::new();
        while let [HANDSHAKE, _, _, high, low, fragment @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            message.extend_from_slice(&fragment[..length]);
            rest = &fragment[length..];
        }
        assert_eq!(message[0], CLIENT_HELLO);
        let mut body = &message[4..];
        take(&mut body, 2 + 32);
        for bytes_of_length in [1, 2, 1] {
            vector(&mut body, bytes_of_length);
        }
        let start = message[4..message.len() - body.len()].to_vec();
        let mut list = vector(&mut body, 2);
        let mut extensions = Vec::new();
        while !list.is_empty() {
            let number = u16::from_be_bytes(take(&mut list, 2).try_into().expect("two bytes"));
            extensions.push((number, vector(&mut list, 2).to_vec()));
        }
        Hello { start, extensions }
    }

    /// Returns it as a client sends it, in as many records as it takes.
    pub fn records(&self) -> Vec<u8> {
        let extensions: Vec<u8> = self
            .extensions
            .iter()
            .flat_map(|(number, value)| [&number.to_be_bytes()[..], &prefixed(2, value)].concat())
            .collect();
        let body = [&self.start[..], &prefixed(2, &extensions)].concat();
        let message = [&[CLIENT_HELLO][..], &prefixed(3, &body)].concat();
        message.chunks(MAX_RECORD).flat_map(|part| [&[HANDSHAKE, 3, 1][..], &prefixed(2, part)].concat()).collect()
    }

    /// Returns the place of an extension.
    pub fn extension(&mut self, number: u16) -> Option<&mut Vec<u8>> {
        self.extensions.iter_mut().find(|(of, _)| *of == number).map(|(_, value)| value)
    }

    /// Returns what it offers in TLS 1.3.
    pub fn offer(&self) -> Option<Offer> {
        let (_, value) = self.extensions.iter().find(|(number, _)| *number == PRE_SHARED_KEY)?;
        let mut rest = &value[..];
        let (mut identities, mut list) = (vector(&mut rest, 2), vector(&mut rest, 2));
        let mut offer = Offer { tickets: Vec::new(), binders: Vec::new() };
        while !identities.is_empty() {
            let ticket = vector(&mut identities, 2).to_vec();
            offer.tickets.push((ticket, take(&mut identities, 4).try_into().expect("four bytes")));
        }
        while !list.is_empty() {
            offer.binders.push(vector(&mut list, 1).to_vec());
        }
        Some(offer)
    }

    /// Offers that in TLS 1.3, under binders that need not be right.
    pub fn set_offer(&mut self, offer: &Offer) {
        let identities: Vec<u8> =
            offer.tickets.iter().flat_map(|(ticket, age)| [&prefixed(2, ticket)[..], age].concat()).collect();
        let binders: Vec<u8> = offer.binders.iter().flat_map(|binder| prefixed(1, binder)).collect();
        *self.extension(PRE_SHARED_KEY).expect("an offer") = [prefixed(2, &identities), prefixed(2, &binders)].concat();
    }

    /// Returns the ticket that it offers first, of either version.
    pub fn ticket(&self) -> Vec<u8> {
        match self.offer() {
            Some(offer) => offer.tickets[0].0.clone(),
            None => self.clone().extension(SESSION_TICKET).expect("a ticket").clone(),
        }
    }

    /// Offers another ticket in the place of the first.
    pub fn set_ticket(&mut self, ticket: Vec<u8>) {
        match self.offer() {
            Some(mut offer) => {
                offer.tickets[0].0 = ticket;
                self.set_offer(&offer);
            }
            None => *self.extension(SESSION_TICKET).expect("a ticket") = ticket,
        }
    }
}

fn take<'a>(from: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = from.split_at(count);
    *from = rest;
    taken
}

/// Takes a vector with its length before it.
fn vector<'a>(from: &mut &'a [u8], bytes_of_length: usize) -> &'a [u8] {
    let length = take(from, bytes_of_length).iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
    take(from, length)
}

/// Returns bytes with their length before them.
fn prefixed(bytes_of_length: usize, bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u32).to_be_bytes();
    [&length[4 - bytes_of_length..], bytes].concat()
}
