//! `sslsession check HOST:PORT`, with servers of which it is known what they resume.

mod support;

use std::process::Command;

use serde_json::Value;
use support::common::{self, Scratch};
use support::{Name, Server, of_library, on_terminal, plain, printed, said, sslsession, with_certificate};

/// Starts a server with options.
fn s_server(scratch: &Scratch, options: &[&str]) -> Server {
    Server::start(scratch, |port| {
        let mut command = support::s_server(port);
        command.args(options);
        command
    })
}

/// Returns four workers of Python that take turns, each with an SSLContext of its own.
fn workers(scratch: &Scratch) -> Command {
    let mut command = plain("/usr/bin/python3");
    command.arg(of_library("programs/shared/workers.py")).args(["cert.pem", "key.pem", "unwrap"]);
    command.current_dir(scratch.path());
    command
}

fn nginx(scratch: &Scratch, server: &str) -> Server {
    nginx_as(scratch, server, plain)
}

fn nginx_as(scratch: &Scratch, server: &str, command: impl Fn(&str) -> Command) -> Server {
    Server::start(scratch, |port| {
        let place = scratch.path().display();
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths: String = paths.iter().map(|name| format!("{name}_temp_path {place}/{name};\n")).collect();
        let text = format!(
            "worker_processes 4;\nerror_log stderr notice;\npid {place}/nginx.pid;\ndaemon off;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off;\n{paths} server {{ listen 127.0.0.1:{port} ssl reuseport; ssl_certificate {place}/cert.pem;\n\
             ssl_certificate_key {place}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;\n{server}\n\
             location / {{ return 200 answer; }} }} }}\n"
        );
        std::fs::write(scratch.join("nginx.conf"), text).expect("a scratch file can be written");
        let mut command = command("nginx");
        command.args(["-e", "stderr", "-c"]).arg(scratch.join("nginx.conf"));
        command
    })
}

/// Returns the exit status, and the numbers of offered and resumed sessions of each kind.
fn check(server: &Server, more: &[&str]) -> (Option<i32>, Vec<(u64, u64)>, Value) {
    let said = said(sslsession(["check", &server.address(), "--json", "-n", "8"]).args(more));
    let json: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let number = |kind: &Value, name: &str| kind[name].as_u64().unwrap_or_else(|| panic!("{name}: {json}"));
    let kinds = json["kinds"].as_array().expect("a list of kinds");
    let kinds = kinds.iter().map(|kind| (number(kind, "resumed"), number(kind, "offered"))).collect();
    (said.status, kinds, json)
}

#[test]
fn one_process_resumes_all() {
    let scratch = with_certificate("check");
    for (options, given) in [(&[][..], "stateless ticket"), (&["-no_ticket"], "stateful ticket")] {
        let server = s_server(&scratch, options);
        let (status, kinds, json) = check(&server, &[]);
        assert_eq!((status, kinds), (Some(0), vec![(8, 8); 3]), "{json:#}");
        assert_eq!(json["kinds"][2]["given"], given);
        assert_eq!(json["settings"], serde_json::json!({}));
        let said = said(&mut sslsession(["check", &server.address(), "-n", "4"]));
        assert!(said.stdout.contains("TLS 1.3") && said.stdout.contains("  4 of 4 resumed   100 %"), "{said:?}");
        assert!(said.stdout.contains("All clients are resumed.") && !said.stdout.contains('\x1b'), "{said:?}");
    }
}

#[test]
fn workers_that_do_not_share_are_seen_and_the_settings_mend_it() {
    let scratch = with_certificate("check");
    let server = Server::start_on_its_port(&scratch, workers(&scratch));
    let (status, kinds, json) = check(&server, &[]);
    assert_eq!(status, Some(1), "{json:#}");
    assert!(kinds.iter().all(|(resumed, offered)| *offered == 8 && resumed < offered), "{json:#}");
    let verdict = json["verdict"].to_string();
    assert!(verdict.contains("have ticket keys of their own"), "{verdict}");
    let said = said(&mut sslsession(["check", &server.address(), "-n", "4"]));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.stdout.contains("sslsession run"), "{said:?}");
    server.stop(libc::SIGTERM);

    let name = Name::new("check");
    let mut command = workers(&scratch);
    command.env("LD_PRELOAD", common::library());
    for (variable, value) in json["settings"].as_object().expect("settings") {
        let value = value.as_str().expect("text").replace("shared:NAME", &name.setting());
        command.env(variable, value);
    }
    let server = Server::start_on_its_port(&scratch, command);
    let (status, kinds, json) = check(&server, &[]);
    assert_eq!((status, kinds), (Some(0), vec![(8, 8); 3]), "{json:#}");
    server.stop(libc::SIGTERM);
}

#[test]
fn nginx_as_it_is_set_up_finds_no_session_id_and_builtin_some() {
    let scratch = with_certificate("check");
    let server = nginx(&scratch, "");
    let (status, kinds, json) = check(&server, &[]);
    assert_eq!((status, kinds), (Some(1), vec![(0, 8), (8, 8), (8, 8)]), "{json:#}");
    assert_eq!(json["settings"]["SSLSESSION_ATTACH"], "all");
    server.stop(libc::SIGQUIT);
    let server = nginx(&scratch, "ssl_session_cache builtin; ssl_session_tickets off;");
    let (status, kinds, json) = check(&server, &["-n", "40"]);
    assert_eq!(status, Some(1), "{json:#}");
    assert!(kinds.iter().all(|(resumed, offered)| *offered == 40 && resumed < offered), "{json:#}");
    assert_eq!((&json["kinds"][1]["given"], &json["kinds"][2]["given"]), (&"id".into(), &"stateful ticket".into()));
    server.stop(libc::SIGQUIT);
}

/// The reload has taken effect when the workers of before are gone.
const RELOAD: &str = "
old=$(pgrep -P $PID)
kill -HUP $PID
for worker in $old; do tail --pid=$worker -f /dev/null; done
";

#[test]
fn tickets_do_not_survive_a_reload_of_nginx() {
    let scratch = with_certificate("check");
    let mut server = nginx(&scratch, "ssl_session_cache shared:SSL:1m;");
    let reload = RELOAD.replace("$PID", &server.id().to_string());
    let (status, kinds, json) = check(&server, &["--across", &reload]);
    assert_eq!((status, kinds), (Some(1), vec![(8, 8); 3]), "{json:#}");
    let after = |kind: usize| json["kinds"][kind]["resumed_after"].as_u64();
    assert_eq!((after(0), after(1), after(2)), (Some(4), Some(0), Some(0)), "{json:#}");
    assert!(json["verdict"].to_string().contains("their keys are drawn anew"), "{json:#}");
    let said = said(&mut sslsession(["check", &server.address(), "-n", "4", "--across", "exit 3"]));
    assert_eq!((said.status, said.stderr.contains("the command failed")), (Some(2), true), "{said:?}");
    server.stop(libc::SIGQUIT);
}

#[test]
fn versions_that_a_server_does_not_speak_do_not_count() {
    let scratch = with_certificate("check");
    for (version, spoken) in [("-tls1_3", [false, false, true]), ("-tls1_2", [true, true, false])] {
        let server = s_server(&scratch, &[version]);
        let (status, _, json) = check(&server, &[]);
        assert_eq!(status, Some(0), "{json:#}");
        let seen = [0, 1, 2].map(|kind| json["kinds"][kind]["not_spoken"].is_null());
        assert_eq!(seen, spoken, "{json:#}");
    }
}

#[test]
fn a_server_that_gives_nothing_is_no_server_that_resumes() {
    let scratch = with_certificate("check");
    let server = s_server(&scratch, &["-tls1_3", "-num_tickets", "0"]);
    let (status, _, json) = check(&server, &[]);
    assert_eq!((status, &json["kinds"][2]["given"]), (Some(1), &"nothing".into()), "{json:#}");
    assert!(json["verdict"].to_string().contains("gives no tickets"), "{json:#}");
    let server = s_server(&scratch, &["-tls1_2", "-no_cache", "-no_ticket"]);
    let (status, _, json) = check(&server, &[]);
    assert_eq!((status, &json["kinds"][0]["given"]), (Some(1), &"nothing".into()), "{json:#}");
}

/// In TLS 1.3 a client without a certificate learns only after its handshake that it is refused.
#[test]
fn servers_that_ask_for_certificates() {
    let scratch = with_certificate("check");
    let server = s_server(&scratch, &["-Verify", "1", "-CAfile", "cert.pem"]);
    let refused = said(&mut sslsession(["check", &server.address(), "-n", "2"]));
    assert_eq!((refused.status, refused.stdout.contains("see --cert")), (Some(2), true), "{refused:?}");
    let certificate = scratch.join("both.pem");
    let (status, kinds, json) = check(&server, &["--cert", certificate.to_str().expect("a path that is text")]);
    assert_eq!((status, kinds), (Some(0), vec![(8, 8); 3]), "{json:#}");
    let missing = said(&mut sslsession(["check", &server.address(), "--cert", "/no/such/file"]));
    assert_eq!((missing.status, missing.stderr.contains("/no/such/file")), (Some(2), true), "{missing:?}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let scratch = with_certificate("check");
    let mut plain_http = plain("/usr/bin/python3");
    plain_http.args(["-u", "-c"]).arg(
        "import http.server as h; s = h.HTTPServer(('127.0.0.1', 0), h.BaseHTTPRequestHandler)\n\
         print('port', s.server_port); s.serve_forever()",
    );
    let server = Server::start_on_its_port(&scratch, plain_http);
    let seen = said(&mut sslsession(["check", &server.address()]));
    assert_eq!((seen.status, seen.stdout.contains("No handshake succeeded")), (Some(2), true), "{seen:?}");
    let seen = said(&mut sslsession(["check", &server.address(), "--starttls", "smtp", "--timeout", "1"]));
    assert_eq!((seen.status, seen.stderr.contains("does it speak this protocol")), (Some(2), true), "{seen:?}");
    let address = server.address();
    drop(server);
    let seen = said(&mut sslsession(["check", &address]));
    assert_eq!((seen.status, seen.stderr.contains("refused")), (Some(2), true), "{seen:?}");
    let seen = said(&mut sslsession(["check", "no host"]));
    assert_eq!(seen.status, Some(2), "{seen:?}");
    let seen = said(&mut sslsession(["check", "localhost:0"]));
    assert_eq!((seen.status, seen.stderr.contains("neither HOST:PORT nor")), (Some(2), true), "{seen:?}");
}

/// Behind a servername callback each name costs a full handshake first.
#[test]
fn shared_tickets_and_a_store_survive_a_reload_of_nginx() {
    let scratch = with_certificate("check");
    let (name, key) = (Name::new("reload"), scratch.join("key"));
    printed(sslsession(["key", "new"]).arg(&key));
    let mut server = nginx_as(&scratch, "", |program| {
        let mut command = sslsession(["run", "--attach", "all", "--tickets", "shared", "--store", &name.setting()]);
        command.arg("--library").arg(common::library()).arg("--key-file").arg(&key).arg("--").arg(program);
        command
    });
    let reload = RELOAD.replace("$PID", &server.id().to_string());
    let (status, kinds, json) = check(&server, &["--servername", "localhost", "--across", &reload]);
    assert_eq!((status, kinds), (Some(0), vec![(8, 8); 3]), "{json:#}");
    let after = |kind: usize| json["kinds"][kind]["resumed_after"].as_u64();
    assert_eq!((after(0), after(1), after(2)), (Some(4), Some(4), Some(4)), "{json:#}");
    assert!(json["verdict"].to_string().contains("before and after the command"), "{json:#}");
    server.stop(libc::SIGQUIT);
}

/// On a terminal only, and only if it takes longer than a second.
#[test]
fn progress_is_shown_on_a_terminal() {
    let scratch = with_certificate("check");
    let mut slow = plain("/usr/bin/python3");
    slow.args(["-u", "-c"]).arg(
        "import socket, ssl, time\n\
         context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain('cert.pem', 'key.pem')\n\
         listener = socket.create_server(('127.0.0.1', 0)); print('port', listener.getsockname()[1])\n\
         while True:\n    \
             connection = listener.accept()[0]; time.sleep(0.1)\n    \
             try: context.wrap_socket(connection, server_side=True).unwrap()\n    \
             except (ssl.SSLError, OSError): pass",
    );
    let mut command = slow;
    command.current_dir(scratch.path());
    let server = Server::start_on_its_port(&scratch, command);
    let command = format!("{} check {} -n 6 --clients 1", env!("CARGO_BIN_EXE_sslsession"), server.address());
    let on_terminal = printed(&mut on_terminal(&command));
    assert!(on_terminal.contains("reconnections ") && on_terminal.contains(" of 18"), "{on_terminal:?}");
    let said = said(&mut sslsession(["check", &server.address(), "-n", "6", "--clients", "1"]));
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""), "{said:?}");
}

/// The command takes the library out of itself: with it the client's own cache would be ours.
#[test]
fn a_preloaded_library_stays_outside() {
    let scratch = with_certificate("check");
    let server = s_server(&scratch, &[]);
    let mut command = sslsession(["check", &server.address(), "-n", "2"]);
    command.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", "nonsense").env("LD_DEBUG", "files");
    let said = said(&mut command);
    assert_eq!(said.status, Some(0), "{}", said.stdout);
    // The loader names what it loads, by process: the same one, first with the library and then without.
    let runs = said.stderr.matches("initialize program: ").count();
    let with = said.stderr.matches("calling init: ").filter(|_| true).count();
    assert!(runs == 2 && with > 0, "{runs} programs");
    let second = said.stderr.rsplit("initialize program: ").next().expect("a last part");
    assert!(!second.contains("libsslsession.so"), "{second}");
    let _ = printed(sslsession(["check", "--help"]).env("LD_PRELOAD", common::library()));
}
