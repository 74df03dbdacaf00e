//! The memory store and a plain model of what it should do are given the same random operations:
//! every answer, every session that leaves and their order must be the same, by each set of rules.
#![cfg(not(shuttle))]
#![forbid(unsafe_code)]

#[path = "store/model.rs"]
mod model;
#[path = "store/session.rs"]
mod session;

use model::{Id, Model, Rules, all_rules};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use session::Session;
use sslsession_store::expiry::Overflow;
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Expiry, Inserted, Key, Memory, Outcome, Repositioned, leaf_locks_held};
use std::cell::Cell;
use std::sync::Arc;

/// One call. Ids are numbers that [`id`] makes ids of; `known` picks a session made before.
#[derive(Clone, Debug)]
enum Step {
    Insert {
        id: u16,
        known: Option<u16>,
        time: i64,
        timeout: i64,
        size: usize,
    },
    /// Inserts the object under `id` once more, with another expiry.
    InsertAgain {
        id: u16,
        time: i64,
        timeout: i64,
        size: usize,
    },
    Take {
        id: u16,
    },
    Look {
        id: u16,
    },
    Expire {
        now: UnixTime,
        most: usize,
    },
    Soonest {
        most: usize,
    },
    /// Moves the object under `from` to `to`.
    Reposition {
        from: u16,
        to: u16,
        time: i64,
        timeout: i64,
    },
    /// A session that may be anywhere is said to be under `from`.
    RepositionKnown {
        from: u16,
        to: u16,
        known: u16,
        time: i64,
        timeout: i64,
    },
}

/// Ids as they are chosen: none, short ones, one prefix, and made from a number throughout; two versions.
fn id(number: u16) -> Id {
    let version = [0x0303, 0x0304][usize::from(number) % 2];
    let bytes = number.to_be_bytes();
    let id = match number / 2 % 8 {
        0 if number < 16 => Vec::new(),
        1 => bytes.to_vec(),
        2 | 3 => [&[0x55; 28], &bytes[..]].concat(),
        _ => (0..16).flat_map(|n| (number.wrapping_mul(n * 2 + 257)).to_be_bytes()).chain(bytes).collect(),
    };
    (version, id)
}

struct Pair {
    store: Memory<Session>,
    model: Model,
    known: Vec<Session>,
}

impl Pair {
    fn new(rules: Rules) -> Self {
        Self { store: Memory::with_rules(rules.0), model: Model::new(rules), known: Vec::new() }
    }

    fn expiry(&self, (time, timeout): (i64, i64)) -> Expiry {
        Expiry::by_rule(UnixTime(time), Seconds(timeout), self.model.overflow)
    }

    fn key(id: &Id) -> Key {
        Key::new(ProtocolVersion(id.0), &id.1)
    }

    fn session(&mut self, known: Option<u16>) -> Session {
        match known {
            Some(known) if !self.known.is_empty() => self.known[usize::from(known) % self.known.len()].clone(),
            _ => {
                let session = Session(Arc::new(self.known.len() as u32));
                self.known.push(session.clone());
                session
            }
        }
    }

    /// Returns the session under an id, by the model.
    fn resident(&self, id: &Id) -> Option<Session> {
        self.model.at(id).map(|at| self.known[self.model.sessions[at].number as usize].clone())
    }

    fn insert(&mut self, id: &Id, session: Session, (time, timeout): (i64, i64), size: usize) {
        let number = *session.0;
        let sum = self.model.sum(time, timeout);
        let expected = self.model.insert(id, number, sum, size);
        let expiry = self.expiry((time, timeout));
        let Inserted { outcome, evicted } = self.store.insert(&Self::key(id), session, expiry, size);
        let outcome = match &outcome {
            Outcome::Added => Outcome::Added,
            Outcome::Replaced(old) => Outcome::Replaced(*old.0),
            Outcome::AlreadyThere(session) => Outcome::AlreadyThere(*session.0),
        };
        assert_eq!((evicted.len(), evicted.is_empty()), (expected.1.len(), expected.1.is_empty()));
        assert_eq!((outcome, numbers(evicted)), expected);
    }

    fn reposition(&mut self, from: &Id, to: &Id, session: &Session, (time, timeout): (i64, i64)) {
        let sum = self.model.sum(time, timeout);
        let expected = self.model.reposition(from, to, *session.0, sum);
        let repositioned =
            self.store.reposition(&Self::key(from), &Self::key(to), session, self.expiry((time, timeout)));
        let repositioned = match &repositioned {
            Repositioned::NotHere => Repositioned::NotHere,
            Repositioned::Moved(displaced) => Repositioned::Moved(displaced.as_ref().map(|displaced| *displaced.0)),
        };
        assert_eq!(repositioned, expected);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert { id: number, known, time, timeout, size } => {
                let session = self.session(known);
                self.insert(&id(number), session, (time, timeout), size);
            }
            Step::InsertAgain { id: number, time, timeout, size } => {
                if let Some(session) = self.resident(&id(number)) {
                    self.insert(&id(number), session, (time, timeout), size);
                }
            }
            Step::Take { id: number } => {
                let id = id(number);
                let expected = self.resident(&id);
                assert_eq!(self.store.take(&Self::key(&id)), expected);
                self.model.at(&id).map(|at| self.model.sessions.remove(at));
            }
            Step::Look { id: number } => {
                let id = id(number);
                assert_eq!(self.store.get(&Self::key(&id)), self.resident(&id));
                assert_eq!(self.store.contains(&Self::key(&id)), self.resident(&id).is_some());
            }
            Step::Expire { now, most } => {
                let now = self.model.overflow.clock(now);
                let over = |expiry| expiry <= i128::from(i64::MAX) && i128::from(now.0) > expiry;
                assert_eq!(numbers(self.store.take_expired(now, most)), self.model.take(most, over));
            }
            Step::Soonest { most } => {
                assert_eq!(numbers(self.store.pop_soonest(most)), self.model.take(most, |_| true));
            }
            Step::Reposition { from, to, time, timeout } => {
                if let Some(session) = self.resident(&id(from)) {
                    self.reposition(&id(from), &id(to), &session, (time, timeout));
                }
            }
            Step::RepositionKnown { from, to, known, time, timeout } => {
                let session = self.session(Some(known));
                self.reposition(&id(from), &id(to), &session, (time, timeout));
            }
        }
        assert_eq!(self.store.len(), self.model.sessions.len());
    }

    /// Checks that every reference is where it should be, and that the store releases all of its own.
    fn finish(self) {
        self.store.validate();
        let Self { store, model, known } = self;
        for session in &known {
            let kept = model.sessions.iter().filter(|resident| resident.number == *session.0).count();
            assert_eq!(Arc::strong_count(&session.0), 1 + kept, "references to session {}", session.0);
        }
        drop(store);
        assert!(known.iter().all(|session| Arc::strong_count(&session.0) == 1));
    }
}

fn numbers(sessions: impl IntoIterator<Item = Session>) -> Vec<u32> {
    sessions.into_iter().map(|session| *session.0).collect()
}

fn expiry() -> impl Strategy<Value = (i64, i64)> {
    prop_oneof![
        12 => (0i64..30, 0i64..10),
        3 => (1_700_000_000i64..1_700_000_100, Just(300)),
        1 => (0i64..5, i64::MAX - 3..=i64::MAX),
        1 => (i64::MAX - 3..=i64::MAX, 0i64..5),
        1 => (0i64..5, -10i64..0),
    ]
}

fn now() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0i64..40, 2 => 1_700_000_300i64..1_700_000_400, 1 => Just(i64::MAX), 1 => -10i64..1]
}

/// Returns `count` calls on that number of ids. Of 200 insertions, `flushes` remove up to `most`.
fn steps(
    ids: u16,
    sizes: BoxedStrategy<usize>,
    flushes: u32,
    most: usize,
    count: usize,
) -> impl Strategy<Value = Vec<Step>> {
    let id = move || 0..ids;
    let known = || prop_oneof![8 => Just(None), 1 => any::<u16>().prop_map(Some)];
    let again = (id(), expiry(), sizes.clone());
    let step = prop_oneof![
        200 => (id(), known(), expiry(), sizes)
            .prop_map(|(id, known, (time, timeout), size)| Step::Insert { id, known, time, timeout, size }),
        30 => again.prop_map(|(id, (time, timeout), size)| Step::InsertAgain { id, time, timeout, size }),
        40 => id().prop_map(|id| Step::Take { id }),
        60 => id().prop_map(|id| Step::Look { id }),
        flushes => (now(), 0..most).prop_map(|(now, most)| Step::Expire { now: UnixTime(now), most }),
        flushes => (0..most).prop_map(|most| Step::Soonest { most }),
        40 => (id(), id(), expiry())
            .prop_map(|(from, to, (time, timeout))| Step::Reposition { from, to, time, timeout }),
        20 => (id(), expiry()).prop_map(|(id, (time, timeout))| Step::Reposition { from: id, to: id, time, timeout }),
        10 => (id(), id(), any::<u16>(), expiry()).prop_map(|(from, to, known, (time, timeout))| {
            Step::RepositionKnown { from, to, known, time, timeout }
        }),
    ];
    prop::collection::vec(step, count..=count)
}

/// Gives store and model the same calls, many times over by each set of rules; how many sessions there were at most.
/// Checks the store's insides after every `each` calls.
fn compare(cases: u32, each: usize, steps: impl Strategy<Value = Vec<Step>>) -> usize {
    let largest = all_rules().map(|rules| compare_by(rules, cases, each, &steps));
    largest.max().unwrap_or(0)
}

fn compare_by(rules: Rules, cases: u32, each: usize, steps: &impl Strategy<Value = Vec<Step>>) -> usize {
    let largest = Cell::new(0);
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 5000, ..ProptestConfig::default() };
    let run = |steps: Vec<Step>| {
        let mut pair = Pair::new(rules);
        for (number, step) in steps.into_iter().enumerate() {
            pair.step(step);
            largest.set(pair.store.len().max(largest.get()));
            if number % each == 0 {
                pair.store.validate();
            }
        }
        pair.finish();
        Ok(())
    };
    TestRunner::new(config).run(steps, run).unwrap_or_else(|failure| panic!("by {rules:?}: {failure}"));
    largest.get()
}

#[test]
fn a_small_store_does_what_the_model_does() {
    let sizes = prop_oneof![1 => 0usize..6, 2 => Just(20480)].boxed();
    assert!(compare(60, 1, steps(24, sizes, 10, 5, 120)) > 8);
}

#[test]
fn a_store_that_grows_to_buckets_and_shrinks_does_what_the_model_does() {
    let sizes = prop_oneof![60 => Just(0usize), 4 => 30usize..100, 1 => 0usize..40].boxed();
    assert!(compare(6, 1, steps(200, sizes, 1, 60, 600)) > 64);
}

#[test]
fn a_store_of_thousands_does_what_the_model_does() {
    let sizes = prop_oneof![5000 => Just(0usize), 500 => 3000usize..5000, 1 => 0usize..1000].boxed();
    let steps = steps(9000, sizes, 1, 40, 10_000);
    // The rules for sums are the same however many sessions there are.
    let rules = all_rules().filter(|(_, overflow)| *overflow == Overflow::Never);
    assert!(rules.map(|rules| compare_by(rules, 1, 512, &steps)).max() > Some(1500));
}
