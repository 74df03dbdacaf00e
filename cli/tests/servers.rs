//! Servers as their users start them, with `sslsession run` before the command and nothing else.

mod support;

use std::fs;
use std::process::Command;

use support::common::{self, Scratch};
use support::{Server, plain, printed, said, sslsession, wait_until, with_certificate};

/// Returns the command as it is, or started by `sslsession run`.
fn with(is_run: bool, options: &[&str], program: &str) -> Command {
    if !is_run {
        return plain(program);
    }
    let mut command = sslsession(["run", "--library"]);
    command.arg(common::library()).args(options).arg("--").arg(program);
    command
}

/// Returns the exit status of a check, and what it printed.
fn check(port: u16) -> (Option<i32>, String) {
    let said = said(&mut sslsession(["check", &format!("localhost:{port}"), "-n", "12"]));
    (said.status, said.stdout)
}

/// README.md's example: its workers make a context for each connection.
#[test]
fn gunicorn() {
    let scratch = with_certificate("gunicorn");
    let application = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'answer']\n";
    fs::write(scratch.join("app.py"), application).expect("a scratch file can be written");
    for (is_run, status, line) in [(false, 1, "0 of 12 resumed"), (true, 0, "12 of 12 resumed")] {
        let server = Server::start(&scratch, |port| {
            let mut command = with(is_run, &[], "gunicorn");
            command.args(["--workers", "4", "--bind", &format!("127.0.0.1:{port}")]);
            command.args(["--certfile", "cert.pem", "--keyfile", "key.pem", "app:app"]);
            command
        });
        let (seen, text) = check(server.port);
        assert_eq!((seen, text.matches(line).count()), (Some(status), 3), "{text}\n{}", server.log());
        server.stop(libc::SIGTERM);
    }
}

#[test]
fn hitch() {
    let scratch = with_certificate("hitch");
    for (is_run, status) in [(false, 1), (true, 0)] {
        let server = Server::start(&scratch, |port| {
            let mut command = with(is_run, &[], "hitch");
            command.args([
                "--user=nobody",
                "--workers=4",
                "--backend=[127.0.0.1]:9",
                &format!("--frontend=[127.0.0.1]:{port}"),
            ]);
            command.args(["--tls-protos=TLSv1.2 TLSv1.3", "both.pem"]);
            command
        });
        let (seen, text) = check(server.port);
        assert_eq!(seen, Some(status), "{text}\n{}", server.log());
        server.stop(libc::SIGTERM);
    }
}

/// As a daemon: the command ends when the daemon stands, and the store goes with the daemon.
#[test]
fn nginx_as_a_daemon() {
    let scratch = with_certificate("nginx");
    let claim = support::Claim::new();
    let configuration = configuration(&scratch, claim.0);
    let mut start = with(true, &["--attach", "all"], "nginx");
    printed(start.args(["-e", "stderr", "-c"]).arg(&configuration));
    wait_until("nginx has said who it is", || scratch.join("nginx.pid").exists());
    let (status, text) = check(claim.0);
    let master = fs::read_to_string(scratch.join("nginx.pid")).expect("nginx has written it");
    let report = said(&mut sslsession(["check", master.trim()]));
    printed(plain("nginx").args(["-e", "stderr", "-s", "stop", "-c"]).arg(&configuration));
    assert_eq!(status, Some(0), "{text}");
    assert!(report.stdout.contains("of 3 processes"), "{report:?}");
    let store = report.stdout.lines().find_map(|line| line.trim_start().strip_prefix("store "));
    let store = store.and_then(|line| line.trim_start().split(',').next()).expect("a line about the store");
    let path = std::path::Path::new("/dev/shm").join(store);
    wait_until("the store is gone", || !path.exists());
}

fn configuration(scratch: &Scratch, port: u16) -> std::path::PathBuf {
    let place = scratch.path().display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths: String = paths.iter().map(|name| format!("{name}_temp_path {place}/{name};\n")).collect();
    let text = format!(
        "worker_processes 2;\nerror_log {place}/error.log;\npid {place}/nginx.pid;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off;\n{paths} server {{ listen 127.0.0.1:{port} ssl reuseport;\n\
         ssl_certificate {place}/cert.pem; ssl_certificate_key {place}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;\n\
         location / {{ return 200 answer; }} }} }}\n"
    );
    let path = scratch.join("nginx.conf");
    fs::write(&path, text).expect("a scratch file can be written");
    path
}
