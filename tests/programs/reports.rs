//! What people have reported of servers and their sessions: clients that are never resumed, and what each setting does to
//! that. The rows are servers; a client is one of [`CLIENTS`], and every row says which are resumed at each reconnection
//! with stock libssl, and which with which settings besides. What stock gives, no setting may take away.
//!
//! Which client is not resumed is looked at only where that does not depend on the worker that it meets.

mod ftp;

use super::{
    plain,
    run::{Run, With, printed},
    server::Server,
    shared::Name,
};
use crate::common;
use std::process::Command;

/// The version and what it offers; how it ends.
const CLIENTS: [&str; 6] = ["id clean", "id unclean", "ticket clean", "ticket unclean", "1.3 clean", "1.3 unclean"];

const TICKETS: &[&str] = &["ticket clean", "ticket unclean", "1.3 clean", "1.3 unclean"];
const ALL: &[&str] = &CLIENTS;
const NONE: &[&str] = &[];

/// The settings of a run, with the library; `@NAME@` is a store's name that nobody else has.
type Mode = &'static [(&'static str, &'static str)];

const ALONE: Mode = &[];
const SHARED: Mode = &[("SSLSESSION_STORE", "shared,size=1M")];
const NAMED: Mode = &[("SSLSESSION_STORE", "@NAME@")];
const STATEFUL: Mode = &[("SSLSESSION_TICKETS", "stateful")];
const SHARED_STATEFUL: Mode = &[("SSLSESSION_STORE", "shared,size=1M"), ("SSLSESSION_TICKETS", "stateful")];
const NAMED_STATEFUL: Mode = &[("SSLSESSION_STORE", "@NAME@"), ("SSLSESSION_TICKETS", "stateful")];
const SHARED_ALL: Mode = &[("SSLSESSION_STORE", "shared,size=1M"), ("SSLSESSION_ATTACH", "all")];
const ALL_STATEFUL: Mode =
    &[("SSLSESSION_STORE", "shared,size=1M"), ("SSLSESSION_ATTACH", "all"), ("SSLSESSION_TICKETS", "stateful")];

/// Every client is resumed wherever there is a shared store.
const FIXED_BY_ANY_STORE: &[(Mode, &[&str])] = &[
    (SHARED, ALL),
    (NAMED, ALL),
    (SHARED_STATEFUL, ALL),
    (NAMED_STATEFUL, ALL),
    (SHARED_ALL, ALL),
    (ALL_STATEFUL, ALL),
];

const MODES: [Mode; 8] = [ALONE, SHARED, NAMED, STATEFUL, SHARED_STATEFUL, NAMED_STATEFUL, SHARED_ALL, ALL_STATEFUL];

/// Reconnections of each client.
const COUNT: usize = 5;

struct Row {
    start: for<'a> fn(&'a Run, &Environment) -> Server<'a>,
    protocol: &'static str,
    /// Whom stock libssl resumes each time, and so every mode has to.
    stock: &'static [&'static str],
    /// Whom these modes resume besides.
    fixed: &'static [(Mode, &'static [&'static str])],
}

/// What a server is started with.
struct Environment(Vec<(&'static str, String)>);

impl Environment {
    fn of(mode: Option<Mode>, name: &Name) -> Environment {
        let Some(mode) = mode else { return Environment(Vec::new()) };
        let library = common::library().to_str().expect("a path that is text").to_owned();
        let settings = mode.iter().map(|&(variable, value)| (variable, value.replace("@NAME@", &name.setting())));
        Environment([("LD_PRELOAD", library)].into_iter().chain(settings).collect())
    }

    /// A program that has it.
    fn command(&self, run: &Run, program: &str) -> Command {
        let mut command = run.plain_command(program);
        command.envs(self.0.iter().map(|(variable, value)| (variable, value)));
        command
    }

    /// The names of its variables.
    fn names(&self) -> String {
        self.0.iter().map(|&(variable, _)| variable).collect::<Vec<_>>().join(" ")
    }
}

fn visit(run: &Run, port: u16, client: &str, protocol: &str) -> String {
    let mut command = run.plain_command("/usr/bin/python3");
    command.arg(common::root().join("tests/programs/reports/visit.py"));
    command.args([&port.to_string(), &(COUNT + 1).to_string()]).args(client.split(' ')).arg(protocol);
    printed(&mut command).trim_end().to_owned()
}

/// Runs the server in every mode, with all clients.
#[track_caller]
fn check(row: &Row) {
    let mut wrong = Vec::new();
    for mode in [None].into_iter().chain(MODES.map(Some)) {
        let (run, name) = (Run::new(With::Stock), Name::new());
        let server = (row.start)(&run, &Environment::of(mode, &name));
        let fixed = row.fixed.iter().find(|(fixed, _)| Some(*fixed) == mode).map_or(NONE, |&(_, clients)| clients);
        for client in CLIENTS {
            let letters = visit(&run, server.port(), client, row.protocol);
            let is_due = row.stock.contains(&client) || fixed.contains(&client);
            if is_due && letters != format!("N{}", "R".repeat(COUNT)) {
                wrong.push(format!("{mode:?} {client}: {letters}"));
            }
        }
        let log = server.stop(libc::SIGTERM);
        let is_stateful = mode.is_some_and(|mode| mode == STATEFUL);
        let complaints = log.matches("sslsession: SSLSESSION_TICKETS=stateful: there is no shared store").count();
        assert!((complaints > 0) == is_stateful, "{mode:?}:\n{log}");
    }
    assert!(wrong.is_empty(), "not resumed each time:\n{}", wrong.join("\n"));
}

/// Closes no connection by itself: esp8266/Arduino's and pubsubclient's devices, and mosquitto's own questions.
#[test]
fn mosquitto() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let text = "listener PORT 127.0.0.1\ncertfile @DIR@/cert.pem\nkeyfile @DIR@/key.pem\nallow_anonymous true\nuser root\n";
                let mut command = environment.command(run, "mosquitto");
                command.arg("-c").arg(run.write("mosquitto.conf", &text.replace("PORT", &ports[0].to_string())));
                command
            })
        },
        protocol: "mqtt",
        stock: &["id clean", "ticket clean", "ticket unclean", "1.3 clean", "1.3 unclean"],
        fixed: FIXED_BY_ANY_STORE,
    });
}

/// Closes without SSL_shutdown, and keeps its clients' connections.
#[test]
fn redis() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "redis-server");
                command.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &ports[0].to_string()]);
                command.args(["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem"]);
                command.args(["--tls-ca-cert-file", "cert.pem", "--tls-auth-clients", "no", "--save", ""]);
                command
            })
        },
        protocol: "redis",
        stock: TICKETS,
        fixed: FIXED_BY_ANY_STORE,
    });
}

/// Four workers that are forked with one context.
#[test]
fn hitch() {
    check(&Row {
        start: |run, environment| {
            let backend = plain::serve();
            Server::start(run, 1, |ports| {
                let mut text =
                    format!("frontend = \"[127.0.0.1]:{}\"\nbackend = \"[127.0.0.1]:{backend}\"\n", ports[0]);
                text += "pem-file = \"@DIR@/both.pem\"\nworkers = 4\ntls-protos = TLSv1.2 TLSv1.3\ndaemon = off\nocsp-dir = \"\"\n";
                // SAFETY: geteuid only gives a number.
                if unsafe { libc::geteuid() } == 0 {
                    text += "user = \"nobody\"\ngroup = \"nogroup\"\n";
                }
                let mut command = environment.command(run, "hitch");
                command.arg("--config").arg(run.write("hitch.conf", &text));
                command
            })
        },
        protocol: "http",
        stock: TICKETS,
        fixed: FIXED_BY_ANY_STORE,
    });
}

#[test]
fn stunnel() {
    check(&Row {
        start: |run, environment| {
            let backend = plain::serve();
            Server::start(run, 1, |ports| {
                let text = format!(
                    "foreground = yes\npid =\nsyslog = no\n[server]\naccept = 127.0.0.1:{}\nconnect = 127.0.0.1:{backend}\ncert = @DIR@/both.pem\n",
                    ports[0]
                );
                let mut command = environment.command(run, "stunnel4");
                command.arg(run.write("stunnel.conf", &text));
                command
            })
        },
        protocol: "http",
        stock: TICKETS,
        fixed: &[],
    });
}

/// Python's servers close their connections and never unwrap them.
#[test]
fn a_threaded_server_that_never_unwraps() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "/usr/bin/python3");
                command.arg(common::root().join("tests/programs/reports/threaded.py"));
                command.args(["cert.pem", "key.pem", &ports[0].to_string()]);
                command
            })
        },
        protocol: "http",
        stock: TICKETS,
        fixed: &[(SHARED, ALL), (NAMED, ALL), (SHARED_STATEFUL, ALL), (NAMED_STATEFUL, ALL), (ALL_STATEFUL, ALL)],
    });
}

/// Each worker makes a context for each connection.
#[test]
fn gunicorn() {
    check(&Row {
        start: |run, environment| {
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "gunicorn");
                command.args(["--workers", "4", "--log-level", "error"]);
                command.args(["--bind", &format!("127.0.0.1:{}", ports[0]), "--chdir"]);
                command.arg(common::root().join("tests/programs/reports")).arg("app:app");
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                let (certificate, key) = (run.path("cert.pem"), run.path("key.pem"));
                command.arg("--certfile").arg(certificate).arg("--keyfile").arg(key);
                command
            })
        },
        protocol: "http",
        stock: NONE,
        fixed: &[
            (SHARED, &["id clean", "id unclean"]),
            (NAMED, &["id clean", "id unclean"]),
            (SHARED_STATEFUL, ALL),
            (NAMED_STATEFUL, ALL),
        ],
    });
}

/// A cluster of workers that each make their contexts, whose cache is turned off.
#[test]
fn puma() {
    check(&Row {
        start: |run, environment| {
            run.write("app.ru", "run ->(environment) { [200, { 'Content-Length' => '6' }, ['answer']] }\n");
            Server::start(run, 1, |ports| {
                let mut command = environment.command(run, "puma");
                command.args([
                    "--workers",
                    "3",
                    "--threads",
                    "1:1",
                    "--environment",
                    "production",
                    "--silent",
                    "--bind",
                ]);
                command.arg(format!("ssl://127.0.0.1:{}?key=key.pem&cert=cert.pem", ports[0])).arg("app.ru");
                command
            })
        },
        protocol: "http",
        stock: NONE,
        fixed: &[(ALL_STATEFUL, ALL), (SHARED_ALL, &["id clean", "id unclean"])],
    });
}

pub const DOVECOT: &str = "
protocols = imap
listen = 127.0.0.1
base_dir = @DIR@/run
state_dir = @DIR@/run
log_path = @DIR@/server.log
ssl = required
ssl_cert = <@DIR@/cert.pem
ssl_key = <@DIR@/key.pem
import_environment = $import_environment NAMES
service imap-login {
  service_count = 0
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

fn start_dovecot<'a>(run: &'a Run, environment: &Environment) -> Server<'a> {
    Server::start(run, 1, |ports| {
        let text = DOVECOT.replace("PORT", &ports[0].to_string()).replace("NAMES", &environment.names());
        let mut command = environment.command(run, "dovecot");
        command.arg("-F").arg("-c").arg(run.write("dovecot.conf", &text));
        command
    })
}

/// Its login processes change their root before they make a context. As their context has a servername callback, each does
/// a full handshake first, from which it learns where the name leads: so they have to serve more than one connection.
#[test]
fn dovecot() {
    for mode in [NAMED, NAMED_STATEFUL] {
        let (run, name) = (Run::new(With::Stock), Name::new());
        let server = start_dovecot(&run, &Environment::of(Some(mode), &name));
        for client in CLIENTS.iter().filter(|client| mode == NAMED_STATEFUL || client.starts_with("id")) {
            let letters = visit(&run, server.port(), client, "imap");
            assert!(letters.matches('R').count() >= COUNT - 1, "{mode:?} {client}: {letters}");
        }
        let log = server.stop(libc::SIGTERM);
        assert!(!log.contains("sslsession:"), "{log}");
    }
}
