//! The store of a fleet: what its hosts ask of it.
//!
//! ```text
//!   Fleet ── Settings                        where it is, and how it is used
//!     ├───── lines of the key file           ids, names, seals, digests            id, keys, sealed
//!     ├───── Process ── thread ── network    of this process, from its first need  process, thread, link
//!     └───── Budget of each thread           how long it may wait                  budget, waiting
//! ```
//! An id says which line of the key file made it: a [`Member`] is the store for the sessions of that line.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::Relaxed};

use sslsession_store::RecordKey;
use sslsession_store::counting::counter;
use sslsession_store::key_file::Keys;
use sslsession_store::record::ServerName;
use sslsession_store::remote::abi::{Here, trouble};
use sslsession_store::time::{Seconds, UnixTime};
use sslsession_store::version::ProtocolVersion;

use crate::id::{self, Verdict};
use crate::keys::Line;
use crate::parking;
use crate::process::Process;
use crate::queue::Write;
use crate::resolver::Resolver;
use crate::sealed::{self, Name, Opened};
use crate::settings::Settings;
use crate::thread::{Complete, Shared};
use crate::waiting::{self, Answer};

/// The store of a fleet, which is never freed.
pub struct Fleet {
    pub settings: Settings,
    pub resolver: Resolver,
    lines: Box<[Line]>,
    process: Process,
    /// The second in which trouble was last looked for.
    looked: AtomicI64,
    was_open: AtomicBool,
}

/// A session, and who may have it.
pub struct Session<'a> {
    pub id: &'a [u8],
    pub version: ProtocolVersion,
    pub scope: &'a [u8; 16],
    pub server_name: &'a [u8],
    /// The digest of the policy that the name leads to, if that is known.
    pub settled: Option<&'a [u8; 16]>,
    /// True for single use.
    pub once: bool,
}

impl Fleet {
    /// Returns the store for these settings and keys, whose threads are counted there.
    pub fn new(settings: Settings, keys: &Keys, own_threads: &'static AtomicU32) -> Result<&'static Fleet, String> {
        let hosts = settings.hosts().map_err(|why| format!("SSLSESSION_REMOTE: {why}"))?;
        Ok(Box::leak(Box::new(Fleet {
            settings,
            resolver: Resolver::new(hosts.into_iter()),
            lines: Line::all(keys).map_err(|why| format!("SSLSESSION_KEY_FILE: no memory for the keys: {why}"))?,
            process: Process::new(own_threads),
            looked: AtomicI64::new(0),
            was_open: AtomicBool::new(false),
        })))
    }

    /// Makes a session id that says that this host made it now; None without random numbers.
    pub fn new_id(&self, here: Here) -> Option<[u8; id::LENGTH]> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).ok()?;
        Some(id::make(self.lines.first()?, nonce, here.host, (here.now / 60) as u32))
    }

    /// Judges an id that a client offers.
    pub fn judge(&self, here: Here, id: &[u8]) -> Verdict {
        id::judge(&self.lines, id, here.host, UnixTime(here.now), Seconds(here.timeout))
    }

    /// Judges the id of a session for single use.
    pub fn judge_once(&self, here: Here, id: &[u8]) -> Verdict {
        id::judge_once(&self.lines, id, UnixTime(here.now), Seconds(here.timeout))
    }

    /// Returns true if a host of the fleet made an id, also this one.
    pub fn is_of_fleet(&self, id: &[u8]) -> bool {
        id::read(&self.lines, id).is_some()
    }

    /// Returns the store for the sessions of that line, for this process, which counts here.
    pub fn member(&'static self, line: usize, here: Here) -> Option<Member> {
        Some(Member { fleet: self, line: self.lines.get(line)?, here })
    }

    /// Returns the store for the sessions of the line that made an id, if any did.
    pub fn known(&'static self, id: &[u8], here: Here) -> Option<Member> {
        self.member(id::read(&self.lines, id)?.0, here)
    }

    /// Returns this process's thread, if it has been needed.
    pub fn started(&self) -> Option<&'static Shared> {
        self.process.started()
    }

    /// Forgets the parent's thread, in a child of a fork.
    pub fn forked(&self) {
        self.process.forked();
        parking::forked();
    }

    /// Returns a change of the server's state, which is reported once. Looks once in a second.
    pub fn trouble(&self, now: i64) -> u32 {
        if self.looked.swap(now, Relaxed) == now {
            return trouble::NONE;
        }
        let Some(thread) = self.started() else { return trouble::NONE };
        let is_open = thread.breaker.is_open();
        match (self.was_open.swap(is_open, Relaxed), is_open) {
            (false, true) => trouble::BEGUN,
            (true, false) => trouble::ENDED,
            _ => trouble::NONE,
        }
    }
}

/// The store, for the sessions whose ids one line of the key file has made.
#[derive(Clone, Copy)]
pub struct Member {
    fleet: &'static Fleet,
    line: &'static Line,
    here: Here,
}

impl Member {
    /// Returns this process's thread, and starts it if there is none; None if none can be had.
    fn thread(&self) -> Option<&'static Shared> {
        let fleet = self.fleet;
        fleet.process.thread(|| Shared::start(&fleet.settings, &fleet.resolver, self.here.counting))
    }

    /// Returns the key of a session's record, with the policy as all hosts digest it.
    fn key<'a>(&self, session: &Session<'a>) -> RecordKey<'a> {
        let policy = ServerName::Said(session.server_name).terms(self.line, session.settled);
        RecordKey { scope: session.scope, policy, version: session.version, id: session.id }
    }

    /// Returns the name of a session's record. Its policy is not part of it.
    pub fn name(&self, session: &Session) -> Name {
        sealed::name(self.line, &self.key(session))
    }

    /// Queues a session's record, until it expires at a second since 1970; `u32::MAX` for never.
    pub fn insert(&self, session: &Session, expiry: u32, body: &[u8]) {
        let mut salt = [0; 16];
        if getrandom::fill(&mut salt).is_err() {
            return;
        }
        let Some((name, sealed)) = sealed::seal(self.line, &self.key(session), expiry, salt, body) else { return };
        if let Some(thread) = self.thread() {
            let record = Some((sealed.into(), i64::from(expiry)));
            thread.write(Write { name: name.into(), record, once: session.once, tries: 0 });
        }
    }

    /// Queues the removal of a record.
    pub fn remove(&self, session: &Session) {
        if let Some(thread) = self.thread() {
            thread.write(Write { name: self.name(session).into(), record: None, once: false, tries: 0 });
        }
    }

    /// Asks for a session's sealed record, which is taken if it is for single use, without waiting: `complete` is called by the thread, once, with it or
    /// without. Returns false if nobody is asked, and `complete` is not called.
    pub fn ask(&self, session: &Session, complete: Complete) -> bool {
        self.thread().is_some_and(|thread| thread.look_up(&self.name(session), session.once, complete))
    }

    /// Opens a sealed record, if it has not expired now.
    pub fn open(&self, session: &Session, record: &[u8]) -> Opened {
        sealed::open(self.line, &self.key(session), record, UnixTime(self.here.now))
    }

    /// Looks up a session, or takes one for single use. Waits, but not beyond the thread's budget. None for no answer.
    pub fn find(&self, session: &Session) -> Option<Opened> {
        let count = |counter: usize| self.here.counting.counters[counter].fetch_add(1, Relaxed);
        match waiting::ask(self.fleet.settings.options.wait, |complete| self.ask(session, complete)) {
            Answer::Record(record) => return Some(self.open(session, &record)),
            Answer::Missing => return Some(Opened::Not),
            Answer::Late => count(counter::LATE),
            Answer::NoTime => count(counter::ASKED) + count(counter::REFUSED),
            Answer::Failed => 0,
        };
        None
    }
}
