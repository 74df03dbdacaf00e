//! A named store outlasts the processes that use it: nginx's binary upgrade, and its end and a new start.

use super::{
    CLIENTS, KEY_FILE, Name, Run, STORE, With, begin, connect, daemon::Daemon, expect_continued, expect_forgotten,
    expect_learning, new_key, run_with, write_keys,
};
use crate::programs::{nginx::Nginx, paper::block, server::Server};
use std::{fs, os::unix::fs::PermissionsExt};

const NGINX: Nginx<'static> =
    Nginx { workers: 4, main: "", server: "ssl_session_cache builtin; ssl_session_tickets off;", front: "" };

/// nginx empties its environment but for what is named, for its workers and for the binary that follows it. These are the
/// lines of docs/operations.md, and the variables of the test.
fn kept_environment() -> String {
    block("**nginx** hands nothing on", "nginx").to_owned() + "env LD_LIBRARY_PATH; env SSLSESSION_TEST_WITNESS;"
}

#[test]
fn a_binary_upgrade_keeps_the_sessions() {
    for with in [With::Library, With::LibraryOverSymbolic] {
        let name = Name::new();
        let run = run_with(with, &[(STORE, &name.setting())]);
        let mut nginx = Daemon::start(&run, &Nginx { main: &kept_environment(), ..NGINX });
        let port = nginx.port();
        let old = CLIENTS.map(|client| begin(&run, port, client).workers);
        nginx.upgrade();
        nginx.end_oldest();
        expect_learning(&run, port, CLIENTS[0]);
        CLIENTS.iter().for_each(|client| expect_continued(&run, port, client));
        let new = connect(&run, port, 8, "tls1_2").workers;
        assert!(old.iter().all(|old| old.is_disjoint(&new)), "workers {old:?} before the upgrade, {new:?} after it");
        nginx.stop();
    }
}

#[test]
fn a_binary_upgrade_with_a_key_file_keeps_the_sessions() {
    let run = Run::new(With::Library);
    keep_on_disk(&run);
    set_keys(&run, &[&new_key(&run)]);
    let mut nginx = Daemon::start(&run, &Nginx { main: &kept_environment(), ..NGINX });
    CLIENTS.iter().for_each(|client| drop(begin(&run, nginx.port(), client)));
    nginx.upgrade();
    nginx.end_oldest();
    expect_learning(&run, nginx.port(), CLIENTS[0]);
    CLIENTS.iter().for_each(|client| expect_continued(&run, nginx.port(), client));
    nginx.stop();
}

#[test]
fn a_restart_keeps_the_sessions_of_a_store_on_dev_shm() {
    let name = Name::new();
    let run = run_with(With::Library, &[(STORE, &name.setting())]);
    let server = restart(&run, || {
        let modes: Vec<_> =
            name.files().iter().map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o777).collect();
        assert_eq!(modes, [0o600, 0o600], "store and key: {:?}", name.files());
    });
    expect_all_continued(&run, server);
}

#[test]
fn a_restart_keeps_the_sessions_of_a_store_on_disk() {
    let run = Run::new(With::Library);
    keep_on_disk(&run);
    set_keys(&run, &[&new_key(&run)]);
    let server = restart(&run, || ());
    expect_all_continued(&run, server);
}

#[test]
fn a_new_key_before_the_old_one_keeps_the_sessions() {
    let run = Run::new(With::Library);
    let (old, new) = (new_key(&run), new_key(&run));
    keep_on_disk(&run);
    set_keys(&run, &[&old]);
    let server = restart(&run, || set_keys(&run, &[&new, &old]));
    expect_all_continued(&run, server);
}

#[test]
fn what_was_sealed_since_the_new_key_came_needs_no_old_one() {
    let run = Run::new(With::Library);
    let (old, new) = (new_key(&run), new_key(&run));
    keep_on_disk(&run);
    set_keys(&run, &[&old]);
    NGINX.start(&run).stop(libc::SIGQUIT);
    set_keys(&run, &[&new, &old]);
    let server = restart(&run, || set_keys(&run, &[&new]));
    expect_all_continued(&run, server);
}

#[test]
fn another_key_opens_nothing() {
    let run = Run::new(With::Library);
    keep_on_disk(&run);
    set_keys(&run, &[&new_key(&run)]);
    let server = restart(&run, || set_keys(&run, &[&new_key(&run)]));
    expect_all_forgotten(&run, server);
}

#[test]
fn without_a_name_a_restart_begins_anew() {
    let run = run_with(With::Library, &[(STORE, "shared")]);
    let server = restart(&run, || ());
    expect_all_forgotten(&run, server);
}

/// An nginx hands out sessions and ends; after what comes between, another one starts, on a port of its own.
fn restart<'a>(run: &'a Run, between: impl FnOnce()) -> Server<'a> {
    let server = NGINX.start(run);
    CLIENTS.iter().for_each(|client| drop(begin(run, server.port(), client)));
    server.stop(libc::SIGQUIT);
    between();
    NGINX.start(run)
}

#[track_caller]
fn expect_all_continued(run: &Run, server: Server) {
    expect_learning(run, server.port(), CLIENTS[0]);
    CLIENTS.iter().for_each(|client| expect_continued(run, server.port(), client));
    server.stop(libc::SIGQUIT);
}

#[track_caller]
fn expect_all_forgotten(run: &Run, server: Server) {
    CLIENTS.iter().for_each(|client| expect_forgotten(run, server.port(), client));
    server.stop(libc::SIGQUIT);
}

fn keep_on_disk(run: &Run) {
    run.set(STORE, "shared:@DIR@/store,size=1M");
}

fn set_keys(run: &Run, keys: &[&str]) {
    let path = write_keys(run, "keys", keys);
    run.set(KEY_FILE, path.to_str().expect("a path that is text"));
}
