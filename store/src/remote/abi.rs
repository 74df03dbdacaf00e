//! The C interface between the library and `libsslsession-remote.so`, which both are compiled with.
//!
//! ```text
//!   library                                             object
//!   dlopen, at load ─► sslsession_remote_table(VERSION) ► Table, or NULL for another version
//!                      open(config, complaint) ─────────► settings, keys of the key file; no thread, no connection
//!   context made ────► prepare ─────────────────────────► names of hosts are looked up
//!   connection ──────► new_id ──────────────────────────► an id that says which host made it
//!   new session ─────► insert(session, plain bytes) ────► id of this host? sealed ─► queue ─► thread ─► SET
//!   removed ─────────► remove(session) ─────────────────► id of the fleet? ────────► queue ─► thread ─► DEL
//!   lookup ──────────► find(session) ───────────────────► id of another host? waits ◄──────── thread ─► GET
//!                                                         opened ─► found(context, plain bytes)
//!   the same, for single use ─────────────────────────────► id of the fleet? waits ◄────────── thread ─► GETDEL, WAIT
//!   SSL_set_fd ──────► watch(connection) ───────────────► its reads are looked at, until its ClientHello is there; if
//!                                                         that offers a session of another host: question, GET
//!   SSL_free ────────► unwatch(connection)
//!   child of a fork ─► forked ──────────────────────────► there is no thread, until the next need
//!   the command ─────► check(config, host) ─────────────► each step that a host takes ─► tell(context, step)
//! ```
//! Nothing here unwinds, and nothing calls back into the library but functions that are passed for that: a question,
//! until the connection ends; the others during the call that they are passed to. Whoever owns bytes with secrets wipes them.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, c_char, c_void};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicU32;

use crate::counting::Counting;
use crate::threads;

/// The version of this interface.
pub const VERSION: u32 = 4;

/// The one exported function's name.
pub const TABLE: &std::ffi::CStr = c"sslsession_remote_table";

/// The type of the one exported function.
pub type TableFunction = unsafe extern "C" fn(version: u32) -> *const Table;

/// Bytes that are borrowed for the time of a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    /// Their address; may dangle if there are none.
    pub data: *const u8,
    /// Their number.
    pub length: usize,
    lifetime: PhantomData<&'a [u8]>,
}

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes { data: bytes.as_ptr(), length: bytes.len(), lifetime: PhantomData }
    }
}

/// The settings, as the environment has them.
#[repr(C)]
pub struct Config<'a> {
    /// SSLSESSION_REMOTE.
    pub addresses: Bytes<'a>,
    /// SSLSESSION_REMOTE_OPTIONS.
    pub options: Bytes<'a>,
    /// The path in SSLSESSION_KEY_FILE.
    pub key_file: Bytes<'a>,
    /// The number of the object's threads in this process, which the object keeps up to date.
    pub own_threads: &'static AtomicU32,
}

impl<'a> Config<'a> {
    /// Returns the settings with these values.
    pub fn new(addresses: &'a OsStr, options: &'a OsStr, key_file: &'a Path) -> Config<'a> {
        Config {
            addresses: addresses.as_bytes().into(),
            options: options.as_bytes().into(),
            key_file: key_file.as_os_str().as_bytes().into(),
            own_threads: threads::own_threads(),
        }
    }
}

/// An opened remote store, which is never freed.
#[repr(C)]
pub struct Handle {
    opaque: [u8; 0],
}

/// A session, and who may have it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// Its id.
    pub id: Bytes<'a>,
    /// Its protocol version.
    pub version: i32,
    /// The scope of its record.
    pub scope: &'a [u8; 16],
    /// The server name that the client sends.
    pub server_name: Bytes<'a>,
    /// The digest of the policy that the name leads to, if that is known.
    pub settled: Option<&'a [u8; 16]>,
    /// True for single use: a lookup takes it out of the store, also if this host made it.
    pub once: bool,
}

/// This host, now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Here {
    /// The number by which the fleet knows this host.
    pub host: u32,
    /// The second since 1970.
    pub now: i64,
    /// The number of seconds for which sessions live here.
    pub timeout: i64,
    /// The place where this process counts, for as long as it runs.
    pub counting: Counting<'static>,
}

/// The message of an id.
pub mod verdict {
    /// None of the fleet's hosts has made it.
    pub const OTHER: u32 = 0;
    /// This host has made it.
    pub const OWN: u32 = 1;
    /// Another host has made it in time: the only one to ask for.
    pub const FOREIGN: u32 = 2;
    /// Another host has made it, too long ago.
    pub const OLD: u32 = 3;
}

/// The end of a lookup.
pub mod outcome {
    /// The session was passed to `found`.
    pub const FOUND: u32 = 0;
    /// There is none, or it is not to be asked for.
    pub const MISSING: u32 = 1;
    /// There is one for connections of another policy.
    pub const POLICY_MISMATCH: u32 = 2;
    /// No answer in time, or nobody was asked: the time is used up, or the server does not answer.
    pub const LATE: u32 = 3;
    /// It is for single use, and none of the fleet's hosts has made it: it is not in the store.
    pub const OTHER: u32 = 4;
}

/// A change of the server's state, which is reported once.
pub mod trouble {
    /// Nothing is to be said.
    pub const NONE: u32 = 0;
    /// The server has stopped answering.
    pub const BEGUN: u32 = 1;
    /// The server answers again.
    pub const ENDED: u32 = 2;
}

/// Number of functions by which a connection's reads are looked at.
pub const FUNCTIONS: usize = 9;

/// Finds functions of a libssl, or of its libcrypto, by their names; NULL for each that it lacks.
pub type Find = unsafe extern "C" fn(
    libssl: *const c_void,
    names: &[*const c_char; FUNCTIONS],
    found: &mut [*const c_void; FUNCTIONS],
);

/// Returns 1, and the scope of an offered session's record, if another host has made it in time, the connection may have
/// it, and it is not here; else 0. Called by the connection's thread, while libssl reads.
pub type Question = unsafe extern "C" fn(
    ssl: *mut c_void,
    version: i32,
    id: Bytes,
    scope: &mut [u8; 16],
    here: &mut MaybeUninit<Here>,
) -> u32;

/// A connection whose reads are to be looked at.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Reads {
    /// The SSL.
    pub ssl: *mut c_void,
    /// Its libssl, as `find` takes it.
    pub libssl: *const c_void,
    /// The library's function for it.
    pub find: Find,
    /// The library's function for it.
    pub question: Question,
}

/// The state of what a step of a check has found.
pub mod state {
    /// It is as it should be.
    pub const GOOD: u32 = 0;
    /// Somebody should look at it; sessions are shared all the same.
    pub const DOUBTFUL: u32 = 1;
    /// It is to be mended.
    pub const BAD: u32 = 2;
}

/// A step of a check, in UTF-8.
#[repr(C)]
pub struct Step<'a> {
    /// The server that it is about; empty for all.
    pub server: Bytes<'a>,
    /// Its name.
    pub name: Bytes<'a>,
    /// A [`state`].
    pub state: u32,
    /// The finding, and the remedy.
    pub text: Bytes<'a>,
}

/// Called with a step that lives for the call.
pub type Tell = unsafe extern "C" fn(context: *mut c_void, step: &Step);

/// Called with bytes that live for the call.
pub type Take = unsafe extern "C" fn(context: *mut c_void, bytes: Bytes);

/// The functions of the object.
#[repr(C)]
pub struct Table {
    /// Reads the settings and the key file. Returns NULL, and passes the complaint, if that fails.
    pub open: unsafe extern "C" fn(config: &Config, complaint: Take, context: *mut c_void) -> *const Handle,
    /// Looks up the names of hosts, if it has not done so: later the program may see other files.
    pub prepare: unsafe extern "C" fn(handle: *const Handle),
    /// Forgets the parent's thread, in a child of a fork. Allocates nothing, acquires no lock.
    pub forked: unsafe extern "C" fn(handle: *const Handle),
    /// Makes a session id that says that this host made it. Returns 0 without random numbers.
    pub new_id: unsafe extern "C" fn(handle: *const Handle, here: Here, id: &mut [u8; 32]) -> u32,
    /// Returns the [`verdict`] on an id.
    pub judge: unsafe extern "C" fn(handle: *const Handle, here: Here, id: Bytes) -> u32,
    /// Queues a session that this host made, until it expires at a second since 1970; `u32::MAX` for never. A session
    /// of another id is not queued. Returns a [`trouble`].
    pub insert:
        unsafe extern "C" fn(handle: *const Handle, here: Here, session: &Session, expiry: u32, body: Bytes) -> u32,
    /// Queues the removal of a session, if a host of the fleet made it.
    pub remove: unsafe extern "C" fn(handle: *const Handle, here: Here, session: &Session),
    /// Looks up a session that another host made, or takes one for single use that any host made. Waits, but not
    /// beyond the thread's budget. Returns an [`outcome`]. `connection` is the address of its SSL: one that was parked
    /// for it does not wait.
    pub find: unsafe extern "C" fn(
        handle: *const Handle,
        here: Here,
        session: &Session,
        connection: usize,
        found: Take,
        context: *mut c_void,
    ) -> u32,
    /// Returns the number of seconds for which a session of another host stays here before it is asked for again.
    pub keep: unsafe extern "C" fn(handle: *const Handle) -> i64,
    /// Watches the reads of a connection that has got a BIO, if it can be parked.
    pub watch: unsafe extern "C" fn(handle: *const Handle, reads: &Reads),
    /// Forgets a connection that ends.
    pub unwatch: unsafe extern "C" fn(connection: usize),
    /// Takes each step that a host of that name takes, and waits for it. Passes each, as it is taken. Returns 0 if it broke
    /// off.
    pub check: unsafe extern "C" fn(config: &Config, host: Bytes, tell: Tell, context: *mut c_void) -> u32,
}
