//! The configurations of examples/, with the real programs: paths and ports are the test's, all else is as it stands there.

use super::{KEY_FILE, Name, Run, STORE, TICKETS, With, expect_reuse, new_key, run_with, write_keys};
use crate::{
    common,
    programs::{nginx, paper, server::Server},
};
use std::fs;

fn example(name: &str) -> String {
    let path = common::root().join("examples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Replaces pieces of a configuration, each of which has to be there.
fn replaced(mut text: String, pieces: &[(&str, &str)]) -> String {
    for (piece, by) in pieces {
        assert!(text.contains(piece), "the example has no {piece:?} any more");
        text = text.replace(piece, by);
    }
    text
}

/// Returns the value that systemd's drop-in gives to a variable.
fn environment(variable: &str) -> String {
    let text = example("nginx.service.d/sslsession.conf");
    let values: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("Environment=")?.strip_prefix(variable)?.strip_prefix('='))
        .collect();
    assert_eq!(values.len(), 1, "the drop-in sets {variable} once");
    values[0].to_owned()
}

/// One full handshake, and then resumptions by several workers.
fn expect_sharing(run: &Run, server: Server, client: &str, signal: i32) {
    expect_reuse(run, server.port(), client);
    server.stop(signal);
}

/// systemd itself starts that of the paper: tests/deb/systemd.
#[test]
fn the_drop_in_is_that_of_the_paper() {
    let lines = |text: &str| {
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&example("nginx.service.d/sslsession.conf")), lines(paper::block("### systemd", "ini")));
}

#[test]
fn nginx_as_systemd_starts_it() {
    assert_eq!(("LD_PRELOAD", environment("LD_PRELOAD").as_str()), paper::library());
    let run = run_with(With::Library, &[]);
    let keys = write_keys(&run, "keys", &[&new_key(&run)]);
    assert_eq!(environment(KEY_FILE), "/etc/sslsession.key");
    run.set(KEY_FILE, keys.to_str().expect("a path that is text"));
    let store = replaced(environment(STORE), &[("/run/sslsession/nginx", "@DIR@/store")]);
    run.set(STORE, &store);
    let server = Server::start(&run, 1, |ports| {
        let port = format!("listen 127.0.0.1:{} ssl;", ports[0]);
        let http = "http { access_log off; client_body_temp_path @DIR@/body; proxy_temp_path @DIR@/proxy; \
                    fastcgi_temp_path @DIR@/fastcgi; uwsgi_temp_path @DIR@/uwsgi; scgi_temp_path @DIR@/scgi;";
        let pieces = [
            ("listen 443 ssl;", port.as_str()),
            ("/etc/ssl/certs/example.com.pem", "@DIR@/cert.pem"),
            ("/etc/ssl/private/example.com.key", "@DIR@/key.pem"),
            ("http {", http),
        ];
        let conf = run.write("nginx.conf", &replaced(example("nginx.conf"), &pieces));
        let mut command = run.command("nginx");
        nginx::log_to(&mut command, "stderr");
        let global = format!("daemon off; error_log stderr notice; pid {};", run.path("nginx.pid").display());
        command.arg("-p").arg(run.path("")).args(["-g", &global]).arg("-c").arg(conf);
        command
    });
    expect_sharing(&run, server, "tls1_2 ids", libc::SIGQUIT);
    assert!(run.path("store").is_file(), "the store is a file");
}

#[test]
fn gunicorn() {
    let conf = example("gunicorn.conf.py");
    assert!(conf.contains("SSLSESSION_STORE=shared SSLSESSION_TICKETS=stateful \\\n    gunicorn --config"));
    let name = Name::new();
    let run = run_with(With::Library, &[(STORE, &name.setting()), (TICKETS, "stateful")]);
    let server = Server::start(&run, 1, |ports| {
        let bind = format!("127.0.0.1:{}", ports[0]);
        let pieces = [
            ("0.0.0.0:8443", bind.as_str()),
            ("/etc/ssl/certs/example.com.pem", "@DIR@/cert.pem"),
            ("/etc/ssl/private/example.com.key", "@DIR@/key.pem"),
        ];
        let file = run.write("gunicorn.conf.py", &replaced(conf.clone(), &pieces));
        let mut command = run.command("gunicorn");
        command.arg("--config").arg(file).args(["--log-level", "error", "--chdir"]);
        command.arg(common::root().join("tests/programs/reports")).arg("app:app");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    });
    expect_sharing(&run, server, "tls1_3 latest", libc::SIGTERM);
}
