//! A server program on ports of its own: started, waited for, and stopped.

use super::run::{DEADLINE, Run};
use crate::common::process::Running;
use std::{
    fs::{self, File},
    mem,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// A running server; it is killed with all its workers when dropped.
pub struct Server<'a> {
    run: &'a Run,
    running: Running,
    /// Where it listens on 127.0.0.1.
    pub ports: Vec<u16>,
    claims: Vec<Claim>,
}

impl<'a> Server<'a> {
    /// Starts the command that `configure` gives for `count` free ports, and waits until all of them can be connected to.
    pub fn start(run: &'a Run, count: usize, configure: impl Fn(&[u16]) -> Command) -> Server<'a> {
        for _ in 0..5 {
            let mut claims = run.take_claims();
            claims.resize_with(count, Claim::new);
            let ports: Vec<u16> = claims.iter().map(|claim| claim.port).collect();
            let mut server = Server { run, running: spawn(run, &mut configure(&ports)), ports, claims };
            match server.wait_until_ready() {
                Ok(()) => return server,
                // Somebody else took the port between our looking and its binding.
                Err(log) if log.to_lowercase().contains("address already in use") => continue,
                Err(log) => panic!("the server did not come up:\n{log}"),
            }
        }
        panic!("five times in a row a free port was taken before the server could bind it");
    }

    /// Starts a command that chooses its port itself and tells it: `port_in` finds it in what was written so far.
    pub fn start_on_its_port(run: &'a Run, mut command: Command, port_in: impl Fn(&str) -> Option<u16>) -> Server<'a> {
        let mut server = Server { run, running: spawn(run, &mut command), ports: Vec::new(), claims: Vec::new() };
        let port = server.wait_for(port_in);
        server.ports.push(port);
        server
    }

    /// Waits until `find` finds something in the whole lines of the log.
    pub fn wait_for<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        loop {
            let ended = self.running.wait(Duration::from_millis(5));
            let log = self.log();
            if let Some(found) = log.rsplit_once('\n').and_then(|(lines, _)| find(lines)) {
                return found;
            }
            assert!(ended.is_none() && Instant::now() < until, "not in the log:\n{log}");
        }
    }

    /// The first port.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Returns the path of a file in its run's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.run.path(name)
    }

    /// Returns its output so far, of stdout and stderr.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.run.path("server.log")).unwrap_or_default()).into_owned()
    }

    /// Sends `signal` to it, not to its workers.
    pub fn signal(&mut self, signal: i32) {
        self.running.signal(signal);
    }

    /// Asks it to end with `signal` and waits until it has, workers and all; its log.
    pub fn stop(mut self, signal: i32) -> String {
        self.running.signal(signal);
        self.wait()
    }

    /// The same; the next server of this run gets its ports, on which its last worker does not listen any more.
    pub fn stop_for_another(mut self, signal: i32) {
        self.running.signal(signal);
        self.run.give_claims(mem::take(&mut self.claims));
        let ports = mem::take(&mut self.ports);
        self.wait();
        let until = Instant::now() + DEADLINE;
        while ports.iter().any(|&port| is_open(port)) {
            assert!(Instant::now() < until, "its workers do not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends by itself; its log.
    pub fn wait(mut self) -> String {
        assert!(self.running.wait(DEADLINE).is_some(), "it did not end:\n{}", self.log());
        let log = self.log();
        check_log(self.run, &log);
        log
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let until = Instant::now() + DEADLINE;
        for port in self.ports.clone() {
            while !is_open(port) {
                let ended = self.running.wait(Duration::from_millis(5)).is_some();
                if ended || Instant::now() > until {
                    return Err(self.log());
                }
            }
        }
        match self.running.wait(Duration::ZERO) {
            Some(_) => Err(self.log()), // it was another's server that answered
            None => Ok(()),
        }
    }
}

/// A worker's end is told only in the log; and a panic of the library's would otherwise show as a mere miss.
pub fn check_log(run: &Run, log: &str) {
    for trouble in ["exited on signal", "exit signal", "Segmentation fault", "panicked", "probe:"] {
        assert!(!log.contains(trouble), "{trouble}, with {:?}:\n{log}", run.with());
    }
}

/// Returns true if somebody listens. Without a listener the kernel may choose just this port for our own end, and connect us to
/// ourselves.
fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
}

fn spawn(run: &Run, command: &mut Command) -> Running {
    let log = File::create(run.path("server.log")).unwrap();
    Running::start(command.stdout(log.try_clone().unwrap()).stderr(log))
}

/// A port that was free just now, and that no other test on this machine gets while this lives: two servers that find
/// the same free port before either binds it would have each other's clients.
pub struct Claim {
    pub port: u16,
    _name: UnixListener,
}

impl Claim {
    pub fn new() -> Claim {
        loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of 127.0.0.1");
            let port = listener.local_addr().expect("its address").port();
            // An abstract name is gone with the process that has it, however it ends.
            let name = SocketAddr::from_abstract_name(format!("sslsession-tests-port-{port}")).expect("a short name");
            if let Ok(name) = UnixListener::bind_addr(&name) {
                return Claim { port, _name: name };
            }
        }
    }
}
