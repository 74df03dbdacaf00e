//! Reports of servers and their sessions: clients that are never resumed, and what each setting does to
//! that. The rows are servers; a client is one of [`CLIENTS`], and every row says which are resumed at each reconnection
//! with stock libssl, and which with which settings besides. What stock gives, no setting may take away.
//!
//! Which client is not resumed is looked at only where that does not depend on the worker that it meets.

mod daemons;
pub mod databases;
mod dns;
pub mod executed;
mod ftp;
pub mod proxies;
pub mod workers;

use super::{
    paper::{self, Recipe, Setting},
    run::{Run, With, printed},
    server::Server,
    shared::Name,
};
use crate::common;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

/// The version and what it offers; how it ends.
const CLIENTS: [&str; 6] = ["id clean", "id unclean", "ticket clean", "ticket unclean", "1.3 clean", "1.3 unclean"];

pub const TICKETS: &[&str] = &["ticket clean", "ticket unclean", "1.3 clean", "1.3 unclean"];
pub const ALL: &[&str] = &CLIENTS;
/// Without those for whom the end of the client's connection is the end of its session.
const ALL_BUT_IDS_UNCLEAN: &[&str] = &["id clean", "ticket clean", "ticket unclean", "1.3 clean", "1.3 unclean"];
pub const IDS: &[&str] = &["id clean", "id unclean"];
const NONE: &[&str] = &[];

/// The settings of a run, with the library; `NAME` is a store's name that nobody else has.
type Mode = &'static [Setting];

const ALONE: Mode = &[];
const SHARED: Mode = &[("SSLSESSION_STORE", "shared,size=1M")];
const NAMED: Mode = &[("SSLSESSION_STORE", "shared:NAME,size=1M")];
const STATEFUL: Mode = &[("SSLSESSION_TICKETS", "stateful")];
const SHARED_STATEFUL: Mode = &[("SSLSESSION_STORE", "shared,size=1M"), ("SSLSESSION_TICKETS", "stateful")];
const NAMED_STATEFUL: Mode = &[("SSLSESSION_STORE", "shared:NAME,size=1M"), ("SSLSESSION_TICKETS", "stateful")];
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

/// The same for a server that has turned its cache off, or has one of its own.
const FIXED_BY_ATTACHING: &[(Mode, &[&str])] = &[(SHARED_ALL, ALL), (ALL_STATEFUL, ALL)];

const MODES: [Mode; 8] = [ALONE, SHARED, NAMED, STATEFUL, SHARED_STATEFUL, NAMED_STATEFUL, SHARED_ALL, ALL_STATEFUL];

/// Reconnections of each client.
const COUNT: usize = 5;

pub struct Row {
    start: for<'a> fn(&'a Run, &Environment) -> Server<'a>,
    protocol: &'static str,
    /// Whom stock libssl resumes each time, and so every mode has to.
    pub stock: &'static [&'static str],
    /// Whom these modes resume besides.
    pub fixed: &'static [(Mode, &'static [&'static str])],
}

/// Environment that a server is started with.
pub struct Environment(Vec<(&'static str, String)>);

impl Environment {
    fn of(settings: Option<&[Setting]>, name: &Name) -> Environment {
        let Some(settings) = settings else { return Environment(Vec::new()) };
        let library = common::library().to_str().expect("a path that is text").to_owned();
        let (preload, file) = paper::library();
        assert!(library.ends_with(&format!("/{file}")), "docs/operations.md preloads {file}, which is not {library}");
        let settings = settings.iter().map(|&(variable, value)| (variable, name.in_place_of("NAME", value)));
        Environment([(preload, library)].into_iter().chain(settings).collect())
    }

    /// A program that has it.
    fn command(&self, run: &Run, program: &str) -> Command {
        let mut command = run.plain_command(program);
        command.envs(self.0.iter().map(|(variable, value)| (variable, value)));
        command
    }
}

/// Returns the directory of packages that cannot be installed beside others.
fn unpacked(run: &Run, name: &str, packages: &[&str]) -> String {
    let script = common::root().join("tests/programs/reports/unpacked");
    printed(run.plain_command("sh").arg(script).arg(name).args(packages)).trim_end().to_owned()
}

/// Returns the client of tests/programs/reports, with all that it offers.
fn visitor(run: &Run, port: u16, clients: &[&str], protocol: &str) -> Command {
    let mut command = run.plain_command("/usr/bin/python3");
    command.arg(common::root().join("tests/programs/reports/visit.py"));
    command.args([&port.to_string(), &(COUNT + 1).to_string(), &clients.join(",")]).args(protocol.split(' '));
    command.stdin(Stdio::null());
    command
}

/// Returns the letters of each client.
fn visit(run: &Run, port: u16, clients: &[&str], protocol: &str) -> Vec<String> {
    printed(&mut visitor(run, port, clients, protocol)).lines().map(str::to_owned).collect()
}

/// Returns the letters of each client at a server that is ended and started anew, before and after. It has the same port then:
/// mosquitto's is in its session id context.
fn visit_twice(row: &Row, run: &Run, environment: &Environment) -> Vec<(String, String)> {
    let server = (row.start)(run, environment);
    let mut command = visitor(run, server.port(), &CLIENTS, row.protocol);
    let mut visitor = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python can be started");
    let mut lines = BufReader::new(visitor.stdout.take().expect("a pipe")).lines();
    let mut letters = || CLIENTS.map(|_| lines.next().expect("a line for each client").expect("a text"));
    let before = letters();
    server.stop_for_another(libc::SIGTERM);
    let server = (row.start)(run, environment);
    writeln!(visitor.stdin.take().expect("a pipe"), "{}", server.port()).expect("it reads");
    let after = letters();
    assert!(visitor.wait().expect("our child").success());
    server.stop(libc::SIGTERM);
    before.into_iter().zip(after).collect()
}

/// Ends the server and starts it anew, with a named store: who is due goes on being resumed. A server that has a servername
/// callback learns from one full handshake where the name leads.
#[track_caller]
fn check_restart(row: &Row, has_to_learn: bool) {
    for (mode, due) in [(NAMED, IDS), (NAMED_STATEFUL, ALL)] {
        let (run, name) = (Run::new(With::Stock), Name::new());
        let seen = visit_twice(row, &run, &Environment::of(Some(mode), &name));
        let mut expected = "R".repeat(COUNT + 1);
        if has_to_learn {
            expected.replace_range(..1, "N");
        }
        for (client, (_, after)) in CLIENTS.into_iter().zip(&seen).filter(|(client, _)| due.contains(client)) {
            assert_eq!(*after, expected, "{mode:?} {client}: {seen:?}");
            expected.replace_range(..1, "R");
        }
    }
    let run = Run::new(With::Stock);
    let seen = visit_twice(row, &run, &Environment(Vec::new()));
    assert!(seen.iter().all(|(_, after)| after.starts_with('N')), "stock: {seen:?}");
}

/// Runs the server in every mode, with all clients.
#[track_caller]
fn check(row: &Row) {
    check_in(row, &MODES);
}

#[track_caller]
fn check_in(row: &Row, modes: &[Mode]) {
    let mut wrong = Vec::new();
    for mode in [None].into_iter().chain(modes.iter().copied().map(Some)) {
        let fixed = row.fixed.iter().find(|(fixed, _)| Some(*fixed) == mode).map_or(NONE, |&(_, clients)| clients);
        wrong.extend(missed(row, mode, fixed));
    }
    assert!(wrong.is_empty(), "not resumed each time:\n{}", wrong.join("\n"));
}

/// Runs the server with settings as they are written, NAME being a store's name; the clients that are due are all resumed.
#[track_caller]
pub fn check_recipe(row: &Row, settings: &[Setting], due: &[&str]) {
    let wrong = missed(row, Some(settings), due);
    assert!(wrong.is_empty(), "not resumed each time:\n{}", wrong.join("\n"));
}

/// Runs the server with these settings, or with stock libssl. Returns the clients that are not resumed each time and ought to.
fn missed(row: &Row, mode: Option<&[Setting]>, due: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (run, name) = (Run::new(With::Stock), Name::new());
    let server = (row.start)(&run, &Environment::of(mode, &name));
    for (client, letters) in CLIENTS.into_iter().zip(visit(&run, server.port(), &CLIENTS, row.protocol)) {
        let is_due = row.stock.contains(&client) || due.contains(&client);
        if is_due && letters != format!("N{}", "R".repeat(COUNT)) {
            wrong.push(format!("{mode:?} {client}: {letters}"));
        }
    }
    let log = server.stop(libc::SIGTERM);
    let is_stateful = mode.is_some_and(|mode| mode == STATEFUL);
    let complaints = log.matches("sslsession: SSLSESSION_TICKETS=stateful: there is no shared store").count();
    assert!((complaints > 0) == is_stateful, "{mode:?}:\n{log}");
    wrong
}
