//! The memory store under shuttle, whose scheduler runs every test thousands of times and switches
//! threads at other locks and atomics each time:
//!
//! ```text
//! RUSTFLAGS='--cfg shuttle' cargo test --package sslsession-store --target-dir target/shuttle --test store_shuttle
//! ```
//! A failing schedule is printed and can be given to `shuttle::replay`.
#![cfg(shuttle)]
#![forbid(unsafe_code)]

#[path = "store/session.rs"]
mod session;

use session::Session;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};
use sslsession_store::gate::Patience;
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Key, Memory, Repositioned, gate, leaf_locks_held};
use std::sync::Arc;

fn session(number: u32) -> Session {
    Session(Arc::new(number))
}

fn key(id: u32) -> Key {
    Key::new(ProtocolVersion(0x0303), &id.to_be_bytes())
}

fn second(second: i64) -> Expiry {
    Expiry::new(UnixTime(second), Seconds(0))
}

fn filled(ids: std::ops::Range<u32>) -> Arc<Memory<Session>> {
    let store = Memory::new();
    for id in ids {
        let _added = store.insert(&key(id), session(id), second(i64::from(id)), 0);
    }
    Arc::new(store)
}

/// Runs `test` under many schedules: random ones, and such as rarely switch.
fn explore(test: impl Fn() + Send + Sync + Clone + 'static) {
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        let test = test.clone();
        Runner::new(scheduler, config).run(test);
    };
    run(Box::new(RandomScheduler::new(1500)));
    run(Box::new(PctScheduler::new(3, 500)));
}

/// Runs functions on threads of their own until all have ended.
fn together(work: Vec<Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = work.into_iter().map(thread::spawn).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Returns a function for [`together`] that gets the store.
fn with(
    store: &Arc<Memory<Session>>,
    work: impl FnOnce(&Memory<Session>) + Send + 'static,
) -> Box<dyn FnOnce() + Send> {
    let store = Arc::clone(store);
    Box::new(move || work(&store))
}

/// Checks that every reference is the caller's or the store's, and that the store's are released when it is dropped.
fn settle(store: Arc<Memory<Session>>, known: &[Session]) {
    store.validate();
    let held: usize = known.iter().map(|session| Arc::strong_count(&session.0) - 1).sum();
    assert_eq!(held, store.len());
    drop(store);
    assert!(known.iter().all(|session| Arc::strong_count(&session.0) == 1));
}

#[test]
fn adding_looking_removing_and_flushing_at_once_lose_no_reference() {
    explore(|| {
        let known: Vec<_> = (0..3).map(session).collect();
        let store = Arc::new(Memory::new());
        let of = |number: usize| known[number].clone();
        let (a, b, c) = (of(0), of(1), of(2));
        let (again, other) = (of(0), of(2));
        together(vec![
            with(&store, move |store| {
                drop(store.insert(&key(0), a, second(5), 0));
                drop(store.insert(&key(1), b, second(6), 2));
            }),
            with(&store, move |store| {
                drop(store.insert(&key(0), c, second(4), 0));
                drop(store.get(&key(0)));
                drop(store.take(&key(1)));
            }),
            with(&store, move |store| {
                drop(store.take_expired(UnixTime(6), 1));
                drop(store.reposition(&key(0), &key(1), &again, second(7)));
                drop(store.reposition(&key(0), &key(0), &other, second(7)));
                drop(store.pop_soonest(1));
            }),
        ]);
        settle(store, &known);
    });
}

#[test]
fn a_session_is_found_throughout_while_the_store_moves_to_buckets() {
    explore(|| {
        let store = filled(0..31);
        together(vec![
            with(&store, |store| (31..34).for_each(|id| drop(store.insert(&key(id), session(id), second(99), 0)))),
            with(&store, |store| (0..3).for_each(|id| assert!(store.get(&key(id)).is_some()))),
            with(&store, |store| {
                assert_eq!(store.take(&key(7)).map(|session| *session.0), Some(7));
                assert!(store.take(&key(7)).is_none() && !store.contains(&key(7)));
            }),
        ]);
        store.validate();
        assert_eq!(store.len(), 33);
    });
}

#[test]
fn a_session_is_found_throughout_while_its_bucket_is_split() {
    explore(|| {
        let store = filled(0..40);
        together(vec![
            with(&store, |store| (40..46).for_each(|id| drop(store.insert(&key(id), session(id), second(99), 0)))),
            with(&store, |store| (0..20).for_each(|id| assert!(store.contains(&key(id))))),
            with(&store, |store| (20..40).rev().for_each(|id| assert!(store.contains(&key(id))))),
        ]);
        store.validate();
        assert_eq!(store.len(), 46);
    });
}

#[test]
fn a_session_that_moves_is_never_at_neither_place() {
    for count in [3, 40] {
        explore(move || {
            let store = filled(0..count);
            let moving = store.get(&key(1)).unwrap();
            together(vec![
                with(&store, move |store| {
                    assert!(matches!(
                        store.reposition(&key(1), &key(100), &moving, second(0)),
                        Repositioned::Moved(None)
                    ));
                }),
                with(&store, |store| assert!(store.contains(&key(1)) || store.contains(&key(100)))),
                with(&store, |store| drop(store.insert(&key(101), session(101), second(1), 0))),
            ]);
            store.validate();
            assert!(!store.contains(&key(1)) && store.contains(&key(100)));
        });
    }
}

#[test]
fn of_several_that_take_a_session_out_one_gets_it() {
    explore(|| {
        let store = filled(0..6);
        let taken = Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = |take: fn(&Memory<Session>) -> Vec<Session>| {
            let taken = Arc::clone(&taken);
            with(&store, move |store| {
                let mine = take(store);
                taken.lock().unwrap().extend(mine.iter().map(|session| *session.0));
            })
        };
        together(vec![
            note(|store| Vec::from_iter(store.take(&key(2)))),
            note(|store| store.take_expired(UnixTime(4), 2)),
            note(|store| store.pop_soonest(3)),
            note(|store| store.insert(&key(9), session(9), second(9), 5).evicted.into_iter().collect()),
        ]);
        store.validate();
        let mut all = taken.lock().unwrap().clone();
        all.extend(store.pop_soonest(99).iter().map(|session| *session.0));
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 9]);
    });
}

#[test]
fn nothing_happens_in_a_store_while_the_gate_is_closed() {
    for count in [4, 40] {
        explore(move || {
            let store = filled(0..count);
            together(vec![
                with(&store, |store| {
                    let closed = gate::close(&mut Patience::default());
                    let before = store.len();
                    (0..4).for_each(|_| thread::yield_now());
                    assert_eq!(store.len(), before);
                    drop(closed);
                }),
                with(&store, |store| drop(store.insert(&key(900), session(900), second(1), 0))),
                with(&store, |store| {
                    drop(store.get(&key(3)));
                    drop(store.pop_soonest(1));
                }),
            ]);
            store.validate();
            assert_eq!(store.len(), count as usize);
        });
    }
}

#[test]
fn two_first_insertions_make_one_store() {
    explore(|| {
        let store = filled(0..0);
        together(
            (0..3)
                .map(|id| with(&store, move |store| drop(store.insert(&key(id), session(id), second(1), 0))))
                .collect(),
        );
        store.validate();
        assert_eq!(store.len(), 3);
    });
}
