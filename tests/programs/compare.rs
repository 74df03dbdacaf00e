//! The same case with stock libssl and with the library over two builds of it: what has to be the same, and where the
//! sessions must be.

use super::{
    probe::{Freed, Seen},
    run::{Run, With},
};
use crate::common;
use std::collections::BTreeMap;

const ROLES: i64 = 0x3; // SSL_SESS_CACHE_BOTH
const NO_INTERNAL: i64 = 0x300; // SSL_SESS_CACHE_NO_INTERNAL

/// Record of a program's sessions.
pub struct Story {
    /// One letter for each handshake, or all that a script printed.
    pub handshakes: String,
    /// Each context's cache as its last connection left it.
    pub caches: Vec<Freed>,
    /// Every connection.
    freed: Vec<Freed>,
}

impl Story {
    /// `freed` in the order in which it was told.
    pub fn new(handshakes: impl Into<String>, freed: &[Freed]) -> Story {
        let mut last: BTreeMap<(u32, &str), &Freed> = BTreeMap::new();
        for freed in freed {
            let seen = last.entry((freed.pid, &freed.context)).or_insert(freed);
            // Threads of one server may tell in another order than they counted.
            if freed.seen.accept >= seen.seen.accept {
                *seen = freed;
            }
        }
        Story { handshakes: handshakes.into(), caches: last.into_values().cloned().collect(), freed: freed.to_vec() }
    }

    /// The sessions in all caches, as the program counts them.
    pub fn kept(&self) -> i64 {
        self.caches.iter().map(|cache| cache.seen.number).sum()
    }

    /// The caches as the program sees them, in an order that does not depend on addresses.
    pub fn seen(&self) -> Vec<&Seen> {
        let mut seen: Vec<&Seen> = self.caches.iter().map(|cache| &cache.seen).collect();
        seen.sort();
        seen
    }
}

/// Runs `case` in each way; handshakes, statistics and modes must be the same. The story.
pub fn same_with_all(case: impl Fn(&Run) -> Story) -> Story {
    let stories = stories(case);
    for (with, story) in &stories[1..] {
        assert_eq!(stories[0].1.seen(), story.seen(), "caches (left: stock, right: {with:?}), {}", story.handshakes);
    }
    stories.into_iter().next().expect("stock's").1
}

/// Runs `case` in each way; the handshakes must be the same, the statistics need not. The story.
pub fn with_all(case: impl Fn(&Run) -> Story) -> Story {
    stories(case).into_iter().next().expect("stock's").1
}

/// Runs `case` in each way with some clients at once that reconnect without a pause: each must be resumed each time.
/// `case` is told how many clients, and how many connections of each.
pub fn all_at_once(case: impl Fn(&Run, usize, usize) -> Story) -> Story {
    const CLIENTS: usize = 4;
    const CONNECTIONS: usize = 25;
    let story = with_all(|run| case(run, CLIENTS, CONNECTIONS));
    let each = "N".to_owned() + &"R".repeat(CONNECTIONS - 1);
    assert_eq!(story.handshakes, [each.as_str(); CLIENTS].join(" "));
    story
}

/// Stock's story comes first. Wherever the library is, the sessions must be in it.
fn stories(case: impl Fn(&Run) -> Story) -> Vec<(With, Story)> {
    let ways = [With::Stock, With::Library, With::LibraryOverSymbolic];
    let stories: Vec<(With, Story)> = ways.into_iter().map(|with| (with, case(&Run::new(with)))).collect();
    for (with, story) in &stories {
        compare_lines(&stories[0].1.handshakes, &story.handshakes, *with);
        assert!(!story.freed.is_empty(), "{with:?}: the probe told nothing");
        match with {
            With::Stock => check_stock(story),
            With::Library | With::LibraryOverSymbolic => check_library(*with, story),
        }
    }
    stories
}

fn compare_lines(stock: &str, other: &str, with: With) {
    for (stock, other) in stock.lines().zip(other.lines()) {
        assert_eq!(stock, other, "left: stock, right: {with:?}");
    }
    assert_eq!(stock.lines().count(), other.lines().count(), "lines (left: stock, right: {with:?})");
}

/// Asked as the program asks and asked itself, libssl says the same: so the probe asks rightly.
fn check_stock(story: &Story) {
    for cache in &story.caches {
        assert_eq!((cache.own_number, cache.own_mode), (cache.seen.number, cache.seen.mode), "{cache:?}");
    }
}

fn check_library(with: With, story: &Story) {
    let name = common::library().file_name().and_then(|name| name.to_str());
    for cache in &story.freed {
        assert_eq!(Some(cache.answerer.as_str()), name, "{with:?}: the library is not asked");
        assert_eq!(cache.own_number, 0, "{with:?}: libssl's own table has sessions: {cache:?}");
        if cache.seen.mode & ROLES != 0 {
            assert_eq!(cache.own_mode & NO_INTERNAL, NO_INTERNAL, "{with:?}: libssl's own cache is on: {cache:?}");
        }
    }
}
