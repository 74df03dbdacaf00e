//! The derivation of ticket keys, as docs/tickets.md has it: its test vectors are computed by `openssl kdf` here, and again by the
//! library.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{Scratch, process::run, root};
use proptest::prelude::*;
use sslsession_store::key_file::Keys;
use sslsession_store::ticket_keys::{Audience, KeyRing, Label, Line, Wanted, read};
use sslsession_store::time::UnixTime;
use std::{
    collections::BTreeMap, fs, fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf, process::Command,
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// The length of an epoch and the time of the vectors.
const EPOCH: u32 = 43_200;

/// Returns the vectors in docs/tickets.md: blocks of lines "name value" behind ```` ```text vectors ````.
fn vectors() -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(root().join("docs/tickets.md")).expect("docs/tickets.md");
    let blocks = text.split("```text vectors\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let pairs = |block: &str| {
        let pairs = block.lines().filter_map(|line| line.split_once(char::is_whitespace));
        pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    };
    blocks.map(pairs).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    assert_eq!(hex.len(), 2 * N, "{hex}");
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex digits"))
}

/// Derives by HKDF of the program openssl: Extract with a salt, or Expand with an info.
fn kdf(mode: &str, key: &str, option: &str, value: &str, length: usize) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args(["kdf", "-binary", "-keylen", &length.to_string()]);
    for option in ["digest:SHA256", mode, &format!("hexkey:{key}"), &format!("{option}:{value}")] {
        openssl.args(["-kdfopt", option]);
    }
    let outcome = run(openssl.arg("HKDF"), DEADLINE);
    assert!(outcome.success(), "{openssl:?} {outcome}");
    hex(&outcome.stdout)
}

fn expand(key: &str, info: &str, length: usize) -> String {
    kdf("mode:EXPAND_ONLY", key, "hexinfo", info, length)
}

fn extract(salt: &str, secret: &str) -> String {
    kdf("mode:EXTRACT_ONLY", secret, "hexsalt", &hex(salt.as_bytes()), 32)
}

/// Returns everything derived from a vector's line, time, policy, server name and number.
fn derive(vector: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let (line, time) = (&vector["line"], vector["time"].parse::<i64>().expect("a time"));
    let epoch = time / i64::from(EPOCH);
    let mut all = vector.clone();
    let key = match line.split_once('@') {
        None => extract("sslsession ticket", &hex(line.as_bytes())),
        Some((key, day)) => {
            let last_second = (epoch + 1) * i64::from(EPOCH) - 1;
            let days = last_second / 86_400 - day.parse::<i64>().expect("a day");
            (0..days).fold(key.to_owned(), |key, _| expand(&key, &hex(b"sslsession ratchet"), 32))
        }
    };
    let of_epoch = hex(b"sslsession epoch") + &hex(&EPOCH.to_be_bytes()) + &hex(&epoch.to_be_bytes());
    let root = expand(&key, &of_epoch, 32);
    let name = hex(vector["server_name"].as_bytes());
    let tag = expand(&root, &(hex(b"tag") + "00" + &vector["policy"] + &name), 8);
    let family = expand(&root, &(hex(b"family") + &vector["number"]), 8);
    let keys = expand(&root, &(hex(b"keys") + &tag + &name), 64);
    for (name, value) in [("key", key), ("epoch_key", root), ("tag", tag), ("family", family)] {
        all.insert(name.to_owned(), value);
    }
    all.insert("hmac_key".to_owned(), keys[..64].to_owned());
    all.insert("aes_key".to_owned(), keys[64..].to_owned());
    all
}

/// The keys' memory is left out of core dumps ("dd" among the flags of its mapping).
#[test]
fn keys_are_in_no_core_dump() {
    let ring = KeyRing::new(EPOCH).expect("memory");
    let maps = fs::read_to_string("/proc/self/smaps").expect("a /proc");
    assert!(maps.lines().any(|line| line.starts_with("VmFlags:") && line.contains(" dd")), "{maps}");
    drop(ring);
}

#[test]
fn the_vectors_are_what_openssl_derives() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 2, "a line that stays, and one that changes daily");
    for vector in vectors {
        assert_eq!(vector, derive(&vector), "docs/tickets.md (left)");
    }
}

/// Makes a key file in a directory that is removed with it.
fn key_file(scratch: &Scratch, text: &str) -> PathBuf {
    let path = scratch.join("keys");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its owner may");
    path
}

#[test]
fn the_vectors_are_what_the_library_derives() {
    let scratch = Scratch::new("tickets");
    for vector in vectors() {
        let lines = read(&key_file(&scratch, &vector["line"])).expect("a key file");
        let mut ring = KeyRing::new(EPOCH).expect("memory");
        ring.set(&lines);
        ring.move_to(UnixTime(vector["time"].parse().expect("a time")));
        let (policy, server_name) = (bytes(&vector["policy"]), vector["server_name"].clone().into_bytes());
        let audience = Audience { label: Label::Policy, policy, server_name };
        let number = bytes(&vector["number"]);
        let (name, keys) = ring.seal(&audience, &number).expect("a key");
        assert_eq!(hex(&name), vector["tag"].clone() + &vector["family"]);
        assert_eq!((hex(keys.hmac()), hex(keys.aes())), (vector["hmac_key"].clone(), vector["aes_key"].clone()));
        for wanted in [Wanted::Audience(&audience), Wanted::Family(&number, &audience.server_name)] {
            let (opened, is_present) = ring.open(&name, wanted, &number).expect("its keys");
            assert!(opened == keys && is_present, "{wanted:?}");
        }
    }
}

/// Changes one thing at a time: no other audience, family or name has the keys.
#[test]
fn a_ticket_is_for_one_audience() {
    let scratch = Scratch::new("tickets-audience");
    let key = "6f2d6a0c6d5f0f6fd1c05c1b9ac0a8cbb2d0c5a1f1f0a1fcb8f1a1f9c3f5d7e9";
    let mut ring = KeyRing::new(EPOCH).expect("memory");
    ring.set(&read(&key_file(&scratch, key)).expect("a key file"));
    ring.move_to(UnixTime(1_800_000_000));
    let of = |label, policy: u8, server_name: &str| Audience {
        label,
        policy: [policy; 16],
        server_name: server_name.as_bytes().to_vec(),
    };
    let audience = of(Label::Policy, 1, "one.example");
    let number = [9; 16];
    let (name, _) = ring.seal(&audience, &number).expect("a key");
    let others = [
        of(Label::Policy, 2, "one.example"),
        of(Label::Policy, 1, "another.example"),
        of(Label::Policy, 1, "one.exampl"),
        of(Label::Policy, 1, ""),
        of(Label::Apart, 1, "one.example"),
        of(Label::Uncertain, 1, "one.example"),
    ];
    for other in &others {
        assert!(ring.open(&name, Wanted::Audience(other), &number).is_none(), "{other:?}");
    }
    assert!(ring.open(&name, Wanted::Family(&[8; 16], &audience.server_name), &number).is_none());
    for bit in 0..64 {
        let mut flipped = name;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(ring.open(&flipped, Wanted::Audience(&audience), &number).is_none(), "bit {bit}");
    }
    // More audiences than are kept: all have their own keys, also the first again.
    let many: Vec<_> = (0..200).map(|at| of(Label::Policy, at, "one.example")).collect();
    let sealed: Vec<_> = many.iter().map(|of| ring.seal(of, &number).expect("a key")).collect();
    for (of, (name, keys)) in many.iter().zip(&sealed) {
        assert!(ring.open(name, Wanted::Audience(of), &number).is_some_and(|(opened, _)| opened == *keys), "{of:?}");
    }
}

proptest! {
    /// Names of tickets, server names, key files and clocks of any kind, as store/fuzz/fuzz_targets/ticket_keys.rs has them: what was
    /// sealed just now opens, for its audience and its family, and nothing else does.
    #[test]
    fn only_what_was_sealed_opens(
        texts in prop::collection::vec(prop_oneof![".{0,80}", "[0-9a-f]{64}@20[0-9]{3}", "[0-9a-f]{64}"], 0..6),
        server_name in prop::collection::vec(any::<u8>(), 0..300),
        numbers in any::<([u8; 16], [u8; 16], [u8; 16])>(),
        epoch in 1_u32..=86_400,
        times in prop::collection::vec(prop_oneof![1_700_000_000_i64..1_800_000_000, -(1_i64 << 40)..0, (1_i64 << 36)..(1 << 40)], 1..4),
    ) {
        let (policy, number, noise) = numbers;
        let mut lines: Vec<Line> = texts.iter().filter_map(|text| Line::of(text.as_bytes())).collect();
        lines.push(Line { key: [1; 32], day: None });
        let mut ring = KeyRing::new(epoch).expect("memory");
        ring.set(&lines);
        let of = Audience { label: Label::Policy, policy, server_name };
        let another = Audience { label: Label::Uncertain, ..of.clone() };
        for now in times {
            ring.move_to(UnixTime(now));
            let sealed = ring.seal(&of, &number);
            prop_assert_eq!(sealed.is_some(), ring.can_seal());
            for wanted in [Wanted::Audience(&of), Wanted::Family(&number, &of.server_name)] {
                prop_assert!(ring.open(&noise, wanted, &number).is_none());
                if let Some((name, keys)) = &sealed {
                    prop_assert!(ring.open(name, wanted, &number).is_some_and(|(same, is_present)| same == *keys && is_present));
                    prop_assert!(ring.open(name, Wanted::Audience(&another), &number).is_none());
                    prop_assert!(ring.open(name, Wanted::Family(&noise, &of.server_name), &number).is_none());
                }
            }
        }
    }
}

/// A file may have lines for tickets alone beside those of a store.
#[test]
fn lines_that_change_daily_are_for_tickets_alone() {
    let scratch = Scratch::new("tickets-lines");
    let (stays, walks) = ("x".repeat(40), format!("{}@20000", "ab".repeat(32)));
    let days = |text: &str| -> Result<Vec<_>, String> {
        let lines = read(&key_file(&scratch, text)).map_err(|why| why.to_string())?;
        Ok(lines.iter().map(|line| line.day).collect())
    };
    assert_eq!(days(&stays), Ok(vec![None]));
    assert_eq!(days(&format!("{stays}\n{walks}\n# comment\n{walks}")), Ok(vec![Some(20_000); 2]));
    let refused = days(&format!("{}@1000001", "ab".repeat(32)));
    assert!(refused.is_err_and(|why| why.contains("HEX@DAY")));
    let store = |text: &str| {
        let keys = Keys::read(&key_file(&scratch, text)).map_err(|why| why.to_string())?;
        Ok::<_, String>(keys.secrets().count())
    };
    assert_eq!(store(&format!("{walks}\n{stays}")), Ok(1));
    assert!(store(&walks).is_err_and(|why| why.contains("needs one that stays")));
}
