//! A process that forks while other threads are in the store, behind the gate that a fork
//! handler closes: the child's store must be whole and work.
#![cfg(not(any(shuttle, miri)))]

use sslsession_store::gate::Patience;
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Key, Memory, era, gate, total};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

/// Tests run one after the other: the number of sessions in all stores is the process's.
static ALONE: Mutex<()> = Mutex::new(());

fn key(id: u32) -> Key {
    Key::new(ProtocolVersion(0x0303), &id.to_be_bytes())
}

/// Changes and reads all over the store until told to stop.
fn work(store: &Memory<Arc<u32>>, stop: &AtomicBool, mut id: u32) {
    while !stop.load(Relaxed) {
        id = id.wrapping_mul(0x9E37_79B1).wrapping_add(7);
        let _evicted =
            store.insert(&key(id % 500), Arc::new(id), Expiry::new(UnixTime(i64::from(id % 90)), Seconds(0)), 300);
        store.get(&key(id % 450));
        store.take(&key(id % 400));
    }
}

/// Runs the child's part. Returns its exit code, 0 for success.
fn child(store: &Memory<Arc<u32>>) -> i32 {
    store.validate();
    let before = store.len();
    let is_counted = total::number() == before;
    let _added = store.insert(&key(9999), Arc::new(9999), Expiry::new(UnixTime(1), Seconds(0)), 0);
    let found = store.get(&key(9999)).is_some() && store.len() == before + 1;
    let left = store.pop_soonest(usize::MAX).len();
    drop(gate::close(&mut Patience::default()));
    i32::from(!(is_counted && found && left == before + 1 && store.is_empty() && total::number() == 0))
}

/// Forks as a fork handler would have it; the exit code of the child, or 99 if it did not end in time.
fn fork<V>(store: &Memory<V>, child: impl FnOnce(&Memory<V>) -> i32) -> i32 {
    let closed = gate::close(&mut Patience::default());
    // SAFETY: the child touches the store, whose locks are ours, and malloc, which survives forks.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: no arguments but numbers. A child that hangs is ended by SIGALRM.
            unsafe { libc::alarm(20) };
            era::forked();
            closed.open_in_child();
            let code = child(store);
            // SAFETY: ends the child without its parent's exit handlers.
            unsafe { libc::_exit(code) }
        }
        pid => {
            drop(closed);
            let mut status = 0;
            // SAFETY: `status` outlives the call, and `pid` is our own child.
            assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
            if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 99 }
        }
    }
}

#[test]
fn a_child_forked_while_the_gate_is_closed_has_a_whole_store_that_works() {
    let _alone = ALONE.lock();
    total::begin();
    let (store, stop) = (Memory::new(), AtomicBool::new(false));
    let failed = thread::scope(|scope| {
        for worker in 0..3 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || work(store, stop, worker));
        }
        let failed = (0..60).map(|_| fork(&store, child)).find(|&code| code != 0);
        stop.store(true, Relaxed);
        failed
    });
    assert_eq!(failed, None, "how a child ended");
    assert_eq!(total::number(), store.len());
    drop(store);
    assert_eq!(total::number(), 0);
}

/// A value whose reader stays inside the store until it is told to go on.
struct Slow {
    inside: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        self.inside.send(()).unwrap();
        let go_on = self.go_on.lock().unwrap();
        go_on.recv().unwrap();
        Self { inside: self.inside.clone(), go_on: Mutex::new(mpsc::channel().1) }
    }
}

impl PartialEq for Slow {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

#[test]
fn a_child_does_not_wait_for_the_readers_of_its_parent() {
    let _alone = ALONE.lock();
    let ((inside, is_inside), (tell, go_on)) = (mpsc::channel(), mpsc::channel());
    let mut receivers = vec![go_on];
    let store = Memory::new();
    for id in 0..100 {
        let go_on = receivers.pop().unwrap_or_else(|| mpsc::channel().1);
        let slow = Slow { inside: inside.clone(), go_on: Mutex::new(go_on) };
        let _added = store.insert(&key(id), slow, Expiry::new(UnixTime(i64::from(id)), Seconds(0)), 0);
    }
    let exit_code = thread::scope(|scope| {
        scope.spawn(|| assert!(store.get(&key(0)).is_some()));
        is_inside.recv().unwrap();
        let exit_code = fork(&store, |store| i32::from(store.pop_soonest(usize::MAX).len() != 100));
        tell.send(()).unwrap();
        exit_code
    });
    assert_eq!(exit_code, 0);
    assert!(store.take(&key(0)).is_some(), "the parent's reader has left");
}
