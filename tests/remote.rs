//! The remote store: hosts of a fleet, which are processes with stores of their own, one key file and a real Redis.
//!
//! ```text
//!   host A (remote/host.c, preloaded) ─┐
//!                                      ├─ unix socket ─ redis-server         stopped, killed, hung, wrong in all ways
//!   host B (remote/host.c, preloaded) ─┘
//! ```
//! Whatever happens to Redis costs full handshakes: no connection fails, and none waits for long.

#[path = "remote/cluster.rs"]
mod cluster;
mod common;
#[path = "remote/delay.rs"]
mod delay;
#[path = "remote/failures.rs"]
mod failures;
#[path = "remote/fleet.rs"]
mod fleet;
#[path = "remote/nginx.rs"]
mod nginx;
#[path = "remote/once.rs"]
mod once;
#[path = "remote/options.rs"]
mod options;
#[path = "remote/parking.rs"]
mod parking;
#[path = "remote/servers.rs"]
mod servers;

use fleet::{Fleet, Host, Settings};
use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    thread,
    time::{Duration, Instant},
};

const VERSIONS: [&str; 2] = ["tls12", "tls13"];

/// A change of a host's settings.
type Change = fn(&mut Settings);

/// Number of sessions.
const N: usize = 20;

/// As many as a thread never waits for one after the other: with 10 ms for each that would be seconds.
const MANY: usize = 300;

fn resumed(number: usize, of: usize) -> String {
    format!("resumed {number} of {of}, 0 failed")
}

/// Starts a host that has its connection.
fn connected(fleet: &Fleet, version: &str) -> Host {
    let mut host = fleet.host(version);
    make(fleet, &mut host, "own", 1);
    host
}

/// Starts a host that reaches the store so. TLS 1.2.
fn connected_by(fleet: &Fleet, remote: &str, options: &str) -> Host {
    let mut host = fleet.host_with("tls12", |settings| {
        (settings.remote, settings.options) = (Some(remote.to_owned()), options.to_owned());
    });
    assert_eq!(host.ask("make @/own 1"), "made 1, 0 failed");
    host
}

/// Offers the sessions until each has been resumed. An answer may come too late on a busy machine, which costs a full
/// handshake and no more: so they are offered some times.
fn expect_all_resumed(host: &mut Host, file: &str, number: usize) {
    let (mut said, begun) = (String::new(), Instant::now());
    while said != resumed(number, number) {
        assert!(begun.elapsed() < Duration::from_secs(20) && !said.contains(" 1 failed"), "{said}");
        said = host.ask(&format!("resume @/{file} {number}"));
    }
}

/// Has a host make sessions, and waits until they are in Redis.
fn make(fleet: &Fleet, host: &mut Host, file: &str, number: usize) {
    let before = fleet.calls("set");
    assert_eq!(host.ask(&format!("make @/{file} {number}")), format!("made {number}, 0 failed"));
    fleet.wait_until("the writes", || fleet.calls("set") >= before + number * host.sessions);
}

#[test]
fn a_client_of_one_host_resumes_at_the_other() {
    for version in VERSIONS {
        let fleet = Fleet::new();
        let (mut a, mut b) = (fleet.host(version), connected(&fleet, version));
        make(&fleet, &mut a, "s", N);
        expect_all_resumed(&mut b, "s", N);
        let asked = fleet.calls("get");
        assert!(asked >= N, "{version}: a question for each");
        // The same again is in B's own store, and what A made is in A's.
        assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(N, N), "{version}");
        assert_eq!(a.ask(&format!("resume @/s {N}")), resumed(N, N), "{version}");
        assert_eq!(fleet.calls("get"), asked, "{version}: no further question");
    }
}

#[test]
fn nothing_is_resumed_without_the_store_or_with_another_key_or_certificate() {
    for version in VERSIONS {
        let fleet = Fleet::new();
        let mut a = fleet.host(version);
        make(&fleet, &mut a, "s", N);
        let others: [(&str, Change); 3] = [
            ("no remote store", |settings| settings.remote = None),
            ("another key file", |settings| settings.key_file = "other.key"),
            ("another certificate", |settings| settings.certificate = "other"),
        ];
        for (what, change) in others {
            let mut b = fleet.host_with(version, change);
            assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(0, N), "{version}, {what}");
        }
        expect_all_resumed(&mut fleet.host(version), "s", N);
    }
}

#[test]
fn ids_of_chance_are_not_asked_for() {
    for version in VERSIONS {
        let fleet = Fleet::new();
        let mut a = fleet.host(version);
        make(&fleet, &mut a, "s", 1);
        assert_eq!(a.ask(&format!("forge {MANY}")), resumed(0, MANY));
        assert_eq!(fleet.calls("get"), 0, "{version}");
    }
}

#[test]
fn a_session_that_one_host_removes_is_gone_for_all() {
    // In TLS 1.3 each connection has sessions of its own, and the offered one is not at hand.
    let fleet = Fleet::new();
    let (mut a, mut b) = (fleet.host("tls12"), connected(&fleet, "tls12"));
    make(&fleet, &mut a, "s", N);
    assert_eq!(a.ask(&format!("remove @/s {N}")), format!("removed {N} of {N}"));
    fleet.wait_until("the removals", || fleet.calls("del") >= N);
    assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(0, N));
}

#[test]
fn a_host_that_has_lost_its_store_gets_its_sessions_back() {
    let fleet = Fleet::new();
    let mut a = fleet.host("tls12");
    make(&fleet, &mut a, "s", N);
    drop(a);
    expect_all_resumed(&mut fleet.host("tls12"), "s", N);
}

#[test]
fn there_is_no_thread_before_it_is_needed_and_one_after_that() {
    let fleet = Fleet::new();
    let (mut a, mut b) = (fleet.host("tls12"), fleet.host("tls12"));
    assert_eq!(b.ask("tasks"), "tasks 1");
    make(&fleet, &mut a, "s", 1);
    // It may come too late for the first question.
    assert!(b.ask("resume @/s 1").ends_with(" of 1, 0 failed"));
    assert_eq!((a.ask("tasks"), b.ask("tasks")), ("tasks 2".to_owned(), "tasks 2".to_owned()));
}

#[test]
fn a_child_of_a_fork_has_a_thread_of_its_own() {
    for version in VERSIONS {
        let fleet = Fleet::new();
        let (mut a, mut b) = (fleet.host(version), fleet.host(version));
        make(&fleet, &mut a, "s", N);
        make(&fleet, &mut b, "first", 1);
        // B has its thread; its child has none yet.
        let both = format!("child {N}, parent {N} of {N}");
        let begun = Instant::now();
        while b.ask(&format!("both @/s {N}")) != both {
            assert!(begun.elapsed() < Duration::from_secs(20), "{version}: one of them finds nothing");
        }
        assert_eq!(b.ask("fork"), "forked");
        assert_eq!(b.ask("tasks"), "tasks 1");
        make(&fleet, &mut b, "second", N);
        assert_eq!(b.ask("tasks"), "tasks 2");
        expect_all_resumed(&mut a, "second", N);
    }
}

/// Offers many sessions at a host whose Redis does not answer: none is resumed, none fails, and the host waits no longer
/// than its budget, 50 ms in a second.
fn expect_full_handshakes(host: &mut Host, file: &str, what: &str) {
    assert_eq!(host.ask(&format!("resume @/{file} {MANY}")), resumed(0, MANY), "{what}");
    let said = host.ask("slept");
    let mut numbers = said.split(' ').filter_map(|word| word.parse::<u64>().ok());
    let (slept, elapsed) = (numbers.next().expect("a time"), numbers.next().expect("a time"));
    eprintln!("{what}: {said}");
    // It also reads sessions from files, and starts a thread.
    let most = 50 * (elapsed / 1000 + 2) + 50;
    assert!(slept <= most, "{what}: {said}, and {most} were its budget");
}

/// Resumes one of the sessions again and again until it is resumed. Returns how long that took.
fn found_again(host: &mut Host) -> Duration {
    let begun = Instant::now();
    while host.ask("resume @/last 1") != resumed(1, 1) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not found again");
    }
    begun.elapsed()
}

#[test]
fn redis_that_is_stopped_or_killed_costs_full_handshakes_and_is_found_again() {
    for version in VERSIONS {
        let mut fleet = Fleet::new();
        let (mut a, mut b) = (fleet.host(version), fleet.host(version));
        make(&fleet, &mut a, "s", MANY);
        make(&fleet, &mut a, "last", 1);
        fleet.redis().signal(libc::SIGSTOP);
        expect_full_handshakes(&mut b, "s", "stopped");
        fleet.redis().signal(libc::SIGCONT);
        eprintln!("{version}: found again {:?} after SIGCONT", found_again(&mut b));
        fleet.redis().kill();
        make_without(&mut a);
        expect_full_handshakes(&mut fleet.host(version), "s", "killed");
        fleet.start_redis();
        // What was made meanwhile is written now.
        fleet.wait_until("the writes", || fleet.calls("set") >= a.sessions);
        expect_all_resumed(&mut fleet.host(version), "meanwhile", 1);
    }
}

fn make_without(host: &mut Host) {
    assert_eq!(host.ask("make @/meanwhile 1"), "made 1, 0 failed");
}

/// Serves connections with `answer` in place of Redis.
fn serve_wrongly(fleet: &Fleet, name: &str, answer: &'static [u8]) -> String {
    let listener = UnixListener::bind(fleet.path(name)).expect("a socket of our own");
    thread::spawn(move || {
        let mut kept = Vec::new();
        for mut connection in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let _ = connection.read(&mut asked);
            let _ = connection.write_all(answer);
            kept.push(connection);
        }
    });
    format!("redis+unix://{}", fleet.path(name).display())
}

#[test]
fn a_server_that_is_no_redis_or_refuses_costs_full_handshakes() {
    let fleet = Fleet::new();
    let mut a = fleet.host("tls12");
    make(&fleet, &mut a, "s", MANY);
    let socket = fleet.path("redis.sock");
    for (what, remote) in [
        ("silent", serve_wrongly(&fleet, "silent", b"")),
        ("garbage", serve_wrongly(&fleet, "garbage", b"\x16\x03\x01 this is no Redis\r\n\0\0\0\0")),
        ("half an answer", serve_wrongly(&fleet, "half", b"+PONG\r\n$1000\r\nhalf")),
        ("nobody", format!("redis+unix://{}", fleet.path("nobody").display())),
        ("wrong password", format!("redis+unix://{}?pass=wrong", socket.display())),
    ] {
        let mut b = fleet.host_with("tls12", |settings| settings.remote = Some(remote.clone()));
        expect_full_handshakes(&mut b, "s", what);
        assert_eq!(b.ask("make @/b 20"), "made 20, 0 failed", "{what}");
    }
}
