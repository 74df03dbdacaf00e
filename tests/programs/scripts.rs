//! Python's ssl, Ruby's openssl and Perl's Net::SSLeay, which reach libssl through extensions loaded privately, and
//! which give the whole session interface to scripts. Each script prints all it sees; both runs must print the same.

use super::{
    compare::{Story, with_all},
    run::printed,
};
use crate::common;

/// Runs the script with both; it must print all these beginnings of lines, in this order.
fn same_printed(interpreter: &str, script: &str, beginnings: &[&str]) {
    let story = with_all(|run| {
        let mut command = run.command(interpreter);
        command.arg(common::root().join("tests/programs").join(script));
        command.arg(run.path("cert.pem")).arg(run.path("key.pem"));
        let printed = printed(&mut command);
        let freed = run.probe().told();
        Story::new(printed, &freed)
    });
    let mut lines = story.handshakes.lines();
    for beginning in beginnings {
        assert!(lines.any(|line| line.starts_with(beginning)), "{beginning}: not next in\n{}", story.handshakes);
    }
}

/// Debian's own interpreters, whatever else is first on the PATH.
#[test]
fn python_ssl() {
    let beginnings = [
        "TLS 1.2 ids NRRRRR",
        " server {'number': 1,",
        "TLS 1.3 stateful NRRRRR",
        " server {'number': 7,",
        // Before OpenSSL 3.2 such sessions are gone at once.
        "TLS 1.2 ids, closed without a goodbye NNNNNN",
    ];
    same_printed("/usr/bin/python3", "sessions.py", &beginnings);
}

#[test]
fn ruby_openssl() {
    let beginnings = [
        "TLS 1.2 ids NRRRRR: cache_num=1 ",
        "TLS 1.3 stateful NRRRRR: cache_num=7 ",
        "removed true, again false",
        "after that: cache_num=0 ",
        "callbacks in mode 514: NRRR gnggg, cache_num=0 ",
        "callbacks in mode 2: NRRR gn, cache_num=1 ",
        "five sessions in a cache of three: 3 left, cache_num=2 ",
        "off NNN: cache_num=0 ",
    ];
    same_printed("/usr/bin/ruby", "sessions.rb", &beginnings);
}

#[test]
fn perl_net_ssleay() {
    let beginnings = [
        "TLS 1.2 NRRRRR: number=1 ",
        "TLS 1.3 NRRRRR: number=7 ",
        "added 1, again 0",
        "so it is resumed: RR, number=1 ",
        "removed 1, again 0, resumable 0",
        "flushed at 1081: edc, number=2 ",
        "context freed: edcba",
        "six in a cache of four: 3 left, number=3 ",
        "off NNN: number=0 ",
    ];
    same_printed("/usr/bin/perl", "sessions.pl", &beginnings);
}
