//! nginx as its configuration is by default: tickets, and no cache.

use super::{CLIENTS, COUNT, KEYS, Machine, Program, expect_no_resumption_with_stock, offered};
use crate::programs::{nginx::Nginx, run::With, server::Server, shared::nginx::reload};

const WORKERS: usize = 4;
pub const PROGRAM: Program = Program { start, end: libc::SIGQUIT, learners: WORKERS, are_copies: true, words: "" };

fn start(machine: &Machine) -> Server<'_> {
    Nginx { workers: WORKERS, main: "", server: "", front: "" }.start(&machine.0)
}

#[test]
fn stock_resumes_nobody_elsewhere() {
    expect_no_resumption_with_stock(&PROGRAM);
}

#[test]
fn a_reload_changes_nothing() {
    let machine = Machine::new(With::Library, KEYS[0]);
    let mut server = start(&machine);
    CLIENTS.iter().for_each(|client| machine.begin(&server, client));
    reload(&mut server);
    for client in CLIENTS {
        assert_eq!(offered(&PROGRAM, &machine, &server, &machine, client), "R".repeat(COUNT), "{client}");
    }
    server.stop(libc::SIGQUIT);
}
