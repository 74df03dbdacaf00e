//! The log of a server whose sessions are shared, or no longer are: SSLSESSION_LOG, with clients that do what leads
//! to it.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::common::{self, Scratch};
use support::{Name, Server, plain, printed, said, with_certificate};

/// Connects once as a client of TLS 1.2, with `-sess_out` or `-sess_in` and a file. Returns what the client says.
fn client(server: &Server, option: &str, session: &Path) -> String {
    let script = format!(
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -tls1_2 -connect {} -ign_eof {option} {}",
        server.address(),
        session.display()
    );
    printed(plain("sh").args(["-c", &script]))
}

/// Starts a server whose sessions of TLS 1.2 are shared by id, started by a command of its own.
fn logged(scratch: &Scratch, name: &Name, log: &Path, before: &[&str], key: Option<&Path>) -> Server {
    Server::start(scratch, |port| {
        let server = support::s_server(port);
        let mut command = plain(before.first().unwrap_or(&"env"));
        command.args(before.iter().skip(1)).arg(server.get_program()).args(server.get_args());
        command.arg("-no_ticket").env("LD_PRELOAD", common::library()).env("SSLSESSION_LOG", log);
        if let Some(key) = key {
            command.env("SSLSESSION_KEY_FILE", key);
        }
        command.env("SSLSESSION_STORE", name.setting());
        command
    })
}

fn count(log: &Path, words: &str) -> usize {
    fs::read_to_string(log).expect("the log").matches(words).count()
}

#[test]
fn a_store_whose_file_was_removed_is_told_of_once() {
    let scratch = with_certificate("log");
    let (name, log) = (Name::new("removed"), scratch.join("log"));
    let server = logged(&scratch, &name, &log, &[], None);
    fs::remove_file(name.path()).expect("the store of this test");
    for _ in 0..2 {
        client(&server, "-sess_out", &scratch.join("session"));
    }
    assert_eq!(count(&log, "the shared store has lost its file"), 1);
    server.stop(libc::SIGKILL);
}

/// Root may lock what it likes, unless it has no such capability.
#[test]
fn a_store_that_may_be_swapped_out_is_told_of_once() {
    let scratch = with_certificate("log");
    let (name, log) = (Name::new("unlocked"), scratch.join("log"));
    let limited = ["setpriv", "--bounding-set", "-ipc_lock", "prlimit", "--memlock=0:0"];
    let server = logged(&scratch, &name, &log, &limited, None);
    for _ in 0..2 {
        client(&server, "-sess_out", &scratch.join("session"));
    }
    assert_eq!(count(&log, "the shared store may be swapped out"), 1);
    let shown = printed(&mut support::sslsession(["stat", &name.0]));
    assert!(shown.contains("not locked in memory") && shown.contains("LimitMEMLOCK"), "{shown}");
    server.stop(libc::SIGKILL);
}

/// One server seals with a new key above the old one, which is all that the other has.
#[test]
fn records_of_another_key_are_told_of_once() {
    let scratch = with_certificate("log");
    let (name, log, session) = (Name::new("keys"), scratch.join("log"), scratch.join("session"));
    let key = |file: &str, lines: &[&str]| {
        let path = scratch.join(file);
        let text: String = lines.iter().map(|line| line.repeat(32) + "\n").collect();
        fs::write(&path, text).expect("a scratch file can be written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("our file");
        path
    };
    let old = logged(&scratch, &name, &log, &[], Some(&key("old", &["a1"])));
    let new = logged(&scratch, &name, &scratch.join("other log"), &[], Some(&key("new", &["b2", "a1"])));
    client(&new, "-sess_out", &session);
    for _ in 0..2 {
        assert!(client(&old, "-sess_in", &session).contains("New, TLSv1.2"));
    }
    assert_eq!(count(&log, "the shared store has records that no key of this process opens"), 1);
    let shown = said(&mut support::sslsession(["stat", &name.0])).stdout;
    assert!(shown.contains("2 other key") && shown.contains("give all the same SSLSESSION_KEY_FILE"), "{shown}");
    old.stop(libc::SIGKILL);
    new.stop(libc::SIGKILL);
}

/// Returns the lines of the log that a process wrote.
fn lines_at_exit(log: &str) -> Vec<&str> {
    log.lines().filter_map(|line| Some(line.split_once("at exit: ")?.1)).collect()
}

#[test]
fn the_log_ends_with_counts_if_there_are_any() {
    let scratch = with_certificate("stat");
    let log = scratch.join("log");
    let name = Name::new("exit");
    let server = Server::start(&scratch, |port| {
        let mut command = support::s_server(port);
        command.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", name.setting());
        // One of them is the test's own look at whether it listens.
        command.env("SSLSESSION_LOG", &log).args(["-naccept", "3", "-tls1_2", "-no_ticket"]);
        command
    });
    for option in ["-sess_out", "-sess_in"] {
        client(&server, option, &scratch.join("session"));
    }
    let mut running = server.running;
    assert!(running.wait(support::DEADLINE).is_some(), "it ends by itself");
    let text = fs::read_to_string(&log).expect("the log");
    let expected =
        "this process had 1 hits and 0 misses in the shared store; it stored 1 sessions, removed 0 and evicted 0";
    assert_eq!(lines_at_exit(&text), [expected], "{text}");
}

/// Neither the parent, which only made a context, nor a child that did nothing.
#[test]
fn who_has_not_used_the_store_says_nothing_at_its_end() {
    let scratch = with_certificate("stat");
    let log = scratch.join("log");
    let script = "import os, ssl, sys\n\
                  context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
                  context.load_cert_chain('cert.pem', 'key.pem')\n\
                  def handshake():\n    \
                      one, two, three, four = (ssl.MemoryBIO() for _ in range(4))\n    \
                      server = context.wrap_bio(one, two, server_side=True)\n    \
                      client = ssl._create_unverified_context().wrap_bio(two, one)\n    \
                      for _ in range(4):\n        \
                          for end in client, server:\n            \
                              try: end.do_handshake()\n            \
                              except ssl.SSLWantReadError: pass\n\
                  for used in False, True:\n    \
                      child = os.fork()\n    \
                      if child == 0:\n        \
                          if used: handshake()\n        \
                          sys.exit()\n    \
                      assert os.waitpid(child, 0)[1] == 0\n";
    let mut python: Command = plain("/usr/bin/python3");
    python.args(["-c", script]).current_dir(scratch.path()).env("LD_PRELOAD", common::library());
    python.env("SSLSESSION_STORE", "shared").env("SSLSESSION_TICKETS", "stateful").env("SSLSESSION_LOG", &log);
    printed(&mut python);
    let text = fs::read_to_string(&log).expect("the log");
    let lines = lines_at_exit(&text);
    assert_eq!((lines.len(), lines[0].contains("it stored 2 sessions")), (1, true), "{text}");
}
