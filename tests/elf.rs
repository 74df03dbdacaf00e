//! The shared library as the dynamic loader sees it, proved with `readelf -W`. `make check-elf` runs this.

mod common;
mod exports;

use common::{
    library,
    process::{Outcome, run},
};
use std::{collections::BTreeMap, process::Command, time::Duration};

const DEADLINE: Duration = Duration::from_secs(60);

/// What a preloaded program must reach, and the node under which OpenSSL has it (README, "Functions"). SSL_add_session and
/// SSL_remove_session are 0.9.7a's, the mode's functions are macros in OpenSSL: programs built against ours ask for them.
const PRELOADED: [(&str, &str); 28] = [
    ("SSL_CTX_add_session", "OPENSSL_3.0.0"),
    ("SSL_CTX_ctrl", "OPENSSL_3.0.0"),
    ("SSL_CTX_flush_sessions", "OPENSSL_3.0.0"),
    ("SSL_CTX_flush_sessions_ex", "OPENSSL_3.4.0"),
    ("SSL_CTX_get_session_cache_mode", "OPENSSL_3.0.0"),
    ("SSL_CTX_new", "OPENSSL_3.0.0"),
    ("SSL_CTX_new_ex", "OPENSSL_3.0.0"),
    ("SSL_CTX_remove_session", "OPENSSL_3.0.0"),
    ("SSL_CTX_sess_get_get_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_sess_get_new_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_sess_get_remove_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_sess_set_get_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_sess_set_new_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_sess_set_remove_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_sessions", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_session_cache_mode", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set1_id", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set_protocol_version", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set_time", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set_time_ex", "OPENSSL_3.3.0"),
    ("SSL_SESSION_set_timeout", "OPENSSL_3.0.0"),
    ("SSL_add_session", "OPENSSL_3.0.0"),
    ("SSL_free", "OPENSSL_3.0.0"),
    ("SSL_has_matching_session_id", "OPENSSL_3.0.0"),
    ("SSL_new", "OPENSSL_3.0.0"),
    ("SSL_remove_session", "OPENSSL_3.0.0"),
    ("SSL_set_SSL_CTX", "OPENSSL_3.0.0"),
    ("SSL_set_session", "OPENSSL_3.0.0"),
];

/// On everything else.
const OWN_NODE: &str = "SSLSESSION_0";

fn readelf(options: &[&str]) -> String {
    let outcome: Outcome = run(Command::new("readelf").arg("-W").args(options).arg(library()), DEADLINE);
    assert!(outcome.success(), "readelf {outcome}");
    String::from_utf8(outcome.stdout).expect("readelf writes text")
}

/// What the dynamic section says under `tag`, a line each.
fn dynamic(tag: &str) -> Vec<String> {
    let section = readelf(&["--dynamic"]);
    let tag = format!("({tag})");
    section.lines().filter_map(|line| Some(line.split_once(&tag)?.1.trim().to_owned())).collect()
}

/// The dynamic symbols: section index, and the name with its version. The first one is the empty symbol.
fn symbols() -> Vec<(String, String)> {
    let table = readelf(&["--dyn-syms"]);
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() >= 8 && row[0].ends_with(':') && row[0] != "Num:");
    rows.map(|row| (row[6].to_owned(), row[7].to_owned())).collect()
}

fn defined() -> Vec<String> {
    symbols().into_iter().filter(|(section, _)| section != "UND" && section != "ABS").map(|(_, name)| name).collect()
}

#[test]
fn exports_are_those_of_the_source_each_with_its_node() {
    let pages = exports::pages(common::root());
    let functions = pages.iter().flat_map(|page| &page.functions);
    let mut expected: Vec<String> = functions.map(|function| format!("{}@@{}", function.name, function.node)).collect();
    let mut found = defined();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_preloaded_program_reaches_what_it_must_and_no_more() {
    let found: BTreeMap<String, String> = defined()
        .iter()
        .filter_map(|name| name.split_once("@@"))
        .filter(|(_, node)| *node != OWN_NODE)
        .map(|(name, node)| (name.to_owned(), node.to_owned()))
        .collect();
    let expected = PRELOADED.map(|(name, node)| (name.to_owned(), node.to_owned()));
    assert_eq!(found, BTreeMap::from(expected));
}

#[test]
fn it_has_a_name_of_its_own() {
    assert_eq!(dynamic("SONAME"), ["Library soname: [libsslsession.so]"]);
}

#[test]
fn it_stays_loaded_and_is_bound_at_once() {
    let flags = dynamic("FLAGS_1").join(" ");
    assert!(flags.contains("NODELETE"), "FLAGS_1 is {flags}");
    assert!(flags.contains("NOW"), "FLAGS_1 is {flags}");
    let flags = dynamic("FLAGS").join(" ");
    assert!(flags.contains("BIND_NOW"), "FLAGS is {flags}");
    // Our own calls between exported functions must not be another object's to catch.
    assert!(flags.contains("SYMBOLIC"), "FLAGS is {flags}");
}

/// Nothing but the C library and the compiler's: one libssl more would come into every process.
#[test]
fn it_needs_no_openssl() {
    let needed = dynamic("NEEDED");
    let allowed = ["libgcc_s.so.1", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2"];
    assert!(!needed.is_empty(), "readelf shows what is needed");
    for line in &needed {
        assert!(allowed.iter().any(|name| line.ends_with(&format!("[{name}]"))), "{line}");
    }
}

#[test]
fn it_searches_no_directories() {
    assert_eq!(dynamic("RPATH"), [""; 0]);
    assert_eq!(dynamic("RUNPATH"), [""; 0]);
}

/// OpenSSL's functions are looked up at the first call. An undefined one would end a process that has no OpenSSL.
#[test]
fn it_asks_the_loader_for_nothing_of_openssl() {
    let undefined: Vec<String> = symbols()
        .into_iter()
        .filter(|(section, name)| section == "UND" && !name.is_empty())
        .map(|(_, name)| name)
        .collect();
    assert!(undefined.iter().any(|name| name.starts_with("malloc@") || name.starts_with("dl")), "{undefined:?}");
    for name in undefined {
        let foreign = ["SSL", "TLS", "DTLS", "CRYPTO", "OPENSSL", "ERR_", "BIO_", "OSSL"];
        assert!(!foreign.iter().any(|prefix| name.starts_with(prefix)), "{name}");
    }
}

/// What runs at load: the compiler's own entry, Rust's, which notes the program's arguments, and one of ours, which copies
/// the settings before the program can change them. What that one does is proved by tests/settings.rs.
#[test]
fn only_the_settings_are_read_at_load() {
    let entries = load_functions();
    let (ours, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.contains("sslsession"));
    assert!(
        matches!(ours[..], [only] if only.contains("settings") && only.contains("at_load")),
        "{ours:?} run at load"
    );
    let allowed = ["frame_dummy", "std::sys::args::", "std3sys4args"];
    for entry in others {
        assert!(allowed.iter().any(|name| entry.contains(name)), "{entry} runs at load");
    }
    let sections = readelf(&["--sections"]);
    assert!(!sections.contains(".preinit_array") && !sections.contains(".ctors"), "these would run at load too");
}

/// The symbols to which the entries of .init_array point.
fn load_functions() -> Vec<String> {
    let sections = readelf(&["--sections"]);
    let array = sections.lines().find_map(|line| line.split_once(" .init_array ").map(|(_, after)| after));
    let columns: Vec<&str> = array.expect("there is an .init_array").split_whitespace().collect();
    let hex = |text: &str| u64::from_str_radix(text, 16).expect("a hexadecimal number");
    let (start, size) = (hex(columns[1]), hex(columns[3]));
    let relocations = readelf(&["--relocs"]);
    let targets = relocations.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let place = u64::from_str_radix(columns.first()?, 16).ok()?;
        (start..start + size).contains(&place).then(|| hex(columns.last().expect("a relocation has an addend")))
    });
    let names = readelf(&["--syms"]);
    targets.map(|target| function_at(&names, target)).collect()
}

fn function_at(symbols: &str, address: u64) -> String {
    let found = symbols.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let value = u64::from_str_radix(columns.get(1)?, 16).ok()?;
        (value == address && columns.get(3) == Some(&"FUNC")).then(|| columns[7..].join(" "))
    });
    found.unwrap_or_else(|| format!("an unnamed function at {address:#x}"))
}
