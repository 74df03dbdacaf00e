//! The BIO callback: libcrypto calls it before each read from the socket, and it may refuse that.
//!
//! It is set on a socket BIO that has no callback, and taken off once libssl may read: what comes after the ClientHello
//! costs nothing. libcrypto calls it as the BIO is freed, too: the descriptor is closed after that.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use sslsession_store::counting::counter;
use sslsession_store::remote::abi::{Here, Reads};
use sslsession_store::threads::uncancelled;
use sslsession_store::version::ProtocolVersion;

use super::entry::{Answer, Entry};
use super::functions::{self, Functions};
use super::hello::{self, Offer};
use super::is_kernel_good;
use super::machine::{Socket, Step};
use super::process::Process;
use super::socket::Descriptor;
use crate::fleet::{Fleet, Member, Session};
use crate::id::Verdict;
use crate::sealed::Name;
use crate::thread::Found;

/// BIO_TYPE_SOCKET.
const SOCKET: c_int = 5 | 0x0100 | 0x0400;
/// BIO_C_GET_FD.
const GET_FD: c_int = 105;
/// BIO_CB_FREE.
const FREE: c_int = 1;
/// BIO_CB_READ.
const READ: c_int = 2;
/// BIO_FLAGS_READ.
const WANTS_READ: c_int = 1;
/// BIO_FLAGS_SHOULD_RETRY.
const RETRY: c_int = 8;
/// BIO_FLAGS_RWS.
const DIRECTIONS: c_int = 7;

/// A connection of a libssl's, and what belongs to it.
pub struct Watched {
    pub entry: Arc<Entry>,
    reads: Reads,
    functions: Functions,
    bio: *mut c_void,
    fleet: &'static Fleet,
}

// SAFETY: the pointers are used by the thread that has the connection; the others only compare them.
unsafe impl Send for Watched {}
// SAFETY: as above.
unsafe impl Sync for Watched {}

/// Watches the reads of a connection, if it could be parked: one that reads from a socket by a BIO of its own, whose
/// callback nobody else has set.
///
/// # Safety
/// The connection is live, and the functions are its libssl's.
pub unsafe fn watch(fleet: &'static Fleet, reads: &Reads) {
    // SAFETY: by the caller's promise.
    let Some(functions) = (unsafe { functions::of(reads) }) else { return };
    // SAFETY: by the caller's promise; the BIO is the connection's, and lives while it is there.
    unsafe {
        let bio = (functions.get_rbio)(reads.ssl);
        if bio.is_null() || (functions.method_type)(bio) != SOCKET || has_callback(&functions, bio) {
            return;
        }
        let process = Process::current();
        let entry = Arc::new(Entry::new(process, bio.addr()));
        process.watch(reads.ssl.addr(), Watched { entry, reads: *reads, functions, bio, fleet });
        (functions.set_callback)(bio, Some(called));
    }
}

/// # Safety
/// The BIO is live, and of the libssl with these functions.
unsafe fn has_callback(functions: &Functions, bio: *mut c_void) -> bool {
    // SAFETY: by the caller's promise.
    unsafe {
        (functions.get_callback)(bio).is_some() || functions.get_old_callback.is_some_and(|get| !get(bio).is_null())
    }
}

/// The callback.
unsafe extern "C" fn called(
    bio: *mut c_void,
    operation: c_int,
    _data: *const c_char,
    _length: usize,
    _argi: c_int,
    _argl: c_long,
    result: c_int,
    _processed: *mut usize,
) -> c_long {
    let result = c_long::from(result);
    if operation != READ && operation != FREE {
        return result;
    }
    let body = || {
        // In a child of a fork it is its parent's.
        let process = Process::existing()?;
        let watched = process.of_bio(bio.addr())?;
        if operation == FREE {
            process.forget_read(watched.reads.ssl.addr(), &watched.entry);
            watched.entry.end();
            return None;
        }
        // SAFETY: libcrypto reads from a live BIO, which the connection at hand has.
        unsafe { refuses(process, &watched) }.then_some(-1)
    };
    uncancelled(|| catch_unwind(AssertUnwindSafe(body)).ok().flatten().unwrap_or(result))
}

/// Decides about a read. Returns true if libssl is to try again later.
///
/// # Safety
/// The connection is live, and this thread's.
unsafe fn refuses(process: &'static Process, watched: &Watched) -> bool {
    let entry = &watched.entry;
    let functions = &watched.functions;
    let now = Instant::now();
    process.look_after(now);
    let mut number: c_int = -1;
    // SAFETY: by the caller's promise; a place for the answer.
    let is_server = unsafe {
        (functions.ctrl)(watched.bio, GET_FD, 0, (&raw mut number).cast());
        number >= 0 && (functions.is_server)(watched.reads.ssl) != 0
    };
    let socket = Descriptor(number);
    // Not on a stack that may be small.
    let mut room = Vec::new();
    let may_look = is_server && room.try_reserve_exact(hello::LARGEST_RECORD).is_ok();
    let step = if may_look { entry.on_read(socket, room.spare_capacity_mut(), now) } else { Step::Read };
    let is_later = match step {
        Step::Later => true,
        Step::Read => false,
        // SAFETY: by the caller's promise.
        Step::Judge(record, bytes) => unsafe { parks(process, watched, socket, record, bytes, now) },
    };
    // SAFETY: by the caller's promise.
    unsafe {
        if is_later {
            (functions.clear_flags)(watched.bio, DIRECTIONS | RETRY);
            (functions.set_flags)(watched.bio, WANTS_READ | RETRY);
        } else {
            (functions.set_callback)(watched.bio, None);
            process.forget_read(watched.reads.ssl.addr(), entry);
        }
    }
    is_later
}

/// Asks for the session that a ClientHello offers, if another host has made it. Returns true if the connection is parked.
///
/// # Safety
/// As for [`refuses`].
unsafe fn parks(
    process: &'static Process,
    watched: &Watched,
    socket: Descriptor,
    record: &[u8],
    bytes: usize,
    now: Instant,
) -> bool {
    let entry = &watched.entry;
    let offer = hello::find(record, |offer| watched.fleet.is_of_fleet(offer.id));
    // SAFETY: by the caller's promise.
    let asked = offer.filter(|_| socket.can_park()).and_then(|offer| unsafe { watched.question(&offer) });
    let Some((member, wanted)) = asked.filter(|_| is_kernel_good()) else {
        entry.pass(socket);
        return false;
    };
    if !process.begin() {
        for counter in [counter::ASKED, counter::REFUSED] {
            wanted.here.counting.counters[counter].fetch_add(1, Relaxed);
        }
        entry.pass_without_waiting(socket);
        return false;
    }
    entry.begin(&wanted.here.counting.counters[counter::LATE]);
    let question = Question { entry: Some(Arc::clone(entry)), name: member.name(&wanted.session()) };
    // Refused, it is dropped.
    member.ask(&wanted.session(), Box::new(move |found| question.answer(found)));
    let until = now + watched.fleet.settings.options.park;
    let is_parked = entry.park(socket, bytes, until);
    if is_parked {
        process.add_deadline(until, Arc::clone(entry));
    }
    is_parked
}

impl Watched {
    /// Returns the offered session as it is asked for; None if it is here, or this connection may not have it.
    ///
    /// # Safety
    /// As for [`refuses`].
    unsafe fn question<'a>(&self, offer: &Offer<'a>) -> Option<(Member, Wanted<'a>)> {
        let (mut scope, mut here) = ([0; 16], MaybeUninit::uninit());
        let (ssl, id) = (self.reads.ssl, (&offer.id[..]).into());
        // SAFETY: the library's function, with its live connection. It writes both if it says so.
        let here = unsafe {
            match (self.reads.question)(ssl, offer.version, id, &mut scope, &mut here) {
                0 => return None,
                _ => here.assume_init(),
            }
        };
        match self.fleet.judge(here, offer.id) {
            Verdict::Foreign(line) => Some((self.fleet.member(line, here)?, Wanted { offer: *offer, scope, here })),
            _ => None,
        }
    }
}

/// A session that is to be asked for.
struct Wanted<'a> {
    offer: Offer<'a>,
    scope: [u8; 16],
    here: Here,
}

impl Wanted<'_> {
    /// Returns it as its name is made: the policy is no part of that.
    fn session(&self) -> Session<'_> {
        let version = ProtocolVersion(self.offer.version);
        Session { id: self.offer.id, version, scope: &self.scope, server_name: &[], settled: None, once: false }
    }
}

/// A question that is out. Dropped without an answer, it has failed.
struct Question {
    entry: Option<Arc<Entry>>,
    name: Name,
}

impl Question {
    fn answer(mut self, found: Found) {
        if let Some(entry) = self.entry.take() {
            let answer = match found {
                Found::Record(record) => Answer::Record(self.name, record),
                Found::Missing | Found::Failed => Answer::Nothing,
            };
            entry.settle(answer);
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            entry.settle(Answer::Nothing);
        }
    }
}
