//! The shared object with the network code, and its thread.
//!
//! ```text
//!   at load ────► dlopen ─► Object        before the program changes its root or its rights
//!   first need ─► start ──► the thread's handle, in HANDLE, for the life of the process
//!   forked ─────► HANDLE is NULL again in the child: what it was stays as it is, as its locks may be held and its
//!                 sockets are the parent's; the child's first need starts a thread of its own
//! ```

use std::ffi::{CStr, CString, OsStr, c_void};
use std::fmt;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::abi::{self, Bytes, Counters, Handle, Start, Table, TableFunction, outcome};
use crate::threads::{self, Patience};

/// The name of the object, which is beside the library.
const FILE: &str = "libsslsession-remote.so";

/// Number of milliseconds after which an answer counts as a failure.
const ANSWER: u32 = 50;

/// Number of bytes of records that may wait to be written.
const QUEUE: usize = 8 << 20;

/// The thread's handle: NULL before the first need, and in a child of a fork.
static HANDLE: AtomicPtr<Handle> = AtomicPtr::new(ptr::null_mut());

/// The start of this process's thread.
static START: AtomicU8 = AtomicU8::new(NOT_STARTED);
const NOT_STARTED: u8 = 0;
const STARTING: u8 = 1;
/// There can be none: it is not tried again.
const FAILED: u8 = 2;

/// Forgets the thread, which is the parent's, in a child of a fork.
pub fn forked() {
    HANDLE.store(ptr::null_mut(), Ordering::Relaxed);
    START.store(NOT_STARTED, Ordering::Relaxed);
    threads::note_own_threads(0);
}

/// The loaded object.
pub struct Object(&'static Table);

/// Reason why the object is not loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The library does not know its own place.
    NoPlace,
    /// The loader refuses the file.
    Refused(PathBuf, String),
    /// The file is of another version, or another object.
    Version(PathBuf),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::NoPlace => {
                write!(f, "the library's own directory is unknown; SSLSESSION_REMOTE_LIBRARY names {FILE}")
            }
            LoadError::Refused(path, why) => write!(f, "{} is not loaded: {why}", path.display()),
            LoadError::Version(path) => write!(f, "{} is not of this library's version", path.display()),
        }
    }
}

impl std::error::Error for LoadError {}

/// Returns the path of the object beside the library that this code is in.
fn beside_library() -> Option<PathBuf> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: an address of this object's, and a place for the answer.
    let path = unsafe {
        if libc::dladdr((&raw const HANDLE).cast(), found.as_mut_ptr()) == 0 || found.assume_init().dli_fname.is_null()
        {
            return None;
        }
        CStr::from_ptr(found.assume_init().dli_fname)
    };
    Some(Path::new(OsStr::from_bytes(path.to_bytes())).with_file_name(FILE))
}

impl Object {
    /// Loads the object: that file, or the one beside the library.
    pub fn load(file: Option<&Path>) -> Result<Object, LoadError> {
        let path = file.map(Path::to_owned).or_else(beside_library).ok_or(LoadError::NoPlace)?;
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| LoadError::NoPlace)?;
        // SAFETY: NUL-terminated names. The object's own start has nothing of the library's in it. It is never unloaded.
        unsafe {
            let loaded = libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            if loaded.is_null() {
                let why = libc::dlerror();
                let why =
                    if why.is_null() { String::new() } else { CStr::from_ptr(why).to_string_lossy().into_owned() };
                return Err(LoadError::Refused(path, why));
            }
            let function = libc::dlsym(loaded, abi::TABLE.as_ptr());
            if function.is_null() {
                return Err(LoadError::Version(path));
            }
            let function: TableFunction = std::mem::transmute(function);
            function(abi::VERSION).as_ref().map(Object).ok_or(LoadError::Version(path))
        }
    }

    /// Returns the thread's handle, and starts the thread if there is none. NULL if none can be had.
    fn handle(&self, addresses: &str) -> *mut Handle {
        let handle = HANDLE.load(Ordering::Acquire);
        if !handle.is_null() {
            return handle;
        }
        match START.compare_exchange(NOT_STARTED, STARTING, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {}
            Err(FAILED) => return ptr::null_mut(),
            Err(_) => {
                // Another thread is about to have it, in some ten microseconds.
                let started = || Some(HANDLE.load(Ordering::Acquire)).filter(|handle| !handle.is_null());
                return Patience::new(100).until(started).unwrap_or(ptr::null_mut());
            }
        }
        let settings = Start { addresses: addresses.as_bytes().into(), answer: ANSWER, queue: QUEUE };
        // SAFETY: settings that live for the call.
        let handle = unsafe { (self.0.start)(&settings) };
        if handle.is_null() {
            START.store(FAILED, Ordering::Relaxed);
        } else {
            threads::note_own_threads(1);
            HANDLE.store(handle, Ordering::Release);
        }
        handle
    }

    /// Queues a record that expires at a second since 1970.
    pub fn set(&self, addresses: &str, name: &[u8], record: &[u8], expiry: i64) {
        let handle = self.handle(addresses);
        if !handle.is_null() {
            // SAFETY: this process's handle, and bytes that live for the call.
            unsafe { (self.0.set)(handle, name.into(), record.into(), expiry) };
        }
    }

    /// Queues a removal.
    pub fn delete(&self, addresses: &str, name: &[u8]) {
        let handle = self.handle(addresses);
        if !handle.is_null() {
            // SAFETY: as above.
            unsafe { (self.0.delete)(handle, name.into()) };
        }
    }

    /// Asks for a record, and waits for that time at most. None for no record, and for no answer.
    pub fn get(&self, addresses: &str, name: &[u8], longest: Duration) -> Option<Vec<u8>> {
        let end = Instant::now() + longest;
        let handle = self.handle(addresses);
        if handle.is_null() {
            return None;
        }
        let slot = Arc::new(Slot::default());
        let context = Arc::into_raw(Arc::clone(&slot)).cast_mut().cast();
        // SAFETY: as above. The context is given up to `complete`, which is called once.
        if unsafe { (self.0.get)(handle, name.into(), complete, context) } == 0 {
            // SAFETY: `complete` will not be called: the reference is still ours.
            drop(unsafe { Arc::from_raw(context.cast::<Slot>()) });
            return None;
        }
        slot.wait(end)
    }

    /// Returns what the thread has counted; None if there is no thread.
    pub fn counters(&self) -> Option<Counters> {
        let handle = HANDLE.load(Ordering::Acquire);
        let mut counters = Counters::default();
        // SAFETY: this process's handle, and a place for the answer.
        (!handle.is_null()).then(|| unsafe { (self.0.counters)(handle, &mut counters) }).map(|()| counters)
    }
}

/// The place of an answer, which the caller and the thread own.
#[derive(Default)]
struct Slot {
    /// None until the answer is there.
    answer: Mutex<Option<Option<Vec<u8>>>>,
    is_there: Condvar,
}

impl Slot {
    fn wait(&self, end: Instant) -> Option<Vec<u8>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(answer) = answer.take() {
                return answer;
            }
            let left = end.checked_duration_since(Instant::now())?;
            (answer, _) = self.is_there.wait_timeout(answer, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn fill(&self, record: Option<Vec<u8>>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
        self.is_there.notify_one();
    }
}

unsafe extern "C" fn complete(context: *mut c_void, end: u32, record: Bytes) {
    // SAFETY: the context that `get` gave, once; and bytes that live for the call.
    let (slot, record) = unsafe {
        let record = (end == outcome::FOUND && record.length > 0)
            .then(|| std::slice::from_raw_parts(record.data, record.length).to_vec());
        (Arc::from_raw(context.cast::<Slot>()), record)
    };
    slot.fill(record);
}
