//! Arbitrary bytes in a shared store's memory: the body of the fuzz target, driven by proptest.
//!
//! `cargo +nightly fuzz run mapping` drives the same body, guided by coverage.

#[path = "../fuzz/mapping.rs"]
mod mapping;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Many times what all cases take.
const DEADLINE: Duration = Duration::from_secs(300);

#[test]
fn no_bytes_crash_or_hang_a_process() {
    let (sender, ended) = mpsc::channel::<()>();
    let runs = thread::spawn(move || {
        let _sender = sender; // goes with the thread, however that ends
        let mut runner = TestRunner::new(Config {
            cases: 1000,
            max_shrink_iters: 500,
            failure_persistence: None,
            ..Config::default()
        });
        runner.run(&vec(any::<u8>(), 0..700), |bytes| {
            mapping::run(&bytes);
            Ok(())
        })
    });
    let waited = ended.recv_timeout(DEADLINE);
    assert_eq!(waited, Err(mpsc::RecvTimeoutError::Disconnected), "it hangs");
    runs.join().expect("the runs end").unwrap_or_else(|error| panic!("{error}"));
}

/// Steps that each have one thread write while another works: more of them than chance brings together.
#[test]
fn what_is_written_during_operations_ends_no_process() {
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let race = (vec(any::<u8>(), 8..60)).prop_map(|bytes| [&[16], &bytes[..]].concat());
    let cases = vec(race, 1..8).prop_map(|races| [&[1], &races.concat()[..]].concat());
    runner
        .run(&cases, |bytes| {
            mapping::run(&bytes);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Every counter of two partitions at its end: their sum is none.
#[test]
fn counters_beyond_all_sums_do_not_end_a_process() {
    let ones = [0xff; 63];
    // a store of two partitions; one pattern from the first one's body to the end; then the first one's head; then counts
    let mut input = [&[0, 9, ones.len() as u8], &ones[..], &[0, 0, 13]].concat();
    for at in (16..=248).step_by(8) {
        input.extend([&[8, at, 8], &ones[..8]].concat());
    }
    input.push(6);
    mapping::run(&input);
}
