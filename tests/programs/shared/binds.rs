//! Programs that serve several parties from one process, or run several times: what a client of one authority has shown to the
//! one is no way into the other.

use super::trust::{VERSIONS, expect, expect_with_both, run};
use super::{ATTACH, Name, Run, With};
use crate::programs::{plain, server::Server};
use std::process::Command;

/// Starts a program with a configuration in which ONE and TWO are ports.
fn start<'a>(run: &'a Run, file: &str, configuration: &str, command: impl Fn(&Run, &str) -> Command) -> Server<'a> {
    Server::start(run, 2, |ports| {
        let text = configuration.replace("ONE", &ports[0].to_string()).replace("TWO", &ports[1].to_string());
        let path = run.write(file, &text);
        command(run, path.to_str().expect("a path that is text"))
    })
}

/// A client shows its certificate at the first port, then offers its session, and no certificate, at the second.
fn go_on(run: &Run, ports: [u16; 2], words: &str) -> String {
    let first = run.reconnect(ports[0], 1, &format!("{words} cert=client.pem save=session alerts"));
    first + &run.reconnect(ports[1], 1, &format!("{words} load=session alerts"))
}

const HAPROXY: &str = "
global
    log stderr local0 emerg
defaults
    mode http
    timeout client 20s
    timeout server 20s
    timeout connect 20s
    option httpclose
frontend tls
    bind 127.0.0.1:ONE ssl crt @DIR@/both.pem ca-file @DIR@/one.pem verify required no-tls-tickets ssl-min-ver TLSv1.2
    bind 127.0.0.1:TWO ssl crt @DIR@/both.pem ca-file @DIR@/SECOND verify required no-tls-tickets ssl-min-ver TLSv1.2
    http-request return status 200 content-type text/plain string answer
";

fn haproxy(run: &Run, version: &str, second: &str, visits: &[&str]) -> String {
    run.set(ATTACH, "all");
    let server = start(run, "haproxy.cfg", &HAPROXY.replace("SECOND", second), |run, path| {
        let mut command = run.command("haproxy");
        command.args(["-db", "-f", path]);
        command
    });
    let letters = go_on(run, [server.ports[0], server.ports[1]], version);
    let more = visits.iter().map(|words| run.reconnect(server.ports[1], 1, &format!("{version} {words} alerts")));
    let letters = letters + &more.collect::<String>();
    server.stop(libc::SIGTERM);
    letters
}

/// Its own cache knows one kind of client, and so does stock HAProxy. With SSLSESSION_ATTACH=all the library knows better,
/// and does not let it be asked.
#[test]
fn haproxy_with_another_authority_at_another_bind() {
    for version in VERSIONS {
        expect("NR", "NA", |run| haproxy(run, version, "two.pem", &[]));
    }
}

/// It has callbacks that switch, so the other bind learns from a full handshake first.
#[test]
fn haproxy_with_the_same_authority_at_another_bind() {
    for version in VERSIONS {
        let visits = ["load=session cert=client.pem", "load=session"];
        expect("NRRR", "NANR", |run| haproxy(run, version, "one.pem", &visits));
    }
}

/// The other bind takes keys of fewer groups, and has learnt where its own handshakes lead.
#[test]
fn haproxy_with_other_groups_at_another_bind() {
    for version in VERSIONS {
        let visits = ["load=session cert=client.pem", "load=session"];
        expect("NRRR", "NANA", |run| haproxy(run, version, "one.pem curves P-384:P-256", &visits));
    }
}

fn redis<'a>(run: &'a Run, authority: &str) -> Server<'a> {
    Server::start(run, 1, |ports| {
        let mut command = run.command("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &ports[0].to_string()]);
        command.args(["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", authority]);
        command.args(["--tls-auth-clients", "yes", "--save", ""]);
        command
    })
}

fn two_redis(run: &Run, version: &str, authorities: [&str; 2]) -> String {
    let servers = authorities.map(|authority| redis(run, authority));
    let letters = go_on(run, [servers[0].port(), servers[1].port()], &format!("{version} bye"));
    servers.into_iter().for_each(|server| drop(server.stop(libc::SIGTERM)));
    letters
}

#[test]
fn redis_with_another_authority() {
    expect_with_both("NA", |run| two_redis(run, "tls1_2 ids", ["one.pem", "two.pem"]));
}

#[test]
fn redis_with_the_same_authority_shares() {
    expect("NA", "NR", |run| two_redis(run, "tls1_2 ids", ["one.pem", "one.pem"]));
}

const STUNNEL: &str = "
foreground = yes
pid =
debug = err
syslog = no
options = NO_TICKET
cert = @DIR@/both.pem
verifyChain = yes
[first]
accept = 127.0.0.1:ONE
connect = 127.0.0.1:BACKEND
CAfile = @DIR@/one.pem
[second]
accept = 127.0.0.1:TWO
connect = 127.0.0.1:BACKEND
CAfile = @DIR@/two.pem
";

/// In TLS 1.3 it ends a connection that it refuses before the client has read why.
#[test]
fn stunnel_services_with_other_authorities() {
    expect_with_both("NA", |run| {
        let configuration = STUNNEL.replace("BACKEND", &plain::serve().to_string());
        let server = start(run, "stunnel.conf", &configuration, |run, path| {
            let mut command = run.command("stunnel4");
            command.arg(path);
            command
        });
        let letters = go_on(run, [server.ports[0], server.ports[1]], "tls1_2 ids");
        server.stop(libc::SIGTERM);
        letters
    });
}

const APACHE: &str = "
ServerRoot @DIR@
ServerName localhost
PidFile @DIR@/apache2.pid
DefaultRuntimeDir @DIR@
Mutex posixsem
ErrorLog /dev/stderr
LogLevel warn
User nobody
Group nogroup
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
KeepAlive Off
Listen 127.0.0.1:ONE
Listen 127.0.0.1:TWO
DocumentRoot @DIR@/www
SSLSessionCache shmcb:@DIR@/cache(512000)
SSLSessionTickets off
SSLProtocol all
SSLCertificateFile @DIR@/cert.pem
SSLCertificateKeyFile @DIR@/key.pem
SSLVerifyClient require
<VirtualHost *:ONE>
    ServerName first
    SSLEngine on
    SSLCACertificateFile @DIR@/one.pem
</VirtualHost>
<VirtualHost *:ONE>
    ServerName second
    SSLEngine on
    SSLCACertificateFile @DIR@/two.pem
</VirtualHost>
<VirtualHost *:TWO>
    ServerName first
    SSLEngine on
    SSLCACertificateFile @DIR@/two.pem
</VirtualHost>
";

/// By name and by port, with its own cache and with ours.
#[test]
fn httpd_hosts_with_other_authorities() {
    let name = Name::new();
    for with in [With::Stock, With::Library] {
        for version in VERSIONS {
            let run = run(with, &name);
            run.set(ATTACH, "all");
            std::fs::create_dir(run.path("www")).unwrap();
            run.write("www/index.html", "answer");
            let mut server = start(&run, "apache2.conf", APACHE, |run, path| {
                let mut command = run.command("apache2");
                command.args(["-DFOREGROUND", "-f", path]);
                command
            });
            server.wait_for(|log| log.contains("resuming normal operations").then_some(()));
            let [one, two] = [server.ports[0], server.ports[1]];
            let visit =
                |port: u16, words: &str| run.reconnect(port, 1, &format!("{version} path=/index.html alerts {words}"));
            let told = [
                visit(one, "name=first cert=client.pem save=session"),
                visit(one, "name=first load=session"),
                visit(one, "name=second load=session"),
                visit(two, "name=first load=session"),
            ];
            assert_eq!(told.concat(), if with == With::Stock { "NRAR" } else { "NRAA" }, "{with:?}, {version}");
            // On SIGTERM a child that is still starting its threads frees under them, with stock libssl too.
            server.stop(libc::SIGWINCH);
        }
    }
}
