//! Parking: unmodified servers on an event loop, whose clients come back to another host, with Redis far away.
//!
//! ```text
//!   clients ─┬─► host A (nginx, hitch, ...; preloaded) ─┐
//!            └─► host B                                 ├─ a network that takes 100 ms ─ redis-server
//! ```
//! All are resumed, and B serves others meanwhile as if nothing was: counted, not timed.

use crate::common::{
    self,
    process::{self, Running},
};
use crate::fleet::{Fleet, Settings};
use crate::servers::{Program, Server};
use crate::{VERSIONS, delay, servers};
use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::PathBuf,
    process::{ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Number of clients that come back at once.
const MANY: usize = 40;

/// The time that Redis's answers take.
const FAR: Duration = Duration::from_millis(100);

/// The same for a Redis next door.
const NEAR: Duration = Duration::from_millis(2);

/// The time that hosts wait for them: a second is for a busy machine.
const PATIENCE: &str = "1s";

const DEADLINE: Duration = Duration::from_secs(60);

/// Two hosts of a fleet, and a client.
struct Scene {
    // Those before the fleet end before it.
    clients: Clients,
    a: Server,
    b: Server,
    /// The networks of A and B.
    networks: [delay::Network; 2],
    fleet: Fleet,
    /// Number of sessions that a handshake makes.
    sessions: usize,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    /// Starts them, with Redis so far away, and waits until B has its connection.
    fn new(program: Program, version: &str, far: Duration) -> Scene {
        // Forty clients and two servers are enough for a machine.
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let fleet = Fleet::new();
        let networks = [(); 2].map(|()| delay::serve(fleet.path("redis.sock"), far));
        let start = |name, at: usize| {
            let redis = format!("redis://127.0.0.1:{}", networks[at].port);
            Server::start(&fleet, name, program, &redis, PATIENCE)
        };
        let (a, b) = (start("a", 0), start("b", 1));
        let clients = Clients::start(&fleet, version, program.request());
        let sessions = if version == "tls13" { 2 } else { 1 };
        let mut scene = Scene { clients, a, b, networks, fleet, sessions, _alone: alone };
        assert_eq!(scene.clients.ask("make", scene.b.port, "own", 1), "resumed 0 of 1, 0 failed", "{}", scene.b.log());
        scene.fleet.wait_until("B's writes", || scene.networks[1].sets() >= sessions);
        scene
    }

    /// Has clients make sessions at A, and waits until they are in Redis.
    fn make_at_a(&mut self, number: usize) {
        let before = self.networks[0].sets();
        let said = self.clients.ask("make", self.a.port, "s", number);
        assert_eq!(said, format!("resumed 0 of {number}, 0 failed"), "{}", self.a.log());
        self.fleet.wait_until("A's writes", || self.networks[0].sets() >= before + number * self.sessions);
    }

    /// Has clients do something at B.
    fn at_b(&mut self, what: &str, number: usize) -> String {
        let port = self.b.port;
        self.clients.ask(what, port, "s", number)
    }
}

/// Compiles a program of tests/remote. Returns its path.
fn compile(fleet: &Fleet, name: &str) -> PathBuf {
    let binary = fleet.path(name);
    let mut cc = common::c_compiler();
    cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&binary);
    cc.arg(common::root().join(format!("tests/remote/{name}.c"))).args(["-lssl", "-lcrypto", "-lpthread"]);
    let outcome = process::run(&mut cc, DEADLINE);
    assert!(outcome.success(), "cc {outcome}");
    binary
}

/// The process of the clients.
struct Clients {
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
    directory: String,
    _running: Running,
}

impl Clients {
    fn start(fleet: &Fleet, version: &str, request: &str) -> Clients {
        let binary = compile(fleet, "parking_client");
        let mut command = Command::new(binary);
        command.args([version, &request.replace('\n', "\\n")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(&mut command);
        let child = running.child();
        let (asks, says) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let directory = fleet.path("").display().to_string();
        Clients { asks, says: BufReader::new(says), directory, _running: running }
    }

    fn ask(&mut self, what: &str, port: u16, file: &str, number: usize) -> String {
        writeln!(self.asks, "{what} {port} {}/{file} {number}", self.directory).expect("it reads");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("it answers");
        line.trim_end().to_owned()
    }
}

/// Has many clients come back to B at once. Returns the number of full handshakes that were made while all of them
/// waited.
fn come_back(scene: &mut Scene, number: usize) -> usize {
    let said = scene.at_b("resume", number);
    let (resumed, others) = said.rsplit_once(", ").expect("two parts");
    assert_eq!(resumed, format!("resumed {number} of {number}, 0 failed"), "{said}\n{}", scene.b.log());
    others.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

fn expect_parked(program: Program) {
    for version in VERSIONS {
        let mut scene = Scene::new(program, version, FAR);
        scene.make_at_a(MANY);
        let others = come_back(&mut scene, MANY);
        eprintln!("{program:?}, {version}: {others} full handshakes meanwhile");
        assert!(others >= 2, "{version}: {others} full handshakes while {MANY} clients waited");
    }
}

#[test]
fn nginx_parks() {
    expect_parked(Program::Nginx);
}

#[test]
fn hitch_parks() {
    expect_parked(Program::Hitch);
}

#[test]
fn python_on_poll_parks() {
    expect_parked(Program::Python);
}

#[test]
fn redis_with_tls_parks() {
    expect_parked(Program::Redis);
}

/// Has a client offer one session in that way, until it is resumed: an answer may come late on a busy machine.
fn expect_resumed(scene: &mut Scene, how: &str, number: usize) {
    let said = scene.at_b(how, number);
    assert_eq!(said, "resumed 1 of 1, 0 failed", "{how} {number}\n{}", scene.b.log());
}

#[test]
fn a_client_hello_in_pieces_is_waited_for() {
    for version in VERSIONS {
        let mut scene = Scene::new(Program::Nginx, version, NEAR);
        for piece in [1, 4, 5, 6, 100] {
            scene.make_at_a(1);
            expect_resumed(&mut scene, "pieces", piece);
        }
    }
}

#[test]
fn a_client_hello_as_large_as_a_record_can_be_is_looked_at() {
    for version in VERSIONS {
        let mut scene = Scene::new(Program::Nginx, version, NEAR);
        for more in [2_000, 15_000] {
            scene.make_at_a(1);
            expect_resumed(&mut scene, "large", more);
        }
    }
}

#[test]
fn what_is_no_tls_goes_to_the_program_at_once() {
    for program in [Program::Nginx, Program::Python] {
        let mut scene = Scene::new(program, "tls13", NEAR);
        for bytes in [1, 5, 1000] {
            assert_eq!(scene.at_b("plain", bytes), "ended");
        }
    }
}

/// Clients that leave while they are parked, or before; then others come, on descriptors of the same numbers.
#[test]
fn clients_that_leave_harm_nobody() {
    for version in VERSIONS {
        let mut scene = Scene::new(Program::Nginx, version, FAR);
        for how in ["leave", "reset", "half"] {
            scene.make_at_a(20);
            for _ in 0..3 {
                assert_eq!(scene.at_b(how, 20), "left");
            }
            // libssl may have removed those.
            scene.make_at_a(20);
            come_back(&mut scene, 20);
        }
    }
}

/// Redis does not answer: a full handshake after the time that a connection is parked.
#[test]
fn redis_that_is_stopped_costs_full_handshakes() {
    for version in VERSIONS {
        let mut scene = Scene::new(Program::Nginx, version, NEAR);
        scene.make_at_a(MANY);
        scene.fleet.redis().signal(libc::SIGSTOP);
        let said = scene.at_b("resume", MANY);
        scene.fleet.redis().signal(libc::SIGCONT);
        assert!(said.starts_with(&format!("resumed 0 of {MANY}, 0 failed")), "{said}");
        // What was asked for first has opened the circuit breaker, which closes again by itself.
        let begun = Instant::now();
        while scene.at_b("resume", 1) != "resumed 1 of 1, 0 failed, 0 meanwhile" {
            assert!(begun.elapsed() < DEADLINE, "it is not found again");
        }
    }
}

/// nginx reloads, and quits, while connections are parked: each gets its answer.
#[test]
fn a_server_that_reloads_or_quits_serves_those_who_are_parked() {
    let mut scene = Scene::new(Program::Nginx, "tls13", FAR);
    for signal in [libc::SIGHUP, libc::SIGQUIT] {
        // A new worker learns from its first client where the server's name leads.
        assert_eq!(scene.at_b("make", 1), "resumed 0 of 1, 0 failed");
        scene.make_at_a(MANY);
        let asked = scene.networks[1].gets();
        assert_eq!(scene.at_b("wait", MANY), "waiting");
        scene.fleet.wait_until("the questions", || scene.networks[1].gets() >= asked + MANY);
        scene.b.running.signal(signal);
        let said = scene.clients.answer();
        assert_eq!(said, format!("resumed {MANY} of {MANY}, 0 failed"), "{signal}: {}", scene.b.log());
        scene.fleet.wait_until("the end of the old worker", || scene.b.log().contains("exited with code 0"));
    }
}

/// The thread of a host is stopped by itself, as nothing but a fault of ours would: clients are parked for longer than
/// they should, but whoever comes next frees them, and nobody else is parked until the thread goes on.
#[test]
fn a_thread_that_hangs_harms_nobody() {
    let mut scene = Scene::new(Program::Python, "tls12", NEAR);
    scene.make_at_a(MANY);
    let mut passers_by = Clients::start(&scene.fleet, "tls12", Program::Python.request());
    let stopped = StoppedThread::of(scene.b.running.child().id());
    assert_eq!(scene.at_b("wait", 5), "waiting");
    // They come until the clients have been served.
    let (port, mut said) = (scene.b.port, String::new());
    thread::scope(|scope| {
        let answer = scope.spawn(|| scene.clients.answer());
        while !answer.is_finished() {
            assert_eq!(passers_by.ask("make", port, "by", 1), "resumed 0 of 1, 0 failed");
        }
        said = answer.join().expect("no panic");
    });
    assert_eq!(said, "resumed 0 of 5, 0 failed");
    let others = come_again(&mut scene);
    assert_eq!(others, "resumed 0 of 40, 0 failed", "nobody is parked");
    drop(stopped);
    let begun = Instant::now();
    while !come_again(&mut scene).starts_with("resumed 40 of 40") {
        assert!(begun.elapsed() < DEADLINE, "nobody is resumed again");
    }
}

/// Has many clients come back at once, to B without another.
fn come_again(scene: &mut Scene) -> String {
    assert_eq!(scene.at_b("wait", MANY), "waiting");
    scene.clients.answer()
}

/// The library's thread in a process, which is stopped by itself.
struct StoppedThread(i32);

impl StoppedThread {
    fn of(process: u32) -> StoppedThread {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
        let is_ours = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "sslsession\n");
        let task = tasks.map(|task| task.expect("a directory").path()).find(is_ours).expect("it has a thread of ours");
        let number = task.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let thread: i32 = number.expect("a number");
        // SAFETY: stops a thread of a child of ours; no memory is read or written.
        unsafe {
            assert_eq!(libc::ptrace(libc::PTRACE_SEIZE, thread, 0, 0), 0, "{}", io::Error::last_os_error());
            assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, thread, 0, 0), 0);
            assert_eq!(libc::waitpid(thread, std::ptr::null_mut(), libc::__WALL), thread);
        }
        StoppedThread(thread)
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        // SAFETY: as above; the same thread of ours has stopped it.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, 0, 0) };
    }
}

/// Programs free a parked connection, keep its BIO, close its socket first, fork.
#[test]
fn what_programs_do_with_a_parked_connection_is_right() {
    for version in VERSIONS {
        let fleet = Fleet::new();
        let network = delay::serve(fleet.path("redis.sock"), FAR);
        let binary = compile(&fleet, "parking_host");
        servers::write_pem(&fleet);
        let host = |what: &str| {
            let mut command = Command::new(&binary);
            command.arg(fleet.path("both.pem")).arg(fleet.path("s")).args([version, what]);
            let remote = Some(format!("redis://127.0.0.1:{}", network.port));
            let options = format!("park={PATIENCE}");
            fleet.preload(&mut command, &Settings { remote, options, ..Settings::default() });
            command
        };
        let mut a = Running::start(host("make").stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut said = String::new();
        BufReader::new(a.child().stdout.as_mut().expect("a pipe")).read_line(&mut said).expect("it answers");
        let made = said.trim_start_matches("made ").trim().parse::<usize>().expect("a number");
        let sessions = if version == "tls13" { 2 * made } else { made };
        fleet.wait_until("its writes", || network.sets() >= sessions);
        drop(a.child().stdin.take());
        let outcome = process::run(&mut host("park"), DEADLINE);
        let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
        assert!(outcome.success(), "{version}: it {outcome}\n{said}");
        assert_eq!(said, EXPECTED, "{version}");
    }
}

/// The last two wait for Redis, which takes longer than a lookup may.
const EXPECTED: &str = "parked: resumed
freed while parked: resumed
BIO kept: read
beside one that was closed: resumed
set anew while parked: resumed
forked while parked: served by the child
with a callback of its own: new
that blocks: new
";
