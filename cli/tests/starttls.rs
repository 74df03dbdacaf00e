//! `sslsession check --starttls`, with a real server of each protocol.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use support::common::Scratch;
use support::{Server, plain, printed, said, sslsession, with_certificate};

/// Returns the means that clients of a server get: of each kind by what they can resume, and if all of them are.
fn kinds(server: &Server, protocol: &str) -> Vec<(String, bool)> {
    let arguments = ["check", &server.address(), "--starttls", protocol, "--json", "-n", "5", "--clients", "2"];
    let said = said(&mut sslsession(arguments));
    let json: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}\n{}", server.log()));
    let kind = |kind: &Value| {
        assert!(kind["not_spoken"].is_null(), "{json:#}\n{}", server.log());
        (kind["given"].as_str().expect("text").to_owned(), kind["resumed"] == kind["offered"])
    };
    json["kinds"].as_array().expect("a list").iter().map(kind).collect()
}

fn expect(server: &Server, protocol: &str, expected: [(&str, bool); 3]) {
    let expected = expected.map(|(given, is_resumed)| (given.to_owned(), is_resumed));
    assert_eq!(kinds(server, protocol), expected, "{protocol}\n{}", server.log());
}

const ID: (&str, bool) = ("id", true);
const TICKET: (&str, bool) = ("stateless ticket", true);

/// Writes a configuration, in which DIR and PORT stand for what they are.
fn configure(scratch: &Scratch, name: &str, text: &str, port: u16) -> PathBuf {
    let path = scratch.join(name);
    let text = text.replace("DIR", &scratch.path().display().to_string()).replace("PORT", &port.to_string());
    fs::write(&path, text).expect("a scratch file can be written");
    path
}

/// Lets another user into the directory.
fn open_to_all(scratch: &Scratch) {
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("our directory");
}

fn number_of(user: &str) -> u32 {
    printed(plain("id").args(["-u", user])).trim().parse().expect("a user's number")
}

const POSTFIX: &str = "
compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost.test
alias_maps =
local_recipient_maps =
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_tls_security_level = may
smtpd_tls_session_cache_database = btree:DIR/data/smtpd_scache
";

const POSTFIX_MASTER: &str = "
127.0.0.1:PORT inet n - n - 1 smtpd
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
";

#[test]
fn smtp() {
    let scratch = with_certificate("smtp");
    let user = number_of("postfix");
    for directory in ["queue/private", "queue/public", "queue/pid", "data"] {
        fs::create_dir_all(scratch.join(directory)).expect("our directory");
        chown(scratch.join(directory), Some(user), None).expect("root may");
    }
    open_to_all(&scratch);
    let server = Server::start(&scratch, |port| {
        let main = configure(&scratch, "main.cf", POSTFIX, port);
        // It waits until its configuration has not been written for a second.
        let main = fs::File::options().append(true).open(main).expect("our file");
        main.set_modified(SystemTime::now() - Duration::from_secs(10)).expect("our file");
        configure(&scratch, "master.cf", POSTFIX_MASTER, port);
        let mut master = plain("/usr/lib/postfix/sbin/master");
        master.arg("-d").arg("-c").arg(scratch.path()).env("MAIL_CONFIG", scratch.path());
        master
    });
    expect(&server, "smtp", [ID, TICKET, TICKET]);
    server.stop(libc::SIGTERM);
}

const DOVECOT: &str = "
protocols = PROTOCOL
listen = 127.0.0.1
base_dir = DIR/run
state_dir = DIR/run
log_path = DIR/dovecot.log
ssl = required
ssl_cert = <DIR/cert.pem
ssl_key = <DIR/key.pem
service imap-login {
  service_count = 0
  process_limit = 1
  inet_listener imap {
    port = IMAP
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  service_count = 0
  process_limit = 1
  inet_listener pop3 {
    port = POP3
  }
  inet_listener pop3s {
    port = 0
  }
}
passdb {
  driver = static
  args = nopassword=y
}
";

#[test]
fn imap_and_pop3() {
    let scratch = with_certificate("imap");
    open_to_all(&scratch);
    for (protocol, other) in [("imap", "POP3"), ("pop3", "IMAP")] {
        let server = Server::start(&scratch, |port| {
            let text = DOVECOT.replace(other, "0").replace(&protocol.to_uppercase(), &port.to_string());
            let text = text.replace("PROTOCOL", protocol);
            let path = configure(&scratch, "dovecot.conf", &text, port);
            let mut dovecot = plain("dovecot");
            dovecot.arg("-F").arg("-c").arg(path);
            dovecot
        });
        expect(&server, protocol, [ID, TICKET, TICKET]);
        server.stop(libc::SIGTERM);
    }
}

const PROFTPD: &str = "
ModulePath /usr/lib/proftpd
LoadModule mod_tls.c
ServerType standalone
DefaultAddress 127.0.0.1
Port PORT
UseIPv6 off
UseFtpUsers off
User nobody
Group nogroup
PidFile DIR/proftpd.pid
ScoreboardFile DIR/scoreboard
DelayTable none
WtmpLog off
TransferLog none
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSRSACertificateFile DIR/cert.pem
TLSRSACertificateKeyFile DIR/key.pem
TLSVerifyClient off
";

/// It forks for each connection, with the ticket keys of the parent.
#[test]
fn ftp() {
    let scratch = with_certificate("ftp");
    let server = Server::start(&scratch, |port| {
        let mut proftpd = plain("proftpd");
        proftpd.args(["--nodaemon", "--config"]).arg(configure(&scratch, "proftpd.conf", PROFTPD, port));
        proftpd
    });
    let seen = kinds(&server, "ftp");
    assert_eq!((seen[0].1, &seen[1..]), (false, &[TICKET, TICKET].map(|(given, is)| (given.to_owned(), is))[..]));
    server.stop(libc::SIGTERM);
}

const SLAPD: &str = "
include /etc/ldap/schema/core.schema
pidfile DIR/slapd.pid
TLSCertificateFile DIR/cert.pem
TLSCertificateKeyFile DIR/key.pem
database ldif
directory DIR/ldif
suffix \"dc=test\"
";

/// Debian's is built with GnuTLS: it finds no session again, and the library is nothing for it.
#[test]
fn ldap() {
    let scratch = with_certificate("ldap");
    fs::create_dir(scratch.join("ldif")).expect("our directory");
    let server = Server::start(&scratch, |port| {
        let mut slapd = plain("/usr/sbin/slapd");
        slapd.args(["-d", "0", "-h", &format!("ldap://127.0.0.1:{port}"), "-f"]);
        slapd.arg(configure(&scratch, "slapd.conf", SLAPD, port));
        slapd
    });
    expect(&server, "ldap", [("id", false), ("id", false), ("nothing", true)]);
    server.stop(libc::SIGTERM);
}

/// Returns a program of the newest PostgreSQL that Debian has installed.
fn postgresql(program: &str) -> Command {
    let releases = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed").flatten();
    let newest = releases.map(|release| release.path()).max().expect("a release");
    let mut command = plain("setpriv");
    let user = number_of("postgres").to_string();
    command.args(["--reuid", &user, "--regid", "nogroup", "--clear-groups"]).arg(newest.join("bin").join(program));
    command
}

/// It has no cache and gives no tickets: no client can come back.
#[test]
fn postgres() {
    let scratch = with_certificate("postgres");
    open_to_all(&scratch);
    let data = scratch.join("data");
    fs::create_dir(&data).expect("our directory");
    for path in [&data, &scratch.join("key.pem")] {
        chown(path, Some(number_of("postgres")), None).expect("root may");
    }
    printed(postgresql("initdb").args(["--auth=trust", "--no-sync", "-D"]).arg(&data));
    let server = Server::start(&scratch, |port| {
        let mut postgres = postgresql("postgres");
        postgres.arg("-D").arg(&data).args(["-k", "", "-h", "127.0.0.1", "-p", &port.to_string(), "-c", "ssl=on"]);
        postgres.args(["-c", "fsync=off", "-c"]).arg(format!("ssl_cert_file={}", scratch.join("cert.pem").display()));
        postgres.arg("-c").arg(format!("ssl_key_file={}", scratch.join("key.pem").display()));
        postgres
    });
    expect(&server, "postgres", [("nothing", true); 3]);
    server.stop(libc::SIGINT);
}

/// MariaDB: one process.
#[test]
fn mysql() {
    let scratch = with_certificate("mysql");
    let data = scratch.join("data");
    fs::create_dir(&data).expect("our directory");
    let server = Server::start(&scratch, |port| {
        let option = |name: &str, file: &str| format!("--{name}={}", scratch.join(file).display());
        let mut mariadbd = plain("/usr/sbin/mariadbd");
        mariadbd.args([
            "--no-defaults",
            "--user=root",
            "--skip-grant-tables",
            "--skip-networking=0",
            "--bind-address=127.0.0.1",
        ]);
        mariadbd.args([option("datadir", "data"), option("socket", "socket"), option("pid-file", "pid")]);
        mariadbd.args([option("ssl-cert", "cert.pem"), option("ssl-key", "key.pem"), format!("--port={port}")]);
        mariadbd
    });
    expect(&server, "mysql", [ID, TICKET, TICKET]);
    server.stop(libc::SIGTERM);
}

/// The words of a server that has no TLS are handed on.
#[test]
fn servers_without_tls() {
    let scratch = with_certificate("refuses");
    let server = Server::start(&scratch, |port| {
        let text = PROFTPD.replace("TLSEngine on", "TLSEngine off");
        let mut proftpd = plain("proftpd");
        proftpd.args(["--nodaemon", "--config"]).arg(configure(&scratch, "proftpd.conf", &text, port));
        proftpd
    });
    let refused = said(&mut sslsession(["check", &server.address(), "--starttls", "ftp"]));
    assert_eq!((refused.status, refused.stderr.contains("the server says: 500")), (Some(2), true), "{refused:?}");
    for protocol in ["smtp", "imap", "pop3", "mysql"] {
        let refused = said(&mut sslsession(["check", &server.address(), "--starttls", protocol]));
        assert_eq!((refused.status, refused.stderr.is_empty()), (Some(2), false), "{protocol}: {refused:?}");
    }
}
