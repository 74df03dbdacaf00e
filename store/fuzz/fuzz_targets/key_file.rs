//! `cargo +nightly fuzz run key_file`: a key file's text, of libFuzzer's choice.
#![no_main]

use sslsession_store::key_file::Keys;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    for text in [input.to_vec(), [LINE, input, b"\n", LINE].concat()] {
        match read(&text) {
            Ok(keys) => check(&text, keys.secrets().collect()),
            Err(why) => check_refusal(&text, &why),
        }
    }
});

/// Returns the keys of a file of that text.
fn read(text: &[u8]) -> Result<Keys, String> {
    let path = PathBuf::from(format!("/dev/shm/sslsession-fuzz-key-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a file");
    file.write_all(text).expect("it is written");
    let keys = Keys::read_all(&path);
    let _ = fs::remove_file(&path);
    keys.map_err(|error| error.to_string())
}

const LINE: &[u8] = b"0123456789abcdef0123456789abcdef\n";

/// Checks that each key is a line of the text, and long enough.
fn check(text: &[u8], keys: Vec<&[u8]>) {
    assert!((1..=16).contains(&keys.len()));
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    for key in keys {
        assert!(key.len() >= 32 && key.iter().all(|byte| (b' '..=b'~').contains(byte)) && key[0] != b'#');
        assert!(lines.any(|line| line == key), "in the order of the lines");
    }
}

/// Checks that the reason is one line, and shows nothing of a possible key: it is the same for other characters.
fn check_refusal(text: &[u8], why: &str) {
    assert!(!why.contains('\n') && why.len() < 300, "{why}");
    let other = |&byte: &u8| if byte.is_ascii_graphic() && byte != b'#' { b'k' } else { byte };
    assert_eq!(read(&text.iter().map(other).collect::<Vec<_>>()).map(|_| ()), Err(why.to_owned()));
}
