//! The counters of a remote store, as the command shows them: two servers with stores of their own are two hosts.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;
use support::common::process::Process;
use support::common::{self, Scratch};
use support::{Server, plain, printed, said, sslsession, wait_until, with_certificate};

fn redis(scratch: &Scratch) -> Server {
    Server::start(scratch, |port| {
        let mut redis = plain("redis-server");
        redis.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]);
        redis.current_dir(scratch.path());
        redis
    })
}

fn host(scratch: &Scratch, redis: &Server) -> Server {
    Server::start(scratch, |port| {
        let mut server = support::s_server(port);
        server.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", "shared");
        server.env("SSLSESSION_TICKETS", "stateful").env("SSLSESSION_KEY_FILE", scratch.join("fleet.key"));
        server.env("SSLSESSION_REMOTE", format!("redis://{}", redis.address()));
        server.env("SSLSESSION_REMOTE_LIBRARY", common::remote_library());
        server
    })
}

/// Connects to a server as a client with a file for its session. Returns true if the session was resumed.
fn connect(scratch: &Scratch, server: &Server, arguments: &[&str]) -> bool {
    let mut client = plain("openssl");
    client.args(["s_client", "-connect", &server.address(), "-tls1_2"]).args(arguments).stdin(Stdio::null());
    said(client.current_dir(scratch.path())).stdout.contains("\nReused, ")
}

/// Returns a number that stat shows of the process.
fn number(process: &str, name: &str) -> u64 {
    let json: Value = serde_json::from_str(&printed(&mut sslsession(["stat", "--json", process]))).expect("JSON");
    json[0]["processes"][0]["remote"][name].as_u64().unwrap_or_else(|| panic!("{name}: {json}"))
}

#[test]
fn what_is_asked_for_and_written_is_shown() {
    let scratch = with_certificate("remote-counters");
    fs::write(scratch.join("fleet.key"), "4f".repeat(32)).expect("our own directory");
    fs::set_permissions(scratch.join("fleet.key"), Permissions::from_mode(0o600)).expect("our own file");
    let mut redis = redis(&scratch);
    let (mut a, mut b) = (host(&scratch, &redis), host(&scratch, &redis));
    assert!(!connect(&scratch, &b, &["-sess_out", "own"]), "and b has its connection");
    assert!(!connect(&scratch, &a, &["-sess_out", "session"]));
    let (id, of_b) = (a.id().to_string(), b.id().to_string());
    let written = |server: &str| {
        let said = printed(&mut sslsession(["stat", server]));
        said.contains("; 1 written, 0 dropped; gave up 0 times")
            && said.contains("    remote     answers, 0 bytes wait; ")
    };
    wait_until("the session is in Redis", || written(&id) && written(&of_b));
    // An answer may come too late, which costs a full handshake and no more.
    wait_until("the session is resumed", || connect(&scratch, &b, &["-sess_in", "session"]));
    assert!(number(&of_b, "found") == 1 && number(&of_b, "asked") >= 1);
    let metrics = printed(&mut sslsession(["stat", "--openmetrics", &of_b]));
    for sample in ["sslsession_remote_found_total{", "sslsession_process_remote_written_total{"] {
        let line =
            metrics.lines().find(|line| line.starts_with(sample)).unwrap_or_else(|| panic!("{sample}: {metrics}"));
        assert!(line.ends_with(" 1"), "{line}");
    }
    let answers = |metrics: &str| {
        metrics.lines().any(|line| line.starts_with("sslsession_process_remote_answers{") && line.ends_with(" 1"))
    };
    assert!(answers(&metrics), "{metrics}");

    // Live, on a terminal, also that it does not answer any more.
    let top = |until: &str| {
        let command = format!("{} top --interval 0.2 {of_b}", env!("CARGO_BIN_EXE_sslsession"));
        let socket = scratch.join("tmux");
        let tmux = |arguments: &[&str]| printed(plain("tmux").arg("-S").arg(&socket).args(arguments));
        tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "24", "sh", "-c", &command]);
        wait_until(until, || tmux(&["capture-pane", "-p"]).lines().any(|line| line.contains(until)));
        said(plain("tmux").arg("-S").arg(&socket).arg("kill-server"));
    };
    top("0 dropped; answers");
    let hung = Process::of(redis.id()).expect("it runs");
    hung.signal(libc::SIGSTOP);
    wait_until("it is given up", || {
        assert!(!connect(&scratch, &b, &["-sess_out", "other"]));
        number(&of_b, "breaker_opened") > 0
    });
    top("0 dropped; does not answer");
    hung.signal(libc::SIGCONT);
}
