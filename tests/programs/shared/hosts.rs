//! Servers with different client authentication in one nginx: what one hands out is not resumed by the other.
//!
//! Stock libssl keeps servers on two ports apart, but not two names on one port: it looks for the session before it reads
//! the name, in TLS 1.3 too (CVE-2025-23419). What it finds of the wrong server nginx refuses, with an alert or with
//! status 421. Here the session is not found in the first place, so such a client has a full handshake and is served.

use super::nginx::{WORKERS, reload};
use super::{Run, STORE, With, run_with};
use crate::programs::{nginx::Nginx, server::Server};
use std::collections::BTreeMap;

const VERSIONS: [&str; 2] = ["tls1_2 ids", "tls1_3"];
const CLIENTS: [&str; 2] = ["", "cert=both.pem"];
const NAMES: [&str; 2] = ["first", "second"];

/// Reconnections with each session, so that several workers have a part in it.
const COUNT: usize = 4;

/// Directives of a server that asks nobody for a certificate, and of one that lets nobody in without.
const OPEN: &str = "ssl_verify_client off;";
const CLOSED: &str = "ssl_verify_client on; ssl_client_certificate @DIR@/cert.pem;";

/// Two servers, the first of which is the port's default.
#[derive(Clone, Copy, Debug)]
struct Hosts {
    directives: [&'static str; 2],
    /// The second has a port of its own; or else it is told apart by its name.
    second_port: bool,
}

/// A client: how it connects, with which certificate, where it gets its session, and where it offers it.
type Case = (&'static str, &'static str, usize, usize);

/// The two servers, running.
struct Pair<'a> {
    server: Server<'a>,
    run: &'a Run,
    hosts: Hosts,
}

/// The configuration of the first and of the second.
fn configuration(hosts: Hosts) -> [String; 2] {
    let port = if hosts.second_port { "FRONT_PORT" } else { "PORT" };
    let common = "ssl_session_cache builtin; ssl_session_tickets off;
        location = / { return 200 '$server_name $ssl_client_verify'; }";
    let second = format!(
        "server {{ listen 127.0.0.1:{port} ssl; server_name second; {common} {}
        ssl_certificate @DIR@/cert.pem; ssl_certificate_key @DIR@/key.pem; ssl_protocols TLSv1.2 TLSv1.3; }}",
        hosts.directives[1]
    );
    [format!("server_name first; {common} {}", hosts.directives[0]), second]
}

impl<'a> Pair<'a> {
    fn start(run: &'a Run, workers: usize, hosts: Hosts) -> Pair<'a> {
        let [server, front] = configuration(hosts);
        let server = Nginx { workers, main: "", server: &server, front: &front }.start(run);
        Pair { server, run, hosts }
    }

    /// Has both go on with other directives.
    fn reload(&mut self, directives: [&'static str; 2]) {
        self.hosts.directives = directives;
        let [server, front] = configuration(self.hosts);
        let nginx = Nginx { workers: WORKERS, main: "", server: &server, front: &front };
        nginx.configure(self.run, "stderr", &self.server.ports);
        reload(&mut self.server);
    }

    /// Connects to one of the two; a line for each connection: the letter, the status, the answer.
    fn connect(&self, host: usize, count: usize, words: &str) -> Vec<String> {
        let port = self.server.ports[if self.hosts.second_port { host } else { 0 }];
        let told = self.run.reconnect(port, count, &format!("{words} name={} alerts answers", NAMES[host]));
        told.lines().map(str::to_owned).collect()
    }

    /// Outcome for a client without a session.
    fn fresh(&self, (version, certificate, _, host): Case) -> Vec<String> {
        let told = self.connect(host, 1, &format!("{version} {certificate}"));
        vec![told[0].clone(); COUNT]
    }

    /// Outcome for a client that offers a session of one host to one host.
    fn offered(&self, (version, certificate, made_by, host): Case) -> Vec<String> {
        self.connect(made_by, 1, &format!("{version} {certificate} save=session"));
        self.connect(host, COUNT, &format!("{version} {certificate} load=session"))
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in VERSIONS {
        for certificate in CLIENTS {
            for (made_by, host) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                cases.push((version, certificate, made_by, host));
            }
        }
    }
    cases
}

/// Outcomes of stock libssl with one worker.
fn stock(hosts: Hosts) -> BTreeMap<Case, Vec<String>> {
    let run = Run::new(With::Stock);
    let pair = Pair::start(&run, 1, hosts);
    let told = cases().into_iter().map(|case| (case, pair.offered(case))).collect();
    pair.server.stop(libc::SIGQUIT);
    told
}

/// A session of a server is resumed by itself as with stock, and by the other not at all.
fn expect_apart(directives: [&'static str; 2]) {
    for second_port in [false, true] {
        let hosts = Hosts { directives, second_port };
        let stock = stock(hosts);
        let run = run_with(With::Library, &[(STORE, "shared")]);
        let pair = Pair::start(&run, WORKERS, hosts);
        for case in cases() {
            let (_, certificate, made_by, host) = case;
            let told = pair.offered(case);
            if made_by == host {
                assert_eq!(stock[&case], told, "{hosts:?}, {case:?} (left: stock)");
            } else {
                assert_eq!(pair.fresh(case), told, "{hosts:?}, {case:?} (left: without a session)");
            }
            expect_no_way_in(hosts.directives[host], certificate, &told);
        }
        pair.server.stop(libc::SIGQUIT);
    }
}

/// Nobody gets an answer out of a closed server but who has shown it a certificate.
#[track_caller]
fn expect_no_way_in(directives: &str, certificate: &str, told: &[String]) {
    let shown = |line: &str| line.ends_with(" SUCCESS") && !certificate.is_empty();
    let answered = told.iter().filter(|line| line.contains(" 200 "));
    let bad: Vec<_> = answered.filter(|line| directives == CLOSED && !shown(line)).collect();
    assert!(bad.is_empty(), "{directives}, {certificate}: {bad:?}");
}

#[test]
fn an_open_server_and_a_closed_one() {
    expect_apart([OPEN, CLOSED]);
}

#[test]
fn a_closed_server_and_an_open_one() {
    expect_apart([CLOSED, OPEN]);
}

/// A reload may change what a server asks for. A name's directives are read too late to tell which of its sessions are
/// older: those may be resumed, and it is nginx that sends away who has shown no certificate.
#[test]
fn a_server_that_is_closed_by_a_reload() {
    for second_port in [false, true] {
        for (version, certificate) in VERSIONS.into_iter().flat_map(|version| CLIENTS.map(|client| (version, client))) {
            let run = run_with(With::Library, &[(STORE, "shared")]);
            let mut pair = Pair::start(&run, WORKERS, Hosts { directives: [OPEN, OPEN], second_port });
            pair.connect(1, 1, &format!("{version} {certificate} save=session"));
            pair.reload([OPEN, CLOSED]);
            let told = pair.connect(1, COUNT, &format!("{version} {certificate} load=session"));
            expect_no_way_in(CLOSED, certificate, &told);
            if second_port {
                assert_eq!(pair.fresh((version, certificate, 1, 1)), told, "{version}, {certificate} (left: anew)");
            }
            pair.server.stop(libc::SIGQUIT);
        }
    }
}
