//! Servers whose workers are executed anew: what they share has a name.

use super::*;

const NAMED_ALL: Mode = &[("SSLSESSION_STORE", "shared:NAME,size=1M"), ("SSLSESSION_ATTACH", "all")];
const NAMED_ALL_STATEFUL: Mode =
    &[("SSLSESSION_STORE", "shared:NAME,size=1M"), ("SSLSESSION_ATTACH", "all"), ("SSLSESSION_TICKETS", "stateful")];

/// A store without a name changes nothing here, and takes nothing away.
const MODES_OF_EXECUTED: [Mode; 8] =
    [ALONE, SHARED, NAMED, STATEFUL, NAMED_STATEFUL, NAMED_ALL, NAMED_ALL_STATEFUL, ALL_STATEFUL];

pub const DOVECOT: &str = "
protocols = imap
listen = 127.0.0.1
base_dir = @DIR@/run
state_dir = @DIR@/run
log_path = @DIR@/server.log
ssl = required
ssl_cert = <@DIR@/cert.pem
ssl_key = <@DIR@/key.pem
import_environment = $import_environment SSLSESSION_TEST_WITNESS
BLOCK
service imap-login {
  process_min_avail = 2
  process_limit = 2
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = PORT
  }
}
passdb {
  driver = static
  args = nopassword=y
}
";

/// Returns the block of docs/operations.md, or one in which each login process serves one connection.
pub fn block(served: &str) -> String {
    let block = paper::block("\n## Dovecot", "");
    assert!(block.contains("service_count = 0"), "{block}");
    block.replace("service_count = 0", &format!("service_count = {served}"))
}

fn start_dovecot<'a>(run: &'a Run, environment: &Environment, served: &str) -> Server<'a> {
    Server::start(run, 1, |ports| {
        let text = DOVECOT.replace("BLOCK", &block(served)).replace("PORT", &ports[0].to_string());
        let mut command = environment.command(run, "dovecot");
        command.arg("-F").arg("-c").arg(run.write("dovecot.conf", &text));
        command
    })
}

/// Its login processes change their root before they make a context. As their context has a servername callback, each does
/// a full handshake first, from which it learns where the name leads: so they have to serve more than one connection.
fn check_dovecot(settings: &[Setting], due: &[&str]) {
    let (run, name) = (Run::new(With::Stock), Name::new());
    let server = start_dovecot(&run, &Environment::of(Some(settings), &name), "0");
    for (client, letters) in CLIENTS.into_iter().zip(visit(&run, server.port(), &CLIENTS, "imap")) {
        if due.contains(&client) {
            assert!(letters.matches('R').count() >= COUNT - 1, "{settings:?} {client}: {letters}");
        }
    }
    let log = server.stop(libc::SIGTERM);
    assert!(!log.contains("sslsession:"), "{log}");
}

#[test]
fn dovecot() {
    check_dovecot(NAMED_STATEFUL, ALL);
}

/// Runs the recipe: a named store, with the block of the section on Dovecot.
pub fn dovecot_as_written(recipe: &Recipe) {
    assert!(recipe.sessions.contains("(#dovecot)"), "{recipe:?}");
    check_dovecot(&paper::settings_of(recipe.sessions), IDS);
}

/// As packaged: a process for each connection, which would have to know where a name leads before it has led there.
#[test]
fn dovecot_with_a_process_for_each_connection() {
    for mode in [None, Some(ALONE), Some(NAMED), Some(NAMED_STATEFUL)] {
        let (run, name) = (Run::new(With::Stock), Name::new());
        let server = start_dovecot(&run, &Environment::of(mode, &name), "1");
        let seen = visit(&run, server.port(), &CLIENTS, "imap");
        assert_eq!(seen, vec!["N".repeat(COUNT + 1); CLIENTS.len()], "{mode:?}");
        let log = server.stop(libc::SIGTERM);
        assert!(!log.contains("sslsession:"), "{mode:?}:\n{log}");
    }
}

/// Starts its workers by multiprocessing's "spawn".
pub const UVICORN: Row = Row {
    start: |run, environment| {
        Server::start(run, 1, |ports| {
            let mut command = environment.command(run, "uvicorn");
            command.args(["--workers", "3", "--log-level", "error", "--host", "127.0.0.1"]);
            command.args(["--port", &ports[0].to_string(), "--app-dir"]);
            command.arg(common::root().join("tests/programs/reports")).arg("app:asynchronous");
            command.args(["--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem"]);
            command.env("PYTHONDONTWRITEBYTECODE", "1");
            command
        })
    },
    protocol: "http",
    stock: NONE,
    fixed: &[(NAMED, IDS), (NAMED_STATEFUL, ALL), (NAMED_ALL, IDS), (NAMED_ALL_STATEFUL, ALL)],
};

#[test]
fn uvicorn() {
    check_in(&UVICORN, &MODES_OF_EXECUTED);
}

fn start_node<'a>(run: &'a Run, environment: &Environment) -> Server<'a> {
    start_node_as(run, |program| environment.command(run, program))
}

/// Starts three workers of a cluster, which `command` makes of the program.
pub fn start_node_as<'a>(run: &'a Run, command: impl Fn(&str) -> Command) -> Server<'a> {
    let directory = unpacked(run, "nodejs", &["libnode108", "nodejs=@libnode108"]);
    Server::start(run, 1, |ports| {
        let mut command = command(&format!("{directory}/usr/bin/node"));
        command.env("LD_LIBRARY_PATH", format!("{directory}/usr/lib/{}-linux-gnu", std::env::consts::ARCH));
        command.arg(common::root().join("tests/programs/reports/cluster.js"));
        command.args([&ports[0].to_string(), "cert.pem", "key.pem"]);
        command
    })
}

/// The workers of a cluster, which have common ticket keys from their master. Each connection has a callback for its
/// certificate, so none is shared, and none loses its tickets. This is Debian's binary, which has a libssl beside it.
pub const NODE: Row = Row { start: start_node, protocol: "http", stock: TICKETS, fixed: &[] };

#[test]
fn node() {
    check_in(&NODE, &MODES_OF_EXECUTED);
}
