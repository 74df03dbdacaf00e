//! What runs when the library is loaded, and the way to stderr.

use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;

use super::{NAMES, Raw};

/// Filled at load, when there is one thread: no fork can leave it shut. (A box would have to be allocated even for nothing.)
static RAW: OnceLock<Raw> = OnceLock::new();

/// The loader calls it before `main`, and before the program's own constructors where we are preloaded or linked.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

/// Copies the values of the variables that are set. If none is, nothing is allocated. Nothing is called but the C
/// library, which is ready by then: it is what the loader starts first.
extern "C" fn at_load() {
    raw();
}

/// The values that the variables had when the library was loaded; None in secure-execution mode.
pub fn raw() -> &'static Raw {
    RAW.get_or_init(|| NAMES.map(value))
}

unsafe extern "C" {
    /// getenv(3), but NULL in secure-execution mode.
    fn secure_getenv(name: *const c_char) -> *mut c_char;
}

fn value(name: &CStr) -> Option<OsString> {
    // Miri knows no secure_getenv(), and what it runs has no rights to misuse.
    if cfg!(miri) {
        return std::env::var_os(OsStr::from_bytes(name.to_bytes()));
    }
    // SAFETY: a NUL-terminated name. No other thread changes the environment: where this runs, there is none yet.
    let value = unsafe { secure_getenv(name.as_ptr()) };
    // SAFETY: NULL or a NUL-terminated string, which stays as long as the environment does; it is copied at once.
    (!value.is_null()).then(|| OsStr::from_bytes(unsafe { CStr::from_ptr(value) }.to_bytes()).to_owned())
}

/// How long stderr may keep us waiting, in milliseconds.
const PATIENCE: libc::c_int = 100;

/// Writes a line to descriptor 2, if that takes it now. A pipe without a reader is left alone: the signal would end the
/// program. So is one that is full: it would stop the program.
pub fn write_stderr(line: &[u8]) {
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd, alive during the call.
    let ready = unsafe { libc::poll(&mut stderr, 1, PATIENCE) };
    if ready == 1 && stderr.revents == libc::POLLOUT {
        // SAFETY: as many bytes as the slice has. What is not written now is not written: nobody is left to be told.
        unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
    }
}
