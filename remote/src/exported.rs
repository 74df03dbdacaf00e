//! The C interface: one exported function, which returns the others.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::abi::{Bytes, Complete, Counters, Handle, Start, Table, VERSION, outcome};
use crate::queue::Write;
use crate::thread::{Found, Shared};

static TABLE: Table = Table { start, set, delete, get, counters };

/// Returns the functions of the object; NULL for a library of another version.
#[unsafe(no_mangle)]
pub extern "C" fn sslsession_remote_table(version: u32) -> *const Table {
    if version == VERSION { &TABLE } else { ptr::null() }
}

/// Runs `body`; no panic goes on into C.
fn caught<T>(failure: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(failure)
}

/// # Safety
/// The bytes must live for the caller's use of them.
unsafe fn slice<'a>(bytes: Bytes) -> &'a [u8] {
    if bytes.length == 0 {
        return &[];
    }
    // SAFETY: by the caller's promise.
    unsafe { slice::from_raw_parts(bytes.data, bytes.length) }
}

/// # Safety
/// The handle must be one that `start` returned in this process.
unsafe fn shared<'a>(handle: *mut Handle) -> &'a Shared {
    // SAFETY: by the caller's promise: it is an Arc's, which is never freed.
    unsafe { &*handle.cast::<Shared>() }
}

unsafe extern "C" fn start(settings: *const Start) -> *mut Handle {
    caught(ptr::null_mut(), || {
        // SAFETY: the library passes its settings.
        let (addresses, settings) = unsafe { (slice((*settings).addresses), &*settings) };
        let Ok(addresses) = str::from_utf8(addresses) else { return ptr::null_mut() };
        let answer = Duration::from_millis(u64::from(settings.answer));
        let shared = Shared::start(addresses.to_owned(), answer, settings.queue);
        shared.map_or(ptr::null_mut(), |shared| Arc::into_raw(shared).cast_mut().cast())
    })
}

unsafe extern "C" fn set(handle: *mut Handle, name: Bytes, record: Bytes, expiry: i64) {
    caught((), || {
        // SAFETY: the library passes its handle, and bytes that live for the call.
        let (shared, name, record) = unsafe { (shared(handle), slice(name), slice(record)) };
        shared.write(Write { name: name.into(), record: Some((record.into(), expiry)), is_second_try: false });
    });
}

unsafe extern "C" fn delete(handle: *mut Handle, name: Bytes) {
    caught((), || {
        // SAFETY: as above.
        let (shared, name) = unsafe { (shared(handle), slice(name)) };
        shared.write(Write { name: name.into(), record: None, is_second_try: false });
    });
}

/// What the library has given to be called with.
struct Context(*mut c_void);

// SAFETY: the library says that any thread may complete a lookup.
unsafe impl Send for Context {}

unsafe extern "C" fn get(handle: *mut Handle, name: Bytes, complete: Complete, context: *mut c_void) -> u32 {
    caught(0, || {
        // SAFETY: as above.
        let (shared, name) = unsafe { (shared(handle), slice(name)) };
        let context = Context(context);
        let call = move |found: Found| {
            let context = context;
            let (outcome, record) = match &found {
                Found::Record(record) => (outcome::FOUND, record.as_slice()),
                Found::Missing => (outcome::MISSING, &[][..]),
                Found::Failed => (outcome::FAILED, &[][..]),
            };
            // SAFETY: the library's function, with the context that it gave, once.
            unsafe { complete(context.0, outcome, record.into()) };
        };
        u32::from(shared.look_up(name, Box::new(call)))
    })
}

unsafe extern "C" fn counters(handle: *mut Handle, counters: *mut Counters) {
    caught((), || {
        // SAFETY: the library passes its handle, and a place for the answer.
        let (shared, place) = unsafe { (shared(handle), &mut *counters) };
        let counts = &shared.counts;
        *place = Counters {
            asked: counts.asked.load(Relaxed),
            found: counts.found.load(Relaxed),
            failed: counts.failed.load(Relaxed),
            refused: counts.refused.load(Relaxed),
            written: counts.written.load(Relaxed),
            not_written: counts.not_written.load(Relaxed),
            dropped: shared.writes.dropped.load(Relaxed),
            removed: counts.removed.load(Relaxed),
            opened: shared.breaker.opened(),
            connected: counts.connected.load(Relaxed),
            queued: shared.writes.bytes() as u64,
            is_open: u64::from(shared.breaker.is_open()),
        };
    });
}
