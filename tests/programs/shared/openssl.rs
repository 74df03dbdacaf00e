//! `openssl s_server`, one after the other, with one named store: sessions wait for the next, and single use is single.

use super::{Name, Run, STORE, TICKETS, With, run_with};
use crate::programs::openssl::s_server;

/// A server that serves one connection and ends; the letters of that.
fn serve_once(run: &Run, server: &str, client: &str) -> String {
    let server = s_server(run, 1, server);
    let handshakes = run.reconnect(server.port(), 1, &format!("{client} bye"));
    server.wait();
    run.probe().connections(true, 1);
    handshakes
}

#[test]
fn the_next_server_goes_on() {
    for with in [With::Library, With::LibraryOverSymbolic] {
        for client in ["tls1_2 ids", "tls1_3 latest"] {
            let name = Name::new();
            let run = run_with(with, &[(STORE, &name.setting())]);
            assert_eq!(serve_once(&run, "-no_ticket", &format!("{client} save=session")), "N", "{client}");
            for _ in 0..5 {
                let again = serve_once(&run, "-no_ticket", &format!("{client} load=session save=session"));
                assert_eq!(again, "R", "{client}");
            }
        }
    }
}

/// With early data a session may be used once. Of all servers that have the store only one accepts it, and its early data.
#[test]
fn early_data_is_accepted_by_one_server_only() {
    for with in [With::Library, With::LibraryOverSymbolic] {
        let name = Name::new();
        let run = run_with(with, &[(STORE, &name.setting())]);
        assert_eq!(serve_once(&run, "-early_data", "tls1_3 save=session"), "N");
        let replays: String = (0..3).map(|_| serve_once(&run, "-early_data", "tls1_3 early load=session")).collect();
        assert_eq!(replays, "ENN");
    }
}

/// Stateless tickets pass every cache by; turned into stateful ones their sessions are cached, and no client is sent away
/// for it. Without a shared store they stay stateless.
#[test]
fn tickets_are_made_stateful_where_there_is_a_shared_store() {
    for with in [With::Library, With::LibraryOverSymbolic] {
        for (store, client, kept) in
            [("memory", "tls1_2", 0), ("memory", "tls1_3", 0), ("shared", "tls1_2", 1), ("shared", "tls1_3", 7)]
        {
            let run = run_with(with, &[(STORE, store), (TICKETS, "stateful")]);
            let server = s_server(&run, 6, "");
            let handshakes = run.reconnect(server.port(), 6, &format!("{client} bye"));
            server.wait();
            let freed = run.probe().connections(true, 6);
            assert_eq!((handshakes.as_str(), freed[5].seen.number), ("NRRRRR", kept), "{store}, {client}");
        }
    }
}

/// View of a server that does not share: nothing to resume, nothing to accept.
#[test]
fn stock_servers_begin_anew() {
    let run = run_with(With::Stock, &[]);
    for (server, client) in [("-no_ticket", "tls1_2 ids"), ("-no_ticket", "tls1_3"), ("-early_data", "tls1_3 early")] {
        assert_eq!(serve_once(&run, server, &format!("{client} save=session")), "N", "{client}");
        assert_eq!(serve_once(&run, server, &format!("{client} load=session")), "N", "{client}");
    }
}
