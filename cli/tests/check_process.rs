//! `sslsession check PID`: what /proc says of processes, in words.

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use serde_json::Value;
use support::common::{self, Scratch, process::Running};
use support::{Name, Server, on_terminal, plain, printed, said, sslsession, wait_until, with_certificate};

/// Starts `openssl s_server` with an environment.
fn s_server(scratch: &Scratch, environment: &[(&str, &str)]) -> Server {
    Server::start(scratch, |port| {
        let mut command = support::s_server(port);
        command.envs(environment.iter().copied());
        command
    })
}

fn preload() -> (&'static str, &'static str) {
    ("LD_PRELOAD", common::library().to_str().expect("a path that is text"))
}

/// Returns the exit status, and the whole report.
fn check(process: u32) -> (Option<i32>, Value) {
    let said = said(&mut sslsession(["check", &process.to_string(), "--json"]));
    (said.status, serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}")))
}

fn verdict(report: &Value) -> String {
    report["verdict"].to_string()
}

#[test]
fn a_process_with_a_named_store() {
    let scratch = with_certificate("process");
    let name = Name::new("process");
    let mut server = s_server(&scratch, &[preload(), ("SSLSESSION_STORE", &name.setting())]);
    let (status, report) = check(server.id());
    assert_eq!((status, &report["works"]), (Some(0), &true.into()), "{report:#}");
    assert_eq!((&report["store"]["name"], &report["store"]["size"]), (&name.0.as_str().into(), &(1 << 20).into()));
    assert_eq!(report["store"]["processes"], serde_json::json!([server.id()]));
    assert_eq!(report["libssls"][0]["is_served"], true, "{report:#}");
    let build_id = printed(plain("readelf").args(["-n", preload().1]));
    assert!(build_id.contains(report["library"]["build_id"].as_str().expect("an id")), "{build_id}");

    fs::remove_file(name.path()).expect("a store of this test");
    let (status, report) = check(server.id());
    assert_eq!(status, Some(0));
    assert!(verdict(&report).contains("The store's file was removed"), "{report:#}");
}

/// A process's owner may give its files and variables any name.
#[test]
fn what_a_process_has_is_no_command_to_a_terminal() {
    const COMMAND: &str = "\x1b[31m\x07";
    let scratch = with_certificate("process");
    let directory = scratch.join(COMMAND);
    fs::create_dir(&directory).expect("a scratch directory");
    let library = directory.join("libsslsession.so");
    fs::copy(common::library(), &library).expect("a copy of the library");
    let mut server =
        s_server(&scratch, &[("LD_PRELOAD", library.to_str().expect("text")), ("SSLSESSION_LOG", COMMAND)]);
    let said = said(&mut on_terminal(&format!("exec {} check {}", env!("CARGO_BIN_EXE_sslsession"), server.id())));
    let shown = ["/?[31m?/libsslsession.so", "SSLSESSION_LOG=?[31m?"].map(|text| said.stdout.contains(text));
    assert_eq!((said.stdout.contains(COMMAND), shown), (false, [true, true]), "{said:?}");
    server.stop(libc::SIGTERM);
}

#[test]
fn a_store_without_a_name_is_seen_and_who_has_it() {
    let scratch = with_certificate("process");
    let mut command = plain("/usr/bin/python3");
    command.arg(support::of_library("programs/shared/workers.py")).args(["cert.pem", "key.pem", "close"]);
    let (name, value) = preload();
    command.env(name, value).env("SSLSESSION_STORE", "shared,size=3M");
    let mut server = Server::start_on_its_port(&scratch, command);
    let (status, report) = check(server.id());
    assert_eq!((status, &report["store"]["name"]), (Some(0), &Value::Null), "{report:#}");
    assert_eq!(report["store"]["size"], 3 << 20);
    assert_eq!(report["store"]["processes"].as_array().map(Vec::len), Some(5), "{report:#}");
    server.stop(libc::SIGTERM);
}

#[test]
fn why_nothing_is_shared_is_said() {
    let scratch = with_certificate("process");
    for (environment, words) in [
        (&[][..], "started without the library in LD_PRELOAD"),
        (&[("LD_PRELOAD", "/no/such/libsslsession.so")], "the loader refused the library"),
        (&[preload()], "has no shared store"),
        (&[preload(), ("SSLSESSION_STORE", "shared:/no/such/place")], "and has no store"),
        (&[preload(), ("SSLSESSION_STORE", "shraed")], "started with SSLSESSION_STORE=shraed and has no store"),
        (&[preload(), ("SSLSESSION_TICKETS", "shared")], "its tickets are as the program has them"),
        (&[preload(), ("SSLSESSION_TICKETS", "sharde")], "its tickets are as the program has them"),
        (
            &[preload(), ("SSLSESSION_TICKETS", "shared"), ("SSLSESSION_KEY_FILE", "/no/such/file")],
            "its tickets are as the program has them",
        ),
    ] {
        let mut server = s_server(&scratch, environment);
        let (status, report) = check(server.id());
        assert_eq!((status, &report["works"]), (Some(1), &false.into()), "{report:#}");
        assert!(verdict(&report).contains(words), "{words}: {report:#}");
    }
    let mut server = s_server(&scratch, &[preload(), ("SSLSESSION_STORE", "shared"), ("SSLSESSION_STOR", "shared")]);
    let (status, report) = check(server.id());
    assert_eq!(status, Some(0), "{report:#}");
    assert!(verdict(&report).contains("SSLSESSION_STOR is no setting"), "{report:#}");
}

/// No store is needed for them.
#[test]
fn a_process_with_shared_tickets() {
    let scratch = with_certificate("process");
    let key = scratch.join("key");
    printed(sslsession(["key", "new"]).arg(&key));
    let key = key.to_str().expect("a path that is text");
    let mut server = s_server(&scratch, &[preload(), ("SSLSESSION_TICKETS", "shared"), ("SSLSESSION_KEY_FILE", key)]);
    let said = said(&mut sslsession(["check", &server.id().to_string()]));
    assert_eq!((said.status, said.stdout.contains("tickets are shared by their keys")), (Some(0), true), "{said:?}");
}

/// Waits for a verdict: the process has only just begun.
fn expect(process: u32, words: &str) {
    wait_until(words, || verdict(&check(process).1).contains(words));
}

/// A program that has no libssl, a static one, and one with more rights than its user.
#[test]
fn programs_that_cannot_be_reached() {
    let scratch = Scratch::new("process");
    let started = |mut command: Command| {
        let (name, value) = preload();
        Running::start(command.env(name, value).current_dir(scratch.path()))
    };
    let mut sleep = plain("sleep");
    sleep.arg("1000");
    let mut running = started(sleep);
    expect(running.child().id(), "has no libssl");

    let source = scratch.join("static.c");
    fs::write(&source, "#include <unistd.h>\nint main(void) { return pause(); }")
        .expect("a scratch file can be written");
    printed(common::c_compiler().arg(&source).arg("-o").arg(scratch.join("static")).arg("-static"));
    let mut running = started(plain(scratch.join("static").to_str().expect("text")));
    expect(running.child().id(), "linked statically");

    // Another user than root, so that root too has other rights in it than its own.
    let setuid = scratch.join("setuid");
    fs::copy("/bin/sleep", &setuid).expect("sleep can be copied");
    chown(&setuid, Some(1), None).expect("root may");
    fs::set_permissions(&setuid, Permissions::from_mode(0o4755)).expect("root may");
    let mut command = plain(setuid.to_str().expect("text"));
    command.arg("1000");
    let mut running = started(command);
    expect(running.child().id(), "more rights than its user");
}

#[test]
fn processes_that_cannot_be_asked() {
    let gone = said(&mut sslsession(["check", "4194999"]));
    assert_eq!((gone.status, gone.stderr.contains("there is no process 4194999")), (Some(2), true), "{gone:?}");
    let odd = said(&mut sslsession(["check", &std::process::id().to_string(), "--starttls", "smtp"]));
    assert_eq!((odd.status, odd.stderr.contains("are for servers")), (Some(2), true), "{odd:?}");
}
