//! Mutations of a ClientHello: the same to that of either server, by one seed.

use super::message::{Hello, PRE_SHARED_KEY, SERVER_NAME, SESSION_TICKET};
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};

/// The lengths around which a name, an IV, a block and a MAC end, and those around a length's own limits.
const LENGTHS: [usize; 20] =
    [0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 47, 48, 64, 127, 255, 256, 1000, 16_384, 40_000, 64_000];

/// Numbers drawn from a seed.
pub struct Draw(TestRng);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(seed + 1).to_le_bytes());
        Draw(TestRng::from_seed(RngAlgorithm::XorShift, &bytes))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0.next_u32() as usize % limit.max(1)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.0.next_u32() as u8).collect()
    }

    /// Changes an odd number of bits up to seven, so that they do not cancel each other out.
    fn flip(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.one(&[1, 3, 5, 7]) {
            let (at, bit) = (self.below(bytes.len()), self.below(8));
            bytes[at] ^= 1 << bit;
        }
    }
}

/// A kind of mutation: it returns the bytes to send. `foreign` are tickets that this server has not sealed.
pub type Mutation = fn(&mut Draw, Hello, foreign: &[Vec<u8>]) -> Vec<u8>;

/// All kinds, with their names.
pub const MUTATIONS: [(&str, Mutation); 14] = [
    ("none", |_, hello, _| hello.records()),
    ("a ticket cut", |draw, hello, _| with_ticket(hello, |ticket| ticket.truncate(draw.below(ticket.len())))),
    ("a ticket cut to a length", |draw, hello, _| {
        with_ticket(hello, |ticket| ticket.truncate(draw.one(&LENGTHS[..13])))
    }),
    ("a ticket made longer", |draw, hello, _| with_ticket(hello, |ticket| ticket.extend(longer(draw)))),
    ("a ticket with bits changed", |draw, hello, _| with_ticket(hello, |ticket| draw.flip(ticket))),
    ("noise for a ticket", |draw, hello, _| with_ticket(hello, |ticket| *ticket = longer(draw))),
    ("a ticket's name and noise", |draw, hello, _| {
        with_ticket(hello, |ticket| {
            ticket.truncate(16);
            ticket.extend(longer(draw));
        })
    }),
    ("noise and the rest of a ticket", |draw, hello, _| {
        with_ticket(hello, |ticket| {
            let length = draw.one(&[1, 8, 16, 32]);
            let noise = draw.bytes(length);
            ticket.iter_mut().zip(noise).for_each(|(byte, noise)| *byte ^= noise | 1);
        })
    }),
    ("a foreign ticket", |draw, hello, foreign| {
        with_ticket(hello, |ticket| *ticket = foreign[draw.below(foreign.len())].clone())
    }),
    ("another server name", server_name),
    ("more tickets", more),
    ("bits changed anywhere", |draw, hello, _| {
        let mut records = hello.records();
        draw.flip(&mut records);
        records
    }),
    ("bytes taken out or put in", |draw, hello, _| {
        let mut records = hello.records();
        let (from, count) = (draw.below(records.len()), draw.below(20));
        let until = if draw.below(4) == 0 { records.len() } else { (from + count).min(records.len()) };
        let length = draw.one(&[0, 0, 1, 2, 16, 300]);
        records.splice(from..until, draw.bytes(length));
        records
    }),
    ("a length changed", |draw, hello, _| {
        let mut records = hello.records();
        let at = draw.below(records.len() - 1);
        let length = draw.one(&[0_u16, 1, 2, 255, 256, 0x7fff, 0xffff]);
        records[at..at + 2].copy_from_slice(&length.to_be_bytes());
        records
    }),
];

fn with_ticket(mut hello: Hello, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut ticket = hello.ticket();
    change(&mut ticket);
    hello.set_ticket(ticket);
    hello.records()
}

fn longer(draw: &mut Draw) -> Vec<u8> {
    let length = draw.one(&LENGTHS);
    match draw.below(3) {
        0 => vec![draw.one(&[0, 0xff]); length],
        _ => draw.bytes(length),
    }
}

/// Asks for another name, for none, for one twice, or for what is no name.
fn server_name(draw: &mut Draw, mut hello: Hello, _: &[Vec<u8>]) -> Vec<u8> {
    let host = |name: &[u8]| {
        let entry = [&[0][..], &(name.len() as u16).to_be_bytes(), name].concat();
        (SERVER_NAME, [&(entry.len() as u16).to_be_bytes()[..], &entry].concat())
    };
    let noise = draw.below(300);
    let given: Vec<(u16, Vec<u8>)> = match draw.below(6) {
        0 => vec![],
        1 => vec![host(b"another.example")],
        2 => vec![host(b"")],
        3 => vec![host(&vec![b'a'; noise])],
        4 => vec![(SERVER_NAME, draw.bytes(noise))],
        _ => vec![host(b"localhost"), host(b"another.example")],
    };
    hello.extensions.retain(|(number, _)| *number != SERVER_NAME);
    hello.extensions.splice(0..0, given);
    hello.records()
}

/// Offers several tickets, or one in two extensions.
fn more(draw: &mut Draw, mut hello: Hello, foreign: &[Vec<u8>]) -> Vec<u8> {
    let Some(mut offer) = hello.offer() else {
        let ticket = if draw.below(2) == 0 { foreign[0].clone() } else { hello.ticket() };
        let at = draw.below(hello.extensions.len());
        hello.extensions.insert(at, (SESSION_TICKET, ticket));
        return hello.records();
    };
    if draw.below(8) == 0 {
        let twice = hello.extensions.iter().find(|(number, _)| *number == PRE_SHARED_KEY).cloned();
        hello.extensions.extend(twice);
        return hello.records();
    }
    let own = (offer.tickets[0].clone(), offer.binders[0].clone());
    for _ in 0..1 + draw.below(9) {
        let (mut ticket, binder) = own.clone();
        match draw.below(3) {
            0 => ticket.0 = foreign[draw.below(foreign.len())].clone(),
            1 => ticket.0 = longer(draw).into_iter().take(300).collect(),
            _ => {}
        }
        let at = draw.below(offer.tickets.len() + 1);
        offer.tickets.insert(at, ticket);
        offer.binders.insert(at, binder);
    }
    // Of a ticket that opens the binder is looked at, and it is not that of this ClientHello.
    if draw.below(2) == 0 {
        offer.tickets.retain(|ticket| *ticket != own.0);
        offer.tickets.push((foreign[0].clone(), own.0.1));
        offer.binders.truncate(offer.tickets.len());
    }
    hello.set_offer(&offer);
    hello.records()
}
