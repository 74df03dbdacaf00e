//! Servers with ticket keys of their own: they keep them, so that clients are resumed just where they are with stock libssl.
//! SSLSESSION_ATTACH=all has shared keys in their place, but for connections that cannot be compared.

use super::{Machine, Program, expect_resumption_at, reload_by};
use crate::programs::{
    lighttpd,
    paper::{Recipe, settings_of},
    postfix,
    reports::executed,
    run::{DEADLINE, With},
    server::Server,
};
use std::time::Instant;

const ATTACH: &str = "SSLSESSION_ATTACH";

/// Four smtpds after STARTTLS, whose keys are tlsmgr's: smtpd always has a callback for them.
const POSTFIX: Program = Program {
    start: |machine| {
        let has_library = machine.0.with() != With::Stock;
        let mut server = postfix::start_processes(&machine.0, "tls_ssl_options =", has_library, 4);
        server.ports.swap(0, 1);
        server
    },
    reload: Some(|server| reload_by(server, libc::SIGHUP, "reload -- version", 1)),
    end: libc::SIGTERM,
    // Without tls_server_sni_maps it has no servername callback.
    learners: 0,
    are_copies: false,
    words: "smtp",
};

/// Three workers of a cluster, which have the keys of their primary: each context has a callback for them, and each connection
/// one for its certificate.
const NODE: Program = Program {
    start: |machine| executed::start_node_as(&machine.0, |program| machine.0.command(program)),
    reload: None,
    end: libc::SIGTERM,
    learners: 0,
    are_copies: false,
    words: "",
};

/// Two workers with keys that their parent draws.
const LIGHTTPD: Program = Program {
    start: |machine| start_lighttpd(machine, ""),
    reload: Some(|server| reload_by(server, libc::SIGUSR1, "server started", 1)),
    end: libc::SIGTERM,
    learners: 0,
    are_copies: false,
    words: "path=/index.html",
};

/// The same with keys from a file, which both machines have.
const LIGHTTPD_WITH_FILE: Program =
    Program { start: |machine| start_lighttpd(machine, "ssl.stek-file = \"@DIR@/stek\"\n"), ..LIGHTTPD };

fn start_lighttpd<'a>(machine: &'a Machine, settings: &str) -> Server<'a> {
    // A version; from when and until when it holds, the same in either order of bytes; a name, and two keys.
    let stek = [&[0, 0, 0, 0, 1, 0, 0, 1, 0x70, 0, 0, 0x70][..], &[7; 80]].concat();
    std::fs::write(machine.0.path("stek"), stek).expect("our own directory");
    let minimum = "ssl.openssl.ssl-conf-cmd = (\"MinProtocol\" => \"TLSv1.2\")\nserver.max-worker = 2
        server.feature-flags = (\"server.graceful-restart-bg\" => \"enable\")\n";
    lighttpd::start(&machine.0, &format!("{minimum}{settings}"))
}

/// With stock libssl, with the library, and with SSLSESSION_ATTACH=all: two machines.
fn machines(with: With, attach: &str) -> [Machine; 2] {
    let machines = Machine::two(with);
    machines.iter().for_each(|machine| machine.0.set(ATTACH, attach));
    machines
}

const ALL: [(With, &str); 3] = [(With::Stock, "default"), (With::Library, "default"), (With::Library, "all")];

/// Resumption at home by all processes, whose clients are no others' and nobody's after a reload and a restart.
fn expect_own_keys(program: &Program, [one, other]: &[Machine; 2]) {
    let (mut here, there) = ((program.start)(one), (program.start)(other));
    let with = one.0.with();
    for client in program.clients() {
        one.begin(&here, &client);
        let load = one.0.path(&super::session(&client)).display().to_string();
        let letters = one.0.reconnect_at_once(here.port(), 4, super::COUNT, &format!("{client} load={load}"));
        assert_eq!(letters.replace(['R', ' '], ""), "", "{client}, at home, {with:?}: {letters}");
        assert_eq!(other.offer(&there, one, &client, 1), "N", "{client}, at the other, {with:?}");
    }
    if let Some(reload) = program.reload {
        reload(&mut here);
        // The processes from before end when they next have nothing to do.
        let until = Instant::now() + DEADLINE;
        for client in program.clients() {
            while one.offer(&here, one, &client, 1) != "N" {
                assert!(Instant::now() < until, "{client}, after a reload, {with:?}");
            }
        }
    }
    here.stop(program.end);
    let here = (program.start)(one);
    for client in program.clients() {
        assert_eq!(one.offer(&here, one, &client, 1), "N", "{client}, after a restart, {with:?}");
    }
    here.stop(program.end);
    there.stop(program.end);
}

#[test]
fn postfix_keeps_those_of_tlsmgr() {
    expect_own_keys(&POSTFIX, &machines(With::Stock, "default"));
    expect_own_keys(&POSTFIX, &machines(With::Library, "default"));
}

/// Runs the recipe of docs/operations.md: KEYS, and SSLSESSION_ATTACH=all.
pub fn postfix_as_written(recipe: &Recipe) {
    assert!(recipe.tickets.starts_with("KEYS and "), "{recipe:?}");
    let settings = settings_of(recipe.tickets);
    let [(ATTACH, attach)] = settings[..] else { panic!("{recipe:?}") };
    expect_resumption_at(&POSTFIX, &machines(With::Library, attach));
}

/// Runs the recipe: nothing of the library's, and the directive that it names for other machines.
pub fn lighttpd_as_written(recipe: &Recipe) {
    assert!(recipe.tickets.starts_with("nothing: ") && recipe.tickets.contains("`ssl.stek-file`"), "{recipe:?}");
    expect_own_keys(&LIGHTTPD, &machines(With::Stock, "default"));
    expect_resumption_at(&LIGHTTPD_WITH_FILE, &machines(With::Stock, "default"));
}

#[test]
fn nodes_cluster_keeps_its_own() {
    ALL.into_iter().for_each(|(with, attach)| expect_own_keys(&NODE, &machines(with, attach)));
}

#[test]
fn lighttpd_keeps_its_own() {
    ALL.into_iter().for_each(|(with, attach)| expect_own_keys(&LIGHTTPD, &machines(with, attach)));
}

/// Keys that the administrator has shared stay shared.
#[test]
fn lighttpd_keeps_those_of_its_file() {
    ALL.into_iter().for_each(|(with, attach)| expect_resumption_at(&LIGHTTPD_WITH_FILE, &machines(with, attach)));
}
