//! Waiting for an answer, within the thread's budget.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::budget::Budget;
use crate::thread::{Complete, Found};

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget::new()) };
}

/// The end of waiting.
pub enum Answer {
    Record(Vec<u8>),
    Missing,
    /// An error; or nobody was asked.
    Failed,
    /// The answer has not come in time. It is thrown away when it does.
    Late,
    /// The thread has waited too much already, and nobody was asked.
    NoTime,
}

/// Asks, and waits for that time at most.
pub fn ask(longest: Duration, ask: impl FnOnce(Complete) -> bool) -> Answer {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    let begun = *BEGINNING.get_or_init(Instant::now);
    // In a thread that is ending there is none.
    let Ok(mut budget) = BUDGET.try_with(Cell::get) else { return Answer::NoTime };
    let start = begun.elapsed();
    let left = budget.left(start.as_micros() as u64, longest.as_micros() as u32);
    if left == 0 {
        return Answer::NoTime;
    }
    let slot = Arc::new(Slot::default());
    let its = Arc::clone(&slot);
    if !ask(Box::new(move |found| its.fill(found))) {
        return Answer::Failed;
    }
    let answer = slot.wait(begun + start + Duration::from_micros(u64::from(left)));
    let end = begun.elapsed();
    budget.spend(end.as_micros() as u64, u32::try_from((end - start).as_micros()).unwrap_or(u32::MAX));
    let _ = BUDGET.try_with(|place| place.set(budget));
    match answer {
        Some(Found::Record(record)) => Answer::Record(record),
        Some(Found::Missing) => Answer::Missing,
        Some(Found::Failed) => Answer::Failed,
        None => Answer::Late,
    }
}

/// The place of an answer, which the caller and the thread own.
#[derive(Default)]
struct Slot {
    answer: Mutex<Option<Found>>,
    is_there: Condvar,
}

impl Slot {
    fn wait(&self, end: Instant) -> Option<Found> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(answer) = answer.take() {
                return Some(answer);
            }
            let left = end.checked_duration_since(Instant::now())?;
            (answer, _) = self.is_there.wait_timeout(answer, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn fill(&self, found: Found) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        self.is_there.notify_one();
    }
}
