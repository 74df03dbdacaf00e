//! Helpers that the tests of the command share: the command itself, a certificate, servers.
#![allow(dead_code)] // each test binary uses a part of this

#[path = "../../../tests/common/mod.rs"]
pub mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::Scratch;
use common::process::{Outcome, Running, run};

pub const DEADLINE: Duration = Duration::from_secs(60);

/// Returns the command under test, with nothing of the library in its environment.
pub fn sslsession(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = plain(env!("CARGO_BIN_EXE_sslsession"));
    command.args(arguments);
    command
}

/// Returns a program, with nothing of the library in its environment.
pub fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_PRELOAD").env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8");
    for name in
        ["STORE", "ATTACH", "TICKETS", "KEY_FILE", "PRIVATE", "LOG", "REMOTE", "REMOTE_OPTIONS", "REMOTE_LIBRARY"]
    {
        command.env_remove(format!("SSLSESSION_{name}"));
    }
    command
}

/// Returns a command line in a terminal, script(1)'s.
pub fn on_terminal(line: &str) -> Command {
    let mut command = plain("script");
    command.args(["-qec", line, "/dev/null"]).env("TERM", "xterm");
    command
}

/// Returns `openssl s_server`: one process, one connection at a time.
pub fn s_server(port: u16) -> Command {
    let mut command = plain("openssl");
    command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-www", "-cert", "cert.pem", "-key", "key.pem"]);
    command
}

/// The end of a command, and its words.
#[derive(Debug)]
pub struct Said {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs it to its end.
pub fn said(command: &mut Command) -> Said {
    let Outcome { status, stdout, stderr, timed_out } = run(command, DEADLINE);
    let (stdout, stderr) = (text(&stdout), text(&stderr));
    assert!(!timed_out, "{command:?} was still running\n{stdout}\n{stderr}");
    Said { status: status.code(), stdout, stderr }
}

/// Runs it to its end, which has to be a success. Returns what it printed.
pub fn printed(command: &mut Command) -> String {
    let said = said(command);
    assert_eq!(said.status, Some(0), "{command:?}: {said:?}");
    said.stdout
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes a directory with a certificate: cert.pem, key.pem, and both.pem with the two.
pub fn with_certificate(purpose: &str) -> Scratch {
    let scratch = Scratch::new(purpose);
    let mut openssl = plain("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    printed(openssl.args(["-keyout", "key.pem", "-out", "cert.pem"]).current_dir(scratch.path()));
    let both = ["key.pem", "cert.pem"].map(|name| fs::read_to_string(scratch.join(name)).expect("openssl wrote it"));
    fs::write(scratch.join("both.pem"), both.concat()).expect("a scratch file can be written");
    scratch
}

/// Waits until a condition holds that no event tells.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns a file of the library's own tests.
pub fn of_library(path: &str) -> PathBuf {
    common::root().join("tests").join(path)
}

/// A name of a store that no other test has; store and key are removed when this is dropped.
pub struct Name(pub String);

impl Name {
    pub fn new(purpose: &str) -> Name {
        Name(format!("sslsession-cli-{purpose}-{}", std::process::id()))
    }

    pub fn setting(&self) -> String {
        format!("shared:{},size=1M", self.0)
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.0)
    }

    pub fn key(&self) -> PathBuf {
        self.path().with_extension("key")
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
        let _ = fs::remove_file(self.key());
    }
}

/// A running server; it is killed with all its workers when dropped.
pub struct Server {
    pub running: Running,
    pub port: u16,
    log: PathBuf,
    _claim: Option<Claim>,
}

impl Server {
    /// Starts the command that `configure` gives for a free port, and waits until that can be connected to.
    pub fn start(scratch: &Scratch, configure: impl Fn(u16) -> Command) -> Server {
        for _ in 0..5 {
            let claim = Claim::new();
            let port = claim.0;
            let mut server = Server::spawn(scratch, configure(port));
            (server.port, server._claim) = (port, Some(claim));
            let is_ready = server.wait_until(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
            if is_ready.is_some() && server.running.wait(Duration::ZERO).is_none() {
                return server;
            }
            // Somebody else took the port between our looking and its binding.
            assert!(server.log().to_lowercase().contains("address already in use"), "no server:\n{}", server.log());
        }
        panic!("five times in a row a free port was taken before the server could bind it");
    }

    /// Starts a command that chooses its port, and prints it as `port N`.
    pub fn start_on_its_port(scratch: &Scratch, command: Command) -> Server {
        let mut server = Server::spawn(scratch, command);
        let port = server.wait_until(|log| log.lines().find_map(|line| line.strip_prefix("port ")?.parse().ok()));
        server.port = port.unwrap_or_else(|| panic!("no port:\n{}", server.log()));
        server
    }

    fn spawn(scratch: &Scratch, mut command: Command) -> Server {
        let log = scratch.join("server.log");
        let file = File::create(&log).expect("a scratch file can be written");
        let file_too = file.try_clone().expect("a descriptor");
        let running = Running::start(command.current_dir(scratch.path()).stdout(file).stderr(file_too));
        Server { running, port: 0, log, _claim: None }
    }

    /// Waits until `find` finds something in the whole lines of the log; None if the server ends before.
    pub fn wait_until<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let until = Instant::now() + DEADLINE;
        loop {
            let has_ended = self.running.wait(Duration::from_millis(5)).is_some();
            let log = self.log();
            if let Some(found) = find(log.rsplit_once('\n').map_or("", |(lines, _)| lines)) {
                return Some(found);
            }
            if has_ended || Instant::now() > until {
                return None;
            }
        }
    }

    pub fn log(&self) -> String {
        text(&fs::read(&self.log).unwrap_or_default())
    }

    pub fn id(&mut self) -> u32 {
        self.running.child().id()
    }

    /// Its address, as the command is told.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self, signal: i32) -> String {
        self.running.signal(signal);
        assert!(self.running.wait(DEADLINE).is_some(), "it did not end:\n{}", self.log());
        self.log()
    }
}

/// Starts `openssl s_server` with a setting of the store, and options.
pub fn sharing_server(scratch: &Scratch, setting: &str, options: &[&str]) -> Server {
    Server::start(scratch, |port| {
        let mut command = s_server(port);
        command.env("LD_PRELOAD", common::library()).env("SSLSESSION_STORE", setting);
        command.env("SSLSESSION_TICKETS", "stateful").args(options);
        command
    })
}

/// Reconnects 6 times in each of three ways.
pub fn reconnect(server: &Server) {
    printed(&mut sslsession(["check", &server.address(), "-n", "6", "--clients", "1"]));
}

/// A port that was free just now, and that no other test on this machine gets while this lives.
pub struct Claim(pub u16, #[allow(dead_code, reason = "a name is held while it lives")] UnixListener);

impl Claim {
    pub fn new() -> Claim {
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of 127.0.0.1");
            let port = listener.local_addr().expect("its address").port();
            // An abstract name is gone with the process that has it, however it ends.
            let name = SocketAddr::from_abstract_name(format!("sslsession-tests-port-{port}")).expect("a short name");
            if let Ok(name) = UnixListener::bind_addr(&name) {
                return Claim(port, name);
            }
        }
    }
}
