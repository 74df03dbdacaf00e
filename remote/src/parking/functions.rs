//! The functions of a libssl, and of its libcrypto, by which reads are looked at.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use sslsession_store::remote::abi::{FUNCTIONS, Reads};

/// A BIO's callback.
pub type BioCallback = unsafe extern "C" fn(
    bio: *mut c_void,
    operation: c_int,
    data: *const c_char,
    length: usize,
    argi: c_int,
    argl: c_long,
    result: c_int,
    processed: *mut usize,
) -> c_long;

/// Their names, in the order of the fields.
const NAMES: [*const c_char; FUNCTIONS] = [
    c"SSL_is_server".as_ptr(),
    c"SSL_get_rbio".as_ptr(),
    c"BIO_method_type".as_ptr(),
    c"BIO_ctrl".as_ptr(),
    c"BIO_get_callback_ex".as_ptr(),
    c"BIO_set_callback_ex".as_ptr(),
    c"BIO_set_flags".as_ptr(),
    c"BIO_clear_flags".as_ptr(),
    c"BIO_get_callback".as_ptr(),
];

/// The functions, as C passes pointers to them. A libcrypto may lack the last one, for callbacks of the old kind.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Functions {
    pub is_server: unsafe extern "C" fn(ssl: *const c_void) -> c_int,
    pub get_rbio: unsafe extern "C" fn(ssl: *const c_void) -> *mut c_void,
    pub method_type: unsafe extern "C" fn(bio: *const c_void) -> c_int,
    pub ctrl: unsafe extern "C" fn(bio: *mut c_void, command: c_int, larg: c_long, parg: *mut c_void) -> c_long,
    pub get_callback: unsafe extern "C" fn(bio: *const c_void) -> Option<BioCallback>,
    pub set_callback: unsafe extern "C" fn(bio: *mut c_void, callback: Option<BioCallback>),
    pub set_flags: unsafe extern "C" fn(bio: *mut c_void, flags: c_int),
    pub clear_flags: unsafe extern "C" fn(bio: *mut c_void, flags: c_int),
    pub get_old_callback: Option<unsafe extern "C" fn(bio: *const c_void) -> *const c_void>,
}

/// What was found of one libssl.
struct Found {
    libssl: *const c_void,
    functions: Option<Functions>,
    next: *const Found,
}

/// Those that were found, the latest first. They are never freed, and no fork can tear the list.
static FOUND: AtomicPtr<Found> = AtomicPtr::new(ptr::null_mut());

/// Returns the functions of a connection's libssl; None if it lacks one.
///
/// # Safety
/// The library has made these reads.
pub unsafe fn of(reads: &Reads) -> Option<Functions> {
    let first = FOUND.load(Ordering::Acquire);
    let mut found: *const Found = first;
    // SAFETY: NULL, or from Box::leak below.
    while let Some(known) = unsafe { found.as_ref() } {
        if known.libssl == reads.libssl {
            return known.functions;
        }
        found = known.next;
    }
    let mut addresses = [ptr::null(); FUNCTIONS];
    // SAFETY: by the caller's promise, the library's function, with its libssl.
    unsafe { (reads.find)(reads.libssl, &NAMES, &mut addresses) };
    let has_all = addresses[..FUNCTIONS - 1].iter().all(|address| !address.is_null());
    // SAFETY: the functions of these names have these types. NULL is None.
    let functions = has_all.then(|| unsafe { mem::transmute::<[*const c_void; FUNCTIONS], Functions>(addresses) });
    let made = Box::leak(Box::new(Found { libssl: reads.libssl, functions, next: first }));
    // Another thread may have found the same, or another's: then this is found once more.
    let _ = FOUND.compare_exchange(first, made, Ordering::AcqRel, Ordering::Relaxed);
    functions
}
