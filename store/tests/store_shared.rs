//! The shared store by itself: what it finds, keeps and refuses. (In a file:
//! store_named.rs; processes that die in it: store_crash.rs, store_owners.rs.)
#![cfg(not(any(shuttle, miri)))]

mod records;

use records::*;
use sslsession_store::config::SharedConfig;
use sslsession_store::shared::Event;
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Lookup, Policy, RecordKey, RecordStore, Shared};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const MIN_SIZE: usize = SharedConfig::MIN_SIZE;
const MAX_SIZE: usize = SharedConfig::MAX_SIZE;

const MIB: usize = 1 << 20;

fn anonymous() -> Shared {
    Shared::anonymous(MIB).expect("memory")
}

#[test]
fn a_session_is_found_until_it_is_over_or_removed() {
    let store = anonymous();
    assert!(insert(&store, b"one", b"bytes") && find(&store, b"one").as_deref() == Some(b"bytes"));
    let at = |after| matches!(store.find(&name(b"one"), None, UnixTime(NOW.0 + after)), Lookup::Record(_));
    assert_eq!([-100, 10, 11].map(at), [true, true, false]);
    assert!(!store.remove(&name(b"one")) && insert(&store, b"one", b"bytes"));
    assert!(store.remove(&name(b"one")) && !store.remove(&name(b"one")));
    assert_eq!((find(&store, b"one"), store.len()), (None, 0));
    let never = store.fingerprint(b"", Expiry::NEVER);
    assert!(
        store.insert(&name(b"two"), never, b"")
            && matches!(store.find(&name(b"two"), None, UnixTime(i64::MAX)), Lookup::Record(_))
    );
}

#[test]
fn when_the_clock_is_set_back_what_was_over_lives_longer_unless_somebody_saw_its_end() {
    let store = anonymous();
    insert(&store, b"one", b"bytes");
    assert!(matches!(store.find(&name(b"one"), None, UnixTime(i64::MIN)), Lookup::Record(_)));
    assert!(matches!(store.find(&name(b"one"), None, UnixTime(NOW.0 + 10)), Lookup::Record(_)));
    assert_eq!(store.find(&name(b"one"), None, UnixTime(NOW.0 + 11)), Lookup::Missing);
    assert_eq!(store.find(&name(b"one"), None, UnixTime(0)), Lookup::Missing, "it is wiped");
    assert_eq!((store.len(), store.statistics().counted(Event::Expired)), (0, 1));
}

#[test]
fn scope_version_and_id_name_it_and_its_policy_withholds_it() {
    let store = anonymous();
    insert(&store, b"one", b"bytes");
    let other = [8; 16];
    assert_eq!(store.find(&RecordKey { scope: &other, ..name(b"one") }, None, NOW), Lookup::Missing);
    assert_eq!(store.find(&RecordKey { version: ProtocolVersion(0x0304), ..name(b"one") }, None, NOW), Lookup::Missing);
    let asking = RecordKey { policy: Policy::new(1, 2, None), ..name(b"one") };
    assert_eq!(
        (store.find(&asking, None, NOW), store.take(&asking, None, NOW)),
        (Lookup::PolicyMismatch, Lookup::PolicyMismatch)
    );
    assert_eq!(store.policy(&asking), Some(NOTHING));
    assert!(store.remove(&asking), "but it is removed");
    assert_eq!(store.policy(&asking), None);
}

/// A connection's final policy matters as soon as it is settled, and all find a session for any name.
#[test]
fn a_policy_is_compared_as_far_as_it_is_known() {
    let store = anonymous();
    let asked = |begun, settled| Policy::new(begun, 9, settled);
    let found =
        |id: &[u8], policy| matches!(store.find(&RecordKey { policy, ..name(id) }, None, NOW), Lookup::Record(_));
    let settled = 5 << 40;
    store.insert(&RecordKey { policy: asked(1, Some(settled)), ..name(b"one") }, fingerprint(&store, b""), b"");
    assert!(found(b"one", asked(1, None)) && found(b"one", asked(1, Some(settled))));
    assert!(
        !found(b"one", asked(2, None)) && !found(b"one", asked(1, Some(6 << 40))) && !found(b"one", asked(1, Some(0)))
    );
    store.insert(
        &RecordKey { policy: Policy::new(9, 9, Some(settled)), ..name(b"any") },
        fingerprint(&store, b""),
        b"",
    );
    assert!(found(b"any", asked(1, None)) && found(b"any", asked(2, Some(settled))));
    assert!(!found(b"any", Policy::new(1, 8, None)) && !found(b"any", asked(1, Some(0))));
}

#[test]
fn a_session_that_is_known_is_not_copied_and_over_or_not_it_stands() {
    let store = anonymous();
    insert(&store, b"one", b"bytes");
    let (known, other) = (fingerprint(&store, b"bytes"), fingerprint(&store, b"other bytes"));
    assert!(matches!(store.find(&name(b"one"), Some(other), NOW), Lookup::Record(_)));
    assert_eq!(store.find(&name(b"one"), Some(known), UnixTime(NOW.0 + 1000)), Lookup::Current);
    assert_eq!(store.find(&name(b"one"), Some(known), NOW), Lookup::Missing, "it was over then");
    insert(&store, b"one", b"bytes");
    let longer = store.fingerprint(b"bytes", Expiry::new(NOW, Seconds(11)));
    assert!(matches!(store.find(&name(b"one"), Some(longer), NOW), Lookup::Record(_)), "it was changed");
    assert_eq!(store.take(&name(b"one"), Some(known), UnixTime(NOW.0 + 1000)), Lookup::Current);
    assert_eq!(store.find(&name(b"one"), Some(known), NOW), Lookup::Missing);
}

#[test]
fn of_many_threads_one_takes_it() {
    let store = anonymous();
    for round in 0..200u32 {
        let id = round.to_ne_bytes();
        insert(&store, &id, b"once");
        let takes = || u32::from(matches!(store.take(&name(&id), None, NOW), Lookup::Record(_)));
        let taken: u32 = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(takes)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(taken, 1);
    }
}

#[test]
fn a_full_store_lets_the_oldest_of_a_partition_go() {
    let store = Shared::anonymous(MIN_SIZE).expect("memory");
    let ids: Vec<[u8; 4]> = (0..2000u32).map(u32::to_ne_bytes).collect();
    assert!(ids.iter().all(|id| insert(&store, id, &[9; 130])));
    let left: Vec<bool> = ids.iter().map(|id| find(&store, id).is_some()).collect();
    let first = left.iter().position(|&left| left).expect("some are left");
    assert!(left[first..].iter().all(|&left| left), "one partition: the newest, without a gap");
    assert_eq!((store.len(), store.statistics().counted(Event::Evicted) as usize), (2000 - first, first));
    assert!(store.len() > MIN_SIZE / 200, "{} in {MIN_SIZE} bytes", store.len());
}

/// A session's length is its client's choice, by the certificate that it shows.
#[test]
fn a_session_of_ten_kilobytes_is_kept_and_a_larger_one_is_not_in_whatever_store() {
    for size in [MIB, 64 * MIB] {
        let store = Shared::anonymous(size).expect("memory");
        let large = vec![5; 10 << 10];
        assert!(insert(&store, b"large", &large) && find(&store, b"large") == Some(large.clone()));
        assert!(insert(&store, b"one", b"small"));
        assert!(!insert(&store, b"one", &[&large[..], b"1"].concat()), "what had its name is another session");
        assert_eq!((find(&store, b"one"), store.statistics().counted(Event::TooLarge)), (None, 1));
    }
}

#[test]
fn sessions_with_large_certificates_push_out_few_others() {
    let store = Shared::anonymous(64 * MIB).expect("memory");
    let others: Vec<[u8; 4]> = (0..50u32).map(u32::to_ne_bytes).collect();
    assert!(others.iter().all(|id| insert(&store, id, &[1; 150])));
    let attacker = vec![2; 98 << 10];
    assert!((0..2000u32).all(|n| !insert(&store, &[&b"attacker"[..], &n.to_ne_bytes()].concat(), &attacker)));
    assert_eq!(others.iter().filter(|&id| find(&store, id).is_some()).count(), 50);
}

#[test]
fn a_record_is_replaced_only_while_it_is_that_of_the_session() {
    let store = anonymous();
    let (before, later) = (fingerprint(&store, b"secret"), store.fingerprint(b"secret", Expiry::new(NOW, Seconds(99))));
    let replace = |known| store.replace(&name(b"one"), known, &name(b"one"), later, b"later");
    assert!(!replace(before) && find(&store, b"one").is_none(), "there is none");
    let withheld = Policy::new(1, 2, Some(3 << 40));
    let stored = RecordKey { policy: withheld, ..name(b"one") };
    assert!(store.insert(&stored, before, b"first") && replace(before));
    assert!(
        matches!(store.find(&stored, None, UnixTime(NOW.0 + 99)), Lookup::Record(bytes) if bytes[..] == b"later"[..])
    );
    assert_eq!(store.find(&name(b"one"), None, NOW), Lookup::PolicyMismatch, "its policy is what it was");
    assert!(replace(later), "whatever its expiry has become");
    assert!(store.remove(&stored) && !replace(before) && store.is_empty(), "removed is removed");
    assert!(insert(&store, b"one", b"another") && !replace(before));
    assert_eq!(find(&store, b"one").as_deref(), Some(&b"another"[..]), "another session of that id");
}

#[test]
fn a_record_that_gets_another_id_is_never_there_twice() {
    let store = anonymous();
    for n in 0..100u8 {
        let (was, is) = ([n, 0], [n, 1]);
        insert(&store, &was, b"bytes");
        let known = fingerprint(&store, b"bytes");
        assert!(store.replace(&name(&was), known, &name(&is), known, b"bytes"));
        assert!(find(&store, &was).is_none() && find(&store, &is).is_some());
        assert!(!store.replace(&name(&was), known, &name(&is), known, b"again"));
        assert_eq!(find(&store, &is).as_deref(), Some(&b"bytes"[..]));
    }
}

/// A change at that moment does not bring back a record that another thread removes, or takes.
#[test]
fn what_is_removed_or_taken_while_it_is_changed_does_not_come_back() {
    let store = anonymous();
    let known = fingerprint(&store, b"bytes");
    for round in 0..2000u32 {
        let id = round.to_ne_bytes();
        insert(&store, &id, b"bytes");
        thread::scope(|scope| {
            scope.spawn(|| while store.replace(&name(&id), known, &name(&id), known, b"bytes") {});
            let taken = match round % 2 {
                0 => store.remove(&name(&id)),
                _ => matches!(store.take(&name(&id), None, NOW), Lookup::Record(_)),
            };
            assert!(taken);
        });
        assert!(find(&store, &id).is_none(), "round {round}");
    }
}

/// One operation a second, and on another session, is enough.
#[test]
fn what_is_over_is_wiped_though_nobody_asks_for_it() {
    let store = Shared::anonymous(64 * MIB).expect("memory");
    let ids: Vec<[u8; 4]> = (0..300u32).map(u32::to_ne_bytes).collect();
    assert!(ids.iter().all(|id| insert(&store, id, b"bytes")));
    let longer = store.fingerprint(b"", Expiry::new(NOW, Seconds(1000)));
    assert!(store.insert(&name(b"longer"), longer, b"") && store.len() == 301);
    store.expire(UnixTime(NOW.0 + 10));
    assert_eq!(store.len(), 301, "all in their last second");
    assert_eq!(store.find(&name(b"nobody's"), None, UnixTime(NOW.0 + 11)), Lookup::Missing);
    assert_eq!((store.len(), store.statistics().counted(Event::Expired)), (1, 300));
    assert!(matches!(store.find(&name(b"longer"), None, UnixTime(NOW.0 + 11)), Lookup::Record(_)));
}

/// A full store is got through within half an hour, and what is left of it works.
#[test]
fn a_full_store_is_looked_through_within_half_an_hour() {
    let store = Shared::anonymous(16 * MIB).expect("memory");
    (0..120_000u32).for_each(|n| assert!(insert(&store, &n.to_ne_bytes(), &[3; 130])));
    let full = store.len();
    let seconds = (11..).take_while(|&second| {
        store.expire(UnixTime(NOW.0 + second));
        !store.is_empty()
    });
    let seconds = seconds.count();
    assert!(full > 80_000 && (20..1800).contains(&seconds), "{full} in {seconds} seconds");
    assert!(insert(&store, b"one", b"bytes") && find(&store, b"one").is_some());
}

#[test]
fn a_hundred_thousand_scopes_cost_no_more_than_their_sessions() {
    let store = Shared::anonymous(32 * MIB).expect("memory");
    let scope = |n: u32| std::array::from_fn(|at| (n >> (at % 4 * 8)) as u8);
    for n in 0..100_000 {
        let scope = scope(n);
        let name = RecordKey { scope: &scope, ..name(b"one id") };
        assert!(store.insert(&name, fingerprint(&store, b""), &n.to_ne_bytes()));
    }
    let found = (0..100_000).filter(|&n| {
        let (scope, expected) = (scope(n), Lookup::Record(n.to_ne_bytes().to_vec().into()));
        store.find(&RecordKey { scope: &scope, ..name(b"one id") }, None, NOW) == expected
    });
    assert_eq!((found.count(), store.len()), (100_000, 100_000));
}

#[test]
fn a_store_is_neither_too_small_nor_too_large() {
    for size in [0, MIN_SIZE - 1, MAX_SIZE + 1, usize::MAX] {
        assert!(Shared::anonymous(size).is_err_and(|why| why.to_string().contains("bytes")), "{size}");
    }
    assert!(Shared::anonymous(MIN_SIZE).is_ok());
}

/// Longer than a sleeping owner is: a removal that is not done lets a session be resumed that must not be.
#[test]
fn an_owner_that_computes_is_waited_for() {
    let store = anonymous();
    assert!(insert(&store, b"one", b"bytes"));
    let (locked, is_locked) = mpsc::channel();
    let compute = || {
        locked.send(()).expect("somebody waits");
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(250) && store.statistics().counted(Event::Unavailable) == 0 {
            std::hint::spin_loop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| store.stall(&name(b"one"), false, compute));
        is_locked.recv().expect("the owner says so");
        assert!(store.remove(&name(b"one")), "{} out of reach", store.statistics().counted(Event::Unavailable));
    });
}
