//! Servers whose processes get an environment, a root or rights of their own before they make a context.

use super::{Machine, Program, expect_no_resumption_with_stock, reload_by};
use crate::programs::{
    apache,
    reports::executed::{DOVECOT, block},
    server::Server,
};

/// httpd in threads of two processes, which are another user's than the key file. It puts the name and the port that are
/// configured into the session id context, so that both machines have to have the same.
pub const HTTPD: Program = Program {
    start: start_httpd,
    reload: Some(|server| reload_by(server, libc::SIGUSR1, "resuming normal operations", 1)),
    end: libc::SIGTERM,
    learners: 2,
    are_copies: true,
    words: "path=/index.html",
};

fn start_httpd(machine: &Machine) -> Server<'_> {
    let run = &machine.0;
    std::fs::create_dir_all(run.path("www")).expect("a directory");
    run.write("www/index.html", "answer");
    let mut server = Server::start(run, 1, |ports| {
        let text = apache::CONFIGURATION
            .replace("MPM", "event")
            .replace("LIMITS", &apache::limits("event", 2))
            .replace("SSLSessionCache CACHE", "SSLSessionCache none")
            .replace("SSLSessionTickets off", "SSLSessionTickets on")
            .replace("SSLEngine on", "SSLEngine on\n    ServerName localhost:443")
            .replace("PORT", &ports[0].to_string());
        let mut command = run.command("apache2");
        command.arg("-DFOREGROUND").arg("-f").arg(run.write("apache2.conf", &text));
        command
    });
    // It reads its configuration twice, and may let go of its port in between.
    server.wait_for(|log| log.contains("resuming normal operations").then_some(()));
    server
}

#[test]
fn stock_httpd() {
    expect_no_resumption_with_stock(&HTTPD);
}

/// Dovecot's login processes, which change their root before they each make a context.
pub const DOVECOT_LOGIN: Program = Program {
    start: start_dovecot,
    reload: Some(|server| reload_by(server, libc::SIGHUP, "SIGHUP received", 1)),
    end: libc::SIGTERM,
    learners: 2,
    are_copies: false,
    words: "bye",
};

fn start_dovecot(machine: &Machine) -> Server<'_> {
    let run = &machine.0;
    Server::start(run, 1, |ports| {
        let text = DOVECOT.replace("BLOCK", &block("0")).replace("PORT", &ports[0].to_string());
        let mut command = run.command("dovecot");
        command.arg("-F").arg("-c").arg(run.write("dovecot.conf", &text));
        command
    })
}
