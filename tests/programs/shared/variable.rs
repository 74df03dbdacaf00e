//! nginx with certificates whose files are named by variables: a callback chooses them for each connection, so that no digest
//! says what a server shows. Such a server shares with its copies, its workers, alone.

use super::nginx::WORKERS;
use super::trust::{VERSIONS, expect, expect_with_both, run};
use super::{COUNT, Name, Run, With};
use crate::programs::{nginx::Nginx, server::Server};
use std::fs;

/// Servers of the same name on two ports, each with its own prefix of files.
fn start(run: &Run, workers: usize) -> Server<'_> {
    let openssl = "req -x509 -newkey ec -nodes -days 2 -pkeyopt ec_paramgen_curve:P-256 -subj /CN=variable
        -keyout other-variable.key -out other-variable.pem";
    crate::programs::run::printed(run.plain_command("openssl").args(openssl.split_whitespace()));
    for (from, to) in [("cert.pem", "one-variable.pem"), ("key.pem", "one-variable.key")] {
        fs::copy(run.path(from), run.path(to)).unwrap();
    }
    let server = |port: &str, prefix: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port} ssl; server_name variable; ssl_protocols TLSv1.2 TLSv1.3;
             ssl_session_cache builtin; ssl_session_tickets off; location = / {{ return 200 '{prefix}'; }}
             ssl_certificate @DIR@/{prefix}-$ssl_server_name.pem;
             ssl_certificate_key @DIR@/{prefix}-$ssl_server_name.key; }}"
        )
    };
    let front = format!("{} {}", server("PORT", "one"), server("FRONT_PORT", "other"));
    let default = "ssl_session_cache builtin; ssl_session_tickets off;";
    Nginx { workers, main: "user root;", server: default, front: &front }.start(run)
}

fn visit(run: &Run, port: u16, count: usize, words: &str) -> String {
    run.reconnect(port, count, &format!("{words} name=variable alerts answers")).lines().collect::<Vec<_>>().join(", ")
}

#[test]
fn servers_with_other_certificates_are_apart() {
    for version in VERSIONS {
        expect_with_both("N 200 one, N 200 other", |run| {
            let server = start(run, 1);
            let first = visit(run, server.ports[0], 1, &format!("{version} save=session"));
            let second = visit(run, server.ports[1], 1, &format!("{version} load=session"));
            server.stop(libc::SIGQUIT);
            format!("{first}, {second}")
        });
    }
}

/// Another run of the same nginx has the same certificates, but that cannot be told.
#[test]
fn the_next_nginx_begins_anew() {
    for version in VERSIONS {
        expect_with_both("N 200 one, N 200 one", |run| {
            let visits = ["save=session", "load=session"].map(|words| {
                let server = start(run, 1);
                let told = visit(run, server.ports[0], 1, &format!("{version} {words}"));
                server.stop(libc::SIGQUIT);
                told
            });
            visits.join(", ")
        });
    }
}

#[test]
fn its_workers_share() {
    for version in VERSIONS {
        let name = Name::new();
        let run = run(With::Library, &name);
        let server = start(&run, WORKERS);
        let told = visit(&run, server.ports[0], COUNT, version);
        server.stop(libc::SIGQUIT);
        assert_eq!(told, format!("N 200 one{}", ", R 200 one".repeat(COUNT - 1)), "{version}");
    }
    for version in VERSIONS {
        expect("N 200 one, R 200 one", "N 200 one, R 200 one", |run| {
            let server = start(run, 1);
            let told = visit(run, server.ports[0], 2, version);
            server.stop(libc::SIGQUIT);
            told
        });
    }
}
