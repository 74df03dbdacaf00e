//! The remote store: the sessions of all hosts of a fleet, in Redis or Valkey.
//!
//! ```text
//!   Remote ── lines of the key file        ids, names, seals, digests        keys, id, record
//!     │   └── Object ── thread ── network  libsslsession-remote.so           object, abi
//!     └────── Budget of each thread        how long it may wait              budget
//! ```
//! It stands behind the shared store of each host: a session that is not there is asked for here, if its id says that
//! another host made it. Writes and removals are queued, and nothing waits for them. A lookup waits for
//! [`DEADLINE`](budget::DEADLINE) at most, and a thread for its budget. Whatever fails is a miss.
#![deny(unsafe_code)]

#[allow(dead_code, reason = "the object's half of it")]
mod abi;
mod budget;
mod id;
mod keys;
#[allow(unsafe_code, reason = "the loader, and functions of another object")]
mod object;
mod record;

use std::cell::Cell;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use abi::Counters;
use budget::Budget;
pub use id::LENGTH as ID_LENGTH;
use id::Verdict;
pub use keys::Line;
pub use object::{LoadError, Object, forked};
pub use record::Opened;

use crate::config::Addresses;
use crate::key_file::Keys;
use crate::record::{Fingerprint, RecordKey};
use crate::time::{Seconds, UnixTime};

/// The time for which another host's session stays in this host's store before it is asked for again.
/// So long may a removal elsewhere go unnoticed.
pub const KEEP: Seconds = Seconds(60);

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget::new()) };
}

/// The store of a fleet.
pub struct Remote {
    addresses: Addresses,
    lines: Box<[Line]>,
    object: Object,
}

impl Remote {
    /// Returns the store at these addresses, for the fleet with these keys.
    pub fn new(addresses: &Addresses, keys: &Keys, object: Object) -> Remote {
        Remote { addresses: addresses.clone(), lines: Line::all(keys), object }
    }

    /// Loads the object with the network code.
    pub fn load(file: Option<&Path>) -> Result<Object, LoadError> {
        Object::load(file)
    }

    /// Makes a session id that says that `host` made it now; None without random numbers.
    pub fn new_id(&self, host: u32, now: UnixTime) -> Option<[u8; ID_LENGTH]> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).ok()?;
        Some(id::make(self.lines.first()?, nonce, host, (now.0 / 60) as u32))
    }

    /// Returns the keys for a session that this host made, or None: then it is not written.
    pub fn own(&self, id: &[u8], host: u32) -> Option<Member<'_>> {
        self.member(id::read(&self.lines, id).filter(|&(_, maker, _)| maker == host)?.0)
    }

    /// Returns the keys for a session that any host of the fleet made, or None.
    pub fn known(&self, id: &[u8]) -> Option<Member<'_>> {
        self.member(id::read(&self.lines, id)?.0)
    }

    /// Returns the keys for a session that is to be asked for: one that another host has made in the last `timeout`
    /// seconds.
    pub fn foreign(&self, id: &[u8], host: u32, now: UnixTime, timeout: Seconds) -> Option<Member<'_>> {
        match id::judge(&self.lines, id, host, now, timeout) {
            Verdict::Foreign(line) => self.member(line),
            Verdict::Own(_) | Verdict::Old | Verdict::NotOurs => None,
        }
    }

    fn member(&self, line: usize) -> Option<Member<'_>> {
        Some(Member { remote: self, line: self.lines.get(line)? })
    }

    /// Returns what this process's thread has counted; None before it is needed.
    pub fn counters(&self) -> Option<Counters> {
        self.object.counters()
    }
}

/// The store, for the sessions whose ids one line of the key file has made.
pub struct Member<'a> {
    remote: &'a Remote,
    line: &'a Line,
}

impl Member<'_> {
    /// Returns a keyed digest of bytes, the same on all hosts.
    pub fn digest(&self, parts: &[&[u8]]) -> u64 {
        self.line.digest(parts)
    }

    /// Queues a session's record.
    pub fn insert(&self, key: &RecordKey, mark: Fingerprint, body: &[u8]) {
        let mut salt = [0; 16];
        if getrandom::fill(&mut salt).is_err() {
            return;
        }
        if let Some((name, sealed)) = record::seal(self.line, key, mark, salt, body) {
            self.remote.object.set(self.remote.addresses.as_str(), &name, &sealed, i64::from(mark.expiry));
        }
    }

    /// Queues the removal of a record.
    pub fn remove(&self, key: &RecordKey) {
        self.remote.object.delete(self.remote.addresses.as_str(), &record::name(self.line, key));
    }

    /// Looks up a record that has not expired at `now`. Waits, but not beyond the thread's budget.
    pub fn find(&self, key: &RecordKey, now: UnixTime) -> Opened {
        let name = record::name(self.line, key);
        let asked = wait(|longest| self.remote.object.get(self.remote.addresses.as_str(), &name, longest));
        asked.map_or(Opened::Not, |record| record::open(self.line, key, &record, now))
    }
}

/// Waits within the thread's budget; None without waiting if that is used up.
fn wait<T>(ask: impl FnOnce(Duration) -> Option<T>) -> Option<T> {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    let begun = *BEGINNING.get_or_init(Instant::now);
    let mut budget = BUDGET.try_with(Cell::get).ok()?;
    let start = begun.elapsed();
    let left = budget.left(start.as_micros() as u64);
    if left == 0 {
        return None;
    }
    let answer = ask(Duration::from_micros(u64::from(left)));
    let end = begun.elapsed();
    budget.spend(end.as_micros() as u64, u32::try_from((end - start).as_micros()).unwrap_or(u32::MAX));
    let _ = BUDGET.try_with(|place| place.set(budget));
    answer
}
