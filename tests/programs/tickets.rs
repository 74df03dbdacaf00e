//! SSLSESSION_TICKETS=shared with real servers: two instances of each are two machines that have one certificate and one
//! key file. A client of the first is resumed at the second, and at both after a reload and after a restart; with stock libssl
//! it is not.
//!
//! A server with a servername callback has to learn where a name leads, by a full handshake of each of its processes.

mod cost;
pub mod daemons;
pub mod gunicorn;
mod hellos;
pub mod kept;
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

/// Ways in which clients reconnect: with a ticket of TLS 1.2, which nobody but them has; with the first one of TLS 1.3 again and again;
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

/// Start and end of a server.
pub struct Program {
    pub start: for<'a> fn(&'a Machine) -> Server<'a>,
    /// Has it reload, and waits until it has; None if it cannot.
    pub reload: Option<fn(&mut Server)>,
    /// The signal that it ends at.
    pub end: i32,
    /// Number of processes that learn where a name leads, each by a full handshake; 0 if there is no servername callback.
    pub learners: usize,
    /// True if those processes have copies of one context, and so know each other's tickets without learning.
    pub are_copies: bool,
    /// More words for the client.
    pub words: &'static str,
}

impl Program {
    /// Returns the words of each client.
    fn clients(&self) -> [String; 3] {
        CLIENTS.map(|client| format!("{client} {}", self.words).trim().to_owned())
    }
}

const AT_HOME: &str = "at home";

/// Has all clients come back to a server with the sessions that they got at `from`. All are resumed, but for one full handshake of
/// each process that has to learn; which of them a client meets is the kernel's to say.
fn expect_resumed(program: &Program, at: &Machine, server: &Server, from: &Machine, when: &str) {
    let knows_them = program.are_copies && when == AT_HOME;
    let (mut new, learners) = (0, if knows_them { 0 } else { program.learners });
    for client in program.clients() {
        let letters = at.offer(server, from, &client, COUNT * (1 + program.learners));
        new += letters.matches('N').count();
        assert!(new <= learners && !letters.contains(|letter| !"NR".contains(letter)), "{client}, {when}: {letters}");
    }
}

/// Starts two machines, reloads both, and starts both again after they have ended: all are resumed at once, but for what has to
/// be learnt.
pub fn expect_resumption_everywhere(program: &Program) {
    expect_resumption_at(program, &Machine::two(With::Library));
}

/// The same with machines that have settings of their own.
fn expect_resumption_at(program: &Program, [one, other]: &[Machine; 2]) {
    let (mut here, mut there) = ((program.start)(one), (program.start)(other));
    program.clients().iter().for_each(|client| one.begin(&here, client));
    expect_resumed(program, one, &here, one, AT_HOME);
    expect_resumed(program, other, &there, one, "at the other");
    if let Some(reload) = program.reload {
        for (machine, server) in [(one, &mut here), (other, &mut there)] {
            reload(server);
            expect_resumed(program, machine, server, one, "after a reload");
        }
    }
    here.stop(program.end);
    there.stop(program.end);
    for machine in [one, other] {
        let server = (program.start)(machine);
        expect_resumed(program, machine, &server, one, "after a restart");
        server.stop(program.end);
    }
}

/// Sends a signal, and waits until `words` are in the log `count` times more than they were.
fn reload_by(server: &mut Server, signal: i32, words: &str, count: usize) {
    let before = server.log().matches(words).count();
    server.signal(signal);
    server.wait_for(|log| (log.matches(words).count() >= before + count).then_some(()));
}

/// The same with stock libssl: nobody is resumed at the other, and nobody after a restart.
fn expect_no_resumption_with_stock(program: &Program) {
    let [one, other] = Machine::two(With::Stock);
    let clients = program.clients();
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
