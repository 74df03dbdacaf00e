//! Failures of Redis: each of them costs full handshakes, and no error at any client.

use crate::{
    MANY, N, connected, connected_by, expect_all_resumed, expect_full_handshakes,
    fleet::{Fleet, Host, free_port},
    found_again, make, resumed,
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

#[test]
fn a_flushed_redis_costs_full_handshakes() {
    let fleet = Fleet::new();
    let (mut a, mut b) = (fleet.host("tls12"), connected(&fleet, "tls12"));
    make(&fleet, &mut a, "s", N);
    assert_eq!(fleet.said(&["flushall"]).trim(), "OK");
    assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(0, N));
    assert_eq!(a.ask(&format!("resume @/s {N}")), resumed(N, N), "A has its own");
    make(&fleet, &mut a, "t", N);
    expect_all_resumed(&mut b, "t", N);
}

#[test]
fn a_full_redis_that_evicts_nothing_takes_no_more_and_gives_what_it_has() {
    let fleet = Fleet::new();
    let (mut a, mut b) = (fleet.host("tls12"), connected(&fleet, "tls12"));
    make(&fleet, &mut a, "s", N);
    fleet.said(&["config", "set", "maxmemory-policy", "noeviction"]);
    fleet.said(&["config", "set", "maxmemory", "1"]);
    assert_eq!(a.ask(&format!("make @/t {N}")), format!("made {N}, 0 failed"));
    assert_eq!(b.ask(&format!("resume @/t {N}")), resumed(0, N));
    expect_all_resumed(&mut b, "s", N);
    fleet.said(&["config", "set", "maxmemory", "0"]);
    make(&fleet, &mut a, "u", N);
    expect_all_resumed(&mut b, "u", N);
}

/// Replaces each record by what `forge` makes of it, given also the record of another.
fn falsify(fleet: &Fleet, forge: &str) {
    let script = format!(
        "local names = redis.call('keys', '*')
         local values = {{}}
         for i, name in ipairs(names) do values[i] = redis.call('get', name) end
         for i, name in ipairs(names) do
           local own, other = values[i], values[i % #names + 1]
           redis.call('set', name, {forge}, 'keepttl')
         end
         return #names"
    );
    let number: usize = fleet.said(&["eval", &script, "0"]).trim().parse().expect("a number of records");
    assert!(number >= N);
}

#[test]
fn a_redis_that_lies_costs_full_handshakes() {
    for (what, forge) in [
        ("another's record", "other"),
        ("cut", "string.sub(own, 1, -2)"),
        ("nothing", "''"),
        ("flipped at its end", "string.sub(own, 1, -2) .. string.char((string.byte(own, -1) + 1) % 256)"),
        (
            "flipped in its salt",
            "string.sub(own, 1, 4) .. string.char((string.byte(own, 5) + 1) % 256) .. string.sub(own, 6)",
        ),
        ("longer", "own .. 'x'"),
        ("huge", "string.rep(own, 5000)"),
    ] {
        let fleet = Fleet::new();
        let (mut a, mut b) = (fleet.host("tls12"), fleet.host("tls12"));
        make(&fleet, &mut a, "s", N);
        falsify(&fleet, forge);
        let asked = fleet.calls("get");
        // The first question may come before the connection.
        for _ in 0..2 {
            assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(0, N), "{what}");
        }
        assert!(fleet.calls("get") > asked, "{what}");
    }
}

/// A record that was there before, for a session that has been removed, is what Redis can give back until it expires;
/// but under no other name.
#[test]
fn an_old_record_is_no_other_session() {
    let fleet = Fleet::new();
    let (mut a, mut b) = (fleet.host("tls12"), connected(&fleet, "tls12"));
    make(&fleet, &mut a, "old", N);
    fleet.said(&[
        "eval",
        "for _, name in ipairs(redis.call('keys', '*')) do redis.call('rename', name, 'kept:' .. name) end",
        "0",
    ]);
    make(&fleet, &mut a, "s", N);
    let script = "local old = redis.call('keys', 'kept:*')
                  for i, name in ipairs(redis.call('keys', 'tls:*')) do
                    redis.call('set', name, redis.call('get', old[i % #old + 1]), 'keepttl')
                  end";
    fleet.said(&["eval", script, "0"]);
    assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(0, N));
}

#[test]
fn a_redis_that_sleeps_is_found_again() {
    let fleet = Fleet::new();
    let mut a = fleet.host("tls12");
    make(&fleet, &mut a, "s", MANY);
    make(&fleet, &mut a, "last", 1);
    let mut b = connected(&fleet, "tls12");
    let socket = fleet.path("redis.sock");
    let asleep = thread::spawn(move || {
        std::process::Command::new("redis-cli").arg("-s").arg(socket).args(["debug", "sleep", "2"]).output()
    });
    expect_full_handshakes_or_more(&mut b, "s");
    asleep.join().expect("no panic").expect("redis-cli is there");
    found_again(&mut b);
}

/// It may have answered some before it slept.
fn expect_full_handshakes_or_more(host: &mut Host, file: &str) {
    let said = host.ask(&format!("resume @/{file} {MANY}"));
    assert!(said.ends_with(&format!(" of {MANY}, 0 failed")), "{said}");
}

/// A way to Redis that ends connections as they write, so many times.
fn proxy_that_ends_writes(to: u16, times: &'static AtomicUsize) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { continue };
            let (mut answers, mut back) = (server.try_clone().expect("it"), client.try_clone().expect("it"));
            thread::spawn(move || std::io::copy(&mut answers, &mut back));
            thread::spawn(move || forward(client, server, times));
        }
    });
    port
}

fn forward(mut client: TcpStream, mut server: TcpStream, times: &AtomicUsize) {
    let mut bytes = [0; 65536];
    while let Ok(length @ 1..) = client.read(&mut bytes) {
        let is_write = bytes[..length].windows(3).any(|word| word == b"SET");
        if is_write && times.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            break;
        }
        if server.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

#[test]
fn a_write_survives_connections_that_end_before_it_has_arrived() {
    static LEFT: AtomicUsize = AtomicUsize::new(3);
    let mut fleet = Fleet::new();
    let redis = free_port();
    fleet.restart_redis_with(["--port", &redis.to_string(), "--bind", "127.0.0.1"].map(str::to_owned).to_vec());
    let port = proxy_that_ends_writes(redis, &LEFT);
    let mut a = connected_by(&fleet, &format!("redis://127.0.0.1:{port}"), "");
    fleet.wait_until("the write", || fleet.calls("set") == 1);
    assert_eq!(LEFT.load(Relaxed), 0, "the first attempts were cut off");
    make(&fleet, &mut a, "s", N);
    expect_all_resumed(&mut connected(&fleet, "tls12"), "s", N);
}

#[test]
fn an_account_with_the_rights_of_the_documentation_is_enough() {
    let mut fleet = Fleet::new();
    let documented = include_str!("../../docs/remote.md");
    let account =
        documented.split_once("`ACL SETUSER ").and_then(|(_, rest)| rest.split_once('`')).expect("an account").0;
    let port = free_port();
    let mut arguments = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--user"].map(str::to_owned).to_vec();
    arguments.extend(account.replace(">WORD", ">word").split(' ').map(str::to_owned));
    fleet.restart_redis_with(arguments);
    let remote = format!("redis://tls:word@127.0.0.1:{port}");
    for version in ["tls12", "early"] {
        let host = || fleet.host_with(version, |settings| settings.remote = Some(remote.clone()));
        let (mut a, mut b) = (host(), host());
        make(&fleet, &mut a, "s", N);
        make(&fleet, &mut b, "b", 1);
        if version == "tls12" {
            expect_all_resumed(&mut b, "s", N);
        } else {
            let said = b.ask(&format!("early @/s {N}"));
            assert!(!said.starts_with("accepted 0 ") && said.ends_with("0 failed"), "{said}");
        }
    }
    let wrong = format!("redis://tls:wrong@127.0.0.1:{port}");
    let mut c = fleet.host_with("tls12", |settings| settings.remote = Some(wrong.clone()));
    make(&fleet, &mut fleet.host_with("tls12", |settings| settings.remote = Some(remote.clone())), "many", MANY);
    expect_full_handshakes(&mut c, "many", "wrong password");
}
