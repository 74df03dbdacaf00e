//! `sslsession stat`: the numbers are those of what clients did.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};
use support::common::{self, Scratch, process::Running};
use support::{
    Name, Server, on_terminal, plain, printed, reconnect, said, sharing_server, sslsession, wait_until,
    with_certificate,
};

/// Starts Python's workers, with a store that has no name.
fn workers(scratch: &Scratch) -> Server {
    let mut command = plain("/usr/bin/python3");
    command.arg(support::of_library("programs/shared/workers.py")).args(["cert.pem", "key.pem", "unwrap"]);
    command.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", "shared,size=3M");
    command.env("SSLSESSION_TICKETS", "stateful");
    Server::start_on_its_port(scratch, command)
}

/// Returns the statistics of one store.
fn stat(store: &str) -> Value {
    let text = printed(&mut sslsession(["stat", "--json", store]));
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(json.as_array().map(Vec::len), Some(1), "{json:#}");
    json[0].clone()
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name}: {of:#}"))
}

#[test]
fn a_store_and_its_process_count_what_clients_do() {
    let scratch = with_certificate("stat");
    for size in ["64K", "1M", "40M"] {
        let name = Name::new(&format!("stat-{size}"));
        let mut server = sharing_server(&scratch, &format!("shared:{},size={size}", name.0), &[]);
        reconnect(&server);
        let store = stat(&name.0);
        assert_eq!((number(&store, "hits"), &store["misses"]["unknown"]), (18, &json!(0)), "{store:#}");
        // The first connection of each kind, and two tickets of each of TLS 1.3.
        let (stored, removed, sessions) =
            (number(&store, "stored"), number(&store, "removed"), number(&store, "sessions"));
        assert_eq!((sessions, store["evicted"].as_u64()), (stored - removed, Some(0)), "{store:#}");
        assert!(sessions > 2 && number(&store, "used_bytes") > 100 * sessions, "{store:#}");
        assert!(number(&store, "used_bytes") < number(&store, "capacity_bytes"), "{store:#}");
        assert!(number(&store, "capacity_bytes") < number(&store, "size_bytes"), "{store:#}");
        let oldest = store["oldest_expires_in_seconds"].as_i64().expect("there is one");
        assert!((1..=7200).contains(&oldest), "{oldest}");
        let process = &store["processes"][0];
        assert_eq!((number(process, "process"), number(process, "hits")), (server.id().into(), 18), "{process:#}");
        assert_eq!(process["contexts"], json!({"shared": 1, "not_shared": {}, "shared_among_copies": {}}));
        assert_eq!((&process["tickets"], &process["library"]), (&json!("stateful"), &json!("0.1.0")), "{process:#}");
        assert!(process["libssl"].as_str().is_some_and(|libssl| libssl.starts_with("OpenSSL ")), "{process:#}");
        let build_id = printed(plain("readelf").arg("-n").arg(common::library()));
        assert!(process["build_id"].as_str().is_some_and(|id| build_id.contains(id)), "{process:#}");
        assert!(process["locked_in_memory"].is_boolean(), "{process:#}");
        server.stop(libc::SIGKILL);
    }
}

/// The counters of processes that have ended are the store's, whoever has their slot.
#[test]
fn what_the_dead_have_counted_stays_counted() {
    let scratch = with_certificate("stat");
    let name = Name::new("dead");
    let mut hits = 0;
    for _ in 0..3 {
        let mut server = sharing_server(&scratch, &name.setting(), &[]);
        reconnect(&server);
        let store = stat(&name.0);
        hits += 18;
        assert_eq!(number(&store, "hits"), hits, "{store:#}");
        assert_eq!(
            (store["processes"].as_array().map(Vec::len), number(&store["processes"][0], "hits")),
            (Some(1), 18)
        );
        let by_process = stat(&server.id().to_string());
        assert_eq!((&by_process["name"], number(&by_process, "hits")), (&json!(name.0), hits));
        server.stop(libc::SIGKILL);
    }
    let store = stat(&name.0);
    assert_eq!((number(&store, "hits"), &store["processes"]), (hits, &json!([])), "{store:#}");
}

#[test]
fn a_store_without_a_name_is_found_by_any_of_its_processes() {
    let scratch = with_certificate("stat");
    let mut server = workers(&scratch);
    let before = stat(&server.id().to_string());
    assert_eq!((number(&before, "hits"), &before["path"]), (0, &Value::Null), "{before:#}");
    reconnect(&server);
    let store = stat(&server.id().to_string());
    let processes = store["processes"].as_array().expect("processes");
    assert_eq!((processes.len(), number(&store, "size_bytes")), (5, 3 << 20), "{store:#}");
    for name in ["hits", "stored"] {
        let sum: u64 = processes.iter().map(|process| number(process, name)).sum();
        assert_eq!((sum, sum > 5), (number(&store, name), true), "{name}: {store:#}");
    }
    let used: Vec<&Value> = processes.iter().filter(|process| process["has_used_it"] == true).collect();
    assert_eq!(used.len(), 4, "the parent serves nobody: {store:#}");
    assert_eq!(stat(&number(used[3], "process").to_string())["name"], store["name"]);
    let all = printed(&mut sslsession(["stat"]));
    assert!(all.contains(store["name"].as_str().expect("a name")), "{all}");
    server.stop(libc::SIGTERM);
}

#[test]
fn why_a_context_does_not_share_is_counted() {
    let scratch = with_certificate("stat");
    let name = Name::new("reasons");
    let server = sharing_server(&scratch, &name.setting(), &["-no_cache"]);
    said(&mut sslsession(["check", &server.address(), "-n", "2"]));
    let store = stat(&name.0);
    assert_eq!(store["processes"][0]["contexts"]["not_shared"], json!({"cache_off": 1}), "{store:#}");
    let text = printed(&mut sslsession(["stat", &name.0]));
    assert!(text.contains("1 not: its cache is turned off (SSLSESSION_ATTACH=all turns it on)"), "{text}");
    server.stop(libc::SIGKILL);
}

#[test]
fn stores_that_cannot_be_read_are_named_and_the_others_shown() {
    let scratch = with_certificate("stat");
    let name = Name::new("refused");
    let mut server = sharing_server(&scratch, &name.setting(), &[]);
    let old = Name::new("old");
    fs::write(old.path(), [b"sslsession store", &2u32.to_ne_bytes()[..], &[0; 64]].concat()).expect("a store");
    let said_of_both = said(&mut sslsession(["stat", &old.0, &name.0]));
    assert_eq!(said_of_both.status, Some(2));
    assert!(
        said_of_both.stderr.contains("is a store of layout 2, which this command does not know"),
        "{said_of_both:?}"
    );
    assert!(said_of_both.stdout.contains(&format!("store {}", name.0)), "{said_of_both:?}");
    for (store, words) in [
        ("no-such-store", "there is no such store"),
        ("/etc/passwd", "is no store of sessions"),
        ("4194999", "there is no process 4194999"),
        (&std::process::id().to_string(), "has no shared store: `sslsession check"),
    ] {
        let said = said(&mut sslsession(["stat", store]));
        assert_eq!((said.status, said.stderr.contains(words)), (Some(2), true), "{words}: {said:?}");
    }
    let mut nobody = plain("setpriv");
    nobody.args(["--reuid", "65534", "--clear-groups", env!("CARGO_BIN_EXE_sslsession"), "stat", &name.0]);
    let command = scratch.join("sslsession");
    fs::copy(env!("CARGO_BIN_EXE_sslsession"), &command).expect("the command can be copied");
    let mut nobody_by_process = plain("setpriv");
    nobody_by_process
        .args(["--reuid", "65534", "--clear-groups"])
        .arg(&command)
        .args(["stat", &server.id().to_string()]);
    for (mut command, words) in [(nobody, "its owner and root only"), (nobody_by_process, "another user's")] {
        let said = said(&mut command);
        // Where the build's directory is not for everybody, the command itself cannot be started.
        if !said.stderr.contains("failed to execute") {
            assert_eq!((said.status, said.stderr.contains(words)), (Some(2), true), "{words}: {said:?}");
        }
    }
    server.stop(libc::SIGKILL);
}

/// A store in which anything may stand is read to its end.
#[test]
fn a_store_of_nonsense_is_read() {
    use std::os::unix::fs::FileExt;
    let scratch = with_certificate("stat");
    let name = Name::new("nonsense");
    let server = sharing_server(&scratch, &name.setting(), &[]);
    reconnect(&server);
    server.stop(libc::SIGKILL);
    let file = fs::OpenOptions::new().write(true).open(name.path()).expect("the store");
    file.write_all_at(&[0xff; 64], 520).expect("it is written");
    let said_of_table = said(&mut sslsession(["stat", &name.0]));
    assert!(said_of_table.stderr.contains("a first page that makes no sense"), "{said_of_table:?}");
    let (mut state, mut noise) = (7u64, Vec::new());
    noise.resize_with((1 << 20) - 4096, || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    let server = sharing_server(&scratch, &name.setting(), &[]);
    file.write_all_at(&noise, 4096).expect("it is written");
    let store = stat(&name.0);
    assert!(number(&store, "used_bytes") <= number(&store, "capacity_bytes"), "{store:#}");
    printed(&mut sslsession(["stat", &name.0]));
    server.stop(libc::SIGKILL);
}

/// Everybody may give a file on /dev/shm any name.
#[test]
fn a_name_is_no_command_to_a_terminal() {
    let scratch = with_certificate("stat");
    let made = Name::new("stat-plain");
    sharing_server(&scratch, &made.setting(), &[]).stop(libc::SIGKILL);
    let name = Name::new("stat-\x1b[31m\x07");
    fs::copy(made.path(), name.path()).expect("a copy of the store");
    let shown = name.0.replace(char::is_control, "?");
    for words in ["stat $NAME", "store ls", "store rm $NAME", "stat $NAME"] {
        let command = format!("exec {} {}", env!("CARGO_BIN_EXE_sslsession"), words.replace("$NAME", "\"$NAME\""));
        let said = said(on_terminal(&command).env("NAME", &name.0));
        let is_sent = said.stdout.contains(&name.0) || said.stdout.contains('\x07');
        assert_eq!((is_sent, said.stdout.contains(&shown)), (false, true), "{words}: {said:?}");
    }
}

#[test]
fn it_goes_on_watching() {
    let scratch = with_certificate("stat");
    let name = Name::new("watch");
    let server = sharing_server(&scratch, &name.setting(), &[]);
    let file = scratch.join("watched");
    let mut command = sslsession(["stat", "--watch=0.1", &name.0]);
    let _watching = Running::start(command.stdout(fs::File::create(&file).expect("a scratch file")));
    let text = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("it is shown", || text().contains("lookups    none"));
    reconnect(&server);
    wait_until("18 hits are shown", || text().contains("100.0 % hits: 18 of 18"));
    for wrong in ["--watch=0", "--watch=x", "--watch=1e9"] {
        assert_eq!(said(&mut sslsession(["stat", wrong])).status, Some(2), "{wrong}");
    }
    server.stop(libc::SIGKILL);
}

/// With any variable of ours set, a process without a store counts too.
#[test]
fn processes_without_a_store_show_what_they_do() {
    let scratch = with_certificate("stat");
    for (variable, value, why) in [
        ("SSLSESSION_LOG", "/dev/null", "not_asked_for"),
        ("SSLSESSION_PRIVATE", "openssl", "private"),
        ("SSLSESSION_STORE", "shared:/no/such/place", "refused"),
        ("SSLSESSION_STORE", "shraed", "refused"),
    ] {
        let mut server = Server::start(&scratch, |port| {
            let mut command = support::s_server(port);
            command.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", "shared").env(variable, value);
            command.env("SSLSESSION_TICKETS", "stateful");
            if why == "not_asked_for" {
                command.env_remove("SSLSESSION_STORE");
            }
            command
        });
        said(&mut sslsession(["check", &server.address(), "-n", "6", "--clients", "1"]));
        let shown = stat(&server.id().to_string());
        let process = &shown["processes"][0];
        assert_eq!((&shown["is_shared"], &process["without_store"]), (&json!(false), &json!(why)), "{shown:#}");
        // Stateful ones need a store, or a program that is private: then each kind of session is looked up.
        let (tickets, hits) = if why == "private" { ("stateful", 18) } else { ("application", 6) };
        assert_eq!(process["tickets"], tickets, "{shown:#}");
        assert_eq!((number(process, "hits"), number(&shown, "hits")), (hits, hits), "{shown:#}");
        // Those that are resumed once leave, and all others stay.
        let (stored, removed) = (number(process, "stored"), number(process, "removed"));
        assert_eq!(
            (number(process, "sessions"), number(&shown, "sessions")),
            (stored - removed, stored - removed),
            "{shown:#}"
        );
        assert!(number(process, "stored") > 0 && process["libssl"].is_string(), "{shown:#}");
        let text = printed(&mut sslsession(["stat", &server.id().to_string()]));
        assert!(text.contains("no store: processes that keep their sessions each in its own memory"), "{text}");
        server.stop(libc::SIGKILL);
    }
    let mut server = Server::start(&scratch, |port| {
        let mut command = support::s_server(port);
        command.env("LD_PRELOAD", common::library());
        command
    });
    let said = said(&mut sslsession(["stat", &server.id().to_string()]));
    assert!(said.stderr.contains("has no shared store"), "without a setting nothing is made: {said:?}");
}

/// A server of TLS 1.2 without tickets that makes a session and forks; its child makes a context after the parent has made
/// two more sessions. Each then says so, and waits.
const FORKED: &str = r#"
import os, ssl, sys
def context(side):
    made = ssl.SSLContext(side)
    made.maximum_version, made.options = ssl.TLSVersion.TLSv1_2, made.options | ssl.OP_NO_TICKET
    return made
server, client = context(ssl.PROTOCOL_TLS_SERVER), context(ssl.PROTOCOL_TLS_CLIENT)
server.load_cert_chain("cert.pem", "key.pem")
client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
kept = []
def visit():
    left, right = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(left, right), server.wrap_bio(right, left, server_side=True)]
    kept.extend(ends)
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass
visit()
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.read(reader, 1)
    late = context(ssl.PROTOCOL_TLS_CLIENT)
    print("child", os.getpid(), flush=True)
else:
    visit()
    visit()
    os.write(writer, b"x")
sys.stdin.read()
if child:
    os.wait()
"#;

/// A forked process shows the sessions that it has itself, whatever its parent has by then.
#[test]
fn a_forked_process_without_a_store_shows_its_own_sessions() {
    let scratch = with_certificate("stat");
    let mut command = plain("/usr/bin/python3");
    command.args(["-c", FORKED]).current_dir(scratch.path()).env("LD_PRELOAD", common::library());
    command.env("SSLSESSION_LOG", "/dev/null").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut parent = command.spawn().expect("python3 is installed");
    let mut line = String::new();
    BufReader::new(parent.stdout.take().expect("a pipe")).read_line(&mut line).expect("the child says so");
    let child = line.trim().strip_prefix("child ").unwrap_or_else(|| panic!("no child: {line}")).to_owned();
    let sessions = |id: &str| {
        let shown = stat(id);
        let processes = shown["processes"].as_array().expect("processes");
        let found = processes.iter().find(|process| number(process, "process").to_string() == id);
        number(found.unwrap_or_else(|| panic!("{shown:#}")), "sessions")
    };
    assert_eq!((sessions(&parent.id().to_string()), sessions(&child)), (3, 1));
    drop(parent.stdin.take());
    assert!(parent.wait().expect("our child").success());
}
