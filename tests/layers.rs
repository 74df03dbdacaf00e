//! The arrows between the layers, as src/lib.rs draws them, and the size of files and functions.
//!
//! Every path in `src/` and in `store/src/` that begins with `crate::` or climbs there with `super::` is an arrow from the module it stands in
//! to the module it names. An arrow that is not in `MAY_USE` or `STORE_MAY_USE` fails the test, as does a file that is missing there.

mod common;
#[path = "layers/source.rs"]
mod source;

use source::Source;
use std::collections::BTreeMap;

/// Modules that each module of the library's root may use. capi and standalone read the clock; below them time is an
/// argument. `store` is the package below, of which `store::threads` and the like may be used by themselves.
const MAY_USE: [(&str, &[&str]); 11] = [
    (
        "capi",
        &[
            "cache",
            "handle",
            "types",
            "catch_panic",
            "clock",
            "store::remote",
            "store::threads",
            "store::time",
            "store::version",
        ],
    ),
    (
        "cache",
        &[
            "store",
            "store::file_system",
            "store::remote",
            "store::secret",
            "store::time",
            "store::version",
            "handle",
            "rules",
            "types",
            "settings",
        ],
    ),
    (
        "handle",
        &[
            "standalone",
            "libssl",
            "functions",
            "rules",
            "types",
            "catch_panic",
            "store::remote",
            "store::secret",
            "store::threads",
            "store::time",
            "store::version",
        ],
    ),
    ("standalone", &["types", "catch_panic", "clock", "store::threads", "store::time"]),
    ("libssl", &["functions", "rules", "types", "catch_panic", "store::threads"]),
    ("functions", &[]),
    ("rules", &["store"]),
    ("types", &[]),
    ("catch_panic", &[]),
    ("clock", &["store::time"]),
    ("settings", &["store", "clock", "store::file_system", "store::threads", "store::time"]),
];

/// The same for the store's package.
const STORE_MAY_USE: [(&str, &[&str]); 23] = [
    ("open", &["config", "shared", "key_file", "out_of_reach"]),
    ("memory", &["expiry", "time", "key", "version", "era", "gate", "sync"]),
    (
        "shared",
        &[
            "config",
            "counting",
            "record_store",
            "record",
            "seal",
            "key_file",
            "out_of_reach",
            "file_system",
            "expiry",
            "time",
            "secret",
            "sync",
            "threads",
            "version",
        ],
    ),
    ("ticket_keys", &["key_file", "secret", "secret_slots", "threads", "time"]),
    ("record_store", &["record", "expiry", "time"]),
    ("remote", &["counting", "record", "secret", "threads", "time"]),
    ("seal", &["record", "key_file", "secret", "version"]),
    ("key_file", &["out_of_reach", "file_system", "secret"]),
    ("out_of_reach", &["file_system"]),
    ("record", &["secret", "time", "version"]),
    ("gate", &["sync", "threads"]),
    ("sync", &["threads"]),
    ("config", &[]),
    ("counting", &[]),
    ("expiry", &["time"]),
    ("time", &[]),
    ("key", &["version"]),
    ("version", &[]),
    ("era", &[]),
    ("secret", &[]),
    ("secret_slots", &[]),
    ("threads", &[]),
    ("file_system", &[]),
];

/// The modules that touch C, with those of the store. All the others forbid unsafe code, each file by itself or through
/// the module above it.
const TOUCH_C: [&str; 12] = [
    "capi",
    "handle",
    "standalone",
    "libssl",
    "types",
    "catch_panic",
    "clock",
    "settings",
    "threads",
    "secret",
    "secret_slots",
    "file_system",
];

/// The files beside them with unsafe code: a bucket, which says what that gains, the lock over it, the memory that
/// processes share, and the object with the network code. The modules that they stand in cannot forbid it; they deny it.
const UNSAFE_CORE: [&[&str]; 6] = [
    &["memory", "bucket"],
    &["memory", "lock"],
    &["shared", "mapping"],
    &["remote", "check"],
    &["remote", "loader"],
    &["remote", "object"],
];

/// `cache` knows no C: these words stay outside it.
const C_WORDS: [&str; 4] = ["libc", "extern", "no_mangle", "c_void"];

/// The store knows no OpenSSL: these words stay outside its code.
const OPENSSL_WORDS: [&str; 6] = ["SSL", "SSL_CTX", "SSL_SESSION", "openssl", "openssl_sys", "sslsession"];

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 60;

/// Returns every source of a package. There must be some, or this file is looking in the wrong place.
fn package(directory: &str, may_use: &[(&str, &[&str])]) -> Vec<Source> {
    let sources = Source::all_under(directory);
    for (layer, _) in may_use {
        assert!(sources.iter().any(|source| source.layer() == *layer), "{directory} has no module {layer}");
    }
    sources
}

/// Returns every source of the library.
fn library() -> Vec<Source> {
    package("src", &MAY_USE)
}

/// Returns every source of the store.
fn store() -> Vec<Source> {
    package("store/src", &STORE_MAY_USE)
}

/// Returns every source, also of the tests and of the command.
fn all() -> impl Iterator<Item = Source> {
    let others = ["store/tests", "tests", "cli/src", "cli/tests", "remote/src"].into_iter().flat_map(Source::all_under);
    library().into_iter().chain(store()).chain(others)
}

fn none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Returns the arrows of a package that its table does not have.
fn forbidden_arrows(sources: &[Source], may_use: &[(&str, &[&str])]) -> Vec<String> {
    let may_use: BTreeMap<&str, &[&str]> = may_use.iter().copied().collect();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.layer() != "lib") {
        let Some(allowed) = may_use.get(source.layer()) else {
            found.push(format!("{}: the module {} is not in the table", source.name, source.layer()));
            continue;
        };
        for (line, used) in source.uses() {
            if used != source.layer() && !allowed.contains(&used.as_str()) {
                found.push(format!("{}:{line}: {} may not use {used}", source.name, source.layer()));
            }
        }
    }
    found
}

#[test]
fn each_layer_uses_only_the_layers_below_it() {
    none(forbidden_arrows(&library(), &MAY_USE));
    none(forbidden_arrows(&store(), &STORE_MAY_USE));
}

/// Returns the files of a package that could have unsafe code and may not.
fn unsealed(sources: &[Source]) -> Vec<String> {
    let sealed = |module: &[String]| {
        sources.iter().any(|source| source.module == module && source.text.contains("#![forbid(unsafe_code)]"))
    };
    let open = sources.iter().filter(|source| source.layer() != "lib" && !TOUCH_C.contains(&source.layer()));
    let open = open.filter(|source| !(1..=source.module.len()).any(|n| sealed(&source.module[..n])));
    let is_core = |source: &&Source| UNSAFE_CORE.iter().any(|core| is_below(&source.module, core));
    let is_around_core = |source: &Source| {
        UNSAFE_CORE.iter().any(|core| core.iter().zip(&source.module).all(|(core, module)| core == module))
            && source.text.contains("#![deny(unsafe_code)]")
    };
    let open = open.filter(|source| !is_core(source) && !is_around_core(source));
    open.map(|source| format!("{}: no #![forbid(unsafe_code)] here or above", source.name)).collect()
}

/// Returns true for a module and for all below it.
fn is_below(module: &[String], above: &[&str]) -> bool {
    module.len() >= above.len() && above.iter().zip(module).all(|(above, module)| above == module)
}

#[test]
fn unsafe_code_is_forbidden_where_no_c_is_touched() {
    none(unsealed(&library()));
    none(unsealed(&store()));
}

/// Returns the places of these words in a source's code.
fn words_of(source: &Source, words: &[&str]) -> Vec<String> {
    let found = source.words().filter(|(_, word)| words.contains(word));
    found.map(|(line, word)| format!("{}:{line}: {word}", source.name)).collect()
}

#[test]
fn the_cache_knows_no_c() {
    let sources = library();
    let cache = sources.iter().filter(|source| source.layer() == "cache");
    none(cache.flat_map(|source| words_of(source, &C_WORDS)).collect());
}

#[test]
fn the_store_knows_no_openssl() {
    none(store().iter().flat_map(|source| words_of(source, &OPENSSL_WORDS)).collect());
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let sources = all();
    let found = sources.filter(|source| source.text.lines().count() > LONGEST_FILE);
    none(found.map(|source| format!("{}: {} lines", source.name, source.text.lines().count())).collect());
}

#[test]
fn no_function_is_longer_than_60_lines() {
    let found = all().flat_map(|source| {
        let long = source.functions().into_iter().filter(|function| function.lines > LONGEST_FUNCTION);
        long.map(|function| {
            format!("{}:{}: {} has {} lines", source.name, function.line, function.name, function.lines)
        })
        .collect::<Vec<_>>()
    });
    none(found.collect());
}

/// The reader itself: what it takes for a path, and what not.
#[test]
fn paths_are_read_wherever_they_stand() {
    let text = r####"
        //! crate::in_a_comment
        use crate::{one::A, two, three::{self, four}};
        use super::sibling;
        use sslsession_store::{Key, threads::pause};
        /* crate::in_a /* nested */ comment */
        fn f<'a>(c: char) -> &'a str { super::super::five(c == '"', "crate::in_a_string", r#"crate::"raw""#) }
        mod tests { use super::super::super::six; use super::*; }
    "####;
    let source = Source::of("src/cache/sub.rs", text);
    let used: Vec<String> = source.uses().into_iter().map(|(_, used)| used).collect();
    assert_eq!(used, ["one", "two", "three", "cache", "store", "store::threads", "five", "six", "cache"]);
    assert_eq!(source.functions().len(), 1);
    assert_eq!(source.functions()[0].lines, 1);
}
