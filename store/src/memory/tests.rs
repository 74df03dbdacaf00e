//! One store, in one thread and in several.
#![forbid(unsafe_code)]

#[path = "../../tests/store/session.rs"]
mod session;

use super::gate::Patience;
use super::rules::{AddingAgain::Stays, Capacity, Eviction, MemoryRules};
use super::*;
use crate::time::{Seconds, UnixTime};
use crate::version::ProtocolVersion;
use session::Session;
use std::sync::Arc;
use std::sync::atomic::AtomicBool as Flag;
use std::thread;

fn session(number: u32) -> Session {
    Session(Arc::new(number))
}

fn key(id: u32) -> Key {
    Key::new(ProtocolVersion(0x0303), &id.to_be_bytes())
}

/// Returns the expiry of a session that is resumable until that second.
fn at(second: i64) -> Expiry {
    Expiry::new(UnixTime(second), Seconds(0))
}

fn numbers(sessions: impl IntoIterator<Item = Session>) -> Vec<u32> {
    sessions.into_iter().map(|session| *session.0).collect()
}

/// Adds session `id` under its own number. Returns the evicted ones.
fn add(store: &Memory<Session>, id: u32, second: i64, size: usize) -> Vec<u32> {
    let inserted = store.insert(&key(id), session(id), at(second), size);
    assert_eq!(inserted.outcome, Outcome::Added);
    if !cfg!(miri) {
        store.validate();
    }
    numbers(inserted.evicted)
}

fn filled(ids: std::ops::Range<u32>) -> Memory<Session> {
    let store = Memory::new();
    for id in ids {
        let inserted = store.insert(&key(id), session(id), at(i64::from(id)), 0);
        assert_eq!(inserted.outcome, Outcome::Added);
    }
    store.validate();
    store
}

#[test]
fn an_empty_store_is_small_and_answers_everything() {
    let store: Memory<Session> = Memory::new();
    assert!(size_of::<Memory<Session>>() <= 32);
    assert!(store.get(&key(1)).is_none() && !store.contains(&key(1)) && store.take(&key(1)).is_none());
    assert!(store.take_expired(UnixTime(i64::MAX), 9).is_empty() && store.pop_soonest(9).is_empty());
    assert_eq!(store.reposition(&key(1), &key(2), &session(1), Expiry::NEVER), Repositioned::NotHere);
    assert!(store.parts.get().is_none() && store.is_empty());
    store.validate();
}

#[test]
fn what_readers_read_and_what_writers_change_is_a_cache_line_apart() {
    let pointer_to_buckets = size_of::<OnceLock<Box<u8>>>();
    assert!(std::mem::offset_of!(Parts<Session>, writers) >= pointer_to_buckets + 64);
}

#[test]
fn a_size_of_two_or_more_keeps_one_less_and_of_one_keeps_one() {
    let most = if cfg!(miri) { 50 } else { 150 };
    for (size, kept) in [(1, 1), (2, 1), (3, 2), (5, 4), (40, 39), (100, 99)] {
        if cfg!(miri) && size > most as usize {
            continue;
        }
        let store = Memory::new();
        for id in 0..most.max(kept + 3) {
            assert_eq!(add(&store, id, 7, size), Vec::from_iter((id >= kept).then(|| id - kept)));
        }
        assert_eq!(store.len(), kept as usize);
    }
}

#[test]
fn soonest_to_expire_leaves_first_and_of_one_second_the_oldest() {
    let store = Memory::new();
    for (id, second) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 30), (6, 20)] {
        assert!(add(&store, id, second, 0).is_empty());
    }
    assert_eq!(add(&store, 7, 40, 6), [2, 4]);
    assert_eq!(numbers(store.pop_soonest(3)), [3, 6, 1]);
    assert_eq!(numbers(store.pop_soonest(9)), [5, 7]);
}

#[test]
fn the_newcomer_stays_even_if_it_is_the_soonest_to_expire() {
    let store = Memory::new();
    for id in 1..=4 {
        assert!(add(&store, id, 10, 0).is_empty());
    }
    assert_eq!(add(&store, 5, 1, 3), [1, 2, 3]);
    assert_eq!(numbers(store.pop_soonest(9)), [5, 4]);
}

#[test]
fn a_size_lowered_by_much_is_reached_at_the_next_insertion_in_order() {
    let count = if cfg!(miri) { 1 } else { 5 } * BATCH as u32 + 10;
    let store = filled(1..count);
    assert_eq!(add(&store, 0, -1, 4), (1..count - 2).collect::<Vec<_>>());
    assert_eq!(store.len(), 3);
}

#[test]
fn the_same_object_again_is_given_back_and_becomes_the_newest_of_its_second() {
    for others in [0, 60] {
        let store = filled(1000..1000 + others);
        let (first, second) = (session(1), session(2));
        for session in [&first, &second] {
            let _added = store.insert(&key(*session.0), session.clone(), Expiry::new(UnixTime(5), Seconds(5)), 0);
        }
        let again = store.insert(&key(1), first.clone(), Expiry::new(UnixTime(5), Seconds(5)), 2);
        assert_eq!(again.outcome, Outcome::AlreadyThere(first.clone()));
        assert!(again.evicted.is_empty());
        drop(again);
        assert_eq!(Arc::strong_count(&first.0), 2);
        store.validate();
        assert_eq!(numbers(store.pop_soonest(2)), [2, 1]);
    }
}

#[test]
fn another_object_of_the_same_key_is_replaced_and_makes_room_like_a_new_one() {
    let store = filled(1..5);
    let replaced = store.insert(&key(2), session(20), at(9), 3);
    assert!(matches!(&replaced.outcome, Outcome::Replaced(old) if *old.0 == 2));
    assert_eq!(numbers(replaced.evicted), [1, 3]);
    store.validate();
    assert_eq!(numbers(store.pop_soonest(9)), [4, 20]);
}

#[test]
fn what_is_not_there_is_not_replaced() {
    for number in [3, 300] {
        let store = filled(0..number);
        let replace = |id, by, second| numbers(store.replace(&key(id), session(by), at(second)));
        assert_eq!(replace(number, 9000, 1), []);
        assert_eq!(replace(1, 9001, i64::from(number)), [1]);
        assert_eq!(replace(1, 9002, i64::from(number)), [9001]);
        assert_eq!((numbers(store.get(&key(1))), store.len()), (vec![9002], number as usize));
        store.validate();
        let order = numbers(store.pop_soonest(number as usize));
        assert_eq!((order[0], order[1], order.last()), (0, 2, Some(&9002)), "it leaves by its new expiry");
        assert_eq!(replace(1, 9003, 1), []);
    }
}

#[test]
fn expired_sessions_are_taken_from_the_second_after_their_last_on() {
    let store = filled(10..20);
    assert!(store.take_expired(UnixTime(10), 9).is_empty());
    assert_eq!(numbers(store.take_expired(UnixTime(13), 2)), [10, 11]);
    assert_eq!(numbers(store.take_expired(UnixTime(13), 9)), [12]);
    let _added = store.insert(&key(1), session(1), Expiry::new(UnixTime(i64::MAX), Seconds(300)), 0);
    assert_eq!(numbers(store.take_expired(UnixTime(i64::MAX), 99)), (13..20).collect::<Vec<_>>());
    assert!(store.take_expired(UnixTime(i64::MAX), 9).is_empty());
    assert_eq!(numbers(store.pop_soonest(9)), [1]);
}

#[test]
fn no_more_are_taken_than_asked_for_however_many_there_are() {
    let store = filled(0..100);
    assert!(store.take_expired(UnixTime(i64::MAX), 0).is_empty() && store.pop_soonest(0).is_empty());
    assert_eq!(store.take_expired(UnixTime(i64::MAX), usize::MAX).len(), 100);
    assert!(store.pop_soonest(usize::MAX).is_empty());
}

#[test]
fn an_empty_id_and_two_versions_of_an_id_are_sessions_like_others() {
    let store = Memory::new();
    let keys = [
        Key::new(ProtocolVersion(0x0303), b""),
        Key::new(ProtocolVersion(0x0304), b""),
        Key::new(ProtocolVersion(0x0303), b"a"),
        Key::new(ProtocolVersion(0x0304), b"a"),
    ];
    for (number, key) in (0..).zip(&keys) {
        assert_eq!(store.insert(key, session(number), Expiry::new(UnixTime(1), Seconds(1)), 0).outcome, Outcome::Added);
    }
    let evicted = store.insert(&key(9), session(9), Expiry::new(UnixTime(1), Seconds(1)), 2).evicted;
    assert_eq!(numbers(evicted), [0, 1, 2, 3]);
}

#[test]
fn a_placed_session_is_found_under_its_new_key_only_and_leaves_by_its_new_expiry() {
    for others in [0, 60] {
        let store = filled(1000..1000 + others);
        let moved = session(1);
        for (id, session) in [(1, moved.clone()), (2, session(2)), (3, session(3))] {
            let _added = store.insert(&key(id), session, at(i64::from(id)), 0);
        }
        assert_eq!(store.reposition(&key(1), &key(4), &moved, at(3)), Repositioned::Moved(None));
        store.validate();
        assert!(!store.contains(&key(1)));
        assert_eq!(store.get(&key(4)), Some(moved.clone()));
        assert_eq!(store.reposition(&key(4), &key(4), &moved, at(1)), Repositioned::Moved(None));
        assert_eq!(numbers(store.pop_soonest(3)), [1, 2, 3]);
        assert_eq!(Arc::strong_count(&moved.0), 1);
    }
}

#[test]
fn a_placed_session_displaces_another_object_and_joins_itself() {
    let store = filled(0..5);
    let moved = store.get(&key(1)).unwrap();
    let Repositioned::Moved(Some(displaced)) = store.reposition(&key(1), &key(2), &moved, at(2)) else {
        panic!("session 2 was displaced")
    };
    assert_eq!((*displaced.0, store.len()), (2, 4));
    let _under_both = store.insert(&key(3), moved.clone(), at(3), 0);
    assert_eq!(Arc::strong_count(&moved.0), 3);
    assert_eq!(store.reposition(&key(2), &key(3), &moved, at(9)), Repositioned::Moved(None));
    assert_eq!((store.len(), Arc::strong_count(&moved.0)), (3, 2));
    store.validate();
}

#[test]
fn only_the_very_object_is_placed() {
    let store = filled(0..3);
    assert_eq!(store.reposition(&key(1), &key(7), &session(1), at(9)), Repositioned::NotHere);
    assert_eq!(store.reposition(&key(7), &key(1), &session(1), at(9)), Repositioned::NotHere);
    assert_eq!(numbers(store.pop_soonest(9)), [0, 1, 2]);
}

#[test]
fn seconds_come_and_go_in_any_order() {
    let count = if cfg!(miri) { 50 } else { 2000 };
    let store = Memory::new();
    let mut left = Vec::new();
    for id in 0..count {
        let second = i64::from(id * 7919 % 97);
        left.extend(numbers(store.insert(&key(id), session(id), at(second), 90).evicted));
        if id % 3 == 0 {
            left.extend(numbers(store.take(&key(id / 2))));
        }
        if !cfg!(miri) || id % 32 == 0 {
            store.validate();
        }
    }
    left.extend(numbers(store.pop_soonest(usize::MAX)));
    left.sort_unstable();
    assert_eq!(left, (0..count).collect::<Vec<_>>());
}

#[test]
fn a_dropped_store_gives_every_reference_back() {
    for count in [1, 5, 100] {
        let store = filled(0..count);
        let kept = store.get(&key(0)).unwrap();
        drop(store);
        assert_eq!(Arc::strong_count(&kept.0), 1);
    }
}

#[test]
fn a_session_that_is_there_is_found_at_every_moment_while_the_store_grows() {
    let count = if cfg!(miri) { 60 } else { 20_000 };
    let store = filled(0..10);
    let grown = Flag::new(false);
    thread::scope(|scope| {
        for reader in 0..3 {
            let (store, grown) = (&store, &grown);
            scope.spawn(move || {
                for id in (0..10).cycle().skip(reader) {
                    assert_eq!(store.get(&key(id)).map(|session| *session.0), Some(id));
                    if grown.load(Relaxed) {
                        break;
                    }
                }
            });
        }
        for id in 10..count {
            let _added = store.insert(&key(id), session(id), at(i64::from(id)), 0);
        }
        grown.store(true, Relaxed);
    });
    store.validate();
    assert_eq!(numbers(store.pop_soonest(usize::MAX)), (0..count).collect::<Vec<_>>());
}

/// Changes a shared store as one of several threads.
fn work(store: &Memory<Session>, known: &[Session], worker: u32, rounds: u32) {
    let mut random = worker.wrapping_mul(0x9E37_79B9) | 1;
    for round in 0..rounds {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let (of, other) = (random as usize % known.len(), (random >> 8) as usize % known.len());
        let (id, expiry) = (*known[of].0, at(i64::from(random >> 26)));
        match random >> 16 & 7 {
            0 => drop(store.take(&key(id))),
            1 => drop(store.take_expired(UnixTime(i64::from(round % 64)), 8)),
            2 => drop(store.pop_soonest(2)),
            3 => drop(store.reposition(&key(id), &key(*known[other].0), &known[of], expiry)),
            4 => drop(store.insert(&key(id), known[other].clone(), expiry, 50)),
            5 => _ = store.contains(&key(id)),
            _ => drop(store.insert(&key(id), known[of].clone(), expiry, 0)),
        }
        drop(store.get(&key(id)));
        if round % 64 == 0 {
            drop(gate::close(&mut Patience::default()));
        }
    }
}

#[test]
fn threads_that_do_everything_at_once_lose_no_session_and_no_reference() {
    let (rounds, sessions) = if cfg!(miri) { (40, 40) } else { (20_000, 300) };
    let known: Vec<_> = (0..sessions).map(session).collect();
    let store = Memory::new();
    thread::scope(|scope| {
        for worker in 1..=4 {
            let (store, known) = (&store, &known);
            scope.spawn(move || work(store, known, worker, rounds));
        }
    });
    store.validate();
    let held: usize = known.iter().map(|session| Arc::strong_count(&session.0) - 1).sum();
    assert_eq!(held, store.len());
    drop(store);
    assert!(known.iter().all(|session| Arc::strong_count(&session.0) == 1));
}

/// The oldest insertion is evicted first.
const OLDEST_FIRST: MemoryRules =
    MemoryRules { capacity: Capacity::Size, eviction: Eviction::OldestFirst, adding_again: Stays };

#[test]
fn where_the_oldest_is_evicted_first_expiry_decides_only_flushes() {
    let store = Memory::with_rules(OLDEST_FIRST);
    for (id, second) in [(0, 9), (1, 3), (2, 6)] {
        assert!(add(&store, id, second, 3).is_empty());
    }
    let resident = store.get(&key(0)).unwrap();
    let again = store.insert(&key(0), resident.clone(), at(20), 3);
    assert!(matches!(again.outcome, Outcome::AlreadyThere(_)));
    drop(again);
    // A new time does not make it younger either.
    assert_eq!(store.reposition(&key(0), &key(0), &resident, at(4)), Repositioned::Moved(None));
    assert_eq!(add(&store, 3, 1, 3), [0]);
    // But another object under its key does.
    let replaced = store.insert(&key(1), session(11), at(3), 3);
    assert!(matches!(&replaced.outcome, Outcome::Replaced(old) if *old.0 == 1));
    drop(replaced);
    assert_eq!(add(&store, 4, 5, 3), [2]);
    assert_eq!(numbers(store.pop_soonest(9)), [3, 11, 4]);
}

#[test]
fn a_session_that_stays_is_found_by_a_flush_when_it_expires_sooner() {
    let store = Memory::with_rules(MemoryRules { adding_again: Stays, ..MemoryRules::SOONEST_FIRST });
    let known: Vec<_> = (0..3).map(session).collect();
    for (id, session) in known.iter().enumerate() {
        drop(store.insert(&key(id as u32), session.clone(), at(5), 0));
    }
    drop(store.insert(&key(0), known[0].clone(), at(7), 0));
    drop(store.insert(&key(2), known[2].clone(), at(2), 0));
    store.validate();
    assert_eq!(numbers(store.take_expired(UnixTime(3), 9)), [2]);
    assert_eq!(numbers(store.pop_soonest(9)), [0, 1]);
}
