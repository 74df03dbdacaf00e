//! Processes that die, or stop, anywhere in the shared store: the others go on.
//!
//! One thread, so that the processes it forks are whole. Each test is told of in a line of its own, as cargo's are.

use sslsession_store::shared::Event;
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Lookup, Policy, RecordKey, RecordStore, Shared};
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, ptr, thread};

const WORKERS: usize = 8;
const KILLS: usize = 2000;
const BETWEEN_KILLS: Duration = Duration::from_millis(10);
const IDS: u64 = 3000;
const NOW: UnixTime = UnixTime(1_800_000_000);
const DEADLINE: Duration = Duration::from_secs(60);

/// A lookup is never to wait for longer.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

fn main() {
    let tests: [(&str, fn()); 4] = [
        ("workers_are_killed_and_no_session_is_torn_or_another_ones", workers_are_killed),
        ("a_stopped_process_is_waited_for_once_and_not_for_long", a_process_is_stopped),
        ("who_dies_in_a_change_costs_one_partition_and_who_dies_reading_nothing", a_process_dies),
        ("what_processes_have_counted_is_all_there_whoever_of_them_has_a_slot_or_has_died", many_count),
    ];
    let wanted = env::args().nth(1).filter(|argument| !argument.starts_with('-')).unwrap_or_default();
    let tests: Vec<_> = tests.into_iter().filter(|(name, _)| name.contains(&wanted)).collect();
    for (name, test) in &tests {
        test();
        println!("test {name} ... ok");
    }
    println!("test result: ok. {} passed; 0 failed", tests.len());
}

/// Memory through which the processes communicate.
#[repr(C)]
struct Notes {
    /// Rounds that each worker has done.
    rounds: [AtomicU64; WORKERS],
    /// Sessions that were found with other bytes than were stored under their name.
    wrong: AtomicU64,
    /// Lookups that took too long, the time without a processor not counted.
    slow: AtomicU64,
    /// Lookups that found a session.
    found: AtomicU64,
}

impl Notes {
    fn shared() -> &'static Notes {
        // SAFETY: new memory of zeros, which is a valid Notes, and is never unmapped.
        unsafe {
            let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let memory = libc::mmap(ptr::null_mut(), size_of::<Notes>(), protection, flags, -1, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            &*memory.cast()
        }
    }

    fn rounds(&self) -> Vec<u64> {
        self.rounds.iter().map(|rounds| rounds.load(Relaxed)).collect()
    }
}

/// A process that this one forked; it is killed and waited for when this is dropped.
struct Child(libc::pid_t);

impl Child {
    fn start(run: impl FnOnce()) -> Child {
        // SAFETY: this process has one thread.
        match unsafe { libc::fork() } {
            0 => {
                let code = i32::from(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
                // SAFETY: this process's own end.
                unsafe { libc::_exit(code) }
            }
            id => {
                assert!(id > 0, "fork");
                Child(id)
            }
        }
    }

    fn signal(&self, signal: i32) {
        // SAFETY: a child of ours that has not been waited for.
        assert_eq!(unsafe { libc::kill(self.0, signal) }, 0);
    }

    /// Waits until it has stopped itself, or has ended.
    fn wait(&self) -> i32 {
        let mut status = 0;
        // SAFETY: as above, and a place for the status.
        assert_eq!(unsafe { libc::waitpid(self.0, &mut status, libc::WUNTRACED) }, self.0);
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: a child of ours. If it has been waited for already, both fail.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, ptr::null_mut(), 0);
        }
    }
}

/// A small generator; each process has its own.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn name(id: &[u8]) -> RecordKey<'_> {
    RecordKey { scope: &[1; 16], policy: Policy::new(0, 0, None), version: ProtocolVersion(0x0303), id }
}

/// Bytes that say which session they are of, and whether any of them is missing.
fn session(id: u64, serial: u64, length: usize) -> Vec<u8> {
    let mut hasher = DefaultHasher::new();
    [id, serial, length as u64].iter().for_each(|&word| hasher.write_u64(word));
    let fill = hasher.finish();
    let words = [id, serial].into_iter().chain((0..length as u64).map(|at| fill.wrapping_add(at)));
    words.flat_map(u64::to_ne_bytes).collect()
}

fn is_whole(id: u64, bytes: &[u8]) -> bool {
    let serial = bytes.get(8..16).and_then(|serial| serial.try_into().ok()).map(u64::from_ne_bytes);
    serial.is_some_and(|serial| session(id, serial, bytes.len() / 8 - 2) == bytes)
}

/// Returns the time that this process was ready to run without a processor, for which the store is not to blame.
fn without_processor() -> Duration {
    let times = fs::read_to_string("/proc/self/schedstat").expect("the kernel keeps account");
    let waited = times.split_whitespace().nth(1).and_then(|waited| waited.parse().ok());
    Duration::from_nanos(waited.expect("its second number"))
}

/// Stores, looks up and removes until it is killed.
fn work(store: &Shared, notes: &Notes, worker: usize, seed: u64) {
    let mut random = Random(seed);
    loop {
        let id = random.below(IDS);
        let key = id.to_ne_bytes();
        match random.below(10) {
            0..4 => {
                let bytes = session(id, random.below(u64::MAX), random.below(60) as usize);
                store.insert(&name(&key), store.fingerprint(&bytes, Expiry::NEVER), &bytes);
            }
            4 => {
                store.remove(&name(&key));
            }
            kind => look_up(store, notes, id, kind == 5),
        }
        notes.rounds[worker].fetch_add(1, Relaxed);
    }
}

fn look_up(store: &Shared, notes: &Notes, id: u64, takes: bool) {
    let key = id.to_ne_bytes();
    let (without, since) = (without_processor(), Instant::now());
    let found = if takes { store.take(&name(&key), None, NOW) } else { store.find(&name(&key), None, NOW) };
    let took = since.elapsed();
    if took > LONGEST_WAIT && took - LONGEST_WAIT > without_processor() - without {
        notes.slow.fetch_add(1, Relaxed);
    }
    if let Lookup::Record(bytes) = found {
        notes.found.fetch_add(1, Relaxed);
        notes.wrong.fetch_add(u64::from(!is_whole(id, &bytes)), Relaxed);
    }
}

/// Waits until every worker has done a round since `before`.
fn all_go_on(notes: &Notes, before: &[u64]) {
    let since = Instant::now();
    while notes.rounds().iter().zip(before).any(|(now, before)| now == before) {
        assert!(since.elapsed() < DEADLINE, "somebody hangs: {before:?}, then {:?}", notes.rounds());
        thread::yield_now();
    }
}

fn workers_are_killed() {
    // Small enough that sessions are pushed out all the time.
    let (store, notes) = (Shared::anonymous(1 << 20).expect("memory"), Notes::shared());
    let start = |worker, seed| Child::start(|| work(&store, notes, worker, seed));
    let mut workers: Vec<Child> = (0..WORKERS).map(|worker| start(worker, worker as u64)).collect();
    all_go_on(notes, &[0; WORKERS]);
    let mut random = Random(42);
    for kill in 0..KILLS {
        thread::sleep(BETWEEN_KILLS);
        let worker = random.below(WORKERS as u64) as usize;
        // The one that it replaces is killed, and waited for, as it is dropped.
        workers[worker] = start(worker, (WORKERS + kill) as u64);
        if kill % 100 == 0 {
            all_go_on(notes, &notes.rounds());
        }
    }
    all_go_on(notes, &notes.rounds());
    drop(workers);
    let [wrong, slow, found] = [&notes.wrong, &notes.slow, &notes.found].map(|note| note.load(Relaxed));
    assert_eq!((wrong, slow), (0, 0), "of {found} sessions found");
    let emptied = store.statistics().counted(Event::Emptied);
    assert!(found > 100_000 && emptied > 0, "{found} found, {emptied} partitions emptied: that was no test");
    for id in 0..IDS {
        if let Lookup::Record(bytes) = store.find(&name(&id.to_ne_bytes()), None, NOW) {
            assert!(is_whole(id, &bytes));
        }
    }
    println!("{KILLS} kills: {emptied} partitions emptied, {found} sessions found, all of them whole");
}

fn a_process_is_stopped() {
    let store = Shared::anonymous(1 << 16).expect("memory");
    let bytes = session(1, 1, 10);
    assert!(store.insert(&name(b"one"), store.fingerprint(&bytes, Expiry::NEVER), &bytes));
    // SAFETY: stops this process, until its parent says otherwise.
    let stop = || unsafe {
        libc::raise(libc::SIGSTOP);
    };
    let child = Child::start(|| {
        store.stall(&name(b"one"), false, stop);
    });
    assert!(libc::WIFSTOPPED(child.wait()));
    let look = || {
        let since = Instant::now();
        (store.find(&name(b"one"), None, NOW), since.elapsed())
    };
    let (found, first) = look();
    assert_eq!(found, Lookup::Unavailable);
    assert!(first < Duration::from_secs(1), "{first:?}");
    // A server that is asked a thousand times does not wait a thousand times.
    let since = Instant::now();
    let reached = (0..1000).filter(|_| look().0 != Lookup::Unavailable).count();
    assert_eq!(reached, 0);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert!(
        !store.insert(&name(b"two"), store.fingerprint(&bytes, Expiry::NEVER), &bytes) && !store.remove(&name(b"one"))
    );
    child.signal(libc::SIGCONT);
    assert!(libc::WIFEXITED(child.wait()));
    assert!(matches!(look().0, Lookup::Record(_)), "and all is as it was");
    assert!(store.statistics().counted(Event::Unavailable) > 1000 && store.statistics().counted(Event::Emptied) == 0);
    println!("a lookup waits {first:?} for a stopped process");
}

fn a_process_dies() {
    let store = Shared::anonymous(1 << 16).expect("memory");
    let bytes = session(1, 1, 10);
    let insert = || store.insert(&name(b"one"), store.fingerprint(&bytes, Expiry::NEVER), &bytes);
    let is_there = || matches!(store.find(&name(b"one"), None, NOW), Lookup::Record(_));
    // SAFETY: ends this process.
    let die = || unsafe {
        libc::raise(libc::SIGKILL);
    };
    for (changing, survives) in [(false, true), (true, false)] {
        assert!(insert() && is_there());
        let child = Child::start(|| store.stall(&name(b"one"), changing, die));
        assert!(libc::WIFSIGNALED(child.wait()));
        assert_eq!((is_there(), store.statistics().counted(Event::Emptied)), (survives, u64::from(!survives)));
        assert!(insert() && is_there(), "it goes on");
    }
}

/// Runs more processes at a time than the smallest store has slots, then as many again, which get those of the dead.
fn many_count() {
    const PROCESSES: u64 = 12;
    const TIMES: u64 = 50;
    let store = Shared::anonymous(64 << 10).expect("memory");
    let bytes = session(0, 0, 100);
    let counted = |event| store.statistics().counted(event);
    for generation in 1..=3 {
        let work = |process: u64| {
            for time in 0..TIMES {
                let id = (process << 32 | time).to_ne_bytes();
                while !store.insert(&name(&id), store.fingerprint(&bytes, Expiry::NEVER), &bytes) {}
            }
            // All of its own, or none of it where it has no slot of its own.
            assert!([0, TIMES].contains(&store.statistics().counted_here(Event::Stored)));
            // SAFETY: takes a signal.
            unsafe { libc::raise(libc::SIGSTOP) };
        };
        let children: Vec<Child> = (0..PROCESSES).map(|process| Child::start(|| work(process))).collect();
        children.iter().for_each(|child| assert!(libc::WIFSTOPPED(child.wait()), "it has done its work"));
        assert_eq!(counted(Event::Stored), generation * PROCESSES * TIMES);
    }
    // This process has only looked on.
    assert_eq!(store.statistics().counted_here(Event::Stored), 0);
}
