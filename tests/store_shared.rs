//! The shared store by itself: what it finds, keeps and refuses. (Processes that die in it: store_crash.rs.)
#![cfg(not(any(shuttle, miri)))]

mod common;

use common::Scratch;
use sslsession::store::shared::{Event, Keys, LARGEST, SMALLEST};
use sslsession::store::{Expiry, Found, Mark, Name, Policy, Scope, Shared};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{io::Write, thread};

const MIB: usize = 1 << 20;
const NOW: i64 = 1_800_000_000;
const SCOPE: Scope = [7; 16];

/// Nothing is asked of a client.
const NOTHING: Policy = Policy::new(0, 0, Some(0));

fn name(id: &[u8]) -> Name<'_> {
    Name { scope: &SCOPE, policy: NOTHING, version: 0x0303, id }
}

/// The mark of a session of that secret, over after ten seconds.
fn mark(store: &Shared, secret: &[u8]) -> Mark {
    store.mark(secret, Expiry::new(NOW, 10))
}

fn insert(store: &Shared, id: &[u8], bytes: &[u8]) -> bool {
    store.insert(&name(id), mark(store, bytes), bytes)
}

fn find(store: &Shared, id: &[u8]) -> Option<Vec<u8>> {
    match store.find(&name(id), None, NOW) {
        Found::Record(bytes) => Some(bytes.to_vec()),
        Found::Missing => None,
        found => panic!("{found:?}"),
    }
}

fn anonymous() -> Shared {
    Shared::anonymous(MIB).expect("memory")
}

fn keys(scratch: &Scratch, lines: &[char]) -> Keys {
    let path = scratch.join("keys");
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a key file");
    lines.iter().for_each(|&line| writeln!(file, "{}", String::from(line).repeat(64)).expect("it is written"));
    Keys::read(&path).expect("keys")
}

fn named(scratch: &Scratch, lines: &[char]) -> (PathBuf, Shared) {
    let path = scratch.join("store");
    let store = Shared::named(&path, MIB, &keys(scratch, lines)).expect("a store");
    (path, store)
}

#[test]
fn a_session_is_found_until_it_is_over_or_removed() {
    let store = anonymous();
    assert!(insert(&store, b"one", b"bytes") && find(&store, b"one").as_deref() == Some(b"bytes"));
    let at = |now| matches!(store.find(&name(b"one"), None, now), Found::Record(_));
    assert_eq!([NOW - 100, NOW + 10, NOW + 11].map(at), [true, true, false]);
    assert!(store.remove(&name(b"one")) && !store.remove(&name(b"one")));
    assert_eq!((find(&store, b"one"), store.len()), (None, 0));
    let never = store.mark(b"", Expiry::NEVER);
    assert!(
        store.insert(&name(b"two"), never, b"")
            && matches!(store.find(&name(b"two"), None, i64::MAX), Found::Record(_))
    );
}

/// A clock that was set back makes sessions live longer, as in OpenSSL, and nothing else.
#[test]
fn when_the_clock_is_set_back_what_was_over_is_found_again() {
    let store = anonymous();
    insert(&store, b"one", b"bytes");
    assert_eq!(store.find(&name(b"one"), None, NOW + 11), Found::Missing);
    assert!(matches!(store.find(&name(b"one"), None, 0), Found::Record(_)));
    assert!(matches!(store.find(&name(b"one"), None, i64::MIN), Found::Record(_)));
}

#[test]
fn scope_version_and_id_name_it_and_its_policy_withholds_it() {
    let store = anonymous();
    insert(&store, b"one", b"bytes");
    let other = [8; 16];
    assert_eq!(store.find(&Name { scope: &other, ..name(b"one") }, None, NOW), Found::Missing);
    assert_eq!(store.find(&Name { version: 0x0304, ..name(b"one") }, None, NOW), Found::Missing);
    let asking = Name { policy: Policy::new(1, 2, None), ..name(b"one") };
    assert_eq!((store.find(&asking, None, NOW), store.take(&asking, None, NOW)), (Found::Withheld, Found::Withheld));
    assert_eq!(store.policy(&asking), Some(NOTHING));
    assert!(store.remove(&asking), "but it is removed");
    assert_eq!(store.policy(&asking), None);
}

/// What a connection asks in the end matters as soon as it is settled, and a session for any name is found by all.
#[test]
fn a_policy_is_compared_as_far_as_it_is_known() {
    let store = anonymous();
    let asked = |begun, settled| Policy::new(begun, 9, settled);
    let found = |id: &[u8], policy| matches!(store.find(&Name { policy, ..name(id) }, None, NOW), Found::Record(_));
    let settled = 5 << 40;
    store.insert(&Name { policy: asked(1, Some(settled)), ..name(b"one") }, mark(&store, b""), b"");
    assert!(found(b"one", asked(1, None)) && found(b"one", asked(1, Some(settled))));
    assert!(
        !found(b"one", asked(2, None)) && !found(b"one", asked(1, Some(6 << 40))) && !found(b"one", asked(1, Some(0)))
    );
    store.insert(&Name { policy: Policy::new(9, 9, Some(settled)), ..name(b"any") }, mark(&store, b""), b"");
    assert!(found(b"any", asked(1, None)) && found(b"any", asked(2, Some(settled))));
    assert!(!found(b"any", Policy::new(1, 8, None)) && !found(b"any", asked(1, Some(0))));
}

#[test]
fn a_session_that_is_known_is_not_copied_and_over_or_not_it_stands() {
    let store = anonymous();
    insert(&store, b"one", b"bytes");
    let (known, other) = (mark(&store, b"bytes"), mark(&store, b"other bytes"));
    assert_eq!(store.find(&name(b"one"), Some(known), NOW + 1000), Found::Standing);
    assert!(matches!(store.find(&name(b"one"), Some(other), NOW), Found::Record(_)));
    assert_eq!(store.find(&name(b"one"), Some(other), NOW + 1000), Found::Missing);
    let longer = store.mark(b"bytes", Expiry::new(NOW, 11));
    assert!(matches!(store.find(&name(b"one"), Some(longer), NOW), Found::Record(_)), "it was changed");
    assert_eq!(store.take(&name(b"one"), Some(known), NOW + 1000), Found::Standing);
    assert_eq!(store.find(&name(b"one"), Some(known), NOW), Found::Missing);
}

#[test]
fn of_many_threads_one_takes_it() {
    let store = anonymous();
    for round in 0..200u32 {
        let id = round.to_ne_bytes();
        insert(&store, &id, b"once");
        let takes = || u32::from(matches!(store.take(&name(&id), None, NOW), Found::Record(_)));
        let taken: u32 = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(takes)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(taken, 1);
    }
}

#[test]
fn a_full_store_lets_the_oldest_of_a_partition_go() {
    let store = Shared::anonymous(SMALLEST).expect("memory");
    let ids: Vec<[u8; 4]> = (0..2000u32).map(u32::to_ne_bytes).collect();
    assert!(ids.iter().all(|id| insert(&store, id, &[9; 130])));
    let left: Vec<bool> = ids.iter().map(|id| find(&store, id).is_some()).collect();
    let first = left.iter().position(|&left| left).expect("some are left");
    assert!(left[first..].iter().all(|&left| left), "one partition: the newest, without a gap");
    assert_eq!((store.len(), store.counted(Event::Evicted) as usize), (2000 - first, first));
    assert!(store.len() > SMALLEST / 200, "{} in {SMALLEST} bytes", store.len());
}

#[test]
fn a_session_of_tens_of_kilobytes_is_kept_and_one_larger_than_a_partition_is_not() {
    let store = Shared::anonymous(64 * MIB).expect("memory");
    let large = vec![5; 60_000];
    assert!(insert(&store, b"large", &large) && find(&store, b"large") == Some(large));
    assert!(insert(&store, b"one", b"small"));
    assert!(!insert(&store, b"one", &vec![5; 2 * MIB]), "what had its name is another session");
    assert_eq!((find(&store, b"one"), store.counted(Event::TooLarge)), (None, 1));
}

#[test]
fn a_hundred_thousand_scopes_cost_no_more_than_their_sessions() {
    let store = Shared::anonymous(32 * MIB).expect("memory");
    let scope = |n: u32| std::array::from_fn(|at| (n >> (at % 4 * 8)) as u8);
    for n in 0..100_000 {
        let scope = scope(n);
        let name = Name { scope: &scope, ..name(b"one id") };
        assert!(store.insert(&name, mark(&store, b""), &n.to_ne_bytes()));
    }
    let found = (0..100_000).filter(|&n| {
        let (scope, expected) = (scope(n), Found::Record(n.to_ne_bytes().to_vec().into()));
        store.find(&Name { scope: &scope, ..name(b"one id") }, None, NOW) == expected
    });
    assert_eq!((found.count(), store.len()), (100_000, 100_000));
}

#[test]
fn a_store_is_neither_too_small_nor_too_large() {
    for size in [0, SMALLEST - 1, LARGEST + 1, usize::MAX] {
        assert!(Shared::anonymous(size).is_err_and(|why| why.contains("bytes")), "{size}");
    }
    assert!(Shared::anonymous(SMALLEST).is_ok());
}

#[test]
fn a_named_store_is_found_again_with_all_its_sessions() {
    let scratch = Scratch::new("store");
    let (path, store) = named(&scratch, &['a']);
    insert(&store, b"one", b"bytes");
    let (_, other) = named(&scratch, &['a']);
    assert_eq!(find(&other, b"one").as_deref(), Some(&b"bytes"[..]), "at the same time");
    assert_eq!(store.find(&name(b"one"), Some(mark(&other, b"bytes")), NOW), Found::Standing, "marks are the same");
    drop((store, other));
    let (_, later) = named(&scratch, &['a']);
    assert_eq!(find(&later, b"one").as_deref(), Some(&b"bytes"[..]), "later");
    assert_eq!(fs::metadata(path).expect("a file").permissions().mode() & 0o7777, 0o600);
}

#[test]
fn of_several_keys_the_first_seals_and_all_open() {
    let scratch = Scratch::new("store");
    let (_, old) = named(&scratch, &['a']);
    insert(&old, b"old", b"bytes");
    let (_, new) = named(&scratch, &['b', 'a']);
    assert_eq!(find(&new, b"old").as_deref(), Some(&b"bytes"[..]));
    insert(&new, b"new", b"bytes");
    assert_eq!((find(&old, b"new"), old.counted(Event::Refused)), (None, 1));
}

/// The bytes of sessions in the file, whole or in part.
fn shows(path: &Path, secret: &[u8]) -> bool {
    fs::read(path).expect("the file").windows(8).any(|bytes| secret.windows(8).any(|part| part == bytes))
}

#[test]
fn the_file_shows_nothing_of_a_session() {
    let scratch = Scratch::new("store");
    let (path, store) = named(&scratch, &['a']);
    let secret: Vec<u8> = (100..160).collect();
    insert(&store, b"one", &secret);
    assert!(find(&store, b"one").is_some() && !shows(&path, &secret));
}

/// The flags of this process's mapping of so many KiB, of which there is one.
fn flags_of_mapping(kib: usize) -> String {
    let mappings = fs::read_to_string("/proc/self/smaps").expect("Linux tells");
    let size = format!("{kib} kB");
    let mut lines = mappings.lines();
    lines.find(|line| line.strip_prefix("Size:").is_some_and(|found| found.trim() == size)).expect("the mapping");
    lines.find_map(|line| line.strip_prefix("VmFlags:")).expect("its flags").to_owned()
}

#[test]
fn the_memory_is_left_out_of_core_dumps() {
    let scratch = Scratch::new("store");
    let anonymous = Shared::anonymous(1236 << 10).expect("memory");
    let named = Shared::named(&scratch.join("store"), 1240 << 10, &keys(&scratch, &['a'])).expect("a store");
    for kib in [1236, 1240] {
        // "dd": do not dump.
        assert!(flags_of_mapping(kib).split_whitespace().any(|flag| flag == "dd"), "{}", flags_of_mapping(kib));
    }
    drop((anonymous, named));
}

/// Changes each byte that a record has in the file, one at a time.
#[test]
fn a_record_that_was_tampered_with_is_refused() {
    let scratch = Scratch::new("store");
    let (path, store) = named(&scratch, &['a']);
    let before = fs::read(&path).expect("the file");
    insert(&store, b"one", b"bytes of a session");
    let after = fs::read(&path).expect("the file");
    let file = OpenOptions::new().write(true).open(&path).expect("the file");
    let (mut tampered, mut harmless, mut refused) = (0, 0, 0);
    for at in (4096..after.len()).filter(|&at| before[at] != after[at]) {
        file.write_all_at(&[after[at] ^ 0x10], at as u64).expect("it is written");
        match store.find(&name(b"one"), None, NOW) {
            Found::Record(bytes) => {
                assert_eq!(&bytes[..], b"bytes of a session");
                harmless += 1;
            }
            Found::Missing | Found::Withheld | Found::OutOfReach => tampered += 1,
            Found::Standing => panic!("nobody asked"),
        }
        refused += store.counted(Event::Refused);
        // The counters go back with all else.
        file.write_all_at(&after[4096..], 4096).expect("it is written");
    }
    // Counters, the count of records and the ring's ends tell nothing of a record.
    assert!(tampered >= 45 && harmless < 24, "{tampered} of {}", tampered + harmless);
    assert!(refused > 38, "{refused}");
}

#[test]
fn a_file_that_is_no_store_of_ours_is_refused() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    let refused = |what: &str| {
        let store = Shared::named(&path, MIB, &keys(&scratch, &['a']));
        let why = store.err().unwrap_or_else(|| panic!("not refused: {what}"));
        assert!(why.contains(what), "{why}");
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).expect("there is one");
    };
    fs::write(&path, "no store").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    refused("no store of sessions");
    drop(named(&scratch, &['a']));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");
    refused("mode 0640");
    Shared::named(&path, 2 * MIB, &keys(&scratch, &['a'])).map(drop).expect("a store");
    refused("2097152 bytes");
    drop(named(&scratch, &['a']));
    OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(5000)).expect("cut");
    refused("cut short");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
    refused("symbolic links");
    fs::create_dir(&path).expect("a directory");
    refused("directory");
}

#[test]
fn who_died_while_making_it_leaves_a_file_that_the_next_one_makes() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    for length in [0, 4096, MIB as u64] {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a file");
        file.set_len(length).expect("zeros");
        let (_, store) = named(&scratch, &['a']);
        assert!(insert(&store, b"one", b"bytes") && find(&store, b"one").is_some());
        fs::remove_file(&path).expect("there is one");
    }
}

#[test]
fn locks_of_an_earlier_run_of_the_kernel_are_made_anew() {
    let scratch = Scratch::new("store");
    let (path, store) = named(&scratch, &['a']);
    insert(&store, b"one", b"bytes");
    drop(store);
    let file = OpenOptions::new().write(true).open(&path).expect("the file");
    // Every lock is held by nobody who lives, as after the power failed; and the kernel has another name for its run.
    (4096..MIB as u64).step_by(64).for_each(|at| {
        let mut start = [0; 4];
        fs::File::open(&path).and_then(|file| file.read_exact_at(&mut start, at + 16)).expect("read");
        if start == [0x90, 0, 0, 0] {
            file.write_all_at(&[1, 0, 0, 0], at).expect("written");
        }
    });
    file.write_all_at(&[b'x'; 36], 48).expect("written");
    let (_, store) = named(&scratch, &['a']);
    assert_eq!(find(&store, b"one").as_deref(), Some(&b"bytes"[..]));
}

#[test]
fn creators_at_once_end_up_in_one_store() {
    for _ in 0..20 {
        let scratch = Scratch::new("store");
        let (path, keys) = (scratch.join("store"), keys(&scratch, &['a']));
        let create = || Shared::named(&path, MIB, &keys).expect("a store");
        let stores: Vec<Shared> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        insert(&stores[0], b"one", b"bytes");
        assert!(stores.iter().all(|store| find(store, b"one").is_some()));
    }
}
