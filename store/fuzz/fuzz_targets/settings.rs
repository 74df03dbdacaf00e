//! `cargo +nightly fuzz run settings`: values of the variables that name a store, of libFuzzer's choice.
#![no_main]

use sslsession_store::config::{self, Config, SharedConfig};
use std::path::{Component, Path};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for beginning in ["", "shared", "shared:", "shared:/", "shared,size=", "shared:x,size="] {
        check(&[beginning.as_bytes(), input].concat());
    }
    if let Ok(path) = config::absolute(input) {
        check_path(&path);
    }
});

/// Checks that a value taken for a store can be opened as one, and that any other has a reason.
fn check(value: &[u8]) {
    match Config::parse(value) {
        Ok(Config::Shared(SharedConfig { path, size, .. })) => {
            assert!(size.is_none_or(SharedConfig::is_size), "{size:?}");
            path.iter().for_each(|path| check_path(path));
        }
        Ok(Config::Memory) => assert_eq!(value, b"memory"),
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
}

fn check_path(path: &Path) {
    assert!(path.is_absolute() && path.file_name().is_some(), "{path:?}");
    assert!(path.components().all(|part| part != Component::ParentDir), "{path:?}");
}
