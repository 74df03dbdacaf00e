//! Owners of the shared store's locks: owners that die unnoticed, processes in other containers, files that were
//! copied while a lock was held, and somebody who writes to the locks.
//!
//! One thread, so that the processes it forks are whole. What needs root (namespaces) says so and is left out without.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::Scratch;
use sslsession_store::key_file::Keys;
use sslsession_store::shared::Event;
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Lookup, Policy, RecordKey, RecordStore, Shared};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, ptr, thread};

const SMALL: usize = 64 << 10;
const NOW: UnixTime = UnixTime(1_800_000_000);
const DEADLINE: Duration = Duration::from_secs(60);

/// The head of a small store's one partition: owner, changing, counters.
const HEAD: u64 = 4096;

fn main() {
    if let Some(role) = env::var_os("STORE_ROLE") {
        return play(&role.into_string().expect("text"));
    }
    let tests: [(&str, fn()); 8] = [
        ("killed_after_a_bare_fork_leaves_no_lock", bare_forks_are_killed),
        ("killed_in_another_namespace_leaves_no_lock", the_first_of_a_namespace_is_killed),
        ("a_lock_in_a_copied_file_is_made_anew_and_one_in_use_is_not", a_file_is_copied),
        ("a_lock_of_a_process_that_is_gone_is_taken_over", an_owner_is_gone),
        ("a_refusal_to_wait_does_not_prolong_itself", refusals_end),
        ("who_writes_to_the_locks_spoils_sessions_and_no_process", locks_are_written_to),
        ("a_child_keeps_its_pages_out_of_swap_too", a_child_locks_its_pages),
        ("a_hundred_restarts_beside_two_processes_cost_nothing", servers_restart),
    ];
    let wanted = env::args().nth(1).filter(|argument| !argument.starts_with('-')).unwrap_or_default();
    let tests: Vec<_> = tests.into_iter().filter(|(name, _)| name.contains(&wanted)).collect();
    for (name, test) in &tests {
        test();
        println!("test {name} ... ok");
    }
    println!("test result: ok. {} passed; 0 failed", tests.len());
}

fn name(id: &[u8]) -> RecordKey<'_> {
    RecordKey { scope: &[1; 16], policy: Policy::new(0, 0, None), version: ProtocolVersion(0x0303), id }
}

fn insert(store: &Shared, id: &[u8]) -> bool {
    store.insert(&name(id), store.fingerprint(id, Expiry::NEVER), &id.repeat(20))
}

fn find(store: &Shared, id: &[u8]) -> Lookup {
    store.find(&name(id), None, NOW)
}

/// Runs a function in a child made by `make`; returns its number.
fn fork_by(make: impl FnOnce() -> i64, run: impl FnOnce()) -> libc::pid_t {
    match make() {
        0 => {
            let code = i32::from(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
            // SAFETY: this process's own end.
            unsafe { libc::_exit(code) }
        }
        id => {
            assert!(id > 0, "fork: {}", std::io::Error::last_os_error());
            id as libc::pid_t
        }
    }
}

fn fork(run: impl FnOnce()) -> libc::pid_t {
    // SAFETY: this process has one thread.
    fork_by(|| unsafe { libc::fork() }.into(), run)
}

/// Forks as container runtimes do: the C library does not notice.
fn bare_fork(run: impl FnOnce()) -> libc::pid_t {
    let no = ptr::null::<u8>();
    // SAFETY: a fork by another name, of a process of one thread.
    fork_by(|| unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, no, no, no, no) }, run)
}

fn signal(child: libc::pid_t, signal: i32) {
    // SAFETY: a child of ours that has not been waited for.
    assert_eq!(unsafe { libc::kill(child, signal) }, 0);
}

fn wait(child: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: as above, and a place for the status.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, libc::WUNTRACED) }, child);
    status
}

fn kill(child: libc::pid_t) {
    signal(child, libc::SIGKILL);
    wait(child);
}

/// Raises a signal that stops, or ends, this process while it holds the lock.
fn raise_in(store: &Shared, signal: i32) {
    // SAFETY: a signal to this thread.
    store.stall(&name(b"one"), false, || unsafe {
        libc::raise(signal);
    });
}

fn work(store: &Shared, rounds: u64) {
    (0..rounds).for_each(|round| {
        insert(store, &(round % 100).to_ne_bytes());
    });
}

fn bare_forks_are_killed() {
    let store = Shared::anonymous(SMALL).expect("memory");
    assert!(insert(&store, b"one"));
    for kill_after in 0..200 {
        let child = bare_fork(|| work(&store, u64::MAX));
        thread::sleep(Duration::from_millis(1 + kill_after % 5));
        kill(child);
        assert!(insert(&store, b"one") && matches!(find(&store, b"one"), Lookup::Record(_)), "kill {kill_after}");
    }
    // In the lock for certain, and noticed by the kernel: nobody waits.
    wait(bare_fork(|| raise_in(&store, libc::SIGKILL)));
    assert!(matches!(find(&store, b"one"), Lookup::Record(_)));
    assert_eq!(store.statistics().counted(Event::Unavailable), 0);
}

fn the_first_of_a_namespace_is_killed() {
    let store = Shared::anonymous(SMALL).expect("memory");
    assert!(insert(&store, b"one"));
    let child = fork(|| {
        // SAFETY: numbers. The children of this process, which ends, are in a namespace of their own.
        if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
            return println!("  left out: no right to make a namespace");
        }
        // Number 1 there, and number 1 is not stopped by its own signals: its parent kills it.
        let inner = fork(|| store.stall(&name(b"one"), false, || thread::sleep(DEADLINE)));
        while !matches!(find(&store, b"one"), Lookup::Unavailable) {}
        kill(inner);
    });
    assert_eq!(wait(child), 0);
    assert!(matches!(find(&store, b"one"), Lookup::Record(_)) && insert(&store, b"one"));
}

fn open(path: &Path) -> Shared {
    Shared::named(path, SMALL, &Keys::beside(path).expect("a key")).expect("a store")
}

fn a_file_is_copied() {
    let scratch = Scratch::new("owners");
    let (path, copy) = (scratch.join("store"), scratch.join("copy"));
    let store = open(&path);
    assert!(insert(&store, b"one"));
    let owner = fork(|| raise_in(&store, libc::SIGSTOP));
    wait(owner);
    std::fs::copy(&path, &copy).expect("a copy");
    std::fs::copy(scratch.join("store.key"), scratch.join("copy.key")).expect("a copy");
    // The owner lives and is of this namespace, so nobody can say that the copy's lock is not its.
    let copied = open(&copy);
    assert!(matches!(find(&copied, b"one"), Lookup::Record(_)), "it was opened by who was alone");
    let other = open(&path);
    assert_eq!(find(&other, b"one"), Lookup::Unavailable, "its owner has it still, whoever opens it");
    signal(owner, libc::SIGCONT);
    wait(owner);
    drop(other);
    thread::sleep(Duration::from_millis(1100));
    assert!(matches!(find(&store, b"one"), Lookup::Record(_)));
}

fn an_owner_is_gone() {
    let scratch = Scratch::new("owners");
    let path = scratch.join("store");
    let store = open(&path);
    assert!(insert(&store, b"one"));
    let gone = fork(|| {});
    wait(gone);
    let file = OpenOptions::new().read(true).write(true).open(&path).expect("the file");
    // As that process would have left it: with this namespace, which this process's own lock shows.
    let mut own = [0; 8];
    store.stall(&name(b"one"), false, || file.read_exact_at(&mut own, HEAD).expect("read"));
    let own = u64::from_ne_bytes(own);
    assert_ne!(own, 0);
    let left = own & !0xffff_ffff | gone as u64;
    for word in [left, left | 1 << 31] {
        file.write_all_at(&word.to_ne_bytes(), HEAD).expect("written");
        assert!(matches!(find(&store, b"one"), Lookup::Record(_)), "{word:x}");
    }
    if own >> 48 != 0 {
        file.write_all_at(&(left ^ 1 << 48).to_ne_bytes(), HEAD).expect("written");
        assert_eq!(find(&store, b"one"), Lookup::Unavailable, "of another namespace: nobody knows");
    }
}

fn refusals_end() {
    let store = Shared::anonymous(SMALL).expect("memory");
    assert!(insert(&store, b"one"));
    let owner = fork(|| raise_in(&store, libc::SIGSTOP));
    wait(owner);
    let waits = || {
        let since = Instant::now();
        assert_eq!(find(&store, b"one"), Lookup::Unavailable);
        since.elapsed() >= Duration::from_millis(75)
    };
    assert!(waits() && !waits());
    let since = Instant::now();
    while !waits() {
        assert!(since.elapsed() < Duration::from_secs(5), "asked often, it never waits again");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!waits());
    // Who gets the lock knows that its owner goes on.
    signal(owner, libc::SIGCONT);
    wait(owner);
    assert!(matches!(find(&store, b"one"), Lookup::Record(_)));
    let owner = fork(|| raise_in(&store, libc::SIGSTOP));
    wait(owner);
    assert!(waits());
    kill(owner);
}

fn locks_are_written_to() {
    let scratch = Scratch::new("owners");
    let path = scratch.join("store");
    let store = open(&path);
    let file = OpenOptions::new().write(true).open(&path).expect("the file");
    let writer = fork(|| {
        let mut random = 88_172_645_463_325_252u64;
        loop {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // All of the head, or a free lock while others have it, or an address that a list might have.
            let words = [random, 0, 0x4141_4141_4140, random >> 40];
            let at = [0, 0, 8 * (random % 32), 8 * (random >> 8 & 1)][random as usize >> 16 & 3];
            let word = words[random as usize >> 24 & 3];
            file.write_all_at(&word.to_ne_bytes(), HEAD + at).expect("written");
        }
    });
    let workers = [0, 1].map(|_| {
        fork(|| {
            let until = Instant::now() + Duration::from_secs(4);
            while Instant::now() < until {
                for id in 0..50u64 {
                    let id = id.to_ne_bytes();
                    insert(&store, &id);
                    if let Lookup::Record(bytes) = find(&store, &id) {
                        assert_eq!(bytes[..], id.repeat(20));
                    }
                    store.remove(&name(&id));
                }
            }
        })
    });
    workers.iter().for_each(|&worker| assert_eq!(wait(worker), 0, "it ends well"));
    kill(writer);
    // Whatever stands there now, who is alone makes it anew.
    drop(store);
    let store = open(&path);
    assert!((insert(&store, b"one") || insert(&store, b"one")) && matches!(find(&store, b"one"), Lookup::Record(_)));
}

fn a_child_locks_its_pages() {
    let store = Shared::anonymous(1236 << 10).expect("memory");
    let is_locked = || {
        let mappings = std::fs::read_to_string("/proc/self/smaps").expect("Linux tells");
        let mut lines = mappings.lines().skip_while(|line| !(line.starts_with("Size:") && line.contains(" 1236 kB")));
        let flags = lines.find_map(|line| line.strip_prefix("VmFlags:")).expect("its flags");
        flags.split_whitespace().any(|flag| flag == "lo")
    };
    if !is_locked() {
        return println!("  left out: the limit on locked memory is too low");
    }
    let child = fork(|| {
        assert!(!is_locked(), "no child inherits it");
        insert(&store, b"one");
        assert!(is_locked());
    });
    assert_eq!(wait(child), 0);
}

// ---- Servers: this program again, in other surroundings.

/// Plays a role as another process.
fn play(role: &str) {
    let path = PathBuf::from(env::var_os("STORE_PATH").expect("a path"));
    let store = Shared::named(&path, SMALL, &Keys::beside(&path).expect("a key")).expect("it is not refused");
    match role {
        "load" => {
            println!("ready");
            let mut wrong = 0;
            // Until its input is closed.
            let mut closed = libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 };
            // SAFETY: one pollfd.
            while unsafe { libc::poll(&mut closed, 1, 0) } == 0 {
                wrong += work_and_check(&store);
            }
            assert_eq!(wrong, 0);
            println!("emptied {}", store.statistics().counted(Event::Emptied));
        }
        _ => assert_eq!(work_and_check(&store), 0),
    }
}

fn work_and_check(store: &Shared) -> usize {
    let is_wrong = |id: u64| {
        let id = id.to_ne_bytes();
        insert(store, &id);
        matches!(find(store, &id), Lookup::Record(bytes) if bytes[..] != id.repeat(20))
    };
    (0..100).filter(|&id| is_wrong(id)).count()
}

fn start(role: &str, path: &Path, shell: &str) -> Child {
    let this = env::current_exe().expect("its own path");
    let mut command = Command::new("sh");
    command.args(["-c", shell]).arg(this).env("STORE_ROLE", role).env("STORE_PATH", path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh")
}

/// The surroundings in which a server starts again and again.
const SURROUNDINGS: [(&str, &str); 5] = [
    ("as the others", r#"exec "$0""#),
    (
        "another boot id",
        r#"cat /proc/sys/kernel/random/uuid >"$STORE_PATH.boot"; exec unshare -m sh -c 'mount --bind "$STORE_PATH.boot" /proc/sys/kernel/random/boot_id; exec "$0"' "$0""#,
    ),
    ("another PID namespace", r#"exec unshare -m -p -f --mount-proc "$0""#),
    ("no /proc", r#"exec unshare -m sh -c 'mount -t tmpfs none /proc; exec "$0"' "$0""#),
    ("four descriptors", r#"ulimit -n 4; exec "$0""#),
];

fn servers_restart() {
    let is_root = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    let is_root = is_root.is_ok_and(|status| status.success());
    let scratch = Scratch::new("owners");
    let path = scratch.join("store");
    let loads = [0, 1].map(|_| start("load", &path, SURROUNDINGS[0].1));
    for (surroundings, shell) in SURROUNDINGS {
        if shell.contains("unshare") && !is_root {
            println!("  left out: {surroundings}, which needs root");
            continue;
        }
        for restart in 0..100 {
            let server = start("server", &path, shell).wait_with_output().expect("it ends");
            assert!(server.status.success(), "{surroundings}, restart {restart}: {:?}", server.status);
        }
    }
    for load in loads {
        // Its input is closed, and it ends.
        let output = load.wait_with_output().expect("it ends");
        assert!(output.status.success(), "under load: {:?}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "ready\nemptied 0\n", "no partition was lost");
    }
}
