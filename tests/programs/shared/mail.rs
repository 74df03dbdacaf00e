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

/// Returns a client as Postfix sees it: its letter, and how far Postfix trusts the certificate.
fn by_postfix(run: &Run, settings: &str, authority: &str, client: &str) -> String {
    let settings = format!("{}{settings}", POSTFIX.replace("AUTHORITY", authority));
    let mut server = postfix::start(run, &settings, true);
    let letter = run.reconnect(server.ports[0], 1, client);
    let trust = server.wait_for(|log| {
        let (before, _) = log.split_once(" TLS connection established from")?;
        before.rsplit(' ').next().map(str::to_owned)
    });
    server.stop(libc::SIGTERM);
    format!("{letter} {trust}")
}

/// The client shows its certificate to one Postfix and keeps the session; then it offers that to the next, and no certificate.
fn at_two_postfixes(with: With, version: &str, settings: &str, authorities: [&str; 2]) -> String {
    let name = Name::new();
    let run = run(with, &name);
    if with != With::Stock {
        run.set(ATTACH, "all");
    }
    let first = by_postfix(&run, settings, authorities[0], &format!("{version} cert=client.pem save=session"));
    first + ", " + &by_postfix(&run, settings, authorities[1], &format!("{version} load=session"))
}

#[track_caller]
fn expect_of_postfix(authorities: [&str; 2], stock: &str, library: &str) {
    for cache in ["", postfix::CACHE] {
        let settings = format!("smtpd_tls_ask_ccert = yes\n{cache}");
        for version in VERSIONS {
            for (with, expected) in [(With::Stock, stock), (With::Library, library)] {
                let seen = at_two_postfixes(with, version, &settings, authorities);
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
fn postfix_with_the_same_authority_shares() {
    expect_of_postfix(["one.pem", "one.pem"], "N Trusted, N Anonymous", "N Trusted, R Trusted");
}

fn start_dovecot<'a>(run: &'a Run, authorities: &str) -> Server<'a> {
    let parts = authorities.split(' ').map(|part| std::fs::read_to_string(run.path(part)).expect("an authority"));
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
