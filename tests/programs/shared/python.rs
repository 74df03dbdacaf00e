//! Python's ssl in forked workers that each make an SSLContext of their own.

use super::{CLIENTS, Name, Run, STORE, TICKETS, With, expect_continued, expect_reuse, run_with};
use super::{begin, expect_forgotten};
use crate::{common, programs::server::Server};

/// `closing`: whether the workers say goodbye (`unwrap`) or do what Python's servers do (`close`).
fn start<'a>(run: &'a Run, closing: &str) -> Server<'a> {
    let mut command = run.command("/usr/bin/python3");
    command.arg(common::root().join("tests/programs/shared/workers.py"));
    command.arg(run.path("cert.pem")).arg(run.path("key.pem")).arg(closing);
    Server::start_on_its_port(run, command, |log| {
        log.lines().find_map(|line| line.strip_prefix("port ")?.trim().parse().ok())
    })
}

#[test]
fn workers_with_contexts_of_their_own_share_by_name() {
    for closing in ["unwrap", "close"] {
        let name = Name::new();
        let run = run_with(With::Library, &[(STORE, &name.setting()), (TICKETS, "stateful")]);
        let server = start(&run, closing);
        CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), client));
        server.stop(libc::SIGTERM);
    }
}

/// An unclean close makes a session bad for the process that sees it, in stock libssl; not for all.
#[test]
fn sessions_outlast_an_unclean_close_and_all_workers() {
    let name = Name::new();
    let run = run_with(With::Library, &[(STORE, &name.setting()), (TICKETS, "stateful")]);
    let server = start(&run, "close");
    CLIENTS.iter().for_each(|client| drop(begin(&run, server.port(), client)));
    server.stop(libc::SIGTERM);
    let server = start(&run, "close");
    CLIENTS.iter().for_each(|client| expect_continued(&run, server.port(), client));
    server.stop(libc::SIGTERM);
}

/// The store is made when the library is loaded, so all workers have the one of their parent.
#[test]
fn without_a_name_they_share_too() {
    for closing in ["unwrap", "close"] {
        let run = run_with(With::Library, &[(STORE, "shared"), (TICKETS, "stateful")]);
        let server = start(&run, closing);
        CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), client));
        server.stop(libc::SIGTERM);
    }
}

#[test]
fn another_name_is_another_store() {
    let (one, other) = (Name::new(), Name::new());
    let run = run_with(With::Library, &[(STORE, &one.setting()), (TICKETS, "stateful")]);
    let server = start(&run, "unwrap");
    CLIENTS.iter().for_each(|client| drop(begin(&run, server.port(), client)));
    server.stop(libc::SIGTERM);
    run.set(STORE, &other.setting());
    let server = start(&run, "unwrap");
    CLIENTS.iter().for_each(|client| expect_forgotten(&run, server.port(), client));
    server.stop(libc::SIGTERM);
}
