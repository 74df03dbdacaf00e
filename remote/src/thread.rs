//! The thread: takes what is queued, and answers lookups.
//!
//! ```text
//!   connect ── fails ──► breaker opens ──► pause ──► connect
//!      │ PING answered: breaker closes
//!      ▼
//!   woken ──► lookups: a task each, with a deadline of its own; for single use by a connection of their own
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

use redis::{Cmd, ErrorKind, RedisResult, RetryMethod, Value};
use sslsession_store::counting::{Counting, counter, gauge};
use tokio::sync::{Notify, OnceCell};
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
    /// True if the record is to be taken out of the store.
    once: bool,
    complete: Complete,
}

/// The state that callers and the thread share.
pub struct Shared {
    settings: &'static Settings,
    resolver: &'static Resolver,
    pub writes: Writes,
    lookups: Mutex<VecDeque<Lookup>>,
    /// Writes to nodes of a cluster that are away.
    held: Writes,
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
            held: Writes::new(settings.options.queue),
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

    /// Asks for a record, or takes it for single use. Returns false if it is refused, and `complete` is not called.
    pub fn look_up(&self, name: &[u8], once: bool, complete: Complete) -> bool {
        let is_taken = !self.breaker.is_open() && {
            let mut lookups = self.lookups.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let has_room = lookups.len() < MOST_LOOKUPS && !self.breaker.is_open();
            if has_room {
                lookups.push_back(Lookup { name: name.into(), once, complete });
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

    /// Shows how much waits to be written.
    fn show_queue(&self) {
        self.show(gauge::QUEUED, (self.writes.bytes() + self.held.bytes()) as u64);
    }

    /// Queues what was held while nodes were away.
    fn release(&self) {
        for write in self.held.take(usize::MAX, usize::MAX) {
            self.count(counter::DROPPED, self.writes.push(write).dropped as u64);
        }
        self.wake.notify_one();
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
                serve(shared, Links { link, once: Rc::default() }).await;
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

async fn connect(shared: &'static Shared) -> Option<Link> {
    // A node of a cluster that does not answer is waited for first.
    const LONGEST: Duration = Duration::from_millis(400);
    let longest = if shared.settings.addresses.is_cluster() { LONGEST * 3 } else { LONGEST };
    let on_up = Rc::new(|| shared.release());
    timeout(longest, Link::connect(shared.settings, shared.resolver, on_up)).await.ok()?.ok()
}

/// The connections.
#[derive(Clone)]
struct Links {
    link: Link,
    /// For single use with replicas, from the first need: WAIT keeps all that is sent after it waiting. A cluster has its own.
    once: Rc<OnceCell<Link>>,
}

impl Links {
    async fn for_single_use(&self, shared: &'static Shared) -> RedisResult<Link> {
        if self.is_cluster() || shared.settings.options.replicas == 0 {
            return Ok(self.link.clone());
        }
        let connect = || Link::connect(shared.settings, shared.resolver, Rc::new(|| ()));
        self.once.get_or_try_init(connect).await.cloned()
    }

    fn is_cluster(&self) -> bool {
        matches!(self.link, Link::Cluster(_))
    }
}

/// Serves callers until the breaker opens or the connection ends.
async fn serve(shared: &'static Shared, links: Links) {
    let is_over = Rc::new(Cell::new(false));
    let is_writing = Rc::new(Cell::new(false));
    shared.release();
    while !is_over.get() && !shared.breaker.is_open() {
        for lookup in shared.take_lookups() {
            let (links, is_over) = (links.clone(), Rc::clone(&is_over));
            spawn_local(async move { answer(shared, links, lookup, &is_over).await });
        }
        if !is_writing.get() {
            let batch = shared.writes.take(BATCH.0, BATCH.1);
            if !batch.is_empty() {
                shared.show_queue();
                is_writing.set(true);
                let (links, is_over) = (links.clone(), Rc::clone(&is_over));
                let is_writing = Rc::clone(&is_writing);
                spawn_local(async move {
                    write(shared, links.link, batch, &is_over).await;
                    is_writing.set(false);
                    shared.wake.notify_one();
                });
            }
        }
        shared.wake.notified().await;
    }
}

async fn ask(shared: &'static Shared, mut links: Links, lookup: &Lookup) -> RedisResult<Value> {
    if lookup.once {
        return links.for_single_use(shared).await?.take(&lookup.name, &shared.settings.options).await;
    }
    links.link.find(&lookup.name).await
}

async fn answer(shared: &'static Shared, links: Links, lookup: Lookup, is_over: &Cell<bool>) {
    let (is_cluster, link) = (links.is_cluster(), links.link.clone());
    // A cluster's nodes have deadlines of their own.
    let longest = shared.settings.options.park * if is_cluster { 4 } else { 1 };
    let answered = timeout(longest, ask(shared, links, &lookup)).await;
    let found = match answered {
        Ok(Ok(Value::BulkString(record))) => Found::Record(record),
        Ok(Ok(Value::Nil)) => Found::Missing,
        answered => {
            let is_gone = matches!(&answered, Ok(Err(error)) if error.is_unrecoverable_error());
            is_over.set(is_over.get() || is_gone && !is_cluster);
            Found::Failed
        }
    };
    match found {
        Found::Failed => {
            shared.count(counter::FAILED, 1);
            on_failure(shared, &link);
            if shared.breaker.is_open() || is_over.get() {
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

/// Notes that an answer is missing: a node of a cluster says nothing of the others.
fn on_failure(shared: &Shared, link: &Link) {
    match link {
        Link::One(_) => drop(shared.breaker.on_failure()),
        Link::Cluster(_) if link.is_lost() => shared.breaker.open(),
        Link::Cluster(_) => {}
    }
}

async fn write(shared: &Shared, mut link: Link, batch: Vec<Write>, is_over: &Cell<bool>) {
    let (mut commands, mut writes) = (Vec::new(), Vec::new());
    for write in batch {
        if link.is_away(&write.name) {
            shared.count(counter::DROPPED, shared.held.push(write).dropped as u64);
        } else if let Some(command) = command(&write, shared.settings.options.life) {
            commands.push((write.name.clone(), command));
            writes.push(write);
        }
    }
    let answers = link.ask_all(commands, shared.settings.options.park * 2).await;
    let (mut again, mut is_lost) = (Vec::new(), false);
    for (write, answer) in writes.into_iter().zip(answers) {
        let end = outcome(answer);
        is_lost |= matches!(end, Outcome::Unknown);
        match end {
            Outcome::Done => shared.count(counter::WRITTEN, u64::from(write.record.is_some())),
            Outcome::NotYet => again.push(write),
            Outcome::Unknown if !write.once => again.push(write),
            Outcome::Unknown | Outcome::Refused => shared.count(counter::DROPPED, 1),
        }
    }
    if is_lost {
        on_failure(shared, &link);
        is_over.set(is_over.get() || matches!(link, Link::One(_)));
    }
    let given_up = shared.writes.put_back(again);
    shared.count(counter::DROPPED, given_up.len() as u64);
    shared.show_queue();
}

/// The end of a write.
enum Outcome {
    Done,
    /// The server has not executed it, and may do so later.
    NotYet,
    /// The connection ended, or there was no answer in time: it may have been executed.
    Unknown,
    Refused,
}

fn outcome(answer: Option<RedisResult<Value>>) -> Outcome {
    match answer {
        None => Outcome::Unknown,
        Some(Ok(_)) => Outcome::Done,
        Some(Err(error)) if error.kind() == ErrorKind::ClusterConnectionNotFound => Outcome::NotYet,
        Some(Err(error)) if !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) => Outcome::Unknown,
        Some(Err(error)) if matches!(error.retry_method(), RetryMethod::NoRetry) => Outcome::Refused,
        Some(Err(_)) => Outcome::NotYet,
    }
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
