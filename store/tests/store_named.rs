//! The shared store in a file: what is found again, what is refused, and what its bytes tell.
//! (Who maps it and what becomes of its locks: store_owners.rs.)
#![cfg(not(any(shuttle, miri)))]

#[path = "../../tests/common/mod.rs"]
mod common;
mod records;

use common::Scratch;
use records::*;
use sslsession_store::key_file::Keys;
use sslsession_store::shared::Event;
use sslsession_store::time::Seconds;
use sslsession_store::{Expiry, Lookup, RecordStore, Shared};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{io::Write, thread};

const MIB: usize = 1 << 20;

/// The end of a store of that size: what its processes have counted.
const SLOTS: usize = 128 * 448;

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
fn a_named_store_is_found_again_with_all_its_sessions() {
    let scratch = Scratch::new("store");
    let (path, store) = named(&scratch, &['a']);
    insert(&store, b"one", b"bytes");
    let (_, other) = named(&scratch, &['a']);
    assert_eq!(find(&other, b"one").as_deref(), Some(&b"bytes"[..]), "at the same time");
    assert_eq!(
        store.find(&name(b"one"), Some(fingerprint(&other, b"bytes")), NOW),
        Lookup::Current,
        "fingerprints are the same"
    );
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
    assert_eq!((find(&old, b"new"), old.statistics().counted(Event::Refused)), (None, 1));
}

/// Returns true if the file has a session's bytes, whole or in part.
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

/// Returns the flags of this process's mapping of so many KiB, of which there is one.
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
    let (mut tampered, mut harmless) = (0, 0);
    for at in (4096..MIB - SLOTS).filter(|&at| before[at] != after[at]) {
        file.write_all_at(&[after[at] ^ 0x10], at as u64).expect("it is written");
        match store.find(&name(b"one"), None, NOW) {
            Lookup::Record(bytes) => {
                assert_eq!(&bytes[..], b"bytes of a session");
                harmless += 1;
            }
            Lookup::Missing | Lookup::PolicyMismatch | Lookup::Unavailable => tampered += 1,
            Lookup::Current => panic!("nobody asked"),
        }
        file.write_all_at(&after[4096..MIB - SLOTS], 4096).expect("it is written");
    }
    // The count of records and the ring's ends tell nothing of a record.
    assert!(tampered >= 45 && harmless < 24, "{tampered} of {}", tampered + harmless);
    let refused = store.statistics().counted(Event::Refused);
    assert!(refused > 38, "{refused}");
}

#[test]
fn a_file_that_is_no_store_of_ours_is_refused() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    let refused = |what: &str| {
        let store = Shared::named(&path, MIB, &keys(&scratch, &['a']));
        let why = store.err().unwrap_or_else(|| panic!("not refused: {what}"));
        assert!(why.to_string().contains(what), "{why}");
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
    fs::write(&path, [b"sslsession store", &1u32.to_ne_bytes()[..], &[0; 200]].concat()).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    refused("is a store of layout 1");
    drop(named(&scratch, &['a']));
    fs::hard_link(&path, scratch.join("second name")).expect("a link");
    refused("has 2 names");
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

/// Runs this test binary again, as the shell's last command, to open the store of that path and say how that went.
fn open_elsewhere(path: &Path, before: &str) -> String {
    let this = std::env::current_exe().expect("its own path");
    let script =
        format!("{before}; exec \"$0\" --exact opens_what_another_process_of_these_tests_asks_for --nocapture");
    let output = Command::new("sh").arg("-c").arg(script).arg(this).env("STORE_TO_OPEN", path).output().expect("sh");
    assert!(output.status.success(), "{:?}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let said = text.lines().find_map(|line| line.split_once("opened: ")).expect("it says how that went");
    said.1.to_owned()
}

#[test]
fn opens_what_another_process_of_these_tests_asks_for() {
    let Some(path) = std::env::var_os("STORE_TO_OPEN").map(PathBuf::from) else { return };
    let opened =
        Keys::beside(&path).map(|keys| Shared::named(&path, MIB, &keys).map(|store| insert(&store, b"x", b"y")));
    let said = match opened {
        Err(why) => why.to_string(),
        Ok(store) => store.map_or_else(|why| why.to_string(), |_| "well".to_owned()),
    };
    println!("opened: {said}");
}

/// Beyond the limit the kernel ends who makes a file larger.
#[test]
fn a_limit_on_the_size_of_files_is_an_error() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    assert!(open_elsewhere(&path, "ulimit -f 0").contains("cannot be made: it may have no bytes"));
    let why = open_elsewhere(&path, "ulimit -f 100");
    assert!(why.contains("needs 1048576 bytes") && why.contains("ulimit -f"), "{why}");
    assert_eq!(open_elsewhere(&path, "true"), "well");
    assert_eq!(open_elsewhere(&path, "ulimit -f 0"), "well", "a store that is there grows no more");
}

#[test]
fn four_descriptors_are_enough_and_a_mask_takes_no_rights() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    assert_eq!(open_elsewhere(&path, "ulimit -n 4; umask 0277"), "well");
    for file in [path.clone(), scratch.join("store.key")] {
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o7777, 0o600, "{}", file.display());
    }
    assert_eq!(open_elsewhere(&path, "ulimit -n 4"), "well");
}

/// A backup that was restored may have holes: memory of a hole for which there is no room ends who touches it.
#[test]
fn the_room_of_a_store_with_holes_is_taken() {
    let scratch = Scratch::new("store");
    let (path, store) = named(&scratch, &['a']);
    insert(&store, b"one", b"bytes");
    drop(store);
    let bytes = fs::read(&path).expect("the file");
    fs::remove_file(&path).expect("there is one");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a file");
    file.set_len(MIB as u64).expect("a hole");
    for (number, block) in bytes.chunks(4096).enumerate().filter(|(_, block)| block.iter().any(|&byte| byte != 0)) {
        file.write_all_at(block, 4096 * number as u64).expect("written");
    }
    let room = || fs::metadata(&path).expect("a file").blocks() * 512;
    assert!(room() < MIB as u64 / 2);
    let (_, store) = named(&scratch, &['a']);
    assert!(room() >= MIB as u64 && find(&store, b"one").is_some());
}

/// His lock is not waited for. Only root can try it.
#[test]
fn another_users_file_is_refused_at_once() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    let file = fs::File::create(&path).expect("a file");
    file.lock().expect("a lock");
    if chown(&path, Some(65534), None).is_err() {
        return;
    }
    let since = Instant::now();
    let why = Shared::named(&path, MIB, &keys(&scratch, &['a'])).err().expect("refused");
    assert!(why.to_string().contains("belongs to user 65534") && since.elapsed() < Duration::from_secs(1), "{why}");
}

#[test]
fn keys_are_exchanged_without_a_loss_and_others_open_nothing() {
    let scratch = Scratch::new("store");
    let (path, first) = named(&scratch, &['a']);
    insert(&first, b"one", b"bytes");
    let (_, second) = named(&scratch, &['b', 'a']);
    drop(first);
    let (_, third) = named(&scratch, &['b']);
    insert(&third, b"two", b"bytes");
    assert!(find(&second, b"one").is_some() && find(&second, b"two").is_some());
    let why = Shared::named(&path, MIB, &keys(&scratch, &['x'])).err().expect("refused while others have it");
    assert!(why.to_string().contains("sealed with other keys"), "{why}");
    drop((second, third));
    let (_, anew) = named(&scratch, &['x']);
    assert!(anew.is_empty() && insert(&anew, b"one", b"bytes"), "nobody had it, and none of these keys opens anything");
    assert!(fs::read(&path).expect("the file")[4096 + 64..MIB - SLOTS].iter().filter(|&&byte| byte != 0).count() < 200);
}

/// Returns the records of a store as its file has them: hash, policy and expiry of each, by that expiry.
fn records(path: &Path, expiries: &[u32]) -> Vec<(u64, u64)> {
    let bytes = fs::read(path).expect("the file");
    let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let record = |expiry: &u32| {
        let is_here = |&at: &usize| bytes[at..at + 4] == expiry.to_ne_bytes();
        let at = (4096..MIB).step_by(8).find(is_here).expect("a record of that expiry");
        (word(at - 16), word(at - 8))
    };
    expiries.iter().map(record).collect()
}

/// A reader of the file has its salt, and can try names and policies by the million.
#[test]
fn the_file_shows_neither_what_a_session_was_for_nor_whose_two_sessions_have_in_common() {
    use siphasher::sip::SipHasher13;
    use std::hash::Hasher;
    let scratch = Scratch::new("store");
    let (path, store) = named(&scratch, &['a']);
    let end = NOW.0 as u32 + 77;
    for (number, id) in [b"one", b"two"].into_iter().enumerate() {
        store.insert(&name(id), store.fingerprint(b"x", Expiry::new(NOW, Seconds(77 + number as i64))), b"bytes");
    }
    let found = records(&path, &[end, end + 1]);
    assert!(found[0].1 != 0 && found[1].1 != 0 && found[0].1 != found[1].1, "of the policy that asks for nothing");
    let salt = fs::read(&path).expect("the file")[32..48].to_vec();
    let half = |at: usize| u64::from_ne_bytes(salt[at..at + 8].try_into().expect("eight bytes"));
    let mut hasher = SipHasher13::new_with_keys(half(0), half(8));
    hasher.write(&SCOPE);
    hasher.write_i32(0x0303);
    hasher.write(b"one");
    assert_ne!(hasher.finish(), found[0].0);
    let other = Scratch::new("store");
    let (other_path, elsewhere) = named(&other, &['a']);
    elsewhere.insert(&name(b"one"), elsewhere.fingerprint(b"x", Expiry::new(NOW, Seconds(77))), b"bytes");
    assert_ne!(records(&other_path, &[end])[0].0, found[0].0, "nor does another store of that key tell");
}
