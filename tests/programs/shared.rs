//! The store that processes share, with programs that have several: whichever worker a client reaches, now or after a
//! reload, an upgrade or a restart, its session is there.
//!
//! In TLS 1.2 a worker stores a session after its last flight is sent, so a client that only waits for the handshake may
//! reach another worker first; that is so with the programs' own shared caches too. The client here waits for the
//! server's answer, which comes after the storing, so every single reconnection has to be resumed.

pub mod apache;
mod binds;
mod daemon;
mod examples;
pub mod haproxy;
pub mod hitch;
mod hosts;
mod lasting;
mod mail;
pub mod nginx;
mod openssl;
mod python;
mod refused;
mod trust;
mod variable;

use super::{
    probe::{Freed, letters},
    run::{Run, With},
};
use crate::common;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

const STORE: &str = "SSLSESSION_STORE";
const ATTACH: &str = "SSLSESSION_ATTACH";
const LOG: &str = "SSLSESSION_LOG";
const TICKETS: &str = "SSLSESSION_TICKETS";
const KEY_FILE: &str = "SSLSESSION_KEY_FILE";

/// Reconnections that have to be resumed, one after the other.
const COUNT: usize = 40;

/// Ways in which clients reconnect: by the id of TLS 1.2; in TLS 1.3 with the first ticket again and again, and with the
/// newest each time, as browsers do.
const CLIENTS: [&str; 3] = ["tls1_2 ids", "tls1_3", "tls1_3 latest"];

/// A run with the library and these settings.
pub fn run_with(with: With, settings: &[(&'static str, &str)]) -> Run {
    let run = Run::new(with);
    for (variable, value) in settings {
        run.set(variable, value);
    }
    run
}

/// View that a client and the server's workers had of one sequence of connections.
struct Sequence {
    handshakes: String,
    workers: BTreeSet<u32>,
}

/// Connects `count` times and waits until the workers have let go of all those connections.
fn connect(run: &Run, port: u16, count: usize, client: &str) -> Sequence {
    let handshakes = run.reconnect(port, count, client);
    let freed = run.probe().connections(true, count);
    if run.with() != With::Stock {
        freed.iter().for_each(check_library);
    }
    let resumed = |letters: &str| letters.matches(['R', 'E']).count();
    assert_eq!(resumed(&handshakes), resumed(&letters(&freed)), "the client says {handshakes}, the server {freed:#?}");
    Sequence { handshakes, workers: freed.iter().map(|freed| freed.pid).collect() }
}

fn check_library(freed: &Freed) {
    let name = common::library().file_name().and_then(|name| name.to_str());
    assert_eq!(Some(freed.answerer.as_str()), name, "the library is not asked");
    assert_eq!(freed.own_number, 0, "libssl's own table has sessions: {freed:?}");
}

/// One new session and then nothing but reuse, with several workers having a part in it.
#[track_caller]
pub fn expect_reuse(run: &Run, port: u16, client: &str) {
    let seen = connect(run, port, COUNT + 1, &format!("{client} save={}", saved(run, client)));
    assert_eq!(seen.handshakes, format!("N{}", "R".repeat(COUNT)), "{client}, {:?}", seen.workers);
    if let Some(more) = connect_to_others(run, port, client, &seen) {
        assert_eq!(more, "R".repeat(more.len()), "{client}");
    }
}

/// Some reuse and no more, which is what workers have that each keep their own sessions.
#[track_caller]
fn expect_no_sharing(run: &Run, port: u16, client: &str) {
    let seen = connect(run, port, COUNT + 1, &format!("{client} save={}", saved(run, client)));
    let more = connect_to_others(run, port, client, &seen).unwrap_or_default();
    let handshakes = seen.handshakes + &more;
    assert!(handshakes.matches('N').count() > 1, "{client}: {handshakes}");
}

/// Goes on where one worker alone has served a sequence, as happens when the processors are busy. That one is stopped, so
/// that the others serve. Returns the handshakes; None if several had a part in the sequence already.
#[track_caller]
fn connect_to_others(run: &Run, port: u16, client: &str, before: &Sequence) -> Option<String> {
    let workers: Vec<u32> = before.workers.iter().copied().collect();
    let [alone] = workers[..] else { return None };
    let _stopped = Stopped::new(alone);
    let seen = connect(run, port, 4, &format!("{client} load={}", saved(run, client)));
    assert!(!seen.workers.contains(&alone), "{client}: worker {alone} has served while it was stopped");
    Some(seen.handshakes)
}

/// A worker that is stopped until this is dropped.
struct Stopped(i32);

impl Stopped {
    fn new(worker: u32) -> Stopped {
        let worker = i32::try_from(worker).expect("a process id");
        // SAFETY: numbers; the worker belongs to a server of this test.
        assert_eq!(unsafe { libc::kill(worker, libc::SIGSTOP) }, 0, "worker {worker}");
        // Until then the kernel may still give it a connection. Nothing but a parent is told.
        let is_stopped = || fs::read_to_string(format!("/proc/{worker}/stat")).expect("it is there").contains(") T ");
        while !is_stopped() {
            std::thread::yield_now();
        }
        Stopped(worker)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::kill(self.0, libc::SIGCONT) };
    }
}

/// A sequence that begins with a full handshake, and whose last session is kept in a file of this run.
fn begin(run: &Run, port: u16, client: &str) -> Sequence {
    let seen = connect(run, port, 2, &format!("{client} save={}", saved(run, client)));
    assert!(seen.handshakes.starts_with('N'), "{client}: {}", seen.handshakes);
    seen
}

/// Goes on with the session that `begin` has kept: now every handshake has to be resumed.
#[track_caller]
fn expect_continued(run: &Run, port: u16, client: &str) {
    let seen = connect(run, port, COUNT, &format!("{client} load={}", saved(run, client)));
    assert_eq!(seen.handshakes, "R".repeat(COUNT), "{client}, {:?}", seen.workers);
    if let Some(more) = connect_to_others(run, port, client, &seen) {
        assert_eq!(more, "R".repeat(more.len()), "{client}");
    }
}

/// Offers the session that `begin` has kept to a new run of a server with a servername callback: it does a full handshake,
/// from which it and all its workers learn where the name leads.
#[track_caller]
fn expect_learning(run: &Run, port: u16, client: &str) {
    let seen = connect(run, port, 1, &format!("{client} load={}", saved(run, client)));
    assert_eq!(seen.handshakes, "N", "{client}");
}

/// Goes on with the session that `begin` has kept, which must be unknown now.
#[track_caller]
fn expect_forgotten(run: &Run, port: u16, client: &str) {
    let seen = connect(run, port, 1, &format!("{client} load={}", saved(run, client)));
    assert_eq!(seen.handshakes, "N", "{client}");
}

fn saved(run: &Run, client: &str) -> String {
    let path = run.path(&format!("{}.session", client.replace([' ', '/'], "-")));
    path.into_os_string().into_string().expect("a path that is text")
}

/// A name for a store on /dev/shm that nobody else has; what was made there under it goes with this.
pub struct Name(String);

impl Name {
    pub fn new() -> Name {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Name(format!("sslsession-test-{}-{count}-end", std::process::id()))
    }

    /// Settings that ask for it.
    pub fn setting(&self) -> String {
        format!("shared:{},size=1M", self.0)
    }

    /// Puts it into the place of another in a setting.
    pub fn in_place_of(&self, name: &str, setting: &str) -> String {
        setting.replace(&format!("shared:{name}"), &format!("shared:{}", self.0))
    }

    /// Everything on /dev/shm that carries the name: the store, its key.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir("/dev/shm").expect("/dev/shm can be read");
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(&self.0))).collect()
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        for path in self.files() {
            let _ = fs::remove_file(path);
        }
    }
}

/// Writes a key file of these keys, 0600.
fn write_keys(run: &Run, name: &str, keys: &[&str]) -> PathBuf {
    let path = run.write(name, &(keys.join("\n") + "\n"));
    restrict(&path, 0o600);
    path
}

/// A key, as `openssl rand -hex 32` prints it.
fn new_key(run: &Run) -> String {
    super::run::printed(run.plain_command("openssl").args(["rand", "-hex", "32"])).trim().to_owned()
}

fn restrict(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode of our own file");
}
