//! Postfix and Dovecot where they ask their clients for certificates, ended and started again with another authority, with a
//! revocation list, or with the same. Their services are executed anew, so the store has a name.
//!
//! Postfix turns libssl's cache off, or takes it for its own (tlsmgr's, which is emptied as tlsmgr starts): it takes part with
//! `SSLSESSION_ATTACH=all`, whether it has a cache of its own or not.

use super::trust::{VERSIONS, run};
use super::{ATTACH, Name, Run, With};
use crate::programs::reports::executed::{DOVECOT, block};
use crate::programs::{postfix, server::Server};

const POSTFIX: &str = "
smtpd_tls_security_level = encrypt
smtpd_tls_loglevel = 1
smtpd_tls_CAfile = @DIR@/AUTHORITY
tls_append_default_CA = no
";

/// Clients are asked for a certificate, or have to have one: the handshake is the same, but who has none can send no mail.
const ASKING: [&str; 2] = ["smtpd_tls_ask_ccert", "smtpd_tls_req_ccert"];

/// The first authority, and its revocation list.
const REVOKED: &str = "one-revoked.pem";

/// Returns the `number`th client as Postfix sees it: its letter, and how far Postfix trusts the certificate.
fn seen_by(server: &mut Server, run: &Run, client: &str, number: usize) -> String {
    let letter = run.reconnect(server.ports[0], 1, client);
    let trust = server.wait_for(|log| {
        let mut lines = log.lines().filter_map(|line| line.split_once(" TLS connection established from"));
        let (before, _) = lines.nth(number - 1)?;
        before.rsplit(' ').next().map(str::to_owned)
    });
    format!("{letter} {trust}")
}

fn run_of_postfix(with: With, name: &Name) -> Run {
    let run = run(with, name);
    if with != With::Stock {
        run.set(ATTACH, "all");
    }
    run.write(REVOKED, &["one.pem", "revoked.pem"].map(|part| read(&run, part)).concat());
    run
}

fn with_authority(settings: &str, authority: &str) -> String {
    format!("{}{settings}", POSTFIX.replace("AUTHORITY", authority))
}

fn by_postfix(run: &Run, settings: &str, authority: &str, client: &str) -> String {
    let mut server = postfix::start(run, &with_authority(settings, authority), true);
    let seen = seen_by(&mut server, run, client, 1);
    server.stop(libc::SIGTERM);
    seen
}

/// The client shows its certificate to one Postfix and keeps the session; then it offers that to the next, and no certificate.
fn at_two_postfixes(with: With, version: &str, settings: &str, authorities: [&str; 2]) -> String {
    let name = Name::new();
    let run = run_of_postfix(with, &name);
    let first = by_postfix(&run, settings, authorities[0], &format!("{version} cert=client.pem save=session"));
    first + ", " + &by_postfix(&run, settings, authorities[1], &format!("{version} load=session bye"))
}

/// The same by one Postfix, which is reloaded in between.
fn at_one_postfix(with: With, version: &str, settings: &str, authorities: [&str; 2]) -> String {
    let name = Name::new();
    let run = run_of_postfix(with, &name);
    let settings = |authority| with_authority(settings, authority);
    let mut server = postfix::start(&run, &settings(authorities[0]), true);
    let first = seen_by(&mut server, &run, &format!("{version} cert=client.pem save=session"), 1);
    postfix::reload(&run, &mut server, &settings(authorities[1]));
    let second = seen_by(&mut server, &run, &format!("{version} load=session bye"), 2);
    server.stop(libc::SIGTERM);
    format!("{first}, {second}")
}

type AtPostfix = fn(With, &str, &str, [&str; 2]) -> String;

/// Two Postfixes, one after the other, and one that is reloaded.
const STORIES: [AtPostfix; 2] = [at_two_postfixes, at_one_postfix];

#[track_caller]
fn expect_of_postfix(authorities: [&str; 2], stock: &str, library: &str) {
    let settings =
        ASKING.iter().flat_map(|asking| ["", postfix::CACHE].map(|cache| format!("{asking} = yes\n{cache}")));
    for settings in settings {
        for (version, story) in VERSIONS.into_iter().flat_map(|version| STORIES.map(|story| (version, story))) {
            for (with, expected) in [(With::Stock, stock), (With::Library, library)] {
                let seen = story(with, version, &settings, authorities);
                assert_eq!(seen, expected, "{with:?}, {version}, {settings}");
            }
        }
    }
}

#[test]
fn postfix_with_another_authority() {
    expect_of_postfix(["one.pem", "two.pem"], "N Trusted, N Anonymous", "N Trusted, N Anonymous");
}

#[test]
fn postfix_with_a_revocation_list() {
    expect_of_postfix(["one.pem", REVOKED], "N Trusted, N Anonymous", "N Trusted, N Anonymous");
}

#[test]
fn postfix_with_the_same_authority_shares() {
    expect_of_postfix(["one.pem", "one.pem"], "N Trusted, N Anonymous", "N Trusted, R Trusted");
}

fn read(run: &Run, name: &str) -> String {
    std::fs::read_to_string(run.path(name)).expect("an authority")
}

fn start_dovecot<'a>(run: &'a Run, authorities: &str) -> Server<'a> {
    let parts = authorities.split(' ').map(|part| read(run, part));
    run.write("authorities.pem", &parts.collect::<String>());
    let requires = if authorities.contains("revoked") { "yes" } else { "no" };
    Server::start(run, 1, |ports| {
        let text = DOVECOT.replace("BLOCK", &block("0")).replace("PORT", &ports[0].to_string());
        let asking = format!(
            "ssl_ca = <@DIR@/authorities.pem\nssl_verify_client_cert = yes\nssl_require_crl = {requires}\n
             auth_ssl_require_client_cert = yes\n"
        );
        let mut command = run.command("dovecot");
        command.arg("-F").arg("-c").arg(run.write("dovecot.conf", &(text + &asking)));
        command
    })
}

/// Dovecot sets no session id context. Where it asks for certificates, libssl therefore keeps none of its sessions: all
/// handshakes are full, also with the same authority. (A TLS 1.3 client that offers one of its tickets is turned away by libssl.)
/// Without asking it shares: `reports::executed`.
#[test]
fn dovecot_that_asks_for_certificates_has_full_handshakes_only() {
    for second in ["one.pem", "one.pem revoked.pem"] {
        for with in [With::Stock, With::Library] {
            let name = Name::new();
            let run = run(with, &name);
            for (authorities, session) in [("one.pem", "save"), (second, "load")] {
                let server = start_dovecot(&run, authorities);
                let words = format!("tls1_2 ids cert=client.pem {session}=session bye");
                assert_eq!(run.reconnect(server.port(), 4, &words), "NNNN", "{with:?}, {authorities}");
                server.stop(libc::SIGTERM);
            }
        }
    }
}
