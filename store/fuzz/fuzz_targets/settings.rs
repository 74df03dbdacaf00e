//! `cargo +nightly fuzz run settings`: values of the variables, of libFuzzer's choice.
#![no_main]

use sslsession::settings::{Shared, Store, parse};
use std::path::{Component, Path};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for beginning in ["", "shared", "shared:", "shared:/", "shared,size=", "shared:x,size="] {
        check(&[beginning.as_bytes(), input].concat());
    }
    let _ = (parse::attach(input), parse::tickets(input));
    if let Ok(Some(path)) = parse::key_file(input) {
        check_path(&path);
    }
});

/// Checks that a value taken for a store can be opened as one, and that any other has a reason.
fn check(value: &[u8]) {
    match parse::store(value) {
        Ok(Store::Shared(Shared { path, size })) => {
            let fits = |size| (Shared::MIN_SIZE..=Shared::MAX_SIZE).contains(&size);
            assert!(size.is_none_or(fits), "{size:?}");
            path.iter().for_each(|path| check_path(path));
        }
        Ok(Store::Memory) => assert_eq!(value, b"memory"),
        Err(reason) => assert!(!reason.is_empty()),
    }
}

fn check_path(path: &Path) {
    assert!(path.is_absolute() && path.file_name().is_some(), "{path:?}");
    assert!(path.components().all(|part| part != Component::ParentDir), "{path:?}");
}
