//! The recipes of docs/operations.md: each row of its table is read, and run as it is written, on the real server.
//!
//! A server is known here by the name that it has in the table. A row that is not known here fails, and a test whose row is gone.
//! Whatever a cell promises is a [`Promise`].

use super::{
    paper::{self, Recipe},
    reports::{ALL, IDS, Row, TICKETS, check_recipe, databases, executed, proxies, workers},
    tickets::{Program, daemons, expect_resumption_everywhere, gunicorn, kept, nginx, others},
};
use crate::programs::{lighttpd, postfix, shared};

/// A promise that a cell makes of a server, and the way to see it kept.
enum Promise {
    /// With KEYS, every client is resumed here, at another machine and after a restart.
    Keys(&'static Program),
    /// With the cell's settings these clients are resumed each time.
    Resumed(&'static Row, &'static [&'static str]),
    /// Whoever comes with a ticket is resumed by stock libssl.
    Stock(&'static Row),
    /// No settings resume more than stock libssl.
    Helpless(&'static Row),
    /// More than settings, which is a test of the server's own.
    Written(fn(&Recipe)),
    /// The cell says that it was not run.
    NotRun,
}

use Promise::*;

/// Runs a cell: what it has to say is what is promised here.
fn run(recipe: &Recipe, cell: &'static str, promise: &Promise) {
    let settings = paper::settings_of(cell);
    match promise {
        Keys(program) => {
            assert!(cell == "KEYS" || cell.starts_with("KEYS;"), "{recipe:?}");
            expect_resumption_everywhere(program);
        }
        Resumed(row, due) => {
            let settings = if cell == "the same" { paper::settings_of(recipe.tickets) } else { settings };
            assert!(!settings.is_empty(), "{recipe:?}");
            check_recipe(row, &settings, due);
        }
        Stock(row) => {
            assert!(cell.starts_with("nothing: ") && settings.is_empty(), "{recipe:?}");
            assert!(TICKETS.iter().all(|client| row.stock.contains(client)), "{recipe:?}");
        }
        Helpless(row) => {
            assert!(cell.contains("nothing helps") || cell.starts_with("no setting"), "{recipe:?}");
            assert!(
                settings.is_empty() && row.fixed.iter().all(|(_, clients)| !clients.contains(&TICKETS[3])),
                "{recipe:?}"
            );
        }
        Written(written) => written(recipe),
        NotRun => assert!(["not run", "as MariaDB"].contains(&cell), "{recipe:?}"),
    }
}

/// Makes a test for each row, and the list of all.
macro_rules! rows {
    ($($test:ident: $server:literal, $tickets:expr, $sessions:expr;)*) => {
        $(
            #[test]
            fn $test() {
                let recipe = paper::recipe($server);
                run(&recipe, recipe.tickets, &$tickets);
                run(&recipe, recipe.sessions, &$sessions);
            }
        )*

        #[test]
        fn every_row_is_known() {
            let rows: Vec<&str> = paper::recipes().map(|recipe| recipe.server).collect();
            assert_eq!(rows, [$($server),*]);
        }
    };
}

rows! {
    gunicorn: "gunicorn", Keys(&gunicorn::PROGRAM), Resumed(&workers::GUNICORN, ALL);
    uwsgi: "uWSGI", Stock(&workers::UWSGI), Resumed(&workers::UWSGI, ALL);
    puma: "puma", Resumed(&workers::PUMA, ALL), Resumed(&workers::PUMA, ALL);
    uvicorn: "uvicorn", Keys(&others::UVICORN), Resumed(&executed::UVICORN, ALL);
    nginx: "nginx", Keys(&nginx::PROGRAM), Written(shared::nginx::as_written);
    haproxy: "HAProxy", Keys(&others::HAPROXY), Written(shared::haproxy::as_written);
    httpd: "Apache httpd", Keys(&daemons::HTTPD), Written(shared::apache::as_written);
    hitch: "hitch", Keys(&others::HITCH), Resumed(&proxies::HITCH, ALL);
    dovecot: "Dovecot", Keys(&daemons::DOVECOT_LOGIN), Written(executed::dovecot_as_written);
    postfix: "Postfix", Written(kept::postfix_as_written), Written(postfix::store_as_written);
    stunnel: "stunnel", Stock(&proxies::STUNNEL), Helpless(&proxies::STUNNEL);
    redis: "Redis", Stock(&databases::REDIS), Resumed(&databases::REDIS, IDS);
    mariadb: "MariaDB", Stock(&databases::MARIADB), Resumed(&databases::MARIADB, IDS);
    mysql: "MySQL", NotRun, NotRun;
    postgresql: "PostgreSQL", Helpless(&databases::POSTGRESQL), Resumed(&databases::POSTGRESQL, databases::OF_TLS_1_2);
    lighttpd: "lighttpd", Written(kept::lighttpd_as_written), Written(lighttpd::store_as_written);
    node: "Node.js", Stock(&executed::NODE), Helpless(&executed::NODE);
}
