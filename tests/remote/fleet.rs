//! A fleet: Redis on a unix socket, a key file, certificates, and hosts.

use crate::common::{
    self, Scratch,
    process::{self, Running},
    root,
};
use std::{
    cell::Cell,
    fs::{self, File, Permissions},
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Returns a port of 127.0.0.1 that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// The settings of a host.
#[derive(Clone)]
pub struct Settings {
    /// SSLSESSION_REMOTE.
    pub remote: Option<String>,
    /// SSLSESSION_REMOTE_OPTIONS.
    pub options: String,
    /// SSLSESSION_LOG.
    pub log: &'static str,
    /// SSLSESSION_KEY_FILE, of those in the directory.
    pub key_file: &'static str,
    /// The name of the certificate in the directory.
    pub certificate: &'static str,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { remote: None, options: String::new(), log: "", key_file: "fleet.key", certificate: "server" }
    }
}

pub struct Fleet {
    scratch: Scratch,
    redis: Option<Running>,
    /// Further arguments of Redis.
    arguments: Vec<String>,
    /// Number of hosts that have been started.
    hosts: Cell<usize>,
}

impl Fleet {
    pub fn new() -> Fleet {
        let mut fleet =
            Fleet { scratch: Scratch::new("remote"), redis: None, arguments: Vec::new(), hosts: Cell::new(0) };
        for (key, digit) in [("fleet.key", "4f"), ("other.key", "91")] {
            fs::write(fleet.path(key), digit.repeat(32)).expect("our own directory");
            fs::set_permissions(fleet.path(key), Permissions::from_mode(0o600)).expect("our own file");
        }
        for name in ["server", "other"] {
            fleet.certify(name, &[]);
        }
        let mut cc = common::c_compiler();
        cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(fleet.path("host"))
            .arg(root().join("tests/remote/host.c"));
        let outcome = process::run(cc.args(["-lssl", "-lcrypto"]), DEADLINE);
        assert!(outcome.success(), "cc {outcome}");
        fleet.start_redis();
        fleet
    }

    /// Makes a certificate, signed by itself unless the arguments say otherwise.
    pub fn certify(&self, name: &str, arguments: &[&str]) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        openssl.args(["-days", "30", "-subj", &format!("/CN={name}")]).args(arguments).current_dir(self.scratch.path());
        openssl.arg("-keyout").arg(format!("{name}.key.pem")).arg("-out").arg(format!("{name}.pem"));
        let outcome = process::run(&mut openssl, DEADLINE);
        assert!(outcome.success(), "openssl {outcome}");
    }

    /// Starts Redis anew, with further arguments.
    pub fn restart_redis_with(&mut self, arguments: Vec<String>) {
        self.redis().kill();
        self.arguments = arguments;
        self.start_redis();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Starts Redis, without what it had before, and waits until it answers.
    pub fn start_redis(&mut self) {
        let mut redis = Command::new("redis-server");
        redis.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(self.path("redis.sock"));
        redis.arg("--dir").arg(self.scratch.path()).args(&self.arguments).stdout(Stdio::null());
        self.redis = Some(Running::start(&mut redis));
        self.wait_until("Redis", || self.said(&["PING"]).trim() == "PONG");
    }

    pub fn redis(&mut self) -> &mut Running {
        self.redis.as_mut().expect("it was started")
    }

    pub fn said(&self, words: &[&str]) -> String {
        let mut client = Command::new("redis-cli");
        let output = client.arg("-s").arg(self.path("redis.sock")).args(words).output().expect("redis-cli is there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns how often Redis has run a command.
    pub fn calls(&self, command: &str) -> usize {
        let said = self.said(&["INFO", "commandstats"]);
        let line = said.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.and_then(|line| line.split(',').next()).map_or(0, |number| number.parse().expect("a number"))
    }

    /// Returns the number of seconds that each record has left.
    pub fn lives(&self) -> Vec<u64> {
        let keys = self.said(&["--scan"]);
        keys.lines().map(|key| self.said(&["TTL", key]).trim().parse().expect("a number")).collect()
    }

    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < DEADLINE, "no {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Preloads the library into a program, which is a host with a store of its own then.
    pub fn preload(&self, program: &mut Command, settings: &Settings) {
        program.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", "shared");
        if let Some(remote) = &settings.remote {
            program.env("SSLSESSION_REMOTE", remote).env("SSLSESSION_REMOTE_LIBRARY", common::remote_library());
            program.env("SSLSESSION_REMOTE_OPTIONS", &settings.options).env("SSLSESSION_LOG", settings.log);
            program.env("SSLSESSION_KEY_FILE", self.path(settings.key_file));
        }
    }

    pub fn host(&self, version: &str) -> Host {
        self.host_with(version, |_| ())
    }

    /// Starts a host whose settings differ from the others'.
    pub fn host_with(&self, version: &str, change: impl Fn(&mut Settings)) -> Host {
        let remote = Some(format!("redis+unix://{}", self.path("redis.sock").display()));
        let mut settings = Settings { remote, ..Settings::default() };
        change(&mut settings);
        let mut host = Command::new(self.path("host"));
        host.arg(self.path(&format!("{}.pem", settings.certificate)));
        host.arg(self.path(&format!("{}.key.pem", settings.certificate))).arg(version);
        self.preload(&mut host, &settings);
        self.hosts.set(self.hosts.get() + 1);
        let complaints = self.path(&format!("complaints.{}", self.hosts.get()));
        host.stderr(File::create(&complaints).expect("our own directory"));
        let mut running = Running::start(host.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let child = running.child();
        let (asks, says) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let directory = self.scratch.path().display().to_string();
        let sessions = if version == "tls12" { 1 } else { 2 };
        Host { sessions, _running: running, asks: Some(asks), says: BufReader::new(says), directory, complaints }
    }
}

/// A process with a store of its own.
pub struct Host {
    /// Number of sessions that a handshake makes: a server of TLS 1.3 gives two tickets.
    pub sessions: usize,
    asks: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
    directory: String,
    complaints: PathBuf,
    _running: Running,
}

impl Host {
    /// Returns its stderr so far.
    pub fn complaints(&self) -> String {
        fs::read_to_string(&self.complaints).expect("our own file")
    }

    /// Lets it end, and returns its stderr.
    pub fn end(self) -> String {
        let complaints = self.complaints.clone();
        drop(self);
        fs::read_to_string(complaints).expect("our own file")
    }

    /// Has it do something; `@` is the fleet's directory. Returns what it says.
    pub fn ask(&mut self, command: &str) -> String {
        let asks = self.asks.as_mut().expect("it runs");
        writeln!(asks, "{}", command.replace('@', &self.directory)).expect("it reads");
        let mut line = String::new();
        self.says.read_line(&mut line).expect("it answers");
        line.trim_end().to_owned()
    }
}

impl Drop for Host {
    /// Lets it end, and with it the child that it has become.
    fn drop(&mut self) {
        drop(self.asks.take());
        let mut rest = String::new();
        while self.says.read_line(&mut rest).is_ok_and(|read| read > 0) {}
    }
}
