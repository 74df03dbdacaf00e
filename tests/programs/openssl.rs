//! `openssl s_server`, with our own client and with `s_client` and `s_time`.

use super::{
    compare::{Story, same_with_all},
    run::{Run, printed},
    server::Server,
};
use std::process::Stdio;

/// `s_server` with these further words; it ends by itself after `connections`.
pub fn s_server<'a>(run: &'a Run, connections: usize, words: &str) -> Server<'a> {
    let mut command = run.command("openssl");
    command
        .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"])
        .args(["-naccept", &connections.to_string()])
        .args(words.split_whitespace())
        // It ends when its input does: this pipe is open for as long as the server is.
        .stdin(Stdio::piped());
    Server::start_on_its_port(run, command, |log| {
        log.lines().find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.trim().parse().ok())
    })
}

/// The server answers nothing and closes when the client does.
fn reconnections(server: &str, client: &str) -> Story {
    same_with_all(|run| {
        let server = s_server(run, 6, server);
        let handshakes = run.reconnect(server.port(), 6, &format!("{client} bye"));
        server.wait();
        Story::new(handshakes, &run.probe().connections(true, 6))
    })
}

#[track_caller]
fn expect(story: &Story, handshakes: &str, kept: i64) {
    assert_eq!((story.handshakes.as_str(), story.kept()), (handshakes, kept));
}

#[test]
fn tls_1_2_ids_are_resumed() {
    expect(&reconnections("-no_ticket", "tls1_2"), "NRRRRR", 1);
}

#[test]
fn a_client_without_tickets_is_resumed_by_id() {
    expect(&reconnections("", "tls1_2 ids"), "NRRRRR", 1);
}

#[test]
fn tickets_pass_the_cache_by() {
    expect(&reconnections("", "tls1_2"), "NRRRRR", 0);
    expect(&reconnections("", "tls1_3"), "NRRRRR", 0);
}

#[test]
fn tls_1_3_stateful_tickets_are_resumed() {
    // Two tickets after a full handshake, and one more after each resumption.
    expect(&reconnections("-no_ticket", "tls1_3"), "NRRRRR", 7);
    expect(&reconnections("-no_ticket", "tls1_3 latest"), "NRRRRR", 7);
}

#[test]
fn early_data_is_accepted_once_for_each_ticket() {
    expect(&reconnections("-early_data", "tls1_3 early latest"), "NEEEEE", 2);
}

#[test]
fn early_data_that_is_replayed_is_refused() {
    // Every refused replay is a full handshake and brings two tickets.
    expect(&reconnections("-early_data", "tls1_3 early"), "NENNNN", 10);
}

#[test]
fn a_cache_that_is_off_stays_off() {
    expect(&reconnections("-no_ticket -no_cache", "tls1_2"), "NNNNNN", 0);
}

#[test]
fn an_external_cache_is_asked_through_the_callbacks() {
    let story = reconnections("-no_ticket -ext_cache", "tls1_2");
    expect(&story, "NRRRRR", 0);
    assert_eq!(story.seen()[0].cb_hits, 5);
}

#[test]
fn s_client_reconnects() {
    let story = same_with_all(|run| {
        let server = s_server(run, 6, "-no_ticket");
        let mut client = run.plain_command("openssl");
        client.args(["s_client", "-reconnect", "-tls1_2", "-connect"]).arg(format!("127.0.0.1:{}", server.port()));
        let said = printed(&mut client);
        server.wait();
        let handshakes: String = said.lines().filter_map(s_client_letter).collect();
        Story::new(handshakes, &run.probe().connections(true, 6))
    });
    expect(&story, "NRRRRR", 1);
}

/// `New, TLSv1.2, Cipher is ...` or `Reused, TLSv1.2, Cipher is ...`
fn s_client_letter(line: &str) -> Option<char> {
    let (word, _) = line.split_once(", TLSv1.2, ")?;
    match word {
        "New" => Some('N'),
        "Reused" => Some('R'),
        _ => None,
    }
}

#[test]
fn s_time_reuses() {
    const HANDSHAKES: usize = 200;
    same_with_all(|run| {
        let server = s_server(run, HANDSHAKES, "-no_ticket -tls1_2");
        let mut s_time = run.plain_command("openssl");
        s_time.args(["s_time", "-reuse", "-time", "30", "-connect"]).arg(format!("127.0.0.1:{}", server.port()));
        // s_time knows only a time to stop at: it ends with an error when the server has ended, and that is all right.
        let told = crate::common::process::run(&mut s_time, super::run::DEADLINE);
        server.wait();
        let freed: Vec<_> = run.probe().told().into_iter().filter(|freed| freed.server).collect();
        // OpenSSL 4's server ends with its last connection, and one of them is not freed then.
        assert!(freed.len() >= HANDSHAKES - 1, "{} of {HANDSHAKES}, s_time: {told}", freed.len());
        let new = freed.iter().filter(|freed| !freed.reused).count();
        assert!(new == 1 || new == 0 && freed.len() < HANDSHAKES, "{new} are new, s_time: {told}");
        Story::new("", &freed)
    });
}
