//! Programs that ask their clients for certificates: what one accepts by its authorities, revocation lists or keys is no way
//! into another, in one process or in two, after a reload or a restart.
//!
//! Beside each outcome stands that of stock libssl, which keeps every context's sessions to itself.

use super::nginx::{WORKERS, reload};
use super::{Name, Run, STORE, TICKETS, With, run_with};
use crate::common;
use crate::programs::{nginx::Nginx, openssl::s_server, run::printed, server::Server};
use std::process::Command;

pub const VERSIONS: [&str; 2] = ["tls1_2 ids", "tls1_3"];

/// The files of two authorities of one name and a third of another, of a client that the first vouches for, and the first's
/// list that revokes it.
fn make_authorities(run: &Run) {
    let openssl = |words: &str| printed(run.plain_command("openssl").args(words.split_whitespace()));
    for (authority, name) in [("one", "authority"), ("two", "authority"), ("third", "another")] {
        openssl(&format!(
            "req -x509 -newkey ec -nodes -days 2 -pkeyopt ec_paramgen_curve:P-256 -subj /CN={name}
             -keyout {authority}.key -out {authority}.pem"
        ));
    }
    openssl(
        "req -newkey ec -nodes -pkeyopt ec_paramgen_curve:P-256 -subj /CN=client -keyout client.key -out client.csr",
    );
    openssl("x509 -req -in client.csr -CA one.pem -CAkey one.key -set_serial 4660 -days 2 -out client.crt");
    let parts = ["client.crt", "client.key"].map(|part| std::fs::read_to_string(run.path(part)).unwrap());
    run.write("client.pem", &parts.concat());
    run.write("revoked.txt", "R\t491231235959Z\t240101000000Z\t1234\tunknown\t/CN=client\n");
    run.write("authority.cnf", "[ca]\ndefault_ca = it\n[it]\ndatabase = revoked.txt\ndefault_md = sha256\n");
    openssl("ca -gencrl -config authority.cnf -cert one.pem -keyfile one.key -crldays 2 -out revoked.pem");
    run.write(
        "none.pem",
        &["one.pem", "two.pem"].map(|part| std::fs::read_to_string(run.path(part)).unwrap()).concat(),
    );
}

/// A run with these authorities; with the library in a named store, so that the next program finds the sessions too.
pub fn run(with: With, name: &Name) -> Run {
    let run = match with {
        With::Stock => Run::new(with),
        _ => run_with(with, &[(STORE, &name.setting()), (TICKETS, "stateful")]),
    };
    make_authorities(&run);
    run
}

/// Outcome of a story with stock libssl, and with the library over it: the same.
#[track_caller]
pub fn expect_with_both(expected: &str, story: impl Fn(&Run) -> String) {
    for with in [With::Stock, With::Library] {
        let name = Name::new();
        assert_eq!(story(&run(with, &name)), expected, "{with:?}");
    }
}

/// Outcomes of a story with stock libssl, and with the library.
#[track_caller]
pub fn expect(stock: &str, library: &str, story: impl Fn(&Run) -> String) {
    for (with, expected) in [(With::Stock, stock), (With::Library, library)] {
        let name = Name::new();
        assert_eq!(story(&run(with, &name)), expected, "{with:?}");
    }
}

/// One connection to a server that serves one and ends; its letter.
fn once(run: &Run, server: &str, client: &str) -> String {
    let server = s_server(run, 1, &format!("-no_ticket {server}"));
    let letter = run.reconnect(server.port(), 1, &format!("{client} bye alerts"));
    server.wait();
    letter
}

fn demanding(words: &str) -> String {
    format!("-Verify 2 -verify_return_error {words}")
}

/// The client shows its certificate to one server and keeps the session; then it offers that to another, and no certificate.
fn at_two_servers(run: &Run, version: &str, one: &str, other: &str) -> String {
    let first = once(run, &demanding(one), &format!("{version} cert=client.pem save=session"));
    first + &once(run, &demanding(other), &format!("{version} load=session"))
}

#[test]
fn s_server_with_another_authority() {
    for version in VERSIONS {
        for option in ["-verifyCAfile", "-CAfile"] {
            let story =
                |run: &Run| at_two_servers(run, version, &format!("{option} one.pem"), &format!("{option} two.pem"));
            expect_with_both("NA", story);
        }
    }
}

#[test]
fn s_server_with_the_same_authority_shares() {
    for version in VERSIONS {
        expect("NA", "NR", |run| at_two_servers(run, version, "-verifyCAfile one.pem", "-verifyCAfile one.pem"));
    }
}

#[test]
fn s_server_with_a_revocation_list() {
    for version in VERSIONS {
        let crl = "-CAfile one.pem -CRL revoked.pem -crl_check";
        expect_with_both("NA", |run| at_two_servers(run, version, "-CAfile one.pem", crl));
    }
}

const OF_RSA: &str = "RSA-PSS+SHA256:RSA+SHA256";

#[test]
fn s_server_with_other_signatures() {
    for version in VERSIONS {
        let other = format!("-verifyCAfile one.pem -client_sigalgs {OF_RSA}");
        expect_with_both("NA", |run| at_two_servers(run, version, "-verifyCAfile one.pem", &other));
    }
}

/// libssl sets them itself as it makes a context, by a configuration file.
#[test]
fn s_server_with_other_signatures_by_configuration() {
    let file = format!(
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = it\n[it]\nClientSignatureAlgorithms = {OF_RSA}\n"
    );
    for version in VERSIONS {
        expect_with_both("NA", |run| {
            let demanding = demanding("-verifyCAfile one.pem");
            let first = once(run, &demanding, &format!("{version} cert=client.pem save=session"));
            run.set("OPENSSL_CONF", run.write("openssl.cnf", &file).to_str().expect("a path that is text"));
            first + &once(run, &demanding, &format!("{version} load=session"))
        });
    }
}

/// `openssl s_client`, which alone knows pre-shared keys; N, R, or A for a refusal.
fn by_key(run: &Run, server_key: &str, client: &str) -> String {
    let server = s_server(run, 1, &format!("-nocert -no_ticket -tls1_2 -psk {server_key}"));
    let mut command = run.plain_command("openssl");
    let connect = format!("127.0.0.1:{}", server.port());
    command.args(["s_client", "-tls1_2", "-connect", &connect]).args(client.split_whitespace());
    command.stdin(std::process::Stdio::null());
    let outcome = command.output().expect("openssl runs");
    server.wait();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let has_begun = |word: &str| outcome.status.success() && said.lines().any(|line| line.starts_with(word));
    let letters = [("Reused, ", "R"), ("New, ", "N")];
    letters.into_iter().find(|(word, _)| has_begun(word)).map_or("A", |(_, letter)| letter).to_owned()
}

#[test]
fn s_server_with_another_key() {
    expect_with_both("NA", |run| {
        by_key(run, "11111111", "-psk 11111111 -sess_out session")
            + &by_key(run, "22222222", "-psk 11111111 -sess_in session")
    });
}

/// Two contexts of Python's, in one process, or in two if `apart`.
fn python<'a>(run: &'a Run, authorities: &[&str]) -> Server<'a> {
    let mut command: Command = run.command("/usr/bin/python3");
    command.arg(common::root().join("tests/programs/shared/trusting.py"));
    command.args(["cert.pem", "key.pem"]).args(authorities);
    let ports = |log: &str| {
        let line = log.lines().find_map(|line| line.strip_prefix("ports "))?.to_owned();
        Some(line.split(' ').map(|port| port.parse().expect("a port")).collect::<Vec<u16>>())
    };
    let mut server = Server::start_on_its_port(run, command, |log| ports(log).map(|ports| ports[0]));
    server.ports = ports(&server.log()).expect("they were there");
    server
}

fn with_python(run: &Run, version: &str, authorities: [&str; 2], apart: bool) -> String {
    let mut servers = match apart {
        true => authorities.map(|authority| python(run, &[authority])).into_iter().collect::<Vec<_>>(),
        false => vec![python(run, &authorities)],
    };
    let ports: Vec<u16> = servers.iter().flat_map(|server| server.ports.clone()).collect();
    let first = run.reconnect(ports[0], 1, &format!("{version} cert=client.pem save=session alerts answers"));
    let second = run.reconnect(ports[1], 1, &format!("{version} load=session alerts answers"));
    servers.iter_mut().for_each(|server| server.signal(libc::SIGTERM));
    drop(servers);
    format!("{first}, {second}")
}

#[test]
fn python_contexts_with_other_authorities() {
    for version in VERSIONS {
        for apart in [false, true] {
            let told = |run: &Run| with_python(run, version, ["one.pem", "two.pem"], apart);
            expect_with_both("N 200 client, A", told);
        }
    }
}

#[test]
fn python_contexts_with_the_same_authority_share() {
    for version in VERSIONS {
        for apart in [false, true] {
            let told = |run: &Run| with_python(run, version, ["one.pem", "one.pem"], apart);
            expect("N 200 client, A", "N 200 client, R 200 client", told);
        }
    }
}

/// nginx's servers: those of the default name ask nobody, those of the name `secret` demand a certificate.
struct Secret<'t> {
    /// By port: the directives of the secret server there.
    secrets: [&'t str; 2],
}

const COMMON: &str = "ssl_session_cache builtin; ssl_session_tickets off;
    ssl_certificate @DIR@/cert.pem; ssl_certificate_key @DIR@/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location = / { return 200 '$ssl_client_verify'; }";

const ONE: &str = "ssl_client_certificate @DIR@/one.pem;";
const TWO: &str = "ssl_client_certificate @DIR@/two.pem;";
const ONE_REVOKED: &str = "ssl_client_certificate @DIR@/one.pem; ssl_crl @DIR@/revoked.pem;";
const THIRD: &str = "ssl_client_certificate @DIR@/third.pem;";
const BOTH_TRUSTED: &str = "ssl_client_certificate @DIR@/third.pem; ssl_trusted_certificate @DIR@/one.pem;";
const SHALLOW: &str = "ssl_client_certificate @DIR@/one.pem; ssl_verify_depth 2;";

/// The client's key is not of RSA. nginx has libssl read this itself, by SSL_CONF_cmd.
const ONE_OF_RSA: &str = "ssl_client_certificate @DIR@/one.pem;
    ssl_conf_command ClientSignatureAlgorithms RSA-PSS+SHA256:RSA+SHA256;";
const ONE_OF_ECDSA: &str = "ssl_client_certificate @DIR@/one.pem;
    ssl_conf_command ClientSignatureAlgorithms ECDSA+SHA256;";

impl Secret<'_> {
    fn front(&self) -> String {
        let secret = |port: &str, directives: &str| {
            format!(
                "server {{ listen 127.0.0.1:{port} ssl; server_name secret; ssl_verify_client on; {directives} {COMMON} }}"
            )
        };
        format!(
            "{} server {{ listen 127.0.0.1:FRONT_PORT ssl; {COMMON} }} {}",
            secret("PORT", self.secrets[0]),
            secret("FRONT_PORT", self.secrets[1])
        )
    }

    fn start<'a>(&self, run: &'a Run) -> Server<'a> {
        self.nginx(&self.front(), |nginx| nginx.start(run))
    }

    fn configure(&self, run: &Run, server: &Server) {
        self.nginx(&self.front(), |nginx| nginx.configure(run, "stderr", &server.ports));
    }

    fn nginx<T>(&self, front: &str, use_it: impl FnOnce(&Nginx) -> T) -> T {
        let server = "ssl_session_cache builtin; ssl_session_tickets off;";
        use_it(&Nginx { workers: WORKERS, main: "", server, front })
    }
}

fn visit(run: &Run, port: u16, words: &str) -> String {
    run.reconnect(port, 1, &format!("{words} name=secret alerts answers"))
}

/// nginx's answer to a client that has shown no certificate.
const REFUSED: &str = "N 400 <html>";

/// Clients come to the secret server of one port, and go on to that of the other, which has seen one before and so knows where
/// its name leads.
fn two_ports(run: &Run, version: &str, secrets: [&str; 2]) -> String {
    let server = Secret { secrets }.start(run);
    assert_eq!(visit(run, server.ports[1], version), REFUSED);
    let first = visit(run, server.ports[0], &format!("{version} cert=client.pem save=session"));
    let second = visit(run, server.ports[1], &format!("{version} load=session"));
    server.stop(libc::SIGQUIT);
    format!("{first}, {second}")
}

#[test]
fn nginx_with_another_authority_behind_the_same_name_on_another_port() {
    for version in VERSIONS {
        expect_with_both(&format!("N 200 SUCCESS, {REFUSED}"), |run| two_ports(run, version, [ONE, TWO]));
    }
}

#[test]
fn nginx_with_other_signatures_behind_the_same_name_on_another_port() {
    for version in VERSIONS {
        for with in [With::Stock, With::Library, With::LibraryOverSymbolic] {
            let name = Name::new();
            let told = two_ports(&run(with, &name), version, [ONE, ONE_OF_RSA]);
            assert_eq!(told, format!("N 200 SUCCESS, {REFUSED}"), "{version}, {with:?}");
        }
        let stock = format!("N 200 SUCCESS, {REFUSED}");
        expect(&stock, "N 200 SUCCESS, R 200 SUCCESS", |run| two_ports(run, version, [ONE_OF_ECDSA; 2]));
    }
}

/// Two instances at once. The client comes back to the other: with its certificate, twice, and without.
fn two_instances(run: &Run, version: &str, secrets: [&str; 2]) -> String {
    let [one, other] = secrets.map(|secret| Secret { secrets: [secret; 2] }.start(run));
    let first = visit(run, one.ports[0], &format!("{version} cert=client.pem save=session"));
    let told: Vec<_> =
        (0..2).map(|_| visit(run, other.ports[0], &format!("{version} cert=client.pem load=session"))).collect();
    let bare = visit(run, other.ports[0], &format!("{version} load=session"));
    other.stop(libc::SIGQUIT);
    one.stop(libc::SIGQUIT);
    format!("{first}, {}, {bare}", told.join(", "))
}

#[test]
fn nginx_in_two_instances() {
    for version in VERSIONS {
        let refused = format!("N 200 SUCCESS, {REFUSED}, {REFUSED}, {REFUSED}");
        for other in [TWO, ONE_REVOKED] {
            expect_with_both(&refused, |run| two_instances(run, version, [ONE, other]));
        }
        let stock = format!("N 200 SUCCESS, N 200 SUCCESS, N 200 SUCCESS, {REFUSED}");
        let library = "N 200 SUCCESS, N 200 SUCCESS, R 200 SUCCESS, R 200 SUCCESS";
        expect(&stock, library, |run| two_instances(run, version, [ONE; 2]));
    }
}

/// Before and after a change, the same nginx or the next; the session's own host is asked each time.
fn before_and_after(run: &Run, version: &str, restarts: bool, before: &str, after: &str) -> String {
    let mut server = Secret { secrets: [before; 2] }.start(run);
    let first = visit(run, server.ports[0], &format!("{version} cert=client.pem save=session"));
    let changed = Secret { secrets: [after; 2] };
    if restarts {
        server.stop(libc::SIGQUIT);
        server = changed.start(run);
    } else {
        changed.configure(run, &server);
        reload(&mut server);
    }
    // The second is after every worker could learn from the first.
    let told: Vec<_> =
        (0..2).map(|_| visit(run, server.ports[0], &format!("{version} cert=client.pem load=session"))).collect();
    let bare = visit(run, server.ports[0], &format!("{version} load=session"));
    server.stop(libc::SIGQUIT);
    format!("{first}, {}, {bare}", told.join(", "))
}

/// A client that is revoked, or whose authority or kind of signature is, has a session from before.
#[test]
fn nginx_whose_client_is_revoked() {
    for version in VERSIONS {
        for restarts in [false, true] {
            for after in [ONE_REVOKED, TWO, ONE_OF_RSA] {
                let told = |run: &Run| before_and_after(run, version, restarts, ONE, after);
                expect_with_both(&format!("N 200 SUCCESS, {REFUSED}, {REFUSED}, {REFUSED}"), told);
            }
            let told = |run: &Run| before_and_after(run, version, restarts, BOTH_TRUSTED, THIRD);
            expect_with_both(&format!("N 200 SUCCESS, {REFUSED}, {REFUSED}, {REFUSED}"), told);
        }
    }
}

/// Nothing is changed: a full handshake, and then the session of before is resumed. Something is that refuses nobody: it is
/// not.
#[test]
fn nginx_that_goes_on_as_before_shares() {
    for version in VERSIONS {
        for restarts in [false, true] {
            let stock = format!("N 200 SUCCESS, N 200 SUCCESS, N 200 SUCCESS, {REFUSED}");
            let library = "N 200 SUCCESS, N 200 SUCCESS, R 200 SUCCESS, R 200 SUCCESS";
            for directives in [ONE, ONE_OF_ECDSA] {
                expect(&stock, library, |run| before_and_after(run, version, restarts, directives, directives));
            }
            expect_with_both(&stock, |run| before_and_after(run, version, restarts, ONE, SHALLOW));
        }
    }
}
