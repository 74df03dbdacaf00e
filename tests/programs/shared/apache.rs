//! apache2 in processes. mod_ssl turns OpenSSL's cache off or brings its own, so ours has to be asked for.

use super::{ATTACH, CLIENTS, COUNT, STORE, With, connect, expect_reuse, run_with};
use crate::programs::{
    apache::{start, stop_signal},
    paper::{Recipe, settings_of},
};

const CHILDREN: usize = 4;

#[test]
fn all_children_share_beside_a_cache_of_its_own() {
    for cache in ["nonenotnull", "shmcb:@DIR@/cache(512000)"] {
        let run = run_with(With::Library, &[(STORE, "shared"), (ATTACH, "all")]);
        let server = start(&run, "prefork", CHILDREN, cache);
        CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), &format!("{client} path=/index.html")));
        server.stop(stop_signal("prefork"));
    }
}

/// Runs the recipe of docs/operations.md: its settings, where the program has no cache.
pub fn as_written(recipe: &Recipe) {
    let run = run_with(With::Library, &settings_of(recipe.sessions));
    let server = start(&run, "prefork", CHILDREN, "none");
    CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), &format!("{client} path=/index.html")));
    server.stop(stop_signal("prefork"));
}

#[test]
fn threads_of_several_processes_share() {
    let run = run_with(With::Library, &[(STORE, "shared"), (ATTACH, "all")]);
    let server = start(&run, "event", CHILDREN, "none");
    for client in CLIENTS {
        let handshakes = run.reconnect_at_once(server.port(), 4, COUNT + 1, &format!("{client} path=/index.html"));
        let each = format!("N{}", "R".repeat(COUNT));
        assert_eq!(handshakes, [each.as_str(); 4].join(" "), "{client}");
        run.probe().connections(true, 4 * (COUNT + 1));
    }
    server.stop(stop_signal("event"));
}

#[test]
fn its_own_choice_stands_by_default() {
    for (cache, expected) in [("none", "NNNNNNNN"), ("shmcb:@DIR@/cache(512000)", "NRRRRRRR")] {
        let run = run_with(With::Library, &[(STORE, "shared")]);
        let server = start(&run, "prefork", CHILDREN, cache);
        for client in CLIENTS {
            let seen = connect(&run, server.port(), 8, &format!("{client} path=/index.html"));
            assert_eq!(seen.handshakes, expected, "{cache}, {client}");
        }
        server.stop(stop_signal("prefork"));
    }
}
