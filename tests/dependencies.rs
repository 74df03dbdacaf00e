//! What the library is made of: licences that deny.toml allows, no crate twice, and no more crates than it needs.
//!
//! `cargo deny check` reads the same deny.toml, and asks for advisories too.

mod common;

use std::{collections::BTreeSet, fs, process::Command};

/// How many packages the library has, itself included. Who needs one more says in the commit why it is worth it.
const MAX_PACKAGES: usize = 32;

/// Returns what `cargo tree` says of the library's own tree, in which tests have no part.
fn tree(arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--quiet", "--locked", "--offline", "--package", "sslsession", "--edges", "normal,build"]);
    let output = cargo.args(arguments).current_dir(common::root()).output().expect("cargo can be started");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes text")
}

/// Returns each package of the tree with its licence.
fn packages() -> BTreeSet<(String, String)> {
    let listed = tree(&["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"]);
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
    let (packages, allowed) = (packages(), allowed());
    assert!(packages.iter().any(|(package, _)| package.starts_with("libc ")), "cargo tree lists no packages");
    let refused = packages.iter().filter(|(_, licence)| !can_be_met(licence, &allowed));
    let refused: Vec<String> = refused.map(|(package, licence)| format!("{package}: {licence}")).collect();
    assert!(refused.is_empty(), "not allowed by deny.toml:\n{}", refused.join("\n"));
}

/// The command's, as far as they are in it: macros are used by the compiler only.
#[test]
fn every_licence_of_the_command_is_allowed() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--quiet", "--locked", "--offline", "--package", "sslsession-cli", "--prefix", "none"]);
    cargo.args(["--no-dedupe", "--edges", "normal,no-proc-macro", "--format", "{p}|{l}"]).current_dir(common::root());
    let output = cargo.output().expect("cargo can be started");
    let (listed, allowed) = (String::from_utf8_lossy(&output.stdout), allowed());
    assert!(listed.lines().any(|line| line.starts_with("openssl v")), "cargo tree: {output:?}");
    let is_refused = |line: &&str| line.split_once('|').is_none_or(|(_, licence)| !can_be_met(licence, &allowed));
    let refused: BTreeSet<&str> = listed.lines().filter(is_refused).collect();
    assert!(refused.is_empty(), "not allowed by deny.toml: {refused:#?}");
}

#[test]
fn no_crate_is_there_twice() {
    let twice = tree(&["--duplicates", "--depth", "0"]);
    assert!(twice.is_empty(), "in two releases:\n{twice}");
}

#[test]
fn there_are_no_more_packages_than_needed() {
    let number = packages().len();
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
