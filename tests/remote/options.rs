//! Settings: Redis is reached over TLS, by a user with a password from a file; and what is wrong in them.

use crate::{
    N, Settings, expect_all_resumed,
    fleet::{Fleet, Host, free_port},
    make, resumed,
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

/// The account that docs/remote.md recommends.
const USER: &str = "tls on >pass%word ~tls:* +get +set +del +ping";

impl Fleet {
    /// Starts Redis with TLS and an account, and returns its address. Its certificate is of an authority of its own, and
    /// has a name that is not its address.
    fn with_tls(&mut self) -> String {
        self.certify("authority", &[]);
        let mut signed = vec!["-CA", "authority.pem", "-CAkey", "authority.key.pem"];
        signed.extend(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:cache.test"]);
        self.certify("cache", &signed);
        for (file, text, mode) in
            [("word", "pass%word\n", 0o600), ("wrong", "word\n", 0o600), ("open", "word\n", 0o644)]
        {
            fs::write(self.path(file), text).expect("our own directory");
            fs::set_permissions(self.path(file), Permissions::from_mode(mode)).expect("our own file");
        }
        let port = free_port();
        let mut arguments =
            vec!["--tls-port".to_owned(), port.to_string(), "--bind".to_owned(), "127.0.0.1".to_owned()];
        for (option, file) in [("cert", "cache.pem"), ("key", "cache.key.pem"), ("ca-cert", "authority.pem")] {
            arguments.extend([format!("--tls-{option}-file"), self.path(file).display().to_string()]);
        }
        arguments.extend(["--tls-auth-clients".to_owned(), "no".to_owned(), "--user".to_owned()]);
        arguments.extend(USER.split(' ').map(str::to_owned));
        self.restart_redis_with(arguments);
        format!("rediss://tls@127.0.0.1:{port}")
    }

    fn options(&self, options: &str) -> String {
        options.replace('@', &self.path("").display().to_string())
    }

    /// Starts a host that reaches Redis so.
    fn host_by(&self, version: &str, remote: &str, options: &str) -> Host {
        self.host_with(version, |settings: &mut Settings| {
            settings.remote = Some(remote.to_owned());
            settings.options = self.options(options);
        })
    }
}

#[test]
fn redis_is_reached_over_tls_with_a_private_authority_and_a_password_from_a_file() {
    let mut fleet = Fleet::new();
    let remote = fleet.with_tls();
    const GOOD: &str = "password-file=@word,ca=@authority.pem,name=cache.test";
    for version in ["tls12", "tls13"] {
        let mut a = fleet.host_by(version, &remote, GOOD);
        make(&fleet, &mut a, "s", N);
        let mut b = fleet.host_by(version, &remote, GOOD);
        expect_all_resumed(&mut b, "s", N);
        assert_eq!((a.complaints(), b.complaints()), (String::new(), String::new()));
    }
    let asked = fleet.calls("get");
    for (what, options) in [
        ("no authority", "password-file=@word,name=cache.test"),
        ("another authority", "password-file=@word,ca=@server.pem,name=cache.test"),
        ("no name", "password-file=@word,ca=@authority.pem"),
        ("another name", "password-file=@word,ca=@authority.pem,name=other.test"),
        ("another password", "password-file=@wrong,ca=@authority.pem,name=cache.test"),
        ("no password", "ca=@authority.pem,name=cache.test"),
    ] {
        let mut b = fleet.host_by("tls12", &remote, options);
        for _ in 0..5 {
            assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(0, N), "{what}");
        }
    }
    assert_eq!(fleet.calls("get"), asked);
}

#[test]
fn a_wrong_setting_is_one_clear_line_and_sessions_stay_on_the_machine() {
    let mut fleet = Fleet::new();
    let tls = fleet.with_tls();
    let socket = format!("redis+unix://{}", fleet.path("redis.sock").display());
    for (remote, options, complaint) in [
        ("redis://:word@", "", "SSLSESSION_REMOTE: the address has no host"),
        ("http://word@cache", "", "SSLSESSION_REMOTE: none of redis://HOST, rediss://HOST, redis+unix:///a/socket"),
        (&socket, "wait=1s", "SSLSESSION_REMOTE_OPTIONS: wait is not within 0 to 50ms"),
        (&socket, "colour=red", "SSLSESSION_REMOTE_OPTIONS: unknown option \"colour=red\"; there are password-file,"),
        (&socket, "ca=@authority.pem", "SSLSESSION_REMOTE_OPTIONS: ca and name are for TLS"),
        (&tls, "ca=@none.pem", "SSLSESSION_REMOTE_OPTIONS: @none.pem: No such file or directory"),
        (&tls, "ca=@word", "SSLSESSION_REMOTE_OPTIONS: @word: no certificates in PEM"),
        (&tls, "password-file=@open", "SSLSESSION_REMOTE_OPTIONS: @open: others may read it"),
    ] {
        let mut host = fleet.host_by("tls12", remote, options);
        assert_eq!(host.ask("make @/s 1"), "made 1, 0 failed");
        assert_eq!(host.ask("resume @/s 1"), resumed(1, 1), "its own store is there");
        let said = host.complaints();
        assert!(said.starts_with(&format!("sslsession: {}", fleet.options(complaint))), "{said}");
        assert!(said.ends_with("; sessions stay on this machine\n") && said.lines().count() == 1, "{said}");
        assert!(!said.contains("word@") && !said.contains(":word"), "{said}");
    }
    assert_eq!((fleet.calls("set"), fleet.calls("get")), (0, 0));
}

#[test]
fn options_are_followed() {
    let fleet = Fleet::new();
    let mut a = fleet.host_with("tls12", |settings| settings.options = "life=1000s".to_owned());
    make(&fleet, &mut a, "s", N);
    let lives = fleet.lives();
    assert!(lives.len() == N && lives.iter().all(|&life| life <= 1000), "{lives:?}");
    // Nothing waits, and so nothing is found.
    let mut b = fleet.host_with("tls12", |settings| settings.options = "wait=0".to_owned());
    make(&fleet, &mut b, "own", 1);
    assert_eq!(b.ask(&format!("resume @/s {N}")), resumed(0, N));
    assert_eq!(fleet.calls("get"), 0);
    // A session of another host is asked for again as soon as it may no longer stay.
    let mut c = fleet.host_with("tls12", |settings| settings.options = "keep=0,wait=50ms".to_owned());
    make(&fleet, &mut c, "own", 1);
    expect_all_resumed(&mut c, "s", N);
    let asked = fleet.calls("get");
    fleet.wait_until("the end of that second", || {
        assert_eq!(c.ask("resume @/s 1"), resumed(1, 1));
        fleet.calls("get") > asked
    });
}

#[test]
fn what_is_asked_and_written_is_counted() {
    let fleet = Fleet::new();
    let [mut a, mut b] = [(); 2].map(|()| fleet.host_with("tls12", |settings| settings.log = "stderr"));
    make(&fleet, &mut a, "s", N);
    make(&fleet, &mut b, "own", 1);
    let asked = fleet.calls("get");
    assert_eq!(asked, 0);
    expect_all_resumed(&mut b, "s", N);
    let asked = fleet.calls("get");
    let (a, b) = (a.end(), b.end());
    let line = |said: &str| said.lines().find(|line| line.contains("from other machines")).expect(said).to_owned();
    assert!(line(&a).ends_with(&format!(
        "this process had 0 of 0 sessions from other machines (0 late, 0 failed, 0 refused); it wrote {N} for them, and dropped 0"
    )), "{a}");
    let numbers: Vec<usize> =
        line(&b).split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    let [.., found, all, late, failed, refused, written, dropped] = numbers[..] else { panic!("{b}") };
    assert_eq!((all - refused, failed, written, dropped), (asked, 0, 1, 0), "{b}");
    assert!(late + N == asked && (N..=asked).contains(&found), "{b}");
}
