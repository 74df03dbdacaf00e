//! stunnel: it puts sessions into the cache itself, at both ends, and prints the cache's statistics in its log.

use super::{
    compare::{Story, all_at_once, same_with_all},
    plain,
    probe::letters,
    run::Run,
    server::Server,
};

const SERVER: &str = "
foreground = yes
pid =
debug = debug
syslog = no
[server]
accept = 127.0.0.1:TLS_PORT
connect = 127.0.0.1:BACKEND
cert = @DIR@/both.pem
options = NO_TICKET
sslVersion = VERSION
";

const CLIENT: &str = "
[client]
client = yes
accept = 127.0.0.1:PLAIN_PORT
connect = 127.0.0.1:TLS_PORT
";

fn start<'a>(run: &'a Run, ports: usize, configuration: &str, version: &str) -> Server<'a> {
    let backend = plain::serve().to_string();
    Server::start(run, ports, |ports| {
        let text = configuration
            .replace("VERSION", version)
            .replace("BACKEND", &backend)
            .replace("TLS_PORT", &ports[0].to_string())
            .replace("PLAIN_PORT", &ports[ports.len() - 1].to_string());
        let mut command = run.command("stunnel4");
        command.arg(run.write("stunnel.conf", &text));
        command
    })
}

/// The statistics that stunnel printed after its last handshake, one after another.
fn last_statistics(log: &str) -> Vec<String> {
    const LINES: usize = 9;
    let texts: Vec<&str> = log.lines().filter_map(|line| line.split_once("]:      ").map(|(_, text)| text)).collect();
    texts[texts.len() - LINES..].iter().map(|text| text.trim().to_owned()).collect()
}

fn server_side(version: &str, client: &str) -> Story {
    same_with_all(|run| {
        let server = start(run, 1, SERVER, version);
        let handshakes = run.reconnect(server.port(), 6, client);
        let freed = run.probe().connections(true, 6);
        let statistics = last_statistics(&server.stop(libc::SIGTERM)).join(", ");
        Story::new(format!("{handshakes}: {statistics}"), &freed)
    })
}

#[test]
fn its_sessions_are_in_the_library() {
    let story = server_side("TLSv1.2", "tls1_2");
    assert!(story.handshakes.starts_with("NRRRRR: 7 server accept(s) requested"), "{}", story.handshakes);
    assert!(story.handshakes.contains("1 internal session cache item(s)"), "{}", story.handshakes);
    assert_eq!(story.kept(), 1);
}

#[test]
fn of_stateful_tickets_it_keeps_the_last_of_a_full_handshake() {
    let story = server_side("TLSv1.3", "tls1_3");
    assert!(story.handshakes.starts_with("NNNNNN: "), "{}", story.handshakes);
    let story = server_side("TLSv1.3", "tls1_3 latest");
    assert!(story.handshakes.starts_with("NRNRNR: "), "{}", story.handshakes);
}

#[test]
fn its_client_side_resumes() {
    let story = same_with_all(|run| {
        let configuration = SERVER.to_owned() + CLIENT;
        let server = start(run, 2, &configuration, "TLSv1.2");
        // Testing whether the plain port is open was a first connection.
        let mut freed = run.probe().connections(false, 1);
        for _ in 0..5 {
            assert!(plain::get(server.ports[1]).contains("answer"));
            freed.extend(run.probe().connections(false, 1));
        }
        server.stop(libc::SIGTERM);
        Story::new(letters(&freed), &freed)
    });
    assert_eq!(story.handshakes, "NRRRRR");
}

#[test]
fn clients_at_once_are_all_resumed() {
    let story = all_at_once(|run, clients, connections| {
        let server = start(run, 1, SERVER, "TLSv1.2");
        let handshakes = run.reconnect_at_once(server.port(), clients, connections, "tls1_2");
        let freed = run.probe().connections(true, clients * connections);
        server.stop(libc::SIGTERM);
        Story::new(handshakes, &freed)
    });
    assert_eq!(story.kept(), 4);
}
