//! lighttpd, which turns OpenSSL's cache off and has no other: its clients come back with tickets or not at all.

use super::{
    compare::{Story, same_with_all, with_all},
    paper::{Recipe, settings_of},
    run::{Run, With},
    server::Server,
    shared,
};

const CONFIGURATION: &str = "
server.modules = (\"mod_openssl\")
server.bind = \"127.0.0.1\"
server.port = PORT
server.document-root = \"@DIR@/www\"
server.errorlog = \"/dev/stderr\"
ssl.engine = \"enable\"
ssl.pemfile = \"@DIR@/both.pem\"
";

/// Starts it in the foreground; it serves `/index.html`.
pub fn start<'a>(run: &'a Run, settings: &str) -> Server<'a> {
    std::fs::create_dir_all(run.path("www")).unwrap();
    run.write("www/index.html", "answer");
    Server::start(run, 1, |ports| {
        let text = CONFIGURATION.replace("PORT", &ports[0].to_string()) + settings;
        let mut command = run.command("lighttpd");
        command.arg("-D").arg("-f").arg(run.write("lighttpd.conf", &text));
        command
    })
}

#[track_caller]
fn expect(client: &str, handshakes: &str) {
    let story = same_with_all(|run| {
        let server = start(run, "ssl.openssl.ssl-conf-cmd = (\"MinProtocol\" => \"TLSv1.2\")\n");
        let handshakes = run.reconnect(server.port(), 6, &format!("{client} path=/index.html"));
        let freed = run.probe().connections(true, 6);
        server.stop(libc::SIGTERM);
        Story::new(handshakes, &freed)
    });
    assert_eq!((story.handshakes.as_str(), story.kept()), (handshakes, 0), "{client}");
    assert_eq!(story.seen()[0].mode, 0x380, "{client}"); // off, and NO_AUTO_CLEAR and NO_INTERNAL beside it
}

#[test]
fn its_cache_stays_off() {
    expect("tls1_2 ids", "NNNNNN");
}

#[test]
fn its_tickets_pass_the_cache_by() {
    expect("tls1_2", "NRRRRR");
    expect("tls1_3", "NRRRRR");
}

/// Runs the recipe of docs/operations.md: the cache that lighttpd has turned off is on for all its workers.
pub fn store_as_written(recipe: &Recipe) {
    for with in [With::Library, With::LibraryOverSymbolic] {
        let run = shared::run_with(with, &settings_of(recipe.sessions));
        let server = start(&run, "server.max-worker = 4\n");
        shared::expect_reuse(&run, server.port(), "tls1_2 ids path=/index.html");
        server.stop(libc::SIGTERM);
    }
}

#[test]
fn a_reload_leaves_it_at_work() {
    // The new context may have the old one's address, and be taken for it: the statistics vary.
    let story = with_all(|run| {
        let mut server = start(run, "server.feature-flags = (\"server.graceful-restart-bg\" => \"enable\")\n");
        let before = run.reconnect(server.port(), 3, "tls1_2 path=/index.html");
        let mut freed = run.probe().connections(true, 3);
        server.signal(libc::SIGUSR1);
        server.wait_for(|log| (log.matches("server started").count() > 1).then_some(()));
        let after = run.reconnect(server.port(), 3, "tls1_2 path=/index.html");
        freed.extend(run.probe().connections(true, 3));
        server.stop(libc::SIGTERM);
        Story::new(format!("{before} {after}"), &freed)
    });
    assert_eq!(story.handshakes, "NRR NRR");
}
