//! SSLSESSION_TICKETS=shared with real servers: two instances of each are two machines that have one certificate and one
//! key file. A client of the first is resumed at the second, and at both after a restart; with stock libssl it is not.
//!
//! A server with a servername callback has to learn where a name leads, by a full handshake of each of its processes.

pub mod daemons;
pub mod gunicorn;
pub mod nginx;
pub mod others;
mod rotation;
mod strangers;

use super::{
    paper,
    run::{Run, With},
    server::Server,
};
use std::{fs, os::unix::fs::PermissionsExt};

const TICKETS: &str = "SSLSESSION_TICKETS";
const KEY_FILE: &str = "SSLSESSION_KEY_FILE";

/// How clients reconnect: with a ticket of TLS 1.2, which nobody but them has; with the first one of TLS 1.3 again and again;
/// and with the newest each time, as browsers do.
const CLIENTS: [&str; 3] = ["tls1_2", "tls1_3", "tls1_3 latest"];

/// Reconnections with each client.
const COUNT: usize = 8;

/// A key, and another one.
const KEYS: [&str; 2] = [
    "6f2d6a0c6d5f0f6fd1c05c1b9ac0a8cbb2d0c5a1f1f0a1fcb8f1a1f9c3f5d7e9",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
];

/// A machine: a directory with a certificate, its key and a key file.
pub struct Machine(pub Run);

impl Machine {
    /// Makes one with that key, and with the settings that docs/operations.md calls KEYS.
    fn new(with: With, key: &str) -> Machine {
        let machine = Machine(Run::new(with));
        machine.write_keys(key);
        for (variable, value) in paper::keys() {
            machine.0.set(variable, if variable == KEY_FILE { "@DIR@/keys" } else { value });
        }
        machine
    }

    /// Makes one with the certificate of another.
    fn beside(other: &Machine, key: &str) -> Machine {
        let machine = Machine::new(other.0.with(), key);
        for file in ["cert.pem", "key.pem", "both.pem"] {
            fs::copy(other.0.path(file), machine.0.path(file)).expect("a file of the other machine");
        }
        machine
    }

    /// Makes two with the same of everything.
    pub fn two(with: With) -> [Machine; 2] {
        let first = Machine::new(with, KEYS[0]);
        let second = Machine::beside(&first, KEYS[0]);
        [first, second]
    }

    /// Writes the key file.
    fn write_keys(&self, lines: &str) {
        let file = self.0.write("keys", &format!("{lines}\n"));
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("its owner may");
    }

    /// Has a client connect so many times, which begins with the session that it got at `from`; the letters.
    fn offer(&self, server: &Server, from: &Machine, client: &str, count: usize) -> String {
        let load = from.0.path(&session(client));
        self.0.reconnect(server.port(), count, &format!("{client} load={}", load.display()))
    }

    /// Has a client connect once without a session, and keep the one that it gets.
    fn begin(&self, server: &Server, client: &str) {
        let save = self.0.path(&session(client));
        let letters = self.0.reconnect(server.port(), 1, &format!("{client} save={}", save.display()));
        assert_eq!(letters, "N", "{client}");
    }
}

fn session(client: &str) -> String {
    format!("{}.session", client.replace([' ', '/'], "-"))
}

/// How a server is started and ended.
pub struct Program {
    pub start: for<'a> fn(&'a Machine) -> Server<'a>,
    /// The signal that it ends at.
    pub end: i32,
    /// How many processes learn where a name leads, each by a full handshake; 0 if there is no servername callback.
    pub learners: usize,
    /// Those processes have copies of one context, and know each other's tickets without learning.
    pub are_copies: bool,
    /// More words for the client.
    pub words: &'static str,
}

/// Offers a client's session of the first machine until the server has learnt, and then so often that each of its processes
/// has a part in it; the letters from then on. A busy machine may have a process learn late.
fn offered(program: &Program, at: &Machine, server: &Server, from: &Machine, client: &str) -> String {
    let mut to_learn = program.learners;
    if to_learn > 0 {
        let letters = at.offer(server, from, client, COUNT * to_learn);
        to_learn = to_learn.checked_sub(letters.matches('N').count()).unwrap_or_else(|| panic!("{client}: {letters}"));
    }
    loop {
        let letters = at.offer(server, from, client, COUNT);
        match letters.matches('N').count() {
            late @ 1.. if late <= to_learn => to_learn -= late,
            _ => return letters,
        }
    }
}

/// Starts two machines, and again after both have ended: all are resumed at once, but for what has to be learnt.
pub fn expect_resumption_everywhere(program: &Program) {
    let [one, other] = Machine::two(With::Library);
    let (here, there) = ((program.start)(&one), (program.start)(&other));
    let clients = CLIENTS.map(|client| format!("{client} {}", program.words).trim().to_owned());
    for client in &clients {
        one.begin(&here, client);
        if !program.are_copies {
            offered(program, &one, &here, &one, client);
        }
        assert_eq!(one.offer(&here, &one, client, COUNT), "R".repeat(COUNT), "{client}, at home");
        assert_eq!(offered(program, &other, &there, &one, client), "R".repeat(COUNT), "{client}, at the other");
    }
    here.stop(program.end);
    there.stop(program.end);
    for machine in [&one, &other] {
        let server = (program.start)(machine);
        for client in &clients {
            let letters = offered(program, machine, &server, &one, client);
            assert_eq!(letters, "R".repeat(COUNT), "{client}, after a restart");
        }
        server.stop(program.end);
    }
}

/// The same with stock libssl: nobody is resumed at the other, and nobody after a restart.
fn expect_no_resumption_with_stock(program: &Program) {
    let [one, other] = Machine::two(With::Stock);
    let clients = CLIENTS.map(|client| format!("{client} {}", program.words).trim().to_owned());
    let (here, there) = ((program.start)(&one), (program.start)(&other));
    for client in &clients {
        one.begin(&here, client);
        assert_eq!(other.offer(&there, &one, client, 1), "N", "{client}, at the other");
    }
    here.stop(program.end);
    there.stop(program.end);
    let server = (program.start)(&one);
    for client in &clients {
        assert_eq!(one.offer(&server, &one, client, 1), "N", "{client}, after a restart");
    }
    server.stop(program.end);
}
