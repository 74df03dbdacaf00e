//! How many reconnections of a kind are resumed.
//!
//! ```text
//!   round     1     2     3     4
//!   client A  full  again again            each offers the newest session that it was given
//!          B  full  again       again      connections of a round are made at once, so that several workers are woken
//!          C  full        again again      every other round leaves out one client, another each time
//! ```
//! Workers that take turns would otherwise meet the same client each time, and seem to share what they do not.
#![forbid(unsafe_code)]

use std::thread;

use super::client::{Client, Server, Trouble};
use crate::arguments::Check;
use crate::output::{Failure, Progress};

/// What a client can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TLS 1.2, and no tickets.
    Ids,
    /// TLS 1.2 with tickets.
    Tickets,
    /// TLS 1.3.
    Tls13,
}

/// In the order in which they are measured.
pub const KINDS: [Kind; 3] = [Kind::Ids, Kind::Tickets, Kind::Tls13];

/// How many of them were resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Connections that offered a session.
    pub offered: u32,
    /// Those that were resumed.
    pub resumed: u32,
}

impl Resumed {
    /// Returns true if all of them were.
    pub fn is_all(&self) -> bool {
        self.resumed == self.offered
    }

    fn count(&mut self, is_resumed: bool) {
        self.offered += 1;
        self.resumed += u32::from(is_resumed);
    }
}

/// What a full handshake gave to resume by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// A session id.
    Id,
    /// A ticket, with the session in it.
    Stateless,
    /// A ticket that names a session in a cache.
    Stateful,
}

/// A ticket as long as a session id names a session; one with a session in it is longer.
const LONGEST_STATEFUL: usize = 32;

/// What came of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No handshake of this kind succeeded.
    NotSpoken(String),
    /// Full handshakes give nothing to resume by.
    NothingGiven,
    /// Sessions were given, and offered.
    Offered {
        /// What was given.
        given: Given,
        /// At once.
        resumed: Resumed,
        /// After the command that they were to survive.
        after: Option<After>,
    },
}

/// What came of sessions after a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct After {
    /// How many were resumed in the end.
    pub resumed: Resumed,
    /// Full handshakes before that, from which a server may learn where a name leads.
    pub full: u32,
}

/// How often sessions of before are offered, until all are resumed: each process may have to see a name once.
const ROUNDS_AFTER: usize = 4;

/// What was found out of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// The kind of clients.
    pub kind: Kind,
    /// What came of them.
    pub finding: Finding,
}

/// Returns true if all clients that the server speaks with are resumed; None if it speaks with none.
pub fn judge(measurements: &[Measurement]) -> Option<bool> {
    let spoken = |measurement: &&Measurement| !matches!(measurement.finding, Finding::NotSpoken(_));
    let mut spoken = measurements.iter().filter(spoken).peekable();
    spoken.peek()?;
    Some(spoken.all(|measurement| match &measurement.finding {
        Finding::Offered { resumed, after, .. } => resumed.is_all() && after.is_none_or(|after| after.resumed.is_all()),
        _ => false,
    }))
}

/// The clients of a kind, and what was found out so far.
pub struct Measured {
    clients: Vec<Client>,
    measurement: Measurement,
}

impl Measured {
    /// Measures a kind. Fails where no TLS is to be had at all, or a server refuses the second connection.
    pub fn of(kind: Kind, server: &Server, arguments: &Check, progress: &mut Progress) -> Result<Measured, Failure> {
        let number = arguments.clients.min(arguments.reconnections);
        let mut clients = (0..number).map(|_| Client::new(kind)).collect::<Result<Vec<_>, _>>()?;
        let finding = match connect(&mut clients, server) {
            Err(trouble @ Trouble::Unreachable(_)) => return Err(Failure::new(trouble)),
            Err(Trouble::Handshake(why)) => Finding::NotSpoken(why),
            Ok(_) => match given(&clients) {
                None => Finding::NothingGiven,
                Some(given) => {
                    let resumed = reconnect(&mut clients, server, arguments.reconnections, progress)?;
                    Finding::Offered { given, resumed, after: None }
                }
            },
        };
        Ok(Measured { clients, measurement: Measurement { kind, finding } })
    }

    /// Offers the newest sessions once more, and again while some are not resumed.
    pub fn offer_again(&mut self, server: &Server) -> Result<(), Failure> {
        if let Finding::Offered { after, .. } = &mut self.measurement.finding {
            let mut seen = After::default();
            for _ in 0..ROUNDS_AFTER {
                seen.full += seen.resumed.offered - seen.resumed.resumed;
                seen.resumed = Resumed::default();
                let results = at_once(&mut self.clients, |client| client.connect_and_keep(server));
                results.map_err(Failure::new)?.into_iter().for_each(|is_resumed| seen.resumed.count(is_resumed));
                if seen.resumed.is_all() {
                    break;
                }
            }
            *after = Some(seen);
        }
        Ok(())
    }

    /// Returns what was found out.
    pub fn into_measurement(self) -> Measurement {
        self.measurement
    }
}

/// Returns what the clients were given to resume by; None if one of them was given nothing.
fn given(clients: &[Client]) -> Option<Given> {
    let given = |client: &Client| {
        Some(match client.ticket()? {
            None => Given::Id,
            Some(length) if length <= LONGEST_STATEFUL => Given::Stateful,
            Some(_) => Given::Stateless,
        })
    };
    clients.iter().map(given).collect::<Option<Vec<_>>>()?.first().copied()
}

/// Reconnects so many times, in rounds.
fn reconnect(
    clients: &mut [Client],
    server: &Server,
    number: u32,
    progress: &mut Progress,
) -> Result<Resumed, Failure> {
    let mut resumed = Resumed::default();
    let mut leaves_one_out = false;
    while resumed.offered < number {
        let left = (number - resumed.offered) as usize;
        let round = left.min(clients.len() - usize::from(leaves_one_out));
        leaves_one_out = !leaves_one_out && clients.len() > 1;
        clients.rotate_left(1);
        let results = connect(&mut clients[..round], server)
            .map_err(|trouble| Failure::new(format!("after {} reconnections: {trouble}", resumed.offered)))?;
        results.into_iter().for_each(|is_resumed| resumed.count(is_resumed));
        progress.advance(round as u64, "reconnections");
    }
    Ok(resumed)
}

/// Makes one connection of each client, all at once.
fn connect(clients: &mut [Client], server: &Server) -> Result<Vec<bool>, Trouble> {
    at_once(clients, |client| client.connect(server))
}

/// Does something with each client, at once.
fn at_once<F>(clients: &mut [Client], connect: F) -> Result<Vec<bool>, Trouble>
where
    F: Fn(&mut Client) -> Result<bool, Trouble> + Sync,
{
    thread::scope(|scope| {
        let connect = &connect;
        let begun: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| connect(client))).collect();
        let ended = begun.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(Trouble::Unreachable("a client of this command failed".to_owned())))
        });
        ended.collect()
    })
}
