//! The shared library as the dynamic loader sees it, proved with `readelf -W`. `make check-elf` runs this on a release
//! build, `make dist` on what it ships, with `SSLSESSION_TEST_FLOOR=GLIBC_2.28`: the newest version that it may need.

mod common;
mod exports;

use common::{
    library,
    process::{Outcome, run},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::Path,
    process::Command,
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Functions that a preloaded program must reach, and their nodes in OpenSSL (docs/c-developers.md). SSL_add_session
/// and SSL_remove_session are 0.9.7a's, the mode's functions are macros in OpenSSL: programs built with our header
/// call them.
const PRELOADED: [(&str, &str); 52] = [
    ("SSL_CTX_add_session", "OPENSSL_3.0.0"),
    ("SSL_CTX_callback_ctrl", "OPENSSL_3.0.0"),
    ("SSL_CTX_ctrl", "OPENSSL_3.0.0"),
    ("SSL_CTX_flush_sessions", "OPENSSL_3.0.0"),
    ("SSL_CTX_flush_sessions_ex", "OPENSSL_3.4.0"),
    ("SSL_CTX_get_session_cache_mode", "OPENSSL_3.0.0"),
    ("SSL_CTX_load_verify_store", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_default_verify_store", "OPENSSL_3.0.0"),
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
    ("SSL_CTX_set1_param", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_cert_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_cert_verify_callback", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_client_hello_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_psk_find_session_callback", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_psk_server_callback", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_purpose", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_session_cache_mode", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_session_ticket_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_srp_username_callback", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_tlsext_ticket_key_evp_cb", "OPENSSL_3.0.0"),
    ("SSL_CTX_set_trust", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set1_id", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set_ex_data", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set_protocol_version", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set_time", "OPENSSL_3.0.0"),
    ("SSL_SESSION_set_time_ex", "OPENSSL_3.3.0"),
    ("SSL_SESSION_set_timeout", "OPENSSL_3.0.0"),
    ("SSL_add_session", "OPENSSL_3.0.0"),
    ("SSL_free", "OPENSSL_3.0.0"),
    ("SSL_has_matching_session_id", "OPENSSL_3.0.0"),
    ("SSL_new", "OPENSSL_3.0.0"),
    ("SSL_remove_session", "OPENSSL_3.0.0"),
    ("SSL_set1_param", "OPENSSL_3.0.0"),
    ("SSL_set_SSL_CTX", "OPENSSL_3.0.0"),
    ("SSL_set_bio", "OPENSSL_3.0.0"),
    ("SSL_set_cert_cb", "OPENSSL_3.0.0"),
    ("SSL_set_connect_state", "OPENSSL_3.0.0"),
    ("SSL_set_fd", "OPENSSL_3.0.0"),
    ("SSL_set_psk_find_session_callback", "OPENSSL_3.0.0"),
    ("SSL_set_psk_server_callback", "OPENSSL_3.0.0"),
    ("SSL_set_purpose", "OPENSSL_3.0.0"),
    ("SSL_set_session", "OPENSSL_3.0.0"),
    ("SSL_set_trust", "OPENSSL_3.0.0"),
];

/// On everything else.
const OWN_NODE: &str = "SSLSESSION_0";

fn readelf(options: &[&str]) -> String {
    readelf_of(library(), options)
}

fn readelf_of(file: &Path, options: &[&str]) -> String {
    let outcome: Outcome = run(Command::new("readelf").arg("-W").args(options).arg(file), DEADLINE);
    assert!(outcome.success(), "readelf {outcome}");
    String::from_utf8(outcome.stdout).expect("readelf writes text")
}

/// Returns the entries of the dynamic section under `tag`, a line each.
fn dynamic(tag: &str) -> Vec<String> {
    let section = readelf(&["--dynamic"]);
    let tag = format!("({tag})");
    section.lines().filter_map(|line| Some(line.split_once(&tag)?.1.trim().to_owned())).collect()
}

/// Returns the dynamic symbols: section index, and the name with its version. Not those that only the linker needed.
fn symbols() -> Vec<(String, String)> {
    let table = readelf(&["--dyn-syms"]);
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() >= 8 && ["GLOBAL", "WEAK"].contains(&row[4]));
    rows.map(|row| (row[6].to_owned(), row[7].to_owned())).collect()
}

fn defined() -> Vec<String> {
    symbols().into_iter().filter(|(section, _)| section != "UND" && section != "ABS").map(|(_, name)| name).collect()
}

/// Returns the symbols that the loader must find elsewhere, or the program does not start.
fn undefined() -> Vec<String> {
    let table = readelf(&["--dyn-syms"]);
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() >= 8 && row[6] == "UND" && row[4] == "GLOBAL");
    rows.map(|row| row[7].to_owned()).collect()
}

/// Returns true if it is built for musl, whose loader knows no versions.
fn is_for_musl() -> bool {
    dynamic("NEEDED").iter().any(|line| line.ends_with("[libc.so]"))
}

/// Returns the newest version of glibc that may be needed. A shipped library has its own. One built for this machine
/// needs the version in which glibc's libraries became one, as it was linked with it.
fn floor() -> String {
    env::var("SSLSESSION_TEST_FLOOR").unwrap_or_else(|_| "GLIBC_2.34".to_owned())
}

fn is_shipped() -> bool {
    env::var_os("SSLSESSION_TEST_FLOOR").is_some()
}

#[test]
fn exports_are_those_of_the_source_each_under_its_nodes() {
    let pages = exports::pages(common::root());
    let functions = pages.iter().flat_map(|page| &page.functions);
    let at_nodes = |function: &exports::Function| {
        function.nodes.iter().map(|node| format!("{}@{node}", function.name)).collect::<Vec<_>>()
    };
    let mut expected: Vec<String> = functions.flat_map(at_nodes).collect();
    let mut found: Vec<String> = defined().iter().map(|name| name.replace("@@", "@")).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// Holds for a program that is linked with the library.
#[test]
fn each_name_has_one_default() {
    let defined = defined();
    let names: BTreeSet<&str> = defined.iter().filter_map(|name| name.split('@').next()).collect();
    let defaults: Vec<&str> = defined.iter().filter_map(|name| Some(name.split_once("@@")?.0)).collect();
    assert_eq!(defaults.len(), names.len());
    assert_eq!(BTreeSet::from_iter(defaults), names);
}

#[test]
fn a_preloaded_program_reaches_what_it_must_and_no_more() {
    let defined = defined();
    let versions = defined.iter().filter_map(|name| name.split_once('@'));
    let versions = versions.map(|(name, node)| (name, node.trim_start_matches('@')));
    let (of_openssl_3, others): (Vec<_>, Vec<_>) =
        versions.filter(|(_, node)| *node != OWN_NODE).partition(|(_, node)| node.starts_with("OPENSSL_3"));
    assert_eq!(BTreeMap::from_iter(of_openssl_3), BTreeMap::from(PRELOADED));
    for (name, node) in others {
        assert!(PRELOADED.iter().any(|known| known.0 == name), "{name}@{node}");
    }
}

/// The loader refuses a library that needs more, and with it every program.
#[test]
fn it_needs_no_newer_c_library() {
    let number = |version: &str| -> Vec<u32> {
        let digits = version.trim_start_matches("GLIBC_").split('.');
        digits.map(|digits| digits.parse().expect("a version of glibc")).collect()
    };
    let undefined = undefined();
    assert!(undefined.iter().any(|name| name.starts_with("malloc")), "{undefined:?}");
    if is_for_musl() {
        // Since 1.2.5: the floor is 1.2.4. What musl never had does not get past the linker (-z defs).
        let newer = ["statx", "preadv2", "pwritev2"];
        assert!(!undefined.iter().any(|name| newer.contains(&name.as_str()) || name.contains('@')), "{undefined:?}");
        return;
    }
    for name in undefined {
        let (_, version) = name.split_once('@').unwrap_or_else(|| panic!("{name} has no version"));
        if version.starts_with("GLIBC_") {
            assert!(number(version) <= number(&floor()), "{name}");
        }
    }
}

#[test]
fn it_has_a_name_of_its_own() {
    assert_eq!(dynamic("SONAME"), [format!("Library soname: [{}]", common::SONAME)]);
}

/// Both are read without loading it.
#[test]
fn it_says_its_version_and_its_build() {
    let notes = readelf(&["--notes"]);
    assert!(notes.contains("NT_GNU_BUILD_ID"), "{notes}");
    let version = format!("{}\0", env!("CARGO_PKG_VERSION"));
    let bytes: Vec<String> = version.bytes().map(|byte| format!("{byte:02x}")).collect();
    let of_ours = notes.split_once(".note.sslsession").map_or("", |(_, ours)| ours);
    let description = of_ours.split_once("description data: ").and_then(|(_, data)| data.lines().next());
    assert_eq!(description.map(str::trim_end), Some(bytes.join(" ").as_str()), "{notes}");
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

/// Nothing but the C library, and what is built here the compiler's: one libssl more would come into every process. What is
/// shipped may meet no libgcc_s.
#[test]
fn it_needs_no_openssl() {
    let needed = dynamic("NEEDED");
    let mut allowed =
        vec!["libc.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];
    if is_for_musl() {
        allowed = vec!["libc.so"];
    }
    if !is_shipped() {
        allowed.extend(["libgcc_s.so.1", "libm.so.6"]);
    }
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
    let undefined: Vec<String> =
        symbols().into_iter().filter(|(section, _)| section == "UND").map(|(_, name)| name).collect();
    assert!(undefined.iter().any(|name| name.starts_with("dl")), "{undefined:?}");
    for name in undefined {
        let foreign = ["SSL", "TLS", "DTLS", "CRYPTO", "OPENSSL", "ERR_", "BIO_", "OSSL"];
        assert!(!foreign.iter().any(|prefix| name.starts_with(prefix)), "{name}");
    }
}

/// Three functions run at load: the compiler's own entry, Rust's, which notes the program's arguments, and one of
/// ours, which copies the settings before the program can change them. tests/settings.rs proves the effect of that
/// one.
#[test]
fn only_the_settings_are_read_at_load_and_their_store_opened() {
    let entries = load_functions();
    let (ours, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.contains("sslsession"));
    assert!(matches!(ours[..], [only] if only.contains("capi") && only.contains("at_load")), "{ours:?} run at load");
    // The compiler's own; on arm64 they also ask what the processor can do.
    let of_compiler = ["frame_dummy", "init_have_lse_atomics", "__init_cpu_features"];
    let allowed = [&of_compiler[..], &["std::sys::args::", "std3sys4args"]].concat();
    for entry in others {
        assert!(allowed.iter().any(|name| entry.contains(name)), "{entry} runs at load");
    }
    let sections = readelf(&["--sections"]);
    assert!(!sections.contains(".preinit_array") && !sections.contains(".ctors"), "these would run at load too");
}

/// Returns the symbols to which the entries of .init_array point.
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
    let names = names();
    targets.map(|target| function_at(&names, target)).collect()
}

/// Returns the table of all symbols. A shipped library is stripped: the table is in the file of its debug data,
/// beside it.
fn names() -> String {
    let debug = library().with_file_name(format!("{}.debug", common::SONAME));
    if debug.exists() { readelf_of(&debug, &["--syms"]) } else { readelf(&["--syms"]) }
}

fn function_at(symbols: &str, address: u64) -> String {
    let found = symbols.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let value = u64::from_str_radix(columns.get(1)?, 16).ok()?;
        (value == address && columns.get(3) == Some(&"FUNC")).then(|| columns[7..].join(" "))
    });
    found.unwrap_or_else(|| format!("an unnamed function at {address:#x}"))
}
