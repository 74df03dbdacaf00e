//! The library's dependencies: licences that deny.toml allows, no crate twice, and no more crates than it needs.
//!
//! `cargo deny check` reads the same deny.toml, and checks advisories too.

mod common;

use std::{collections::BTreeSet, fs, process::Command};

/// Number of packages of the library, itself and its store included. A commit that adds one says why it is worth it.
const MAX_PACKAGES: usize = 33;

/// The library's own tree, in which tests have no part.
const LIBRARY: [&str; 4] = ["--package", "sslsession", "--edges", "normal,build"];

/// The tree of the command: only the compiler uses macros.
const COMMAND: [&str; 4] = ["--package", "sslsession-cli", "--edges", "normal,no-proc-macro"];

/// The tree of the remote store's network code, which has a workspace of its own.
const REMOTE: [&str; 4] = ["--manifest-path", "remote/Cargo.toml", "--edges", "normal,no-proc-macro"];

/// Returns what `cargo tree` says of a tree.
fn tree(of: [&str; 4], arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--quiet", "--locked", "--offline"]).args(of).args(arguments);
    let output = cargo.current_dir(common::root()).output().expect("cargo can be started");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes text")
}

/// Returns each package of a tree with its licence.
fn packages(of: [&str; 4]) -> BTreeSet<(String, String)> {
    let listed = tree(of, &["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"]);
    let pairs = listed.lines().filter_map(|line| line.split_once('|'));
    pairs.map(|(package, licence)| (package.to_owned(), licence.to_owned())).collect()
}

/// Returns the licences that deny.toml allows.
fn allowed() -> Vec<String> {
    let text = fs::read_to_string(common::root().join("deny.toml")).expect("deny.toml is there");
    let list =
        text.split_once("\nallow = [").and_then(|(_, rest)| rest.split_once(']')).expect("deny.toml has a list").0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns true if an expression of SPDX's can be met with the licences allowed: `(A OR B) AND C`, also `A/B`.
fn can_be_met(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    let mut needed = expression.split(" AND ");
    needed.all(|choice| choice.split(" OR ").any(|licence| allowed.iter().any(|allowed| allowed == licence.trim())))
}

#[test]
fn every_licence_is_allowed() {
    for (of, one) in [(LIBRARY, "libc "), (COMMAND, "openssl ")] {
        let (packages, allowed) = (packages(of), allowed());
        assert!(packages.iter().any(|(package, _)| package.starts_with(one)), "cargo tree lists no packages: {of:?}");
        let refused = packages.iter().filter(|(_, licence)| !can_be_met(licence, &allowed));
        let refused: Vec<String> = refused.map(|(package, licence)| format!("{package}: {licence}")).collect();
        assert!(refused.is_empty(), "not allowed by deny.toml:\n{}", refused.join("\n"));
    }
}

/// debian/copyright has the terms of all that are in the packages.
#[test]
fn crates_under_other_terms_than_ours_are_named_in_the_packages() {
    let text = fs::read_to_string(common::root().join("packaging/debian/copyright")).expect("it is there");
    let files = text.lines().filter_map(|line| line.strip_prefix("Files: ")).flat_map(str::split_whitespace);
    let named: BTreeSet<&str> = files.filter_map(|file| file.strip_suffix("/*")).collect();
    let shipped: BTreeSet<(String, String)> = [LIBRARY, COMMAND, REMOTE].into_iter().flat_map(packages).collect();
    let others = shipped.iter().filter(|(_, licence)| !can_be_met(licence, &["Apache-2.0".to_owned()]));
    let others: BTreeSet<&str> = others.map(|(package, _)| package.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(named, others);
}

#[test]
fn no_crate_is_there_twice() {
    let twice = tree(LIBRARY, &["--duplicates", "--depth", "0"]);
    assert!(twice.is_empty(), "in two releases:\n{twice}");
}

#[test]
fn there_are_no_more_packages_than_needed() {
    let number = packages(LIBRARY).len();
    assert!(number <= MAX_PACKAGES, "{number} packages: say in the commit why, and raise MAX_PACKAGES");
}

/// The reader itself.
#[test]
fn expressions_are_met_by_what_is_allowed() {
    let allowed = ["MIT", "Apache-2.0"].map(str::to_owned);
    for met in ["MIT", "MIT/Zlib", "GPL-2.0 OR MIT", "(MIT OR GPL-2.0) AND Apache-2.0"] {
        assert!(can_be_met(met, &allowed), "{met}");
    }
    for refused in ["", "GPL-2.0", "MIT AND GPL-2.0", "Apache-2.0 WITH LLVM-exception"] {
        assert!(!can_be_met(refused, &allowed), "{refused}");
    }
}
