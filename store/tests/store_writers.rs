//! Somebody who writes a named store's file without its key: what repeated serial numbers and copies tell, and what can be
//! brought back.
#![cfg(not(any(shuttle, miri)))]

#[path = "../../tests/common/mod.rs"]
mod common;
mod records;

use common::Scratch;
use records::*;
use sslsession_store::key_file::Keys;
use sslsession_store::time::Seconds;
use sslsession_store::{Expiry, RecordStore, Shared};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

fn keys(scratch: &Scratch) -> Keys {
    let path = scratch.join("keys");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a key file");
    writeln!(file, "{}", "a".repeat(64)).expect("it is written");
    Keys::read(&path).expect("keys")
}

/// Returns the place of the only word of a partition's head that an insertion changes: the serial number.
fn place_of_serial(path: &Path, store: &Shared) -> u64 {
    let head = || fs::read(path).expect("the file")[4096..4096 + 64].to_vec();
    let before = head();
    assert!(insert(store, b"to see the serial", b"bytes"));
    let after = head();
    let changed: Vec<usize> = (0..64).step_by(8).filter(|&at| before[at..at + 8] != after[at..at + 8]).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    4096 + changed[0] as u64
}

/// Inserts a session that expires `number` seconds later than any before, and returns its body as it lies in the file: serial,
/// tag, ciphertext.
fn sealed(path: &Path, store: &Shared, number: i64, id: &[u8], body: &[u8]) -> ([u8; 8], Vec<u8>) {
    assert!(store.insert(&name(id), store.fingerprint(b"x", Expiry::new(NOW, Seconds(1000 + number))), body));
    let bytes = fs::read(path).expect("the file");
    let expiry = ((NOW.0 + 1000 + number) as u32).to_ne_bytes();
    let at = (4096..bytes.len()).step_by(8).find(|&at| bytes[at..at + 4] == expiry).expect("the record") + 8;
    (bytes[at..at + 8].try_into().expect("eight bytes"), bytes[at + 24..at + 24 + body.len()].to_vec())
}

/// Returns a body whose bytes are another's in each session.
fn body_of(number: i64) -> Vec<u8> {
    (0..96).map(|at: i64| (number * 31 + at * at * 7 + (number * at) % 251) as u8).collect()
}

/// Returns true if two ciphertexts differ by what their bodies differ by, in any eight bytes: of one key stream they do.
fn tell(texts: [&[u8]; 2], bodies: [&[u8]; 2]) -> bool {
    let by = |[one, other]: [&[u8]; 2]| one.iter().zip(other).map(|(one, other)| one ^ other).collect::<Vec<u8>>();
    by(texts).windows(8).zip(by(bodies).windows(8)).any(|(texts, bodies)| texts == bodies)
}

/// Plays somebody who writes the file without the key, and sets the serial number back before each session.
#[test]
fn serials_that_are_set_back_tell_nothing() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    let store = Shared::named(&path, 65536, &keys(&scratch)).expect("a store");
    let serial = place_of_serial(&path, &store);
    let file = OpenOptions::new().write(true).open(&path).expect("the file");
    let seen: Vec<_> = (0..60)
        .map(|number| {
            file.write_all_at(&[0; 8], serial).expect("it is written");
            sealed(&path, &store, number, &number.to_le_bytes(), &body_of(number))
        })
        .collect();
    assert!(seen.iter().all(|(serial, _)| *serial == seen[0].0), "the attack is one");
    let bodies: Vec<_> = (0..60).map(body_of).collect();
    for (one, other) in (0..60).flat_map(|one| (0..one).map(move |other| (one, other))) {
        assert!(!tell([&seen[one].1, &seen[other].1], [&bodies[one], &bodies[other]]), "{one}, {other}");
    }
    assert_eq!(find(&store, &59_i64.to_le_bytes()), Some(body_of(59)));
}

/// A file that is copied goes on in two places, with one key and one serial number.
#[test]
fn copies_that_both_go_on_tell_nothing() {
    let scratch = Scratch::new("store");
    let (first, second) = (scratch.join("store"), scratch.join("copy"));
    let keys = keys(&scratch);
    let one = Shared::named(&first, 65536, &keys).expect("a store");
    assert!(insert(&one, b"before", b"bytes"));
    fs::copy(&first, &second).expect("it is copied");
    let other = Shared::named(&second, 65536, &keys).expect("a store");
    assert!(find(&other, b"before").is_some());
    let bodies = [body_of(1), body_of(2)];
    let seen = [(&first, &one, &bodies[0]), (&second, &other, &bodies[1])]
        .map(|(path, store, body)| sealed(path, store, 1, b"after", body));
    assert_eq!(seen[0].0, seen[1].0, "both have the same serial");
    assert!(!tell([&seen[0].1, &seen[1].1], [&bodies[0], &bodies[1]]));
}

/// Plays somebody who writes back what was there: a removed record, as docs/security.md says, and no other.
#[test]
fn who_has_no_key_brings_back_what_was_there_and_nothing_else() {
    let scratch = Scratch::new("store");
    let path = scratch.join("store");
    let store = Shared::named(&path, 65536, &keys(&scratch)).expect("a store");
    assert!(insert(&store, b"one", b"bytes of one") && insert(&store, b"two", b"bytes of two"));
    let before = fs::read(&path).expect("the file");
    assert!(store.remove(&name(b"one")) && find(&store, b"one").is_none());
    let file = OpenOptions::new().write(true).open(&path).expect("the file");
    file.write_all_at(&before[4096 + 64..], 4096 + 64).expect("it is written");
    assert_eq!(find(&store, b"one"), Some(b"bytes of one".to_vec()));
    // The two sealed bodies, exchanged: each was sealed for its own id.
    let ends: Vec<usize> = (4096..before.len())
        .step_by(8)
        .filter(|&at| before[at..at + 4] == ((NOW.0 + 10) as u32).to_ne_bytes())
        .map(|at| at + 8)
        .collect();
    let [one, two] = ends[..] else { panic!("{ends:?}") };
    let length = 24 + b"bytes of one".len();
    file.write_all_at(&before[one..one + length], two as u64).expect("it is written");
    file.write_all_at(&before[two..two + length], one as u64).expect("it is written");
    assert!(find(&store, b"one").is_none() && find(&store, b"two").is_none());
}
