//! HAProxy as a master with workers, over a reload: the master executes itself anew, so its own cache begins anew too.

use super::{CLIENTS, COUNT, Name, With, begin, connect, expect_forgotten, expect_learning, run_with, saved};
use crate::programs::{
    paper::{Recipe, settings_of},
    server::Server,
    tickets::{Machine, others::start_haproxy},
};
use std::{io::Write, os::unix::net::UnixStream};

const BIND: &str = "no-tls-tickets";

/// Reloads the configuration, and waits for the end of the worker that there was. It is told by the master's socket: a signal
/// may reach it just before it sleeps, and wait there.
pub fn reload(server: &mut Server) {
    let ended = |log: &str| log.matches("Former worker").count();
    let before = ended(&server.log());
    let master = UnixStream::connect(server.path("master"));
    master.and_then(|mut master| master.write_all(b"reload\n")).expect("the master listens");
    server.wait_for(|log| (ended(log) > before).then_some(()));
}

/// Runs the recipe of docs/operations.md: its settings, where clients come without stateless tickets.
pub fn as_written(recipe: &Recipe) {
    let name = Name::new();
    let settings = settings_of(recipe.sessions);
    let settings: Vec<_> =
        settings.iter().map(|&(variable, value)| (variable, name.in_place_of("NAME", value))).collect();
    let settings: Vec<_> = settings.iter().map(|(variable, value)| (*variable, value.as_str())).collect();
    let machine = Machine(run_with(With::Library, &settings));
    let (run, mut server) = (&machine.0, start_haproxy(&machine, BIND));
    CLIENTS.iter().for_each(|client| drop(begin(run, server.port(), client)));
    reload(&mut server);
    expect_learning(run, server.port(), CLIENTS[0]);
    for client in CLIENTS {
        // It has one worker, which no other takes the place of.
        let seen = connect(run, server.port(), COUNT, &format!("{client} load={}", saved(run, client)));
        // A session that was made as another was resumed is found after one more full handshake.
        let learning = usize::from(client == "tls1_3 latest");
        assert_eq!(seen.handshakes[learning..], "R".repeat(COUNT - learning), "{client}");
    }
    server.stop(libc::SIGTERM);
}

#[test]
fn its_own_cache_does_not_outlast_a_reload() {
    let machine = Machine(run_with(With::Stock, &[]));
    let (run, mut server) = (&machine.0, start_haproxy(&machine, BIND));
    CLIENTS.iter().for_each(|client| drop(begin(run, server.port(), client)));
    reload(&mut server);
    CLIENTS.iter().for_each(|client| expect_forgotten(run, server.port(), client));
    server.stop(libc::SIGTERM);
}
