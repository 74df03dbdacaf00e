//! hitch, which never touches OpenSSL's cache: each of its workers has one.

use super::{CLIENTS, STORE, TICKETS, With, expect_no_sharing, expect_reuse, run_with};
use crate::common::process::is_root;
use crate::programs::{plain, run::Run, server::Server};

const CONFIGURATION: &str = "
frontend = \"[127.0.0.1]:PORT\"
backend = \"[127.0.0.1]:BACKEND\"
pem-file = \"@DIR@/both.pem\"
workers = 4
tls-protos = TLSv1.2 TLSv1.3
daemon = off
ocsp-dir = \"\"
USER
";

pub fn start(run: &Run) -> Server<'_> {
    let backend = plain::serve();
    // It wants another user to be, if it is root.
    let user = if is_root() { "user = \"nobody\"\ngroup = \"nogroup\"" } else { "" };
    Server::start(run, 1, |ports| {
        let text = CONFIGURATION
            .replace("PORT", &ports[0].to_string())
            .replace("BACKEND", &backend.to_string())
            .replace("USER", user);
        let mut command = run.command("hitch");
        command.arg("--config").arg(run.write("hitch.conf", &text));
        command
    })
}

#[test]
fn all_workers_share() {
    for with in [With::Library, With::LibraryOverSymbolic] {
        let run = run_with(with, &[(STORE, "shared"), (TICKETS, "stateful")]);
        let server = start(&run);
        CLIENTS.iter().for_each(|client| expect_reuse(&run, server.port(), client));
        server.stop(libc::SIGTERM);
    }
}

#[test]
fn stock_workers_do_not_share() {
    let run = run_with(With::Stock, &[]);
    let server = start(&run);
    // Its TLS 1.3 tickets are stateless: there the client carries the session.
    expect_no_sharing(&run, server.port(), "tls1_2 ids");
    server.stop(libc::SIGTERM);
}
