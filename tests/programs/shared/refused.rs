//! A store that cannot be used as it is: one line says why, and the sessions stay in the process's own memory.

use super::{KEY_FILE, Name, Run, STORE, With, expect_no_sharing, new_key, restrict, run_with, write_keys};
use crate::common::process::is_root;
use crate::programs::{nginx::Nginx, openssl::s_server};
use std::{
    fs,
    os::unix::fs::{MetadataExt, chown, symlink},
    path::{Path, PathBuf},
};

const CLIENT: &str = "tls1_2 ids bye";

/// Serves a few connections; all that it said about its sessions' store.
fn serve(run: &Run) -> Vec<String> {
    let server = s_server(run, 3, "-no_ticket");
    let handshakes = run.reconnect(server.port(), 3, CLIENT);
    let log = server.wait();
    run.probe().connections(true, 3);
    assert_eq!(handshakes, "NRR", "{log}");
    complaints(&log)
}

fn complaints(log: &str) -> Vec<String> {
    log.lines().filter(|line| line.starts_with("sslsession: ")).map(str::to_owned).collect()
}

/// Serves with its own memory, and says so in one line that has these words.
#[track_caller]
fn expect_refusal(run: &Run, words: &[&str]) {
    let said = serve(run);
    assert_eq!(said.len(), 1, "{said:#?}");
    for word in words {
        assert!(said[0].contains(word), "no {word:?} in {}", said[0]);
    }
}

/// The store's file on /dev/shm, as a first run makes it.
fn made(run: &Run, name: &Name) -> PathBuf {
    assert_eq!(serve(run), [""; 0], "a new store is nothing to speak of");
    let mut files = name.files();
    files.retain(|path| path.extension().is_none_or(|extension| extension != "key"));
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// A store on /dev/shm that something is done to must be refused and left as it is.
#[track_caller]
fn expect_refused_after(spoil: impl FnOnce(&Path)) {
    let name = Name::new();
    let run = run_with(With::Library, &[(STORE, &name.setting())]);
    let store = made(&run, &name);
    spoil(&store);
    let state = || {
        let found = fs::symlink_metadata(&store).unwrap();
        (found.ino(), found.uid(), found.mode(), found.size(), fs::read(&store).unwrap())
    };
    let before = state();
    expect_refusal(&run, &[]);
    assert!(before == state(), "a refused store was changed");
}

#[test]
fn a_store_of_another_user() {
    const NOBODY: u32 = 65534;
    if is_root() {
        expect_refused_after(|store| chown(store, Some(NOBODY), None).unwrap());
    }
}

#[test]
fn a_store_that_others_may_read() {
    expect_refused_after(|store| restrict(store, 0o644));
}

#[test]
fn a_store_with_garbage_for_a_header() {
    expect_refused_after(|store| overwrite(store, |bytes| bytes[..4096].fill(0xaa)));
}

#[test]
fn a_file_that_was_never_a_store() {
    expect_refused_after(|store| fs::write(store, "notes").unwrap());
}

#[test]
fn a_store_cut_short() {
    expect_refused_after(|store| overwrite(store, |bytes| bytes.truncate(bytes.len() / 2)));
}

#[test]
fn a_link_to_a_store() {
    expect_refused_after(|store| {
        let elsewhere = store.with_extension("elsewhere");
        fs::rename(store, &elsewhere).unwrap();
        symlink(&elsewhere, store).unwrap();
    });
}

fn overwrite(store: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(store).unwrap();
    change(&mut bytes);
    fs::write(store, bytes).unwrap();
}

#[test]
fn a_store_of_another_size() {
    let name = Name::new();
    let run = run_with(With::Library, &[(STORE, &name.setting())]);
    made(&run, &name);
    run.set(STORE, &name.setting().replace("size=1M", "size=2M"));
    expect_refusal(&run, &[]);
}

#[test]
fn a_store_on_disk_without_a_key_file() {
    let run = run_with(With::Library, &[(STORE, "shared:@DIR@/store,size=1M")]);
    expect_refusal(&run, &[KEY_FILE]);
    assert!(!run.path("store").exists(), "a store was made that nobody could use");
}

#[test]
fn a_key_file_that_is_not_a_secret_or_no_key() {
    let run = run_with(With::Library, &[(STORE, "shared:@DIR@/store,size=1M"), (KEY_FILE, "@DIR@/keys")]);
    expect_refusal(&run, &["keys"]); // there is none
    let key = new_key(&run);
    let short = &key[..31];
    for lines in
        [&[""][..], &["# a comment"], &[short], &[&key, short], &["a key of more than 32 bytes with a tab:\t."]]
    {
        write_keys(&run, "keys", lines);
        expect_refusal(&run, &["keys"]);
    }
    restrict(&write_keys(&run, "keys", &[&key]), 0o640);
    expect_refusal(&run, &["keys"]);
    restrict(&run.path("keys"), 0o600);
    assert_eq!(serve(&run), [""; 0], "a good key file is nothing to speak of");
}

#[test]
fn a_setting_that_means_nothing() {
    expect_refusal(&run_with(With::Library, &[(STORE, "sharde")]), &[STORE, "sharde"]);
}

/// A master and four workers: the workers inherit that it was said.
#[test]
fn a_server_of_several_processes_says_it_once() {
    let run = run_with(With::Library, &[(STORE, "shared:@DIR@/store,size=1M")]);
    let cache = "ssl_session_cache builtin; ssl_session_tickets off;";
    let server = Nginx { workers: 4, main: "", server: cache, front: "" }.start(&run);
    expect_no_sharing(&run, server.port(), "tls1_2 ids");
    assert_eq!(complaints(&server.stop(libc::SIGQUIT)).len(), 1);
}
