//! gunicorn with four workers, each of which makes a context for each connection.

use super::{CLIENTS, COUNT, Machine, Program, reload_by};
use crate::common;
use crate::programs::{run::With, server::Server};

pub const PROGRAM: Program = Program {
    start,
    reload: Some(|server| reload_by(server, libc::SIGHUP, "Worker exiting", 4)),
    end: libc::SIGTERM,
    learners: 0,
    are_copies: true,
    words: "",
};

pub fn start(machine: &Machine) -> Server<'_> {
    let run = &machine.0;
    Server::start(run, 1, |ports| {
        let mut command = run.command("gunicorn");
        command.args(["--workers", "4", "--log-level", "info"]);
        command.args(["--bind", &format!("127.0.0.1:{}", ports[0]), "--chdir"]);
        command.arg(common::root().join("tests/programs/reports")).arg("app:app");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.args(["--certfile", "cert.pem", "--keyfile", "key.pem"].map(|word| match word.strip_suffix(".pem") {
            Some(_) => run.path(word).display().to_string(),
            None => word.to_owned(),
        }));
        command
    })
}

/// A context for each connection has keys of its own each time.
#[test]
fn stock_resumes_nobody() {
    let machine = Machine::new(With::Stock, super::KEYS[0]);
    let server = start(&machine);
    for client in CLIENTS {
        machine.begin(&server, client);
        assert_eq!(machine.offer(&server, &machine, client, COUNT), "N".repeat(COUNT), "{client}");
    }
    server.stop(libc::SIGTERM);
}
