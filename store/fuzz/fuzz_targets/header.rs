//! `cargo +nightly fuzz run header`: a store's file of libFuzzer's choice, or a true one with bytes of its choice in it.
#![no_main]

use sslsession_store::version::ProtocolVersion;
use sslsession_store::time::UnixTime;
use sslsession_store::Expiry;
use sslsession_store::key_file::Keys;
use sslsession_store::RecordStore;
use sslsession_store::record::{Lookup, RecordKey, Policy};
use sslsession_store::config::SharedConfig;
use sslsession_store::shared::Shared;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else { return };
    let path = PathBuf::from(format!("/dev/shm/sslsession-fuzz-header-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let keys = keys(&path);
    if kind.is_multiple_of(2) {
        drop(Shared::named(&path, SharedConfig::MIN_SIZE, keys).expect("a new store"));
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).expect("a file");
    write(&file, kind, bytes);
    let before = fs::read(&path).expect("the file");
    match Shared::named(&path, SharedConfig::MIN_SIZE, keys) {
        Ok(store) => check(&store),
        // What is refused stays as it is.
        Err(why) => assert!(!why.to_string().is_empty() && fs::read(&path).expect("the file") == before, "{why}"),
    }
    if let Ok(store) = Shared::named(&path, SharedConfig::MIN_SIZE, keys) {
        check(&store);
    }
    let _ = fs::remove_file(&path);
});

/// Writes the bytes from the beginning, or over a part; and makes the file as long as a store, or not.
fn write(file: &File, kind: u8, bytes: &[u8]) {
    let at = if kind & 2 == 0 { 0 } else { u64::from(kind >> 3) * 8 };
    file.write_all_at(bytes, at).expect("it is written");
    if kind & 4 == 0 {
        file.set_len(SharedConfig::MIN_SIZE as u64).expect("it is made as long");
    }
}

/// Returns the keys, made once. Their file is removed at once, as nothing follows the last input.
fn keys(path: &Path) -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let keys = Keys::beside(path).expect("a key");
        fs::remove_file(format!("{}.key", path.display())).expect("its file");
        keys
    })
}

/// Checks that an accepted store works.
fn check(store: &Shared) {
    let name = RecordKey { scope: &[1; 16], policy: Policy::new(0, 0, Some(0)), version: ProtocolVersion(0x0303), id: b"one" };
    let insert = || store.insert(&name, store.fingerprint(b"secret", Expiry::NEVER), b"bytes");
    assert!(insert() || insert());
    assert!(matches!(store.find(&name, None, UnixTime(0)), Lookup::Record(bytes) if bytes[..] == b"bytes"[..]));
}
