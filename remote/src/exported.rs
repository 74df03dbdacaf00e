//! The C interface: one exported function, which returns the others.

use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::slice;

use sslsession_store::key_file::Keys;
use sslsession_store::remote::abi::{
    self, Bytes, Config, Handle, Here, Reads, Table, Take, Tell, VERSION, outcome, state, trouble, verdict,
};
use sslsession_store::threads::uncancelled;
use sslsession_store::version::ProtocolVersion;

use crate::check::{self, State, Step};
use crate::fleet::{Fleet, Session};
use crate::id::Verdict;
use crate::parking::{self, Answer};
use crate::sealed::Opened;
use crate::settings::Settings;

static TABLE: Table = Table { open, prepare, forked, new_id, judge, insert, remove, find, keep, watch, unwatch, check };

/// Returns the functions of the object; NULL for a library of another version.
#[unsafe(no_mangle)]
pub extern "C" fn sslsession_remote_table(version: u32) -> *const Table {
    if version == VERSION { &TABLE } else { ptr::null() }
}

/// Runs `body`: no panic goes on into C, and no thread that is to end does so in it.
fn caught<T>(failure: T, body: impl FnOnce() -> T) -> T {
    uncancelled(|| catch_unwind(AssertUnwindSafe(body)).unwrap_or(failure))
}

/// # Safety
/// The bytes must live for `'a`.
unsafe fn slice<'a>(bytes: Bytes<'_>) -> &'a [u8] {
    if bytes.length == 0 {
        return &[];
    }
    // SAFETY: by the caller's promise.
    unsafe { slice::from_raw_parts(bytes.data, bytes.length) }
}

/// # Safety
/// The handle must be one that `open` returned.
unsafe fn fleet(handle: *const Handle) -> &'static Fleet {
    // SAFETY: by the caller's promise: it is never freed.
    unsafe { &*handle.cast::<Fleet>() }
}

/// # Safety
/// The session's bytes must live for `'a`.
unsafe fn session<'a>(session: &'a abi::Session<'_>) -> Session<'a> {
    // SAFETY: by the caller's promise.
    let (id, server_name) = unsafe { (slice(session.id), slice(session.server_name)) };
    let version = ProtocolVersion(session.version);
    Session { id, version, scope: session.scope, server_name, settled: session.settled, once: session.once }
}

unsafe extern "C" fn open(config: &Config, complaint: Take, context: *mut c_void) -> *const Handle {
    caught(ptr::null(), || {
        // SAFETY: the library passes bytes that live for the call, here and below.
        let [addresses, options, key_file] =
            [config.addresses, config.options, config.key_file].map(|bytes| unsafe { slice(bytes) });
        let settings = Settings::read(addresses, options);
        let keys =
            Keys::read(Path::new(OsStr::from_bytes(key_file))).map_err(|why| format!("SSLSESSION_KEY_FILE: {why}"));
        let opened = settings.and_then(|settings| Fleet::new(settings, &keys?, config.own_threads));
        match opened {
            Ok(fleet) => ptr::from_ref(fleet).cast(),
            Err(why) => {
                // SAFETY: the library's function, with what it takes.
                unsafe { complaint(context, why.as_bytes().into()) };
                ptr::null()
            }
        }
    })
}

unsafe extern "C" fn prepare(handle: *const Handle) {
    // SAFETY: the library passes its handle, here and below.
    caught((), || unsafe { fleet(handle) }.resolver.prepare());
}

unsafe extern "C" fn forked(handle: *const Handle) {
    // SAFETY: as above. It cannot panic.
    unsafe { fleet(handle) }.forked();
}

unsafe extern "C" fn new_id(handle: *const Handle, here: Here, id: &mut [u8; 32]) -> u32 {
    caught(0, || {
        // SAFETY: as above.
        let made = unsafe { fleet(handle) }.new_id(here);
        made.map_or(0, |made| {
            *id = made;
            1
        })
    })
}

unsafe extern "C" fn judge(handle: *const Handle, here: Here, id: Bytes) -> u32 {
    caught(verdict::OTHER, || {
        // SAFETY: as above.
        let (fleet, id) = unsafe { (fleet(handle), slice(id)) };
        match fleet.judge(here, id) {
            Verdict::NotOurs => verdict::OTHER,
            Verdict::Own(_) => verdict::OWN,
            Verdict::Foreign(_) => verdict::FOREIGN,
            Verdict::Old => verdict::OLD,
        }
    })
}

unsafe extern "C" fn insert(handle: *const Handle, here: Here, key: &abi::Session, expiry: u32, body: Bytes) -> u32 {
    caught(trouble::NONE, || {
        // SAFETY: as above.
        let (fleet, session, body) = unsafe { (fleet(handle), session(key), slice(body)) };
        if let Verdict::Own(line) = fleet.judge(here, session.id)
            && let Some(member) = fleet.member(line, here)
        {
            member.insert(&session, expiry, body);
        }
        fleet.trouble(here.now)
    })
}

unsafe extern "C" fn remove(handle: *const Handle, here: Here, key: &abi::Session) {
    caught((), || {
        // SAFETY: as above.
        let (fleet, session) = unsafe { (fleet(handle), session(key)) };
        if let Some(member) = fleet.known(session.id, here) {
            member.remove(&session);
        }
    });
}

unsafe extern "C" fn find(
    handle: *const Handle,
    here: Here,
    key: &abi::Session,
    connection: usize,
    found: Take,
    context: *mut c_void,
) -> u32 {
    caught(outcome::MISSING, || {
        // SAFETY: as above.
        let (fleet, session) = unsafe { (fleet(handle), session(key)) };
        let verdict = if session.once { fleet.judge_once(here, session.id) } else { fleet.judge(here, session.id) };
        let line = match verdict {
            Verdict::Foreign(line) => line,
            Verdict::NotOurs if session.once => return outcome::OTHER,
            _ => return outcome::MISSING,
        };
        let Some(member) = fleet.member(line, here) else { return outcome::MISSING };
        // What is for single use is taken: nobody has parked for that.
        let answer = match if session.once { Answer::NotAsked } else { parking::take(connection) } {
            Answer::NotAsked => member.find(&session),
            Answer::Record(name, record) if name == member.name(&session) => Some(member.open(&session, &record)),
            Answer::Record(..) | Answer::Nothing => None,
        };
        match answer {
            Some(Opened::Body(body, _)) => {
                // SAFETY: the library's function, with what it takes.
                unsafe { found(context, body.as_slice().into()) };
                outcome::FOUND
            }
            Some(Opened::PolicyMismatch) => outcome::POLICY_MISMATCH,
            Some(Opened::Not) => outcome::MISSING,
            None => outcome::LATE,
        }
    })
}

unsafe extern "C" fn keep(handle: *const Handle) -> i64 {
    // SAFETY: as above. It cannot panic.
    unsafe { fleet(handle) }.settings.options.keep.as_secs() as i64
}

unsafe extern "C" fn watch(handle: *const Handle, reads: &Reads) {
    // SAFETY: the library passes its handle, a live connection, and the functions of its libssl.
    caught((), || unsafe { parking::watch(fleet(handle), reads) });
}

unsafe extern "C" fn unwatch(connection: usize) {
    caught((), || parking::unwatch(connection));
}

unsafe extern "C" fn check(config: &Config, host: Bytes, tell: Tell, context: *mut c_void) -> u32 {
    caught(0, || {
        // SAFETY: the command passes bytes that live for the call.
        let [addresses, options, key_file, host] =
            [config.addresses, config.options, config.key_file, host].map(|bytes| unsafe { slice(bytes) });
        let mut tell = |step: &Step| {
            let state = match step.state {
                State::Good => state::GOOD,
                State::Doubtful => state::DOUBTFUL,
                State::Bad => state::BAD,
            };
            let [server, name, text] = [step.server, step.name, step.text].map(|text| text.as_bytes().into());
            // SAFETY: the command's function, with what it takes.
            unsafe { tell(context, &abi::Step { server, name, state, text }) };
        };
        let key_file = Path::new(OsStr::from_bytes(key_file));
        check::check(addresses, options, key_file, &String::from_utf8_lossy(host), &mut tell);
        1
    })
}
