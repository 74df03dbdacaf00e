//! The connections of a process that may be parked, and the deadlines of those that are.
//!
//! ```text
//!   by_bio      BIO ─► entry     from SSL_set_fd until its ClientHello has been read: the BIO's callback asks
//!   by_ssl      SSL ─► entry     until the connection ends, if it was asked for: the lookup asks
//!   deadlines   oldest first, all after the same time: the thread settles those that are due
//! ```
//! A child of a fork begins anew: locks may be held in what its parent had, and the questions are the parent's.
//!
//! Should the thread hang, then whoever reads next from any connection settles what is overdue, and nothing parks until
//! the thread has looked again.

use std::collections::{HashMap, VecDeque};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::bio::Watched;
use super::entry::Entry;

/// Number of connections that may be parked at a time: each costs a question, and whoever has sessions of one host may
/// offer them at another.
const MOST: usize = 1024;

/// The time after a deadline from which on the thread is taken to hang.
const GRACE: Duration = Duration::from_millis(100);

/// The connections, known by two addresses.
#[derive(Default)]
struct Entries {
    by_bio: HashMap<usize, Arc<Watched>>,
    by_ssl: HashMap<usize, Arc<Entry>>,
}

impl Entries {
    /// Forgets the BIO of a connection, which may be another one's by now.
    fn forget_bio_of(&mut self, entry: &Arc<Entry>) {
        if self.by_bio.get(&entry.bio).is_some_and(|watched| Arc::ptr_eq(&watched.entry, entry)) {
            self.by_bio.remove(&entry.bio);
        }
    }
}

#[derive(Default)]
pub struct Process {
    entries: Mutex<Entries>,
    deadlines: Mutex<VecDeque<(Instant, Arc<Entry>)>>,
    /// Number of questions that are out.
    asked: AtomicUsize,
    hangs: AtomicBool,
    wake: Notify,
}

/// The state of this process; NULL before the first need, and in a child of a fork.
static PROCESS: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());

/// Forgets the parent's connections, in a child of a fork.
pub fn forked() {
    PROCESS.store(ptr::null_mut(), Ordering::Release);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// Returns the state of this process, if there is any yet.
    pub fn existing() -> Option<&'static Process> {
        // SAFETY: NULL, or from Box::leak.
        unsafe { PROCESS.load(Ordering::Acquire).as_ref() }
    }

    /// Returns the state of this process.
    pub fn current() -> &'static Process {
        Process::existing().unwrap_or_else(|| {
            let made: *mut Process = Box::leak(Box::default());
            match PROCESS.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: from Box::leak, just now.
                Ok(_) => unsafe { &*made },
                Err(theirs) => {
                    // SAFETY: nobody else has seen it; and the other one is from Box::leak.
                    unsafe {
                        drop(Box::from_raw(made));
                        &*theirs
                    }
                }
            }
        })
    }

    /// Watches a connection that reads from a BIO.
    pub fn watch(&self, ssl: usize, watched: Watched) {
        let mut entries = locked(&self.entries);
        let before = entries.by_ssl.insert(ssl, Arc::clone(&watched.entry));
        if let Some(before) = &before {
            entries.forget_bio_of(before);
        }
        entries.by_bio.insert(watched.entry.bio, Arc::new(watched));
        drop(entries);
        if let Some(before) = before {
            before.end();
        }
    }

    /// Returns the connection that reads from a BIO.
    pub fn of_bio(&self, bio: usize) -> Option<Arc<Watched>> {
        locked(&self.entries).by_bio.get(&bio).cloned()
    }

    /// Returns the connection at an address.
    pub fn of_ssl(&self, ssl: usize) -> Option<Arc<Entry>> {
        locked(&self.entries).by_ssl.get(&ssl).cloned()
    }

    /// Forgets the BIO of a connection: libssl reads without us from now on, or the BIO is freed. A connection that has
    /// not been asked for is forgotten with it.
    pub fn forget_read(&self, ssl: usize, entry: &Arc<Entry>) {
        let has_answer = entry.has_answer();
        let mut entries = locked(&self.entries);
        entries.forget_bio_of(entry);
        if !has_answer && entries.by_ssl.get(&ssl).is_some_and(|of_ssl| Arc::ptr_eq(of_ssl, entry)) {
            entries.by_ssl.remove(&ssl);
        }
    }

    /// Forgets a connection, which ends. Returns it.
    pub fn forget(&self, ssl: usize) -> Option<Arc<Entry>> {
        let mut entries = locked(&self.entries);
        let entry = entries.by_ssl.remove(&ssl)?;
        entries.forget_bio_of(&entry);
        Some(entry)
    }

    /// Counts a question. Returns false if there are too many, or nobody would keep its deadline.
    pub fn begin(&self) -> bool {
        let count = |asked| (asked < MOST && !self.hangs.load(Ordering::Relaxed)).then_some(asked + 1);
        self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
    }

    /// Counts the end of a question.
    pub fn on_settled(&self) {
        self.asked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns true if no question is out.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.asked.load(Ordering::Relaxed) == 0
    }

    /// Has the thread keep a parked connection's deadline.
    pub fn add_deadline(&self, until: Instant, entry: Arc<Entry>) {
        let mut deadlines = locked(&self.deadlines);
        let was_empty = deadlines.is_empty();
        deadlines.push_back((until, entry));
        drop(deadlines);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// Settles what is due. Returns the next deadline.
    fn settle_due(&self, now: Instant) -> Option<Instant> {
        loop {
            let mut deadlines = locked(&self.deadlines);
            let &(until, _) = deadlines.front()?;
            if until > now {
                return Some(until);
            }
            let due = deadlines.pop_front();
            drop(deadlines);
            if let Some((_, entry)) = due {
                entry.settle_late();
            }
        }
    }

    /// Settles what is overdue, for the thread that should have done so.
    pub fn look_after(&self, now: Instant) {
        let Some(overdue) = now.checked_sub(GRACE).filter(|_| self.asked.load(Ordering::Relaxed) > 0) else { return };
        if locked(&self.deadlines).front().is_some_and(|&(until, _)| until <= overdue) {
            self.hangs.store(true, Ordering::Relaxed);
            self.settle_due(overdue);
        }
    }

    /// Keeps the deadlines, on the object's thread.
    pub async fn keep_deadlines(&self) {
        loop {
            self.hangs.store(false, Ordering::Relaxed);
            match self.settle_due(Instant::now()) {
                None => self.wake.notified().await,
                Some(next) => drop(timeout(next.saturating_duration_since(Instant::now()), self.wake.notified()).await),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parking::Answer;
    use std::future::Future;
    use std::sync::atomic::AtomicU64;

    static LATE: AtomicU64 = AtomicU64::new(0);

    fn process() -> &'static Process {
        Box::leak(Box::default())
    }

    /// Returns a connection that has been asked for, without a socket.
    fn asked(process: &'static Process, until: Instant) -> Arc<Entry> {
        let entry = Arc::new(Entry::new(process, 1));
        assert!(process.begin());
        entry.begin(&LATE);
        process.add_deadline(until, Arc::clone(&entry));
        entry
    }

    #[test]
    fn no_more_than_so_many_are_asked_for_at_a_time() {
        let process = process();
        let now = Instant::now();
        let all: Vec<_> = (0..MOST).map(|_| asked(process, now)).collect();
        assert!(!process.begin());
        assert!(all[0].settle(Answer::Nothing));
        assert!(process.begin());
    }

    #[test]
    fn deadlines_are_kept_in_their_order() {
        let process = process();
        let now = Instant::now();
        let at = |milliseconds| now + Duration::from_millis(milliseconds);
        let all = [50, 60, 70].map(|until| asked(process, at(until)));
        assert_eq!(process.settle_due(at(49)), Some(at(50)));
        assert_eq!(process.settle_due(at(60)), Some(at(70)));
        assert_eq!(all.map(|entry| entry.settle(Answer::Nothing)), [false, false, true]);
        assert_eq!(process.settle_due(at(80)), None);
    }

    #[test]
    fn whoever_reads_settles_what_the_thread_has_not() {
        let process = process();
        let now = Instant::now();
        let entry = asked(process, now);
        process.look_after(now + GRACE / 2);
        assert!(process.begin(), "the thread is only busy");
        process.look_after(now + GRACE);
        assert!(!entry.settle(Answer::Nothing), "it is settled");
        assert!(!process.begin(), "nothing parks");
    }

    /// The thread keeps a deadline that comes while it waits for none.
    #[test]
    fn the_thread_keeps_deadlines() {
        let process = process();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let keeps = process.keep_deadlines();
            let settled = async {
                tokio::task::yield_now().await;
                let entry = asked(process, Instant::now() + Duration::from_millis(20));
                while process.asked.load(Ordering::Relaxed) > 0 {
                    tokio::task::yield_now().await;
                }
                entry
            };
            tokio::pin!(keeps);
            tokio::pin!(settled);
            let entry = std::future::poll_fn(|context| {
                assert!(keeps.as_mut().poll(context).is_pending());
                settled.as_mut().poll(context)
            })
            .await;
            assert!(matches!(entry.take(), Answer::Nothing));
        });
    }
}
