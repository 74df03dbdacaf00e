//! Finds the caller of the current call.
//!
//! A libssl that is not linked -Bsymbolic calls functions of its own through the loader, and so the library's: by the
//! same entries as a program does. Where the difference matters, the stack is walked: the first frame outside this
//! library is the caller's.

use std::ffi::{c_int, c_void};
use std::ptr;

use super::{is_ours, known, loader, not_resumable};

/// _URC_NO_REASON and _URC_END_OF_STACK: continue, and stop.
const GO_ON: c_int = 0;
const ENOUGH: c_int = 5;

/// Number of frames that no call within the library reaches.
const MAX_FRAMES: u32 = 64;

unsafe extern "C" {
    /// Calls `look` with each frame of the calling thread, the innermost first.
    fn _Unwind_Backtrace(
        look: unsafe extern "C-unwind" fn(*mut c_void, *mut c_void) -> c_int,
        of: *mut c_void,
    ) -> c_int;
    /// Returns the address at which a frame continues.
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// The frames that were visited.
struct Search {
    caller: *const c_void,
    frames: u32,
}

/// Returns true if a libssl made the call that returns to that address. The stack is walked if the address is within
/// this library, or unknown (NULL). Returns false if the caller cannot be found.
pub fn is_of_libssl(address: *const c_void) -> bool {
    match address.is_null() || is_ours(address) {
        true => caller().is_some_and(|caller| known::at(caller).is_some()),
        false => known::at(address).is_some(),
    }
}

/// Returns the return address of the current call from outside; None if it cannot be found. Costs some microseconds.
pub fn caller() -> Option<*const c_void> {
    let mut search = Search { caller: ptr::null(), frames: 0 };
    // An unwinder lists the loaded objects, and would wait for ever for a thread that is not here.
    if cfg!(not(miri)) && !loader::is_left_changing() && !not_resumable::is_forked() {
        // SAFETY: `look` has the type asked for, and the search is there during the call.
        unsafe { _Unwind_Backtrace(look, (&raw mut search).cast()) };
    }
    (!search.caller.is_null()).then_some(search.caller)
}

unsafe extern "C-unwind" fn look(frame: *mut c_void, search: *mut c_void) -> c_int {
    // SAFETY: the search handed to _Unwind_Backtrace, and the frame that it is at.
    let (search, address) = unsafe { (&mut *search.cast::<Search>(), _Unwind_GetIP(frame)) };
    search.frames += 1;
    if search.frames > MAX_FRAMES {
        return ENOUGH;
    }
    let address = ptr::without_provenance(address);
    if is_ours(address) {
        return GO_ON;
    }
    search.caller = address;
    ENOUGH
}
