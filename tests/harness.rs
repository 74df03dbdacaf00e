//! The base of the other tests: children end at their deadline, scratch directories are removed, valgrind's reports
//! are read.

mod common;
#[path = "conformance/valgrind.rs"]
mod valgrind;

use common::{Scratch, process};
use std::{fs, process::Command, time::Duration, time::Instant};

const LONG: Duration = Duration::from_secs(60);

fn sh(script: &str) -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", script]);
    sh
}

#[test]
fn a_child_that_ends_is_not_waited_for_any_longer() {
    let started = Instant::now();
    let outcome = process::run(&mut sh("echo out; echo err >&2; exit 3"), LONG);
    assert!(started.elapsed() < LONG / 2);
    assert_eq!((outcome.status.code(), outcome.timed_out, outcome.success()), (Some(3), false, false));
    assert_eq!((&outcome.stdout[..], &outcome.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(outcome.to_string(), "exited with 3; its stderr:\nerr");
}

#[test]
fn a_child_past_its_deadline_is_killed_with_its_own_children() {
    let started = Instant::now();
    // the grandchild holds the pipe, which could not be read to its end as long as it lives
    let outcome = process::run(&mut sh("sleep 50 & echo $!; sleep 50"), Duration::from_millis(300));
    assert!(outcome.timed_out && !outcome.success());
    assert!(started.elapsed() < Duration::from_secs(30));
    let grandchild = String::from_utf8(outcome.stdout).expect("a number").trim().parse::<u32>().expect("a number");
    // It let go of the pipe, but a killed process has ended only once it was given the processor to do so.
    let ended = process::Process::of(grandchild).is_none_or(|process| process.ends_within(Duration::from_secs(20)));
    assert!(ended, "still there: {:?}", fs::read_to_string(format!("/proc/{grandchild}/stat")));
}

#[test]
fn a_child_ended_by_a_signal_is_no_success() {
    let outcome = process::run(&mut sh("kill -SEGV $$"), LONG);
    assert!(!outcome.success());
    assert_eq!(outcome.to_string(), "was ended by signal 11");
}

#[test]
fn more_output_than_a_pipe_holds_does_not_block() {
    let outcome = process::run(&mut sh("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"), LONG);
    assert_eq!((outcome.success(), outcome.stdout.len(), outcome.stderr.len()), (true, 1_000_000, 1_000_000));
}

#[test]
fn a_running_child_ends_with_its_owner() {
    let mut running = process::Running::start(&mut sh("exec sleep 50"));
    let id = running.child().id();
    assert!(running.wait(Duration::from_millis(1)).is_none());
    drop(running);
    assert!(!fs::exists(format!("/proc/{id}")).expect("/proc can be read"));
}

#[test]
fn a_scratch_directory_goes_with_all_that_is_in_it() {
    let (one, other) = (Scratch::new("harness"), Scratch::new("harness"));
    assert_ne!(one.path(), other.path());
    fs::create_dir(one.join("sub")).and_then(|()| fs::write(one.join("sub/file"), "text")).expect("it can be written");
    let path = one.path().to_owned();
    drop(one);
    assert!(!path.exists() && other.path().exists());
}

#[test]
fn an_error_of_valgrind_is_told_by_what_it_is_and_where() {
    let report = "<valgrindoutput><error><kind>InvalidRead</kind><what>Invalid read of size 8</what><stack><frame>\
                  <obj>/lib/libsslsession.so</obj><fn>take</fn><file>memory.rs</file><line>7</line></frame><frame>\
                  <obj>/a/program</obj></frame></stack><auxwhat>a block freed</auxwhat><stack><frame><fn>free</fn></frame>\
                  </stack></error></valgrindoutput>";
    assert_eq!(
        valgrind::errors(report),
        ["  Invalid read of size 8\n    take in libsslsession.so (memory.rs:7)\n    ? in program"]
    );
    assert!(valgrind::errors("<valgrindoutput></valgrindoutput>").is_empty());
}

/// Valgrind itself, on a program with a leak and on one without.
#[test]
fn a_leak_is_found_where_there_is_one() {
    let scratch = Scratch::new("harness");
    let source = "#include <stdlib.h>\nint main(void) { char *volatile p = malloc(9); if (LEAK) p = NULL; free(p); }";
    fs::write(scratch.join("leak.c"), source).expect("it can be written");
    for (leak, expected) in [("-DLEAK=1", 1), ("-DLEAK=0", 0)] {
        let program = scratch.join("leak");
        let mut cc = common::c_compiler();
        assert!(process::run(cc.args([leak, "-o"]).arg(&program).arg(scratch.join("leak.c")), LONG).success());
        let report = scratch.join("report.xml");
        let outcome = process::run(&mut valgrind::wrap(&Command::new(&program), &report), LONG);
        assert!(outcome.success(), "valgrind {outcome}");
        let errors = valgrind::errors(&fs::read_to_string(&report).expect("valgrind leaves a report"));
        assert_eq!(errors.len(), expected, "{leak}: {errors:?}");
    }
}
