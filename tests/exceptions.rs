//! C++ exceptions that leave the application's callbacks come out of the library as they come out of libssl.

mod common;

use common::{
    Scratch, library,
    process::{Outcome, run},
};
use std::{os::unix::process::ExitStatusExt, path::Path, process::Command, time::Duration};

const DEADLINE: Duration = Duration::from_secs(60);

fn build(scratch: &Scratch) -> std::path::PathBuf {
    let program = scratch.join("thrown");
    let mut compiler = Command::new("g++");
    // -fpermissive: tests-c/tls.h is C, in which a void pointer needs no cast.
    compiler.args(["-std=c++11", "-fpermissive", "-w", "-D_GNU_SOURCE", "-I"]).arg(common::root().join("tests-c"));
    compiler.arg(common::root().join("tests/exceptions/thrown.cc")).arg("-o").arg(&program);
    let outcome = run(compiler.args(["-lssl", "-lcrypto"]), DEADLINE);
    assert!(outcome.success(), "the compiler {outcome}");
    program
}

/// Runs the program without and with the library; the outcomes in this order.
fn on_both(program: &Path, arguments: &[&str]) -> [Outcome; 2] {
    let preloads = [Path::new(""), library()];
    preloads.map(|preload| run(Command::new(program).args(arguments).env("LD_PRELOAD", preload), DEADLINE))
}

#[test]
fn they_are_caught_by_who_called_and_the_cache_serves_on() {
    let scratch = Scratch::new("exceptions");
    let [stock, ours] = on_both(&build(&scratch), &[]);
    assert!(stock.success(), "stock {stock}");
    assert!(ours.success(), "preloaded {ours}");
    let said = String::from_utf8_lossy(&stock.stdout);
    assert!(said.contains("removal: remove, told 1") && said.contains("lookup: get"), "{said}");
    assert_eq!(String::from_utf8_lossy(&ours.stdout), said);
}

#[test]
fn one_that_nobody_catches_ends_the_program_and_is_named() {
    let scratch = Scratch::new("exceptions");
    for outcome in on_both(&build(&scratch), &["uncaught"]) {
        assert_eq!(outcome.status.signal(), Some(libc::SIGABRT), "{outcome}");
        assert!(String::from_utf8_lossy(&outcome.stderr).contains("what():  remove"), "{outcome}");
    }
}
