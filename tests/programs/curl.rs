//! curl, a client that keeps its sessions itself: libcurl takes them in its new_session callback.

use super::{
    compare::{Story, with_all},
    nginx::Nginx,
    probe::letters,
    run::{Run, printed},
};

const PAGES: usize = 6;

/// Fetches the same page again and again, each time in a new connection, as HTTP/1.0 has it.
///
/// Before it frees a connection curl 7 makes it forget its handshake (SSL_set_connect_state), but not that it was resumed.
/// So the letters are the server's, and of curl's own connections those are counted that were resumed.
fn fetch(run: &Run, server: &str, words: &str) -> Story {
    let nginx = Nginx { workers: 1, main: "", server, front: "" }.start(run);
    let page = format!("https://127.0.0.1:{}/", nginx.port());
    let mut curl = run.command("curl");
    curl.args(["--silent", "--show-error", "--insecure", "--http1.0", "--noproxy", "*"]).args(words.split_whitespace());
    curl.args([page.as_str(); PAGES]);
    assert_eq!(printed(&mut curl), "answer".repeat(PAGES));
    nginx.stop(libc::SIGQUIT);
    let told = run.probe().told();
    let (servers, curls): (Vec<_>, Vec<_>) = told.iter().cloned().partition(|freed| freed.server);
    let handshakes = letters(&servers);
    let resumed = curls.iter().filter(|freed| freed.reused).count();
    assert_eq!(handshakes.matches('R').count(), resumed, "{handshakes}, and curl: {curls:#?}");
    assert!(curls.iter().all(|freed| freed.seen.mode == 0x301 && freed.seen.number == 0), "{curls:#?}");
    Story::new(handshakes, &told)
}

#[track_caller]
fn expect(server: &str, words: &str, handshakes: &str) {
    // Each connection has a context of its own, which may have the address of one before: the statistics vary.
    let story = with_all(|run| fetch(run, server, words));
    assert_eq!(story.handshakes, handshakes, "{server}, {words}");
}

const IDS: &str = "ssl_session_cache builtin; ssl_session_tickets off;";
const TICKETS: &str = "ssl_session_cache off;";

#[test]
fn ids_are_resumed() {
    expect(IDS, "--tls-max 1.2", "NRRRRR");
}

#[test]
fn stateful_tickets_are_resumed() {
    expect(IDS, "--tlsv1.3", "NRRRRR");
}

#[test]
fn tickets_are_resumed() {
    expect(TICKETS, "--tlsv1.3", "NRRRRR");
}

/// libcurl asks for none in TLS 1.2 (SSL_OP_NO_TICKET).
#[test]
fn tickets_of_tls_1_2_are_not() {
    expect(TICKETS, "--tls-max 1.2", "NNNNNN");
}

#[test]
fn without_ids_it_keeps_none() {
    expect(IDS, "--tlsv1.3 --no-sessionid", "NNNNNN");
}
