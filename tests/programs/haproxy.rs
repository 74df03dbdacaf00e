//! haproxy: its own cache at the frontend, and the sessions it keeps for its servers.

use super::{
    compare::{Story, all_at_once, same_with_all},
    plain,
    probe::letters,
    run::Run,
    server::Server,
};

const CONFIGURATION: &str = "
global
    log stderr local0 err
    GLOBAL
defaults
    mode http
    timeout client 20s
    timeout server 20s
    timeout connect 20s
    option httpclose
frontend tls
    bind 127.0.0.1:TLS_PORT ssl crt @DIR@/both.pem no-tls-tickets ssl-min-ver TLSv1.2
    http-request return status 200 content-type text/plain string answer
frontend plain
    bind 127.0.0.1:PLAIN_PORT
    default_backend tls_servers
backend tls_servers
    server own 127.0.0.1:TLS_PORT ssl verify none
";

fn start<'a>(run: &'a Run, global: &str) -> Server<'a> {
    Server::start(run, 2, |ports| {
        let text = CONFIGURATION
            .replace("GLOBAL", global)
            .replace("TLS_PORT", &ports[0].to_string())
            .replace("PLAIN_PORT", &ports[1].to_string());
        let configuration = run.write("haproxy.cfg", &text);
        let mut command = run.command("haproxy");
        command.arg("-db").arg("-f").arg(configuration);
        command
    })
}

fn frontend(global: &str, client: &str) -> Story {
    same_with_all(|run| {
        let server = start(run, global);
        let handshakes = run.reconnect(server.port(), 6, client);
        let freed = run.probe().connections(true, 6);
        server.stop(libc::SIGTERM);
        Story::new(handshakes, &freed)
    })
}

#[test]
fn its_own_cache_works_through_us() {
    for client in ["tls1_2", "tls1_3", "tls1_3 latest"] {
        let story = frontend("nbthread 1", client);
        assert_eq!((story.handshakes.as_str(), story.kept()), ("NRRRRR", 0), "{client}");
        assert_eq!(story.seen()[0].cb_hits, 5, "{client}");
    }
}

#[test]
fn a_cache_size_of_nothing_stays_so() {
    let story = frontend("nbthread 1\n    tune.ssl.cachesize 0", "tls1_2");
    assert_eq!((story.handshakes.as_str(), story.kept()), ("NNNNNN", 0));
}

#[test]
fn clients_at_once_are_all_resumed() {
    all_at_once(|run, clients, connections| {
        let server = start(run, "nbthread 2");
        let handshakes = run.reconnect_at_once(server.port(), clients, connections, "tls1_2");
        let freed = run.probe().connections(true, clients * connections);
        server.stop(libc::SIGTERM);
        Story::new(handshakes, &freed)
    });
}

#[test]
fn the_backend_side_resumes() {
    let story = same_with_all(|run| {
        let server = start(run, "nbthread 1");
        for _ in 0..6 {
            assert!(plain::get(server.ports[1]).contains("answer"));
        }
        let freed = run.probe().connections(false, 6);
        server.stop(libc::SIGTERM);
        Story::new(letters(&freed), &freed)
    });
    assert_eq!(story.handshakes, "NRRRRR");
}
