//! Redis with TLS: OpenSSL's cache, of the size and timeout that its configuration says, and connections that are closed
//! without a goodbye.

use super::{
    compare::{Story, same_with_all},
    run::{Run, With, printed},
    server::Server,
};

/// Starts it without anything but its TLS port and without files.
fn start<'a>(run: &'a Run, settings: &[&str]) -> Server<'a> {
    Server::start(run, 1, |ports| {
        let mut command = run.command("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &ports[0].to_string()]);
        command.args(["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "cert.pem"]);
        command.args(["--tls-auth-clients", "no", "--save", ""]).args(settings);
        command
    })
}

/// A request with `Host:` is taken for an attack: Redis ends such a connection, without an answer.
fn reconnect(run: &Run, port: u16, count: usize, version: &str) -> String {
    run.reconnect(port, count, &format!("{version} ids bye"))
}

fn ended_by_it(run: &Run, settings: &[&str], version: &str) -> Story {
    let server = start(run, settings);
    let handshakes = reconnect(run, server.port(), 6, version);
    let freed = run.probe().connections(true, 6);
    server.stop(libc::SIGTERM);
    Story::new(handshakes, &freed)
}

/// A client that says nothing and goes; what it says of its handshake. It offers the session of the one before.
fn visit(run: &Run, port: u16) -> char {
    let mut client = run.plain_command("openssl");
    client.args(["s_client", "-tls1_2", "-no_ticket", "-sess_out", "session", "-connect"]);
    client.arg(format!("127.0.0.1:{port}"));
    if run.path("session").exists() {
        client.args(["-sess_in", "session"]);
    }
    let said = printed(&mut client);
    let letter = said.lines().find(|line| line.starts_with("New, TLSv1.2") || line.starts_with("Reused, TLSv1.2"));
    letter.expect("a handshake").chars().next().expect("its first letter")
}

fn ended_by_the_client(run: &Run) -> Story {
    let server = start(run, &[]);
    let mut freed = Vec::new();
    let visits = (0..6).map(|_| {
        let letter = visit(run, server.port());
        // Only then has it seen the end.
        freed.extend(run.probe().connections(true, 1));
        letter
    });
    let handshakes: String = visits.collect();
    server.stop(libc::SIGTERM);
    Story::new(handshakes, &freed)
}

#[track_caller]
fn expect(story: &Story, handshakes: &str, kept: i64) {
    assert_eq!((story.handshakes.as_str(), story.kept()), (handshakes, kept));
}

#[test]
fn connections_that_it_ends_are_resumed() {
    expect(&same_with_all(|run| ended_by_it(run, &[], "tls1_2")), "NRRRRR", 1);
}

#[test]
fn connections_that_the_client_ends_are_not_resumed() {
    expect(&same_with_all(ended_by_the_client), "NNNNNN", 0);
}

#[test]
fn its_cache_turned_off_stays_off() {
    let story = same_with_all(|run| ended_by_it(run, &["--tls-session-caching", "no"], "tls1_2"));
    expect(&story, "NNNNNN", 0);
    assert_eq!(story.seen()[0].mode, 0);
}

#[test]
fn its_size_is_kept() {
    // Each new session of six clients takes the place of another; OpenSSL 3.0 counts the one that comes, too.
    let story = same_with_all(|run| {
        let server = start(run, &["--tls-session-cache-size", "3"]);
        let handshakes: Vec<String> = (0..6).map(|_| reconnect(run, server.port(), 2, "tls1_2")).collect();
        let freed = run.probe().connections(true, 12);
        server.stop(libc::SIGTERM);
        Story::new(handshakes.join(" "), &freed)
    });
    expect(&story, "NR NR NR NR NR NR", 2);
    assert_eq!(story.seen()[0].full, 4);
}

/// A promise of docs/operations.md for the shared store: a client that Redis gave no goodbye is resumed all the same.
#[test]
fn with_a_shared_store_the_clients_end_is_no_end_of_the_session() {
    for with in [With::Library, With::LibraryOverSymbolic] {
        let run = Run::new(with);
        run.set("SSLSESSION_STORE", "shared,size=1M");
        assert_eq!(ended_by_the_client(&run).handshakes, "NRRRRR");
    }
}
