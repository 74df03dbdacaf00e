//! `cargo +nightly fuzz run ticket_keys`: names of tickets, server names, key files and clocks, of libFuzzer's choice.
#![no_main]

use sslsession_store::time::UnixTime;
use std::hash::{DefaultHasher, Hasher};

use sslsession_store::ticket_keys::{Audience, KeyRing, Label, Line, TicketName, Wanted};

/// Returns a name that is not libFuzzer's choice alone: libFuzzer sees what names are compared with, and would copy that.
fn foreign_name(from: &[u8]) -> TicketName {
    let mut hasher = DefaultHasher::new();
    hasher.write(from);
    let half = hasher.finish().to_le_bytes();
    std::array::from_fn(|at| half[at % 8])
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((head, rest)) = input.split_first_chunk::<64>() else { return };
    let take = |from: usize| -> [u8; 16] { std::array::from_fn(|at| head[from + at]) };
    let number = |from: usize| i64::from_le_bytes(std::array::from_fn(|at| head[from + at]));
    let (server_name, text) = rest.split_at(rest.len().min(usize::from(head[48])));
    let mut lines: Vec<Line> = text.split(|&byte| byte == b'\n').take(20).filter_map(Line::of).collect();
    lines.push(Line { key: [1; 32], day: None });
    // Epochs of any length, and a clock that goes where it likes, but not for ever on.
    let epoch = 1 + (number(56) as u32) % 86_400;
    let mut ring = KeyRing::new(epoch).expect("memory");
    ring.set(&lines);
    let times = [number(32) % (1 << 40), number(40) % (1 << 40)];
    let of = Audience { label: Label::Policy, policy: take(0), server_name: server_name.to_vec() };
    let another = Audience { label: Label::Policy, policy: take(16), server_name: server_name.to_vec() };
    for now in times {
        ring.move_to(UnixTime(now));
        let sealed = ring.seal(&of, &take(16));
        for wanted in [Wanted::Audience(&of), Wanted::Family(&take(16), server_name)] {
            // What it sealed just now it opens; a name that it did not make it does not.
            let opened = sealed.as_ref().map(|(name, keys)| (ring.open(name, wanted, &take(16)), keys));
            assert!(opened.is_none_or(|(opened, keys)| opened.is_some_and(|(same, _)| same == *keys)));
            assert!(ring.open(&foreign_name(&head[16..32]), wanted, &take(16)).is_none());
        }
        if let Some((name, _)) = &sealed
            && of != another
        {
            assert!(ring.open(name, Wanted::Audience(&another), &take(16)).is_none());
        }
    }
});
