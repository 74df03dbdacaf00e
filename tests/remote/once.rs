//! Single use: of all hosts that are offered a session with early data, the one that takes it from Redis resumes it.

use crate::{
    N,
    common::{
        self,
        process::{self, Running},
        root,
    },
    fleet::{Fleet, Host, free_port},
    make,
};
use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// No thread waits longer for Redis than its budget, and the machine may be busy.
const OPTIONS: &str = "wait=50ms";

/// Offers sessions with early data. Returns the number of those that were accepted.
fn early(host: &mut Host, file: &str, number: usize) -> usize {
    let said = host.ask(&format!("early @/{file} {number}"));
    let accepted = said.strip_prefix("accepted ").and_then(|rest| rest.split_once(" of "));
    assert!(said.ends_with(&format!(" of {number}, 0 failed")), "{said}");
    accepted.expect("a number").0.parse().expect("a number")
}

fn patient(fleet: &Fleet, options: &str) -> Host {
    fleet.host_with("early", |settings| settings.options = options.to_owned())
}

#[test]
fn a_session_for_single_use_is_resumed_by_one_host_and_once() {
    let fleet = Fleet::new();
    let (mut a, mut b) = (patient(&fleet, OPTIONS), patient(&fleet, OPTIONS));
    make(&fleet, &mut b, "b", 1);
    make(&fleet, &mut a, "s", N);
    // A late answer takes the session from all, and a busy machine has many.
    let at_b = early(&mut b, "s", N);
    assert!(at_b > 0, "B resumed {at_b}");
    assert_eq!(fleet.calls("get"), 0);
    let before = fleet.calls("getdel");
    let at_a = early(&mut a, "s", N);
    assert!(at_a + at_b <= N && fleet.calls("getdel") > before, "A has them here, and asks: {at_a} and {at_b}");
    assert_eq!((early(&mut a, "s", N), early(&mut b, "s", N)), (0, 0));
    // What one resumes itself is gone for the other.
    make(&fleet, &mut a, "t", N);
    let at_a = early(&mut a, "t", N);
    assert!(at_a > 0, "A resumed {at_a}");
    assert!(early(&mut b, "t", N) + at_a <= N);
}

#[test]
fn one_of_eight_processes_on_two_hosts_resumes_a_ticket() {
    race(true);
}

/// Ten thousand tickets.
#[test]
#[ignore = "takes ten minutes: make test-machines"]
fn one_of_eight_processes_on_two_hosts_resumes_each_of_ten_thousand_tickets() {
    race(false);
}

fn race(is_brief: bool) {
    let fleet = Fleet::new();
    let (program, socket) = (fleet.path("once"), fleet.path("redis.sock"));
    let mut cc = common::c_compiler();
    cc.args(["-std=gnu11", "-o"]).arg(&program).arg(root().join("tests-c/shared_once.c"));
    let outcome = process::run(cc.args(["-lssl", "-lcrypto", "-lpthread"]), Duration::from_secs(60));
    assert!(outcome.success(), "cc {outcome}");
    let mut hosts = Command::new(&program);
    hosts.arg(&socket).arg(fleet.path("server.pem")).arg(fleet.path("server.key.pem"));
    hosts.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", "shared");
    hosts.env("SSLSESSION_REMOTE", format!("redis+unix://{}", socket.display()));
    hosts.env("SSLSESSION_REMOTE_LIBRARY", common::remote_library()).env("SSLSESSION_REMOTE_OPTIONS", OPTIONS);
    hosts.env("SSLSESSION_KEY_FILE", fleet.path("fleet.key"));
    if is_brief {
        hosts.env("TESTS_C_BRIEF", "1");
    }
    let outcome = process::run(&mut hosts, Duration::from_secs(if is_brief { 120 } else { 1100 }));
    eprintln!("{outcome}");
    assert!(outcome.success(), "{outcome}");
}

#[test]
fn without_redis_early_data_is_refused_and_the_connection_is_good() {
    let mut fleet = Fleet::new();
    let (mut a, mut b) = (patient(&fleet, OPTIONS), patient(&fleet, OPTIONS));
    make(&fleet, &mut a, "s", N);
    make(&fleet, &mut b, "t", N);
    fleet.redis().signal(libc::SIGSTOP);
    assert_eq!((early(&mut a, "s", N), early(&mut b, "s", N)), (0, 0), "stopped");
    fleet.redis().signal(libc::SIGCONT);
    fleet.redis().kill();
    assert_eq!((early(&mut a, "t", N), early(&mut b, "t", N)), (0, 0), "killed");
    // Redis is back, and empty: what a host still has is no session.
    fleet.start_redis();
    let mut c = patient(&fleet, OPTIONS);
    make(&fleet, &mut c, "u", 1);
    assert_eq!((early(&mut a, "t", N), early(&mut b, "s", N)), (0, 0), "empty");
}

/// A replica of the fleet's Redis.
struct Replica {
    server: Running,
    port: u16,
}

impl Replica {
    fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-p").arg(self.port.to_string()).args(words).output();
        String::from_utf8_lossy(&output.expect("redis-cli is there").stdout).into_owned()
    }

    fn start(fleet: &Fleet, master: u16) -> Replica {
        let port = free_port();
        let mut redis = Command::new("redis-server");
        redis.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        redis.args(["--replicaof", "127.0.0.1", &master.to_string(), "--repl-diskless-sync-delay", "0"]);
        redis.arg("--dir").arg(fleet.path("")).args(["--dbfilename", "replica.rdb"]).stdout(Stdio::null());
        let replica = Replica { server: Running::start(&mut redis), port };
        fleet.wait_until("the replica", || replica.cli(&["info", "replication"]).contains("master_link_status:up"));
        replica
    }
}

#[test]
fn a_replica_that_is_behind_and_promoted_does_not_give_a_session_again() {
    let mut fleet = Fleet::new();
    let port = free_port();
    fleet.restart_redis_with(["--port", &port.to_string(), "--bind", "127.0.0.1"].map(str::to_owned).to_vec());
    let mut replica = Replica::start(&fleet, port);
    let options = "wait=50ms,replicas=1";
    let (mut a, mut b) = (patient(&fleet, options), patient(&fleet, options));
    make(&fleet, &mut a, "s", N);
    make(&fleet, &mut a, "t", N);
    fleet.wait_until("the records", || replica.cli(&["dbsize"]).trim() == "80");
    // The first question makes the connection.
    let accepted = (0..N).step_by(5).map(|_| early(&mut b, "s", N)).sum::<usize>();
    assert!((1..=N).contains(&accepted), "the replica notes it in time: {accepted}");
    replica.server.signal(libc::SIGSTOP);
    assert_eq!(fleet.said(&["client", "kill", "type", "replica"]).trim(), "1");
    thread::sleep(Duration::from_secs(1)); // as long as B may not wait
    let before = fleet.calls("getdel");
    assert_eq!(early(&mut b, "t", N), 0, "the replica does not note it");
    assert!(fleet.calls("getdel") > before, "B has asked");
    fleet.redis().kill();
    replica.server.signal(libc::SIGCONT);
    assert_eq!(replica.cli(&["replicaof", "no", "one"]).trim(), "OK");
    let by = |options: &str| {
        let remote = Some(format!("redis://127.0.0.1:{}", replica.port));
        fleet.host_with("early", |settings| {
            (settings.remote, settings.options) = (remote.clone(), options.to_owned());
        })
    };
    let mut c = by(options);
    for _ in 0..2 {
        assert_eq!(early(&mut c, "t", 1), 0, "it has no replica itself");
    }
    // The session that B has taken from the other one is still here.
    let mut d = by(OPTIONS);
    let begun = Instant::now();
    while early(&mut d, "t", N) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "the replica has the records, if nobody counts replicas");
    }
}
