//! Finds the rules of a libssl's session cache, by trying them.
//!
//! ```text
//!   first context to attach to ─► a private context and four sessions ─► Rules, or None: do not attach to this libssl
//! ```
//! The same run shows that libssl keeps the promises that an attachment needs. A rule that cannot be found is taken
//! to be OpenSSL 3.0's, since only an order depends on it; a broken promise means an unknown libssl.
//!
//! The program notices nothing: the error queue is restored, and functions of libssl's own make the objects. A libssl
//! that is not linked -Bsymbolic calls our functions in between; they pass on calls for a context without a cache of
//! ours.

mod trial;

use std::ffi::c_long;

use once_cell::race::OnceBox;

use super::{Libssl, error, known, not_resumable};
use crate::rules::{
    AddingAgain, Callbacks, Capacity, Eviction, Freed, Marked, MemoryRules, Overflow, Rules, UpdateTime,
};
use crate::types::SSL_CTX;
use trial::{Heard, Trial};

/// Rules of one libssl, once tried.
#[derive(Default)]
pub struct State(OnceBox<Option<Rules>>);

impl Libssl {
    /// Returns the rules of this libssl's session cache; None if it breaks a promise that an attachment needs.
    /// Acquires no lock of the library's: a process may fork in the middle of it.
    ///
    /// # Safety
    /// `at_hand` must be a live SSL_CTX of this libssl, made just now: empty, and seen by nobody else. Its counter
    /// of evicted sessions may change.
    pub unsafe fn rules(&'static self, at_hand: *mut SSL_CTX) -> Option<Rules> {
        let find = || {
            known::on_behalf_of(self, || {
                // SAFETY: as this function's.
                error::unnoted(&self.functions, || unsafe { self.try_rules(at_hand) })
            })
        };
        *self.rules.0.get_or_init(|| Box::new(find()))
    }

    /// Tries them on a private context. Uses the one at hand, and restores it, if none can be made (the default
    /// library context has no provider), or none should be (in the child of a process with threads).
    ///
    /// # Safety
    /// As `rules`.
    unsafe fn try_rules(&self, at_hand: *mut SSL_CTX) -> Option<Rules> {
        let private = if not_resumable::is_forked() { None } else { not_resumable::make_private(&self.functions) };
        // SAFETY: a live context that nobody else uses, by the caller's promise or made just now.
        let mut trial = unsafe { Trial::new(&self.functions, private, at_hand) }?;
        let promises = trial.keeps_settings() && keeps_sessions(&trial);
        let number = self.functions.OpenSSL_version_num;
        // SAFETY: takes nothing.
        let marked = number.map_or(Marked::Refused, |number| Marked::of_release(unsafe { number() }));
        let rules = Rules { marked, ..find_rules(&trial) };
        (trial.ends_well() && promises).then_some(rules)
    }
}

/// A second, any but the first.
const TIME: c_long = 1_000_000_000;

/// A timeout to which no time can be added.
const LONGEST: c_long = c_long::MAX;

/// Checks SSL_CTX_add_session, _remove_session and _flush_sessions: their results, their callbacks, and that removed
/// sessions are marked.
fn keeps_sessions(trial: &Trial) -> bool {
    let added = trial.add(0, TIME, 100) && trial.add(1, TIME, 100) && !trial.add_again(0) && trial.number() == 2;
    let was_resumable = trial.is_resumable(0) && trial.is_resumable(1) && trial.is_resumable(2);
    let (was_there, heard) = trial.listen(|| trial.remove(0));
    let removed = was_there && heard.sessions() == [0] && !trial.is_resumable(0) && trial.number() == 1;
    // A session that is not cached is marked too, and the callback called.
    let (was_there, heard) = trial.listen(|| trial.remove(2));
    let unknown = !was_there && heard.sessions() == [2] && !trial.is_resumable(2) && trial.number() == 1;
    let ((), heard) = trial.listen(|| trial.flush(TIME + 100));
    let alive_in_last_second = heard.sessions().is_empty() && trial.number() == 1;
    let ((), heard) = trial.listen(|| trial.flush(TIME + 101));
    let flushed = heard.sessions() == [1] && !trial.is_resumable(1) && trial.number() == 0;
    added && was_resumable && removed && unknown && alive_in_last_second && flushed
}

/// Finds out the rules, with an empty context.
fn find_rules(trial: &Trial) -> Rules {
    let flushed = find_flush_callbacks(trial);
    let (capacity, eviction, evicted) = find_eviction(trial);
    let one_out = |insertion: usize| evict_one(trial, capacity, insertion);
    let adding_again = find_adding_again(trial, one_out);
    let overflow = find_overflow(trial, eviction, one_out);
    let update_time = find_update_time(trial);
    // When a session is freed cannot be seen without an index for data at all of the process's sessions. Each is freed after
    // its own callback where all are called after the removal, and in 1.1.1, which alone evicts the oldest.
    let frees_each = flushed == Callbacks::AfterAllReversed || eviction == Eviction::OldestFirst;
    let freed = if frees_each { Freed::Each } else { Freed::AfterAll };
    Rules {
        memory: MemoryRules { capacity, eviction, adding_again },
        overflow,
        update_time,
        evicted: evicted.unwrap_or(flushed),
        flushed,
        freed,
        ..Rules::OPENSSL_3_0
    }
}

/// Returns when callbacks are called, by the number of cached sessions at each; None after fewer than two.
fn callbacks(heard: &Heard) -> Option<Callbacks> {
    let numbers = heard.numbers();
    let fall = numbers.first()? > numbers.last()?;
    (numbers.len() > 1).then_some(if fall { Callbacks::EachAsRemoved } else { Callbacks::AfterAllReversed })
}

fn find_flush_callbacks(trial: &Trial) -> Callbacks {
    (0..3).for_each(|which| _ = trial.add(which, TIME, 100));
    let ((), heard) = trial.listen(|| trial.flush(0));
    callbacks(&heard).unwrap_or(Rules::OPENSSL_3_0.flushed)
}

/// Adds a session to three, of which the first is the last to expire, where there is room for three.
fn find_eviction(trial: &Trial) -> (Capacity, Eviction, Option<Callbacks>) {
    (0..3).for_each(|which| _ = trial.add(which, TIME, [300, 100, 200][which]));
    trial.set_size(3);
    let (_, heard) = trial.listen(|| trial.add(3, TIME, 400));
    let capacity = if trial.number() == 3 { Capacity::Size } else { Capacity::SizeLessOne };
    let eviction = if heard.sessions().contains(&0) { Eviction::OldestFirst } else { Eviction::SoonestFirst };
    trial.empty();
    (capacity, eviction, callbacks(&heard))
}

/// Adds a third session so that one is evicted. Returns that one. The context is empty afterwards.
fn evict_one(trial: &Trial, capacity: Capacity, insertion: usize) -> Option<usize> {
    trial.set_size(match capacity {
        Capacity::Size => 2,
        Capacity::SizeLessOne => 3,
    });
    let (_, heard) = trial.listen(|| trial.add(insertion, TIME, 900));
    trial.empty();
    heard.sessions().first().copied()
}

/// Adds the older of two sessions of one second again.
fn find_adding_again(trial: &Trial, evict_one: impl Fn(usize) -> Option<usize>) -> AddingAgain {
    trial.add(0, TIME, 500);
    trial.add(1, TIME, 500);
    trial.add_again(0);
    if evict_one(2) == Some(0) { AddingAgain::Stays } else { AddingAgain::Moves }
}

/// Adds two sessions whose sums overflow, the larger one first.
fn find_overflow(trial: &Trial, eviction: Eviction, evict_one: impl Fn(usize) -> Option<usize>) -> Overflow {
    trial.add(0, TIME + 1, LONGEST);
    trial.add(1, TIME, LONGEST);
    trial.flush(TIME + 2);
    if trial.number() == 0 {
        return Overflow::Wraps;
    }
    let is_tie = evict_one(2) == Some(0);
    if is_tie && eviction == Eviction::SoonestFirst { Overflow::Saturates } else { Overflow::Never }
}

/// Adds a session with a mode of SSL_SESS_CACHE_UPDATE_TIME.
fn find_update_time(trial: &Trial) -> UpdateTime {
    let time = trial.add_with_update(0, TIME);
    trial.empty();
    if time == TIME { UpdateTime::Unknown } else { UpdateTime::Known }
}
