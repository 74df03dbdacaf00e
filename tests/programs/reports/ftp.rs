//! FTP over TLS: data connections that have to resume the session of their control connection.

use super::{
    ALONE, Environment, MODES, Mode, NAMED, NAMED_STATEFUL, SHARED, SHARED_ALL, SHARED_STATEFUL, STATEFUL, unpacked,
};
use crate::common;
use crate::programs::{
    run::{Run, With, printed},
    server::Server,
    shared::Name,
};
use std::{fs, os::unix::fs::PermissionsExt};

const CLIENTS: [&str; 3] = ["id", "ticket", "1.3"];

fn client(run: &Run, port: u16, client: &str, what: &str) -> String {
    let mut command = run.plain_command("/usr/bin/python3");
    command.arg(common::root().join("tests/programs/reports/ftp.py")).arg(port.to_string()).args([client, what]);
    printed(&mut command).trim_end().to_owned()
}

/// An RSA certificate, as both servers ask for one, and a directory with a file.
fn prepare(run: &Run) {
    let mut openssl = run.plain_command("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    printed(openssl.args(["-keyout", "rsa.key", "-out", "rsa.pem"]));
    for directory in ["ftp", "empty"] {
        fs::create_dir(run.path(directory)).unwrap();
        fs::set_permissions(run.path(directory), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(run.write("ftp/file", "answer\n"), fs::Permissions::from_mode(0o644)).unwrap();
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
PidFile @DIR@/proftpd.pid
ScoreboardFile @DIR@/scoreboard
DelayTable none
WtmpLog off
TransferLog none
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSRSACertificateFile @DIR@/rsa.pem
TLSRSACertificateKeyFile @DIR@/rsa.key
TLSVerifyClient off
<Anonymous @DIR@/ftp>
  User nobody
  Group nogroup
  UserAlias anonymous nobody
  RequireValidShell off
</Anonymous>
";

fn proftpd<'a>(run: &'a Run, environment: &Environment) -> Server<'a> {
    prepare(run);
    Server::start(run, 1, |ports| {
        let mut command = environment.command(run, "proftpd");
        command.args(["--nodaemon", "--config"]);
        command.arg(run.write("proftpd.conf", &PROFTPD.replace("PORT", &ports[0].to_string())));
        command
    })
}

/// It knows its control connections by what it binds to their tickets, which stateful tickets would not be asked for; and by
/// their sessions. Its control connections have a servername callback, its data connections none.
#[test]
fn data_connections_of_proftpd_resume_and_are_bound_in_every_mode() {
    for mode in [None].into_iter().chain(MODES.map(Some)) {
        let (run, name) = (Run::new(With::Stock), Name::new());
        let server = proftpd(&run, &Environment::of(mode, &name));
        for version in CLIENTS {
            assert_eq!(client(&run, server.port(), version, "data"), "RRRRR", "{mode:?} {version}");
            assert_eq!(client(&run, server.port(), version, "foreign"), "refused", "{mode:?} {version}");
        }
        let log = server.stop(libc::SIGTERM);
        if mode.is_some_and(|mode| mode.contains(&STATEFUL[0]) && mode.contains(&SHARED_ALL[1])) {
            assert!(log.contains("this program has callbacks for its tickets"), "{mode:?}:\n{log}");
        }
    }
}

fn pure_ftpd<'a>(run: &'a Run, environment: &Environment) -> Server<'a> {
    prepare(run);
    let parts = ["rsa.pem", "rsa.key"].map(|part| fs::read_to_string(run.path(part)).unwrap());
    run.write("both.pem", &parts.concat());
    let program = unpacked(run, "pure-ftpd", &["pure-ftpd"]) + "/usr/sbin/pure-ftpd";
    Server::start(run, 1, |ports| {
        let mut command = environment.command(run, &program);
        command.args(["--anonymousonly", "--tls=2", "--dontresolve", "--syslogfacility=none"]);
        command.arg(format!("--certfile={}", run.path("both.pem").display()));
        command.arg(format!("--bind=127.0.0.1,{}", ports[0]));
        command
    })
}

/// It asks for no resumption, and has no tickets: in TLS 1.3 there is none. Its anonymous users are in the home of the user ftp.
#[test]
fn data_connections_of_pure_ftpd_resume_by_id() {
    for mode in [None].into_iter().chain(MODES.map(Some)) {
        let (run, name) = (Run::new(With::Stock), Name::new());
        let server = pure_ftpd(&run, &Environment::of(mode, &name));
        let seen = CLIENTS.map(|version| client(&run, server.port(), version, "data"));
        assert_eq!(seen, ["RRRRR", "RRRRR", "NNNNN"], "{mode:?}");
        server.stop(libc::SIGTERM);
    }
}

const VSFTPD: &str = "
listen=YES
listen_address=127.0.0.1
listen_port=PORT
background=NO
anonymous_enable=YES
local_enable=NO
anon_root=@DIR@/ftp
secure_chroot_dir=@DIR@/empty
nopriv_user=nobody
ftp_username=daemon
seccomp_sandbox=NO
xferlog_enable=NO
ssl_enable=YES
allow_anon_ssl=YES
ssl_tlsv1=YES
ssl_ciphers=HIGH
require_ssl_reuse=YES
rsa_cert_file=@DIR@/rsa.pem
rsa_private_key_file=@DIR@/rsa.key
";

fn vsftpd<'a>(run: &'a Run, environment: &Environment) -> Server<'a> {
    prepare(run);
    let program = unpacked(run, "vsftpd", &["vsftpd"]) + "/usr/sbin/vsftpd";
    Server::start(run, 1, |ports| {
        let mut command = environment.command(run, &program);
        command.arg(run.write("vsftpd.conf", &VSFTPD.replace("PORT", &ports[0].to_string())));
        command
    })
}

/// Returns what becomes of data connections, of a stranger's, and of those that offer no session, for each client.
fn of_vsftpd(mode: Option<Mode>, private: &str) -> [[String; 3]; 3] {
    let (run, name) = (Run::new(With::Stock), Name::new());
    let mut environment = Environment::of(mode, &name);
    environment.0.push(("SSLSESSION_PRIVATE", private.to_owned()));
    let server = vsftpd(&run, &environment);
    let seen =
        CLIENTS.map(|version| ["data", "foreign", "none"].map(|what| client(&run, server.port(), version, what)));
    server.stop(libc::SIGTERM);
    seen
}

/// A data connection that offers no session is refused after its handshake, and the control connection ends with it.
const NONE: &str = "NEEEEE";

/// It takes any session that its process knows for this client's. Stock libssl lets strangers in who come with a ticket.
#[test]
fn vsftpd_stays_private_in_a_shared_environment() {
    let stock = [["RRRRR", "refused", NONE], ["RRRRR", "taken", NONE], ["RRRRR", "taken", NONE]];
    for mode in [None, Some(ALONE), Some(SHARED), Some(NAMED)] {
        assert_eq!(of_vsftpd(mode, ""), stock, "{mode:?}");
    }
    for mode in [STATEFUL, SHARED_STATEFUL, NAMED_STATEFUL] {
        assert_eq!(of_vsftpd(Some(mode), ""), [["RRRRR", "refused", NONE]; 3], "{mode:?}");
    }
    // It is the list that keeps it so.
    assert_eq!(of_vsftpd(Some(SHARED), "none")[0], ["RRRRR", "taken", NONE]);
}
