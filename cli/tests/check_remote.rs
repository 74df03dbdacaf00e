//! `sslsession check --remote`, at a real Redis with each thing wrong that it tells apart.

#[path = "check_remote/cluster.rs"]
mod cluster;
mod support;

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;
use support::common::process::{Process, Running};
use support::common::{self, Scratch};
use support::{Said, Server, plain, printed, said, sslsession};

/// A directory with two key files, and Redis.
struct Fleet {
    scratch: Scratch,
}

impl Fleet {
    fn new() -> Fleet {
        let fleet = Fleet { scratch: Scratch::new("check-remote") };
        for (name, text) in
            [("fleet.key", "4f".repeat(32)), ("other.key", "91".repeat(32)), ("word", "right".to_owned())]
        {
            fleet.write(name, &text);
        }
        fleet
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.scratch.join(name), text).expect("our own directory");
        fs::set_permissions(self.scratch.join(name), Permissions::from_mode(0o600)).expect("our own file");
    }

    /// Starts Redis with further arguments on a free port.
    fn redis(&self, arguments: &[&str]) -> Server {
        Server::start(&self.scratch, |port| {
            let port = port.to_string();
            let mut redis = plain("redis-server");
            let is_tls = arguments.first() == Some(&"--tls-auth-clients");
            let ports =
                if is_tls { ["--port", "0", "--tls-port", &port] } else { ["--port", &port, "--tls-port", "0"] };
            redis.args(ports).args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]).args(arguments);
            redis.arg("--dir").arg(self.scratch.path()).current_dir(self.scratch.path());
            redis
        })
    }

    /// Returns the check of a host with settings: `@` is the directory.
    fn check(&self, host: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = sslsession(["check", "--remote", "--host", host]);
        command.env("SSLSESSION_REMOTE_LIBRARY", common::remote_library());
        for (name, value) in [("KEY_FILE", "@/fleet.key")].iter().chain(settings) {
            let value = value.replace('@', &self.scratch.path().display().to_string());
            command.env(format!("SSLSESSION_{name}"), value.replace("ACCOUNT", "@"));
        }
        command
    }

    /// Returns the exit status, and each step as `step state: text`.
    fn checked(&self, host: &str, settings: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
        let said = said(self.check(host, settings).arg("--json"));
        let json: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        let text = |step: &Value, name: &str| step[name].as_str().expect("a text").to_owned();
        let line = |step: &Value| format!("{} {}: {}", text(step, "step"), text(step, "state"), text(step, "text"));
        let steps: Vec<String> = json["steps"].as_array().expect("a list").iter().map(line).collect();
        assert_eq!(json["works"].as_bool(), Some(said.status == Some(0)));
        assert!(!said.stdout.contains("right:") && !said.stdout.contains(":right"), "a password: {}", said.stdout);
        (said.status, steps)
    }

    /// Expects that one step fails, with words that say why and what to do.
    fn expect_failed(&self, settings: &[(&str, &str)], step: &str, words: &[&str]) {
        let (status, steps) = self.checked("web9", settings);
        let failed: Vec<&String> = steps.iter().filter(|step| step.contains(" failed: ")).collect();
        assert_eq!(status, Some(1), "{steps:#?}");
        assert!(failed.len() == 1 && failed[0].starts_with(&format!("{step} failed: ")), "{steps:#?}");
        words.iter().for_each(|word| assert!(failed[0].contains(word), "{word}: {failed:?}"));
    }
}

fn address(redis: &Server) -> String {
    format!("redis://{}", redis.address())
}

/// Returns the steps of that name.
fn of_name<'a>(steps: &'a [String], name: &str) -> Vec<&'a str> {
    steps.iter().filter_map(|step| step.strip_prefix(name)?.strip_prefix(' ')).collect()
}

#[test]
fn each_host_says_of_the_others_whether_it_opens_their_records() {
    let fleet = Fleet::new();
    let redis = fleet.redis(&[]);
    let remote = address(&redis);
    let (status, first) = fleet.checked("web1", &[("REMOTE", &remote)]);
    assert_eq!(
        (status, of_name(&first, "other hosts")[0].starts_with("ok: none was checked")),
        (Some(0), true),
        "{first:#?}"
    );
    for step in
        ["settings", "key file", "address", "connection", "password", "SET", "GET", "GETDEL", "DEL", "clock", "delay"]
    {
        assert!(of_name(&first, step).iter().all(|said| said.starts_with("ok: ")), "{step}: {first:#?}");
        assert_eq!(of_name(&first, step).len(), 1, "{step}: {first:#?}");
    }
    let (status, second) = fleet.checked("web2", &[("REMOTE", &remote)]);
    let others = of_name(&second, "other hosts");
    assert!(status == Some(0) && others.len() == 1, "{second:#?}");
    assert!(
        others[0].starts_with("ok: web1 was checked ") && others[0].ends_with("its clock is as this host's"),
        "{others:?}"
    );

    let other_key = [("REMOTE", remote.as_str()), ("KEY_FILE", "@/other.key")];
    fleet.expect_failed(&other_key, "other hosts", &["does not open the record of 2 hosts", "SSLSESSION_KEY_FILE"]);
    let (status, first) = fleet.checked("web1", &[("REMOTE", &remote)]);
    let others = of_name(&first, "other hosts");
    assert!(status == Some(1) && others[0].starts_with("ok: web2"), "{others:?}");
    assert!(others[1].starts_with("failed: this key file does not open the record of 1 host "), "{others:?}");
    // Once that host has the right file and was checked, nothing is wrong any more.
    for host in ["web9", "web1"] {
        let (status, steps) = fleet.checked(host, &[("REMOTE", &remote)]);
        assert_eq!((status, of_name(&steps, "other hosts").len()), (Some(0), 2), "{steps:#?}");
    }
    // A new key above the old one: what it seals does not open where only the old one is.
    fleet.write("both.key", &format!("{}\n{}\n", "91".repeat(32), "4f".repeat(32)));
    let (status, steps) = fleet.checked("web2", &[("REMOTE", &remote), ("KEY_FILE", "@/both.key")]);
    let others = of_name(&steps, "other hosts");
    assert!(status == Some(0) && others.iter().all(|said| said.starts_with("doubtful: ")), "{others:?}");
    assert!(others[0].contains("with its key 2"), "{others:?}");
    // Nothing is left behind but that record.
    let mut keys = plain("redis-cli");
    let (host, port) = remote["redis://".len()..].split_once(':').expect("a port");
    assert_eq!(printed(keys.args(["-h", host, "-p", port, "--scan"])).trim(), "tls:check");
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let fleet = Fleet::new();
    let limited = ["limited", "on", ">right", "~tls:*", "+get", "+getdel", "+del", "+ping", "+time"];
    let redis = fleet.redis(&[&["--user"], &limited[..]].concat());
    let (remote, place) = (address(&redis), redis.address());
    fleet.expect_failed(&[("REMOTE", "redis://")], "settings", &["the address has no host"]);
    fleet.expect_failed(&[("REMOTE", &remote), ("KEY_FILE", "@/none.key")], "key file", &["none.key"]);
    fleet.expect_failed(&[("REMOTE", "redis://nowhere.invalid")], "address", &["nowhere.invalid"]);
    fleet.expect_failed(&[("REMOTE", "redis+unix://@/none")], "connection", &["there is no such socket"]);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address").port();
    fleet.expect_failed(
        &[("REMOTE", &format!("redis://127.0.0.1:{port}"))],
        "connection",
        &["refused", "nobody listens"],
    );
    let wrong = format!("redis://limited:wrongACCOUNT{place}");
    fleet.expect_failed(&[("REMOTE", &wrong)], "password", &["authentication failed", "password-file="]);
    fleet.expect_failed(&[("REMOTE", &format!("{remote}/99"))], "answer", &["no such database"]);
    fleet.expect_failed(&[("REMOTE", &remote.replace("redis:", "rediss:"))], "tls", &["does the server speak TLS"]);
    fleet.expect_failed(&[("REMOTE", &format!("{remote},{remote}"))], "cluster", &["the server is alone"]);

    let options = ("REMOTE_OPTIONS", "password-file=@/word");
    let (status, steps) = fleet.checked("web9", &[("REMOTE", &format!("redis://limitedACCOUNT{place}")), options]);
    let failed: Vec<&String> = steps.iter().filter(|step| step.contains(" failed: ")).collect();
    assert!(status == Some(1) && failed[0].starts_with("SET failed: NOPERM"), "{steps:#?}");
    assert!(failed[0].contains("ACL SETUSER ACCOUNT ~tls:* +get +set") && failed.len() == 2, "{failed:#?}");
    assert!(failed[1].starts_with("other hosts failed: NOPERM"), "nor can it leave its record: {failed:#?}");

    let mut full = fleet.redis(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]);
    let (_, steps) = fleet.checked("web9", &[("REMOTE", &address(&full))]);
    let set = of_name(&steps, "SET");
    assert!(set[0].starts_with("failed: OOM") && set[0].contains("volatile-ttl"), "{steps:#?}");
    let hung = Process::of(full.id()).expect("it runs");
    hung.signal(19);
    fleet.expect_failed(&[("REMOTE", &address(&full))], "answer", &["timed out", "is it stopped"]);
    hung.signal(18);
}

#[test]
fn the_account_of_the_documentation_is_enough() {
    let fleet = Fleet::new();
    let text = fs::read_to_string(common::root().join("docs/remote.md")).expect("our own file");
    let line = text.split_once("`ACL SETUSER ").expect("an account").1.split_once('`').expect("its end").0;
    let account = line.replace("WORD", "right");
    let words: Vec<&str> = account.split(' ').collect();
    let redis = fleet.redis(&[&["--user"], &words[..]].concat());
    let remote = format!("redis://{}ACCOUNT{}", words[0], redis.address());
    let (status, steps) = fleet.checked("web1", &[("REMOTE", &remote), ("REMOTE_OPTIONS", "password-file=@/word")]);
    assert!(status == Some(0) && steps.iter().all(|step| step.contains(" ok: ")), "{steps:#?}");
    assert_eq!(of_name(&steps, "password"), ["ok: of the account tls, is right"]);
}

#[test]
fn tls_is_checked_with_the_authorities_of_the_options() {
    let fleet = Fleet::new();
    let certify = |name: &str, more: &[&str]| {
        let mut openssl = plain("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]);
        openssl.args([
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &format!("{name}.key"),
            "-out",
            &format!("{name}.pem"),
        ]);
        printed(openssl.args(more).current_dir(fleet.scratch.path()));
    };
    certify("authority", &[]);
    certify("other", &[]);
    let signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-addext", "subjectAltName=DNS:cache.test"];
    certify("cache", &[&signed[..], &["-addext", "basicConstraints=critical,CA:FALSE"]].concat());
    let files = ["--tls-cert-file", "cache.pem", "--tls-key-file", "cache.key", "--tls-ca-cert-file", "authority.pem"];
    let redis = fleet.redis(&[&["--tls-auth-clients", "no"], &files[..]].concat());
    let remote = address(&redis).replace("redis:", "rediss:");
    let by = |options: &'static str| [("REMOTE", remote.clone()), ("REMOTE_OPTIONS", options.to_owned())];
    let checked = |options| {
        let settings = by(options);
        fleet.checked("web1", &settings.each_ref().map(|(name, value)| (*name, value.as_str())))
    };
    let (status, steps) = checked("ca=@/authority.pem,name=cache.test");
    assert!(status == Some(0) && of_name(&steps, "tls")[0].starts_with("ok: "), "{steps:#?}");
    for (what, options, said) in [
        ("another authority", "ca=@/other.pem,name=cache.test", "UnknownIssuer"),
        ("no authority", "name=cache.test", "UnknownIssuer"),
        ("another name", "ca=@/authority.pem", "certificate not valid for name"),
    ] {
        let (status, steps) = checked(options);
        let tls = of_name(&steps, "tls");
        assert!(status == Some(1) && tls[0].starts_with("failed: ") && tls[0].contains(said), "{what}: {steps:#?}");
        assert!(tls[0].contains("`ca=/a/file`"), "{what}: {tls:?}");
    }
    let plain = remote.replace("rediss:", "redis:");
    fleet.expect_failed(&[("REMOTE", &plain)], "answer", &["does it want TLS"]);
}

/// Passes connections on to a server, with another answer to TIME: an hour later. Returns its address.
fn with_another_clock(to: String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = format!("redis://{}", listener.local_addr().expect("an address"));
    let serve = move |mut client: TcpStream| {
        let mut server = TcpStream::connect(&to).expect("Redis listens");
        let mut bytes = [0; 4096];
        // One question is out at a time.
        while let Ok(length @ 1..) = client.read(&mut bytes) {
            if bytes[..length].ends_with(b"\r\nTIME\r\n") {
                let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() + 3600;
                write!(client, "*2\r\n$10\r\n{now}\r\n$1\r\n0\r\n").expect("the client reads");
                continue;
            }
            server.write_all(&bytes[..length]).expect("Redis reads");
            let length = server.read(&mut bytes).expect("Redis answers");
            client.write_all(&bytes[..length]).expect("the client reads");
        }
    };
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let serve = serve.clone();
            thread::spawn(move || serve(client));
        }
    });
    address
}

#[test]
fn clocks_that_differ_are_told() {
    let fleet = Fleet::new();
    let redis = fleet.redis(&[]);
    let (remote, late) = (address(&redis), with_another_clock(redis.address()));
    fleet.expect_failed(&[("REMOTE", &late)], "clock", &["behind the server's", "NTP"]);
    let (status, steps) = fleet.checked("web1", &[("REMOTE", &remote)]);
    let (clock, others) = (of_name(&steps, "clock"), of_name(&steps, "other hosts"));
    assert!(status == Some(1) && clock[0].starts_with("ok: "), "{steps:#?}");
    assert!(
        others[0].starts_with("failed: web9 was checked ") && others[0].contains("behind this host's"),
        "{others:?}"
    );
}

#[test]
fn the_settings_of_a_process_are_taken() {
    let fleet = Fleet::new();
    let redis = fleet.redis(&["--requirepass", "right"]);
    let mut sleep = plain("sleep");
    sleep.arg("1000").stdout(Stdio::null());
    let (remote, key) = (format!("redis://:right@{}", redis.address()), fleet.scratch.join("fleet.key"));
    sleep.env("SSLSESSION_REMOTE", &remote).env("SSLSESSION_REMOTE_LIBRARY", common::remote_library());
    sleep.env("SSLSESSION_KEY_FILE", key).env_remove("SSLSESSION_TEST_REMOTE_LIBRARY");
    let mut process = Running::start(&mut sleep);
    let id = process.child().id().to_string();
    let Said { status, stdout, .. } = said(&mut sslsession(["check", "--remote", &id, "--host", "web1"]));
    assert_eq!(status, Some(0), "{stdout}");
    assert!(
        stdout.contains("for the host web1\n") && stdout.contains("This host can share the sessions of its fleet.")
    );
    assert!(stdout.contains("  password     ok       is right\n") && !stdout.contains(":right"), "{stdout}");
    // Nor does a check of the process show the password.
    for more in [&[][..], &["--json"]] {
        let said = said(sslsession(["check", &id]).args(more));
        assert!(said.stdout.contains("redis://...@127.0.0.1:") && !said.stdout.contains("right@"), "{said:?}");
        assert!(!said.stdout.contains("is no setting"), "{said:?}");
    }
    let mut without = Running::start(plain("sleep").arg("1000"));
    let id = without.child().id().to_string();
    let refused = said(&mut sslsession(["check", "--remote", &id]));
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains(&format!("process {id} was started without SSLSESSION_REMOTE")), "{refused:?}");
}

#[test]
fn without_settings_or_the_object_nothing_is_found_out() {
    let fleet = Fleet::new();
    for (settings, why) in [
        (&[][..], "SSLSESSION_REMOTE is not set"),
        (&[("REMOTE", "redis://cache"), ("KEY_FILE", "")], "SSLSESSION_KEY_FILE is not set"),
        (&[("REMOTE", "redis://cache"), ("REMOTE_LIBRARY", "@/none.so")], "none.so: cannot open shared object file"),
        (&[("REMOTE", "redis://cache"), ("REMOTE_LIBRARY", "none.so")], "not an absolute path"),
    ] {
        let refused = said(&mut fleet.check("web1", settings));
        assert!(refused.status == Some(2) && refused.stderr.contains(why), "{why}: {refused:?}");
    }
    let refused = said(&mut sslsession(["check", "--remote", "localhost:443"]));
    assert!(refused.status == Some(2) && refused.stderr.contains("localhost:443 is none"), "{refused:?}");
    let refused = said(&mut sslsession(["check", "localhost:443", "--host", "web1"]));
    assert_eq!(refused.status, Some(2), "{refused:?}");
}
