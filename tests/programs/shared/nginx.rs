//! nginx with four workers: what it keeps in OpenSSL's cache is shared, what it keeps itself or not at all is left alone.

use super::{
    ATTACH, CLIENTS, COUNT, LOG, STORE, TICKETS, begin, connect, expect_continued, expect_learning, expect_no_sharing,
    expect_reuse,
};
use super::{Run, With, run_with};
use crate::programs::{
    nginx::Nginx,
    paper::{Recipe, code, settings_of},
    server::Server,
};

pub const WORKERS: usize = 4;

const BUILTIN: &str = "ssl_session_cache builtin; ssl_session_tickets off;";

fn start<'a>(run: &'a Run, server: &str) -> Server<'a> {
    Nginx { workers: WORKERS, main: "", server, front: "" }.start(run)
}

#[test]
fn stock_workers_do_not_share() {
    let run = run_with(With::Stock, &[(STORE, "shared")]);
    let server = start(&run, BUILTIN);
    CLIENTS.iter().for_each(|client| expect_no_sharing(&run, server.port(), client));
    server.stop(libc::SIGQUIT);
}

#[test]
fn builtin_is_shared_by_all_workers() {
    for with in [With::Library, With::LibraryOverSymbolic] {
        let run = run_with(with, &[(STORE, "shared")]);
        let server = start(&run, BUILTIN);
        CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), client));
        server.stop(libc::SIGQUIT);
    }
}

/// Runs the recipe of docs/operations.md: its directive, and its settings.
pub fn as_written(recipe: &Recipe) {
    let directive = code(recipe.sessions).find(|words| words.ends_with(';')).expect("a directive of nginx");
    let run = run_with(With::Library, &settings_of(recipe.sessions));
    let server = start(&run, directive);
    expect_reuse(&run, server.port(), CLIENTS[0]);
    server.stop(libc::SIGQUIT);
}

#[test]
fn the_memory_store_is_not_shared() {
    let run = run_with(With::Library, &[(STORE, "memory")]);
    let server = start(&run, BUILTIN);
    CLIENTS.iter().for_each(|client| expect_no_sharing(&run, server.port(), client));
    server.stop(libc::SIGQUIT);
}

#[test]
fn tickets_made_stateful_are_shared() {
    let run = run_with(With::Library, &[(STORE, "shared"), (TICKETS, "stateful")]);
    let server = start(&run, "ssl_session_cache builtin; ssl_session_tickets on;");
    CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), client));
    server.stop(libc::SIGQUIT);
}

#[test]
fn clients_of_all_workers_at_once_are_all_resumed() {
    let run = run_with(With::Library, &[(STORE, "shared")]);
    let server = start(&run, BUILTIN);
    for client in CLIENTS {
        let handshakes = run.reconnect_at_once(server.port(), 4, COUNT + 1, client);
        let each = format!("N{}", "R".repeat(COUNT));
        assert_eq!(handshakes, [each.as_str(); 4].join(" "), "{client}");
        run.probe().connections(true, 4 * (COUNT + 1));
    }
    server.stop(libc::SIGQUIT);
}

#[test]
fn a_reload_keeps_the_sessions() {
    let run = run_with(With::Library, &[(STORE, "shared")]);
    let mut server = start(&run, BUILTIN);
    for client in CLIENTS {
        let old = begin(&run, server.port(), client).workers;
        reload(&mut server);
        expect_learning(&run, server.port(), client);
        expect_continued(&run, server.port(), client);
        let new = connect(&run, server.port(), 8, client).workers;
        assert!(old.is_disjoint(&new), "{client}: workers {old:?} before the reload, {new:?} after it");
    }
    server.stop(libc::SIGQUIT);
}

/// Reloads the configuration, and waits for the end of all workers that there were.
pub fn reload(server: &mut Server) {
    let ended = |log: &str| log.matches("exited with code 0").count();
    let before = ended(&server.log());
    server.signal(libc::SIGHUP);
    server.wait_for(|log| (ended(log) >= before + WORKERS).then_some(()));
}

#[test]
fn what_nginx_keeps_itself_or_not_at_all_is_left_alone() {
    for cache in ["off", "none", "shared:S:1m"] {
        for client in CLIENTS {
            let [stock, shared] = [&[][..], &[(STORE, "shared")][..]].map(|settings| {
                let with = if settings.is_empty() { With::Stock } else { With::Library };
                let run = run_with(with, settings);
                let server = start(&run, &format!("ssl_session_cache {cache}; ssl_session_tickets off;"));
                let handshakes = connect(&run, server.port(), 8, client).handshakes;
                server.stop(libc::SIGQUIT);
                handshakes
            });
            assert_eq!(stock, shared, "{cache}, {client} (left: stock)");
            let expected = if cache.starts_with("shared") { "NRRRRRRR" } else { "NNNNNNNN" };
            assert_eq!(shared, expected, "{cache}, {client}");
        }
    }
}

/// Each of the four workers and the master tells it once.
#[test]
fn the_log_says_why_nothing_is_shared() {
    for (cache, reason) in [
        ("off", "its cache is turned off (SSLSESSION_ATTACH=all"),
        ("shared:S:1m", "its internal cache is turned off, as the program has one of its own (SSLSESSION_ATTACH=all"),
        ("builtin", ""),
    ] {
        let run = run_with(With::Library, &[(STORE, "shared,size=1M"), (LOG, "stderr")]);
        let server = start(&run, &format!("ssl_session_cache {cache}; ssl_session_tickets off;"));
        connect(&run, server.port(), 8, CLIENTS[0]);
        let log = server.stop(libc::SIGQUIT);
        assert!(log.contains("for nginx, OpenSSL ") && log.contains(": shared store of 1024K"), "{cache}: {log}");
        let told = log.matches("keeps its sessions in this process: ").count();
        assert_eq!(told, log.matches(reason).count() * usize::from(!reason.is_empty()), "{cache}: {log}");
        assert!((1..=5).contains(&told) != reason.is_empty(), "{cache}: {log}");
    }
}

#[test]
fn all_means_all() {
    for cache in ["off", "none", "shared:S:1m"] {
        let run = run_with(With::Library, &[(STORE, "shared"), (ATTACH, "all")]);
        let server = start(&run, &format!("ssl_session_cache {cache}; ssl_session_tickets off;"));
        CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), client));
        server.stop(libc::SIGQUIT);
    }
}
