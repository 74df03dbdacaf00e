//! The thread: takes what is queued, and answers lookups.
//!
//! ```text
//!   connect ── fails ──► breaker opens ──► pause ──► connect
//!      │ PING answered: breaker closes
//!      ▼
//!   woken ──► lookups: a task each, with a deadline of its own
//!         └─► writes: one batch at a time, what came meanwhile is the next
//!   breaker opens, or the connection ends ──► connect
//! ```

use std::cell::Cell;
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{Cmd, RedisError, Value};
use sslsession_store::counting::{Counting, counter, gauge};
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::breaker::Breaker;
use crate::link::Link;
use crate::parking;
use crate::queue::{Write, Writes};
use crate::resolver::Resolver;
use crate::settings::Settings;

/// Number of lookups that may be waited for.
const MOST_LOOKUPS: usize = 1024;

/// Number of writes in a batch, and of their bytes.
const BATCH: (usize, usize) = (1024, 1 << 20);

/// Enough for TLS.
const STACK: usize = 256 << 10;

/// The end of a lookup, which is called exactly once.
pub type Complete = Box<dyn FnOnce(Found) + Send>;

/// An answer to a lookup.
pub enum Found {
    Record(Vec<u8>),
    Missing,
    Failed,
}

/// A lookup that waits to be sent.
struct Lookup {
    name: Box<[u8]>,
    complete: Complete,
}

/// The state that callers and the thread share.
pub struct Shared {
    settings: &'static Settings,
    resolver: &'static Resolver,
    pub writes: Writes,
    lookups: Mutex<VecDeque<Lookup>>,
    pub breaker: Breaker,
    counting: Counting<'static>,
    wake: Notify,
}

impl Shared {
    /// Starts a thread for these settings, which lives as long as the process; None if there can be none.
    pub fn start(
        settings: &'static Settings,
        resolver: &'static Resolver,
        counting: Counting<'static>,
    ) -> Option<&'static Shared> {
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            settings,
            resolver,
            writes: Writes::new(settings.options.queue),
            lookups: Mutex::default(),
            breaker: Breaker::default(),
            counting,
            wake: Notify::new(),
        }));
        let body = move || {
            let ended = catch_unwind(AssertUnwindSafe(|| run(shared)));
            // Nothing serves it any more.
            shared.breaker.open();
            shared.refuse_all();
            drop(ended);
            loop {
                // The library counts this thread, which must not be fewer than it thinks.
                std::thread::park();
            }
        };
        with_signals_blocked(|| {
            std::thread::Builder::new().name("sslsession".to_owned()).stack_size(STACK).spawn(body).ok()
        })?;
        Some(shared)
    }

    pub fn write(&self, write: Write) {
        let pushed = self.writes.push(write);
        self.show(gauge::QUEUED, pushed.bytes as u64);
        self.count(counter::DROPPED, pushed.dropped as u64);
        if pushed.was_empty {
            self.wake.notify_one();
        }
    }

    /// Asks for a record. Returns false if it is refused, and `complete` is not called.
    pub fn look_up(&self, name: &[u8], complete: Complete) -> bool {
        let is_taken = !self.breaker.is_open() && {
            let mut lookups = self.lookups.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let has_room = lookups.len() < MOST_LOOKUPS && !self.breaker.is_open();
            if has_room {
                lookups.push_back(Lookup { name: name.into(), complete });
            }
            has_room
        };
        self.count(counter::ASKED, 1);
        self.count(counter::REFUSED, u64::from(!is_taken));
        if is_taken {
            self.wake.notify_one();
        }
        is_taken
    }

    /// Counts events of that number.
    pub fn count(&self, counter: usize, times: u64) {
        self.counting.counters[counter].fetch_add(times, Relaxed);
    }

    fn show(&self, gauge: usize, value: u64) {
        self.counting.gauges[gauge].store(value, Relaxed);
    }

    fn take_lookups(&self) -> VecDeque<Lookup> {
        std::mem::take(&mut *self.lookups.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Ends the lookups that wait, without an answer.
    fn refuse_all(&self) {
        for lookup in self.take_lookups() {
            self.count(counter::FAILED, 1);
            (lookup.complete)(Found::Failed);
        }
    }
}

/// Runs the thread for the life of the process.
fn run(shared: &'static Shared) {
    std::panic::set_hook(Box::new(|_| ()));
    // The process's libssl is not asked, and there is one provider.
    drop(rustls::crypto::ring::default_provider().install_default());
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    parking::test_kernel();
    let mut seen = 0;
    LocalSet::new().block_on(&runtime, async {
        spawn_local(parking::keep_deadlines());
        loop {
            if let Some(link) = connect(shared).await {
                shared.breaker.close();
                shared.show(gauge::STATE, 1);
                serve(shared, link).await;
                if !shared.breaker.is_open() {
                    // The server has closed the connection, which is no reason to wait.
                    continue;
                }
            }
            shared.breaker.open();
            shared.show(gauge::STATE, 2);
            shared.refuse_all();
            let opened = shared.breaker.opened();
            shared.count(counter::OPENED, opened - seen);
            seen = opened;
            sleep(shared.breaker.next_pause()).await;
        }
    });
}

async fn connect(shared: &Shared) -> Option<Link> {
    const LONGEST: Duration = Duration::from_millis(400);
    timeout(LONGEST, Link::connect(shared.settings, shared.resolver)).await.ok()?.ok()
}

/// Serves callers until the breaker opens or the connection ends.
async fn serve(shared: &'static Shared, link: Link) {
    let is_over = Rc::new(Cell::new(false));
    let is_writing = Rc::new(Cell::new(false));
    while !is_over.get() && !shared.breaker.is_open() {
        for lookup in shared.take_lookups() {
            let (link, is_over) = (link.clone(), Rc::clone(&is_over));
            spawn_local(async move { answer(shared, link, lookup, &is_over).await });
        }
        if !is_writing.get() {
            let batch = shared.writes.take(BATCH.0, BATCH.1);
            if !batch.is_empty() {
                shared.show(gauge::QUEUED, shared.writes.bytes() as u64);
                is_writing.set(true);
                let (link, is_over) = (link.clone(), Rc::clone(&is_over));
                let is_writing = Rc::clone(&is_writing);
                spawn_local(async move {
                    write(shared, link, batch, &is_over).await;
                    is_writing.set(false);
                    shared.wake.notify_one();
                });
            }
        }
        shared.wake.notified().await;
    }
}

async fn answer(shared: &Shared, mut link: Link, lookup: Lookup, is_over: &Cell<bool>) {
    let mut command = redis::cmd("GET");
    command.arg(&*lookup.name);
    let answered = timeout(shared.settings.options.park, link.ask(&command)).await;
    let found = match answered {
        Ok(Ok(Value::BulkString(record))) => Found::Record(record),
        Ok(Ok(Value::Nil)) => Found::Missing,
        answered => {
            let is_gone = matches!(&answered, Ok(Err(error)) if error.is_unrecoverable_error());
            is_over.set(is_over.get() || is_gone && matches!(link, Link::One(_)));
            Found::Failed
        }
    };
    match found {
        Found::Failed => {
            shared.count(counter::FAILED, 1);
            if shared.breaker.on_failure() || is_over.get() {
                shared.wake.notify_one();
            }
        }
        _ => shared.breaker.on_answer(),
    }
    if matches!(found, Found::Record(_)) {
        shared.count(counter::FOUND, 1);
    }
    (lookup.complete)(found);
}

async fn write(shared: &Shared, mut link: Link, batch: Vec<Write>, is_over: &Cell<bool>) {
    let batch: Vec<(Cmd, Write)> =
        batch.into_iter().filter_map(|write| Some((command(&write, shared.settings.options.life)?, write))).collect();
    if batch.is_empty() {
        return;
    }
    let (commands, writes): (Vec<Cmd>, Vec<Write>) = batch.into_iter().unzip();
    let answers = timeout(shared.settings.options.park * 2, link.ask_all(commands)).await.unwrap_or_default();
    let mut unanswered = Vec::new();
    let mut answers = answers.into_iter();
    for write in writes {
        match answers.next() {
            Some(Ok(_)) => shared.count(counter::WRITTEN, u64::from(write.record.is_some())),
            Some(Err(error)) if !is_lost(&error) => shared.count(counter::DROPPED, 1),
            _ => unanswered.push(write),
        }
    }
    if !unanswered.is_empty() {
        shared.breaker.on_failure();
        is_over.set(is_over.get() || matches!(link, Link::One(_)));
        let given_up = shared.writes.put_back(unanswered);
        shared.count(counter::DROPPED, given_up.len() as u64);
    }
}

/// Returns true for the end of a connection, and for an answer that has not come.
fn is_lost(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error() || error.is_timeout()
}

/// Returns the command of a write; None for a record that has expired meanwhile.
fn command(write: &Write, longest: Option<Duration>) -> Option<Cmd> {
    let Some((record, expiry)) = &write.record else {
        let mut delete = redis::cmd("DEL");
        delete.arg(&*write.name);
        return Some(delete);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    // A session is valid in its last second.
    let life = expiry.checked_add(1)?.checked_mul(1000)?.checked_sub(now).filter(|&life| life > 0)?;
    let life = longest.map_or(life, |longest| life.min(longest.as_millis() as i64));
    let mut set = redis::cmd("SET");
    set.arg(&*write.name).arg(&**record).arg("PX").arg(life);
    Some(set)
}

/// Runs `body` with all signals blocked but those of faults: a thread that it starts inherits that, and the program's
/// signals reach its own threads.
fn with_signals_blocked<T>(body: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sets to write, of which the first is filled before it is used.
    let is_blocked = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
            libc::sigdelset(all.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    let answer = body();
    if is_blocked {
        // SAFETY: the set that pthread_sigmask wrote.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    }
    answer
}
