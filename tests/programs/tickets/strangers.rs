//! Whom tickets are not for: another key file, certificate, client policy, trust store or name; each with two real servers that
//! are the same in all else.

use super::{CLIENTS, COUNT, KEYS, Machine};
use crate::programs::{nginx::Nginx, run::With, server::Server};

/// One worker, so that a first handshake teaches it all.
fn start<'a>(machine: &'a Machine, server: &str) -> Server<'a> {
    Nginx { workers: 1, main: "", server, front: "" }.start(&machine.0)
}

/// Offers the session of one machine to another that differs in one thing, again and again: each is a full handshake, and the
/// machine's own sessions are resumed.
fn expect_apart(one: &Machine, of_one: &str, other: &Machine, of_other: &str, certificate: &str) {
    let (here, there) = (start(one, of_one), start(other, of_other));
    for client in CLIENTS.map(|client| format!("{client} {certificate}").trim().to_owned()) {
        one.begin(&here, &client);
        for _ in 0..3 {
            assert_eq!(other.offer(&there, one, &client, 1), "N", "{client}, {of_one} to {of_other}");
        }
        other.begin(&there, &client);
        assert_eq!(other.offer(&there, other, &client, COUNT), "R".repeat(COUNT), "{client}, {of_other}");
    }
    here.stop(libc::SIGQUIT);
    there.stop(libc::SIGQUIT);
}

#[test]
fn another_key_file() {
    let one = Machine::new(With::Library, KEYS[0]);
    expect_apart(&one, "", &Machine::beside(&one, KEYS[1]), "", "");
}

/// nginx puts the certificate into the session id context, which libssl compares; s_server and Python do not.
#[test]
fn another_certificate() {
    let one = Machine::new(With::Library, KEYS[0]);
    expect_apart(&one, "", &Machine::new(With::Library, KEYS[0]), "", "");
}

const OPEN: &str = "ssl_verify_client off;";
const OPTIONAL: &str = "ssl_verify_client optional; ssl_client_certificate @DIR@/cert.pem;";
const CLOSED: &str = "ssl_verify_client on; ssl_client_certificate @DIR@/cert.pem;";

/// "optional" and "on" are one policy of libssl's: nginx itself sends away who has shown no certificate.
#[test]
fn another_client_policy() {
    let [one, other] = Machine::two(With::Library);
    expect_apart(&one, OPEN, &other, OPTIONAL, "");
    expect_apart(&one, CLOSED, &other, OPEN, "cert=both.pem");
    expect_apart(&one, OPEN, &other, CLOSED, "cert=both.pem");
}

/// The second trusts another certificate beside the client's.
#[test]
fn another_trust_store() {
    let [one, other] = Machine::two(With::Library);
    let stranger = Machine::new(With::Library, KEYS[0]);
    let both = [&one, &stranger].map(|machine| std::fs::read_to_string(machine.0.path("cert.pem")).expect("a file"));
    other.0.write("two.pem", &both.concat());
    let trusts_two = "ssl_verify_client optional; ssl_trusted_certificate @DIR@/two.pem;
        ssl_client_certificate @DIR@/cert.pem;";
    expect_apart(&one, OPTIONAL, &other, trusts_two, "cert=both.pem");
}

/// Names of one server are apart too, where stock libssl resumes one's session as the other's.
#[test]
fn another_name() {
    for (with, letter) in [(With::Stock, "R"), (With::Library, "N")] {
        let machine = Machine::new(with, KEYS[0]);
        let server = start(&machine, "");
        for client in CLIENTS {
            machine.begin(&server, &format!("{client} name=one.example"));
            let session = machine.0.path(&super::session(&format!("{client} name=one.example")));
            let offer = |name| {
                machine.0.reconnect(server.port(), 1, &format!("{client} name={name} load={}", session.display()))
            };
            assert_eq!(offer("one.example"), "R", "{client}, {with:?}");
            assert_eq!(offer("another.example"), letter, "{client}, {with:?}");
        }
        server.stop(libc::SIGQUIT);
    }
}
