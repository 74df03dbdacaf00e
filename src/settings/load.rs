//! The environment as it was when the library was loaded, and the way to stderr.

use std::ffi::{CStr, OsStr, OsString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::OnceLock;

use super::{Environment, NAMES};

/// The environment, copied at load, when there is one thread: no fork can leave it locked. (A box would be allocated
/// even if empty.)
static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

/// Returns the variables as they were when the library was loaded: none in secure-execution mode.
pub fn environment() -> &'static Environment {
    ENVIRONMENT.get_or_init(|| Environment { values: NAMES.map(value), unknown: unknown() })
}

unsafe extern "C" {
    /// Returns getenv(3)'s result, but NULL in secure-execution mode.
    fn secure_getenv(name: *const c_char) -> *mut c_char;
}

fn value(name: &CStr) -> Option<OsString> {
    // Miri has no secure_getenv(), and a program that it runs has no rights to misuse.
    if cfg!(miri) {
        return std::env::var_os(OsStr::from_bytes(name.to_bytes()));
    }
    // SAFETY: a NUL-terminated name. No other thread changes the environment: where this runs, there is none yet. The value
    // is NULL or a NUL-terminated string, which stays as long as the environment does; it is copied at once.
    unsafe { copied(secure_getenv(name.as_ptr())) }
}

unsafe extern "C" {
    /// The environment: NULL, or pointers to strings and NULL after the last.
    static environ: *const *const c_char;
}

/// Returns the names of variables that resemble ours and are unknown, as when one is misspelt.
fn unknown() -> Vec<OsString> {
    // SAFETY: the kernel's answer is a number.
    if cfg!(miri) || unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        return Vec::new();
    }
    let mut unknown = Vec::new();
    // SAFETY: as for `value`, no other thread changes the environment: where this runs, there is none yet.
    let mut next = unsafe { environ };
    // SAFETY: pointers up to NULL, each to a string that is compared and copied at once.
    while let Some(variable) = unsafe { next.as_ref() }.filter(|variable| !variable.is_null()) {
        // SAFETY: see above.
        let variable = unsafe { CStr::from_ptr(*variable) }.to_bytes();
        let name = variable.split(|&byte| byte == b'=').next().unwrap_or_default();
        if super::is_misspelt(name) {
            unknown.push(OsStr::from_bytes(name).to_owned());
        }
        // SAFETY: it was not the last.
        next = unsafe { next.add(1) };
    }
    unknown
}

unsafe extern "C" {
    /// The last part of the name by which the program was called; the C library sets it before our code runs.
    static program_invocation_short_name: *const c_char;
}

/// Returns the name by which the program was called, without the directory.
pub fn called_by() -> Option<OsString> {
    if cfg!(miri) {
        return None;
    }
    // SAFETY: the C library's variable: NULL, or a string that stays.
    unsafe { copied(program_invocation_short_name) }
}

/// Returns the path of the file that was executed, as it was given.
pub fn executed() -> Option<OsString> {
    if cfg!(miri) {
        return None;
    }
    // SAFETY: the kernel's answer is 0 or the address of a string that stays.
    unsafe { copied(ptr::with_exposed_provenance(libc::getauxval(libc::AT_EXECFN) as usize)) }
}

/// Copies a string of C's.
///
/// # Safety
/// `text` must be NULL or a NUL-terminated string.
unsafe fn copied(text: *const c_char) -> Option<OsString> {
    // SAFETY: by the caller's promise.
    (!text.is_null()).then(|| OsStr::from_bytes(unsafe { CStr::from_ptr(text) }.to_bytes()).to_owned())
}

/// Returns true if nobody sees stderr: it is /dev/null, or closed.
pub fn is_stderr_lost() -> bool {
    // SAFETY: all zeros are a stat.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: a place for the answer.
    let is_open = unsafe { libc::fstat(libc::STDERR_FILENO, &mut stat) } == 0;
    !is_open || (stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == libc::makedev(1, 3))
}

/// Time in milliseconds that stderr may block.
const STDERR_TIMEOUT: libc::c_int = 100;

/// Writes a line to descriptor 2, if it can take the line now. Nothing is written to a pipe without a reader: the
/// signal would end the program; nor to a full one: it would stop the program.
pub fn write_stderr(line: &[u8]) {
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd, alive during the call.
    let ready = unsafe { libc::poll(&mut stderr, 1, STDERR_TIMEOUT) };
    if ready == 1 && stderr.revents == libc::POLLOUT {
        // SAFETY: as many bytes as the slice has. A line that cannot be written now is lost: there is no other place
        // to report.
        unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
    }
}
