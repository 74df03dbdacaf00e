//! Several libssls in one process: each is served by its own, whichever comes first. See tests-c/several_libssls.c.

mod common;
#[path = "reach/libssl.rs"]
#[allow(dead_code, reason = "of this a part is used")]
mod libssl;

use common::{Scratch, library, process};
use libssl::Libssl;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(120);
const FLAGS: [&str; 6] = ["-std=c11", "-O1", "-pthread", "-D_GNU_SOURCE", "-DOPENSSL_SUPPRESS_DEPRECATED", "-o"];

/// The system's libssl beside each of the others, and all at once; in one order and the other.
#[test]
fn each_libssl_is_served_by_its_own() {
    let scratch = Scratch::new("several_libssls");
    let program = compile(common::c_compiler(), &scratch.join("program"), &["-ldl"]);
    let libssls: Vec<Libssl> = [Libssl::system()].into_iter().chain(Libssl::others()).filter(is_native).collect();
    let users: Vec<PathBuf> = libssls.iter().map(|libssl| user(libssl, &scratch)).collect();
    assert!(users.len() > 2, "there is more than the system's libssl");
    for (other, libssl) in users.iter().zip(&libssls).skip(1) {
        let system = &users[0];
        same(&program, &[system, other], &format!("the system's, then {libssl}"));
        same(&program, &[other, system], &format!("{libssl}, then the system's"));
    }
    same(&program, &users.iter().collect::<Vec<_>>(), "all of them");
    same(&program, &users.iter().rev().collect::<Vec<_>>(), "all of them, backwards");
}

/// Sessions of a plugin's libssl that has made no context yet, where the program's is of another release. (Two of OpenSSL 3 are
/// told apart from the first context on: docs/limits.md.)
#[test]
fn sessions_made_before_any_context_are_served_by_their_own() {
    let scratch = Scratch::new("several_libssls_first");
    let program = compile(common::c_compiler(), &scratch.join("program"), &["-ldl"]);
    let libssls: Vec<Libssl> = [Libssl::system()].into_iter().chain(Libssl::others()).filter(is_native).collect();
    let users: Vec<PathBuf> = libssls.iter().map(|libssl| user(libssl, &scratch)).collect();
    for (other, libssl) in users.iter().zip(&libssls).filter(|(_, libssl)| libssl.name().starts_with("1.")) {
        for users in [[&users[0], other], [other, &users[0]]] {
            let outcome = |preloaded: bool| {
                let mut command = Command::new(&program);
                command.args(users).env_remove("LD_PRELOAD").env_remove("SSLSESSION_STORE").env("SESSIONS_FIRST", "1");
                if preloaded {
                    command.env("LD_PRELOAD", library());
                }
                ran(&mut command)
            };
            assert_eq!(outcome(false), outcome(true), "{libssl} {users:?}");
        }
    }
}

/// Returns true if it is for this machine's C library and processor.
fn is_native(libssl: &Libssl) -> bool {
    !libssl.is_musl() && libssl.slowness() == 1
}

/// Checks that the program prints the same preloaded, with the memory store and the shared one.
fn same(program: &Path, users: &[&PathBuf], which: &str) {
    let command = || {
        let mut command = Command::new(program);
        command.args(users).env_remove("LD_PRELOAD").env_remove("SSLSESSION_STORE");
        command
    };
    let stock = ran(&mut command());
    for store in ["memory", "shared"] {
        let preloaded = ran(command().env("LD_PRELOAD", library()).env("SSLSESSION_STORE", store));
        assert_eq!(stock, preloaded, "{which}, store {store}");
    }
}

fn user(libssl: &Libssl, scratch: &Scratch) -> PathBuf {
    let cc = libssl.cc().unwrap_or_else(|why| panic!("{why}"));
    let to = scratch.join(format!("{libssl}.so"));
    compile(cc, &to, &["-DUSER", "-shared", "-fPIC", "-fvisibility=hidden", "-lssl", "-lcrypto", "-ldl"])
}

fn compile(mut cc: Command, to: &Path, flags: &[&str]) -> PathBuf {
    let source = common::root().join("tests-c/several_libssls.c");
    let outcome = process::run(cc.args(FLAGS).arg(to).arg(source).args(flags), DEADLINE);
    assert!(outcome.success(), "{}: {outcome}", to.display());
    to.to_owned()
}

fn ran(command: &mut Command) -> String {
    let outcome = process::run(command, DEADLINE);
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let missed: Vec<&str> = text.lines().filter(|line| line.contains(", expected ")).collect();
    assert!(outcome.success() && missed.is_empty(), "{command:?} {outcome}\n{}", missed.join("\n"));
    text
}
