//! The arrows between the layers, as src/lib.rs draws them, and the size of files and functions.
//!
//! Every path in `src/` that begins with `crate::` or climbs there with `super::` is an arrow from the module it stands in
//! to the module it names. An arrow that is not in `MAY_USE` fails the test, as does a file that is missing there.

mod common;
#[path = "layers/source.rs"]
mod source;

use source::Source;
use std::collections::BTreeMap;

/// Modules that each module of the crate's root may use. capi and standalone read the clock; below them time is an
/// argument.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("capi", &["cache", "handle", "types", "catch_panic", "clock", "threads"]),
    ("cache", &["store", "handle", "rules", "types", "settings"]),
    ("store", &["mapping", "secret", "threads"]),
    ("mapping", &["threads"]),
    ("handle", &["standalone", "libssl", "functions", "rules", "types", "catch_panic", "secret", "threads"]),
    ("standalone", &["types", "catch_panic", "clock", "threads"]),
    ("libssl", &["functions", "rules", "store", "types", "catch_panic", "threads"]),
    ("functions", &[]),
    ("rules", &["store"]),
    ("types", &[]),
    ("catch_panic", &[]),
    ("clock", &[]),
    ("threads", &[]),
    ("secret", &[]),
    ("settings", &["mapping", "clock", "threads"]),
];

/// The modules that touch C. All the others forbid unsafe code, each file by itself or through the module above it.
const TOUCH_C: [&str; 11] = [
    "capi",
    "handle",
    "standalone",
    "libssl",
    "mapping",
    "types",
    "catch_panic",
    "clock",
    "threads",
    "secret",
    "settings",
];

/// The two files beside them with unsafe code: a bucket, which says what that gains, and the lock over it. The modules that
/// they stand in cannot forbid it; they deny it.
const UNSAFE_CORE: [[&str; 3]; 2] = [["store", "memory", "bucket"], ["store", "memory", "lock"]];

/// `cache` knows no C: these words stay outside it.
const C_WORDS: [&str; 4] = ["libc", "extern", "no_mangle", "c_void"];

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 60;

/// Returns every source of the library. There must be some, or this file is looking in the wrong place.
fn library() -> Vec<Source> {
    let sources = Source::all_under("src");
    for layer in MAY_USE.map(|(layer, _)| layer) {
        assert!(sources.iter().any(|source| source.layer() == layer), "src has no module {layer}");
    }
    sources
}

/// Returns every source, also of the tests and of the command.
fn all() -> impl Iterator<Item = Source> {
    let others = ["tests", "cli/src", "cli/tests"].into_iter().flat_map(Source::all_under);
    library().into_iter().chain(others)
}

fn none(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn each_layer_uses_only_the_layers_below_it() {
    let may_use: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut found = Vec::new();
    for source in library().iter().filter(|source| source.layer() != "lib") {
        let Some(allowed) = may_use.get(source.layer()) else {
            found.push(format!("{}: the module {} is not in MAY_USE", source.name, source.layer()));
            continue;
        };
        for (line, used) in source.uses() {
            if used != source.layer() && !allowed.contains(&used.as_str()) {
                found.push(format!("{}:{line}: {} may not use {used}", source.name, source.layer()));
            }
        }
    }
    none(found);
}

#[test]
fn unsafe_code_is_forbidden_where_no_c_is_touched() {
    let sources = library();
    let sealed = |module: &[String]| {
        sources.iter().any(|source| source.module == module && source.text.contains("#![forbid(unsafe_code)]"))
    };
    let open = sources.iter().filter(|source| source.layer() != "lib" && !TOUCH_C.contains(&source.layer()));
    let open = open.filter(|source| !(1..=source.module.len()).any(|n| sealed(&source.module[..n])));
    let core = UNSAFE_CORE.map(|module| module.map(str::to_owned));
    let is_around_core = |source: &Source| {
        core.iter().any(|module| module.starts_with(&source.module)) && source.text.contains("#![deny(unsafe_code)]")
    };
    let open = open.filter(|source| !core.iter().any(|module| source.module == *module) && !is_around_core(source));
    none(open.map(|source| format!("{}: no #![forbid(unsafe_code)] here or above", source.name)).collect());
}

#[test]
fn the_cache_knows_no_c() {
    let sources = library();
    let found = sources.iter().filter(|source| source.layer() == "cache").flat_map(|source| {
        let words = source.words().filter(|(_, word)| C_WORDS.contains(word));
        words.map(|(line, word)| format!("{}:{line}: {word}", source.name))
    });
    none(found.collect());
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
        /* crate::in_a /* nested */ comment */
        fn f<'a>(c: char) -> &'a str { super::super::five(c == '"', "crate::in_a_string", r#"crate::"raw""#) }
        mod tests { use super::super::super::six; use super::*; }
    "####;
    let source = Source::of("src/cache/sub.rs", text);
    let used: Vec<String> = source.uses().into_iter().map(|(_, used)| used).collect();
    assert_eq!(used, ["one", "two", "three", "cache", "five", "six", "cache"]);
    assert_eq!(source.functions().len(), 1);
    assert_eq!(source.functions()[0].lines, 1);
}
