//! The state of a connection until libssl may read its ClientHello. Pure: the socket is a trait, and time an argument.
//!
//! ```text
//!   NEW ── libssl wants to read ──► the bytes are looked at, and stay
//!    │        nothing there ─► later: libssl's own try would read what comes in that moment, unseen
//!    │        record not whole ─► hidden up to its length; later
//!    │        a whole ClientHello ─► to be judged: ask for a session? ── no ──► PASSED
//!    │        the end, or anything else ─► PASSED
//!    ▼ yes
//!   PARKED ── hidden; later
//!    │        woken by more bytes, or by chance ─► hidden again; later
//!    │        woken MAX_WAKES times, in vain or in time ─► PASSED
//!    │        answer, or deadline: shown ─► PASSED
//!    ▼
//!   PASSED ── shown; libssl reads it all
//! ```
//! Hidden: no poll or epoll of the program's says that there is something to read, until more bytes come, the peer
//! closes, or the bytes are shown. Bytes are hidden only while something is sure to show them: the client, which owes
//! the rest of its record, or the thread, which has taken the question.
#![forbid(unsafe_code)]

use std::mem::MaybeUninit;
use std::time::Instant;

use super::hello::{self, Extent};

/// Number of times that a connection may be woken before it passes.
const MAX_WAKES: u8 = 8;

/// Room for what is looked at: for a record of the largest size, not filled in advance.
pub type Room = [MaybeUninit<u8>];

/// The bytes that lie in a socket.
pub enum Peeked<'a> {
    /// At least one.
    Bytes(&'a [u8]),
    /// None yet.
    Nothing,
    /// The peer has closed, or the connection is broken.
    End,
}

/// The mark of a socket from which on the kernel signals it.
pub trait LowMark {
    /// Has the kernel signal the socket as readable from that number of bytes on: 1 is the kernel's own number.
    fn set_low(&self, bytes: usize);
}

/// The socket of a connection.
pub trait Socket: LowMark {
    /// Returns the bytes that lie there, without taking them.
    fn peek<'a>(&self, room: &'a mut Room) -> Peeked<'a>;

    /// Returns true for a TCP socket that never blocks.
    fn can_park(&self) -> bool;
}

#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
enum Phase {
    #[default]
    New,
    Parked {
        until: Instant,
    },
    Passed,
}

/// The next step of a read.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// libssl reads; no further read has to be looked at.
    Read,
    /// libssl is to try again later.
    Later,
    /// A ClientHello, in a whole record, and the number of bytes that lie there: [`Machine::park`] or
    /// [`Machine::pass`] is next.
    Judge(&'a [u8], usize),
}

/// The state of one connection.
#[derive(Default)]
pub struct Machine {
    phase: Phase,
    wakes: u8,
    is_hidden: bool,
}

impl Machine {
    /// Returns true while the program is not told of bytes that lie in the socket.
    pub fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    pub fn is_parked(&self) -> bool {
        matches!(self.phase, Phase::Parked { .. })
    }

    /// Decides about a read of libssl's.
    pub fn on_read<'a>(&mut self, socket: &impl Socket, room: &'a mut Room, now: Instant) -> Step<'a> {
        let step = match self.phase {
            Phase::New => self.look(socket, room),
            Phase::Parked { until } if now < until => self.park_again(socket, room),
            Phase::Parked { .. } | Phase::Passed => Step::Read,
        };
        if step == Step::Read {
            self.pass(socket);
        }
        step
    }

    fn look<'a>(&mut self, socket: &impl Socket, room: &'a mut Room) -> Step<'a> {
        match socket.peek(room) {
            Peeked::Nothing if socket.can_park() => Step::Later,
            Peeked::Nothing | Peeked::End => Step::Read,
            Peeked::Bytes(bytes) => match hello::extent(bytes) {
                Extent::Whole(length) => Step::Judge(&bytes[..length], bytes.len()),
                Extent::Partial(length) if self.may_wake() && socket.can_park() => {
                    self.hide(socket, length);
                    Step::Later
                }
                Extent::Partial(_) | Extent::Other => Step::Read,
            },
        }
    }

    fn park_again(&mut self, socket: &impl Socket, room: &mut Room) -> Step<'static> {
        match socket.peek(room) {
            Peeked::Bytes(bytes) if self.may_wake() => {
                self.hide(socket, bytes.len() + 1);
                Step::Later
            }
            _ => Step::Read,
        }
    }

    fn may_wake(&mut self) -> bool {
        self.wakes += 1;
        self.wakes <= MAX_WAKES
    }

    fn hide(&mut self, socket: &impl LowMark, up_to: usize) {
        self.is_hidden = true;
        socket.set_low(up_to);
    }

    /// Parks the connection until there is an answer, or that time. So many bytes lie in the socket.
    pub fn park(&mut self, socket: &impl LowMark, bytes: usize, until: Instant) {
        self.phase = Phase::Parked { until };
        self.hide(socket, bytes + 1);
    }

    /// Lets libssl read, now and from now on. Bytes that were hidden are signalled.
    pub fn pass(&mut self, socket: &impl LowMark) {
        self.phase = Phase::Passed;
        if std::mem::take(&mut self.is_hidden) {
            socket.set_low(1);
        }
    }
}

#[cfg(test)]
mod tests;
