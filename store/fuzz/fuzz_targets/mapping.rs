//! `cargo +nightly fuzz run mapping`: all that is read from a shared store's memory, with bytes of libFuzzer's choice.
#![no_main]

#[path = "../mapping.rs"]
mod mapping;

libfuzzer_sys::fuzz_target!(|input: &[u8]| mapping::run(input));
