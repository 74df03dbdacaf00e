//! Holds an unwinding that was caught at a call out, and continues it later.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
use super::assembly;

/// On other processors nothing is caught.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
mod assembly {
    pub unsafe fn call(run: super::Run, argument: *mut super::c_void) -> bool {
        // SAFETY: as the caller says.
        unsafe { run(argument) };
        false
    }
}

/// The type of function that calls out.
pub type Run = unsafe extern "C-unwind" fn(*mut c_void);

/// A caught unwinding: its exception, and the unwinder's function that continues it.
#[derive(Clone, Copy)]
struct Unwinding {
    exception: NonNull<c_void>,
    go_on: GoOn,
}

/// `_Unwind_Resume_or_Rethrow`, which returns if no frame catches a C++ exception.
pub type GoOn = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;

/// Stores an unwinding of this thread, to continue it later.
#[cfg_attr(miri, allow(dead_code, reason = "nothing is caught there"))]
pub fn keep(exception: NonNull<c_void>, go_on: GoOn) {
    CAUGHT.set(Some(Unwinding { exception, go_on }));
    EVER.store(true, Ordering::Relaxed);
}

/// True once something was caught in this process: most calls need look no further.
static EVER: AtomicBool = AtomicBool::new(false);

/// True once something was put off in this process, which never happens with one libssl.
static EVER_PUT_OFF: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The unwinding that this thread has caught, and not continued.
    static CAUGHT: Cell<Option<Unwinding>> = const { Cell::new(None) };

    /// Number of calls since the last call out that have work of their own to finish first.
    static PUT_OFF: Cell<usize> = const { Cell::new(0) };
}

/// Returns true while this thread unwinds from a callback: it calls the application no more.
#[inline]
pub fn is_unwinding() -> bool {
    EVER.load(Ordering::Relaxed) && CAUGHT.get().is_some()
}

/// Makes a call that may reach code of the application, or a cancellation point. Returns `fallback` if the call
/// unwinds.
#[inline]
pub fn call_out<T: Copy, F: FnOnce() -> T>(fallback: T, call: F) -> T {
    const { assert!(!mem::needs_drop::<F>(), "an unwinding may not pass what is to be dropped") };
    let mut out = Out { call: ManuallyDrop::new(call), answer: MaybeUninit::uninit() };
    let put_off = if EVER_PUT_OFF.load(Ordering::Relaxed) { PUT_OFF.replace(0) } else { 0 };
    // SAFETY: `run` of this very type.
    let is_caught = unsafe { assembly::call(run::<T, F>, (&raw mut out).cast()) };
    if put_off != 0 {
        PUT_OFF.set(put_off);
    }
    // SAFETY: `run` came to its end.
    if is_caught { fallback } else { unsafe { out.answer.assume_init() } }
}

struct Out<T, F> {
    call: ManuallyDrop<F>,
    answer: MaybeUninit<T>,
}

unsafe extern "C-unwind" fn run<T: Copy, F: FnOnce() -> T>(out: *mut c_void) {
    let out = out.cast::<Out<T, F>>();
    // SAFETY: `call_out` passes its own, which is run once.
    unsafe { (*out).answer = MaybeUninit::new(ManuallyDrop::take(&mut (*out).call)()) };
}

/// Continues the unwinding that this thread has caught, if any. The frames below, up to those of C, have nothing to
/// drop.
#[inline(always)]
pub fn go_on() {
    if EVER.load(Ordering::Relaxed) {
        go_on_if_caught();
    }
}

#[cold]
#[inline(never)]
fn go_on_if_caught() {
    if PUT_OFF.get() == 0
        && let Some(caught) = CAUGHT.take()
    {
        // SAFETY: the unwinder's own exception, which nobody has ended.
        unsafe {
            (caught.go_on)(caught.exception.as_ptr());
            nobody_catches(caught.exception);
        }
    }
}

/// Ends the program as the C++ library does where no handler is found.
unsafe fn nobody_catches(exception: NonNull<c_void>) -> ! {
    let find = |name: &CStr| {
        // SAFETY: a NUL-terminated name.
        NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) })
    };
    if let (Some(begin_catch), Some(terminate)) = (find(c"__cxa_begin_catch"), find(c"_ZSt9terminatev")) {
        // SAFETY: the functions of these names.
        unsafe {
            mem::transmute::<NonNull<c_void>, unsafe extern "C" fn(*mut c_void) -> *mut c_void>(begin_catch)(
                exception.as_ptr(),
            );
            mem::transmute::<NonNull<c_void>, unsafe extern "C" fn()>(terminate)();
        }
    }
    std::process::abort();
}

/// Makes a call after which its caller has work to finish and then continues: until then no unwinding continues.
pub fn put_off<T>(call: impl FnOnce() -> T) -> T {
    EVER_PUT_OFF.store(true, Ordering::Relaxed);
    PUT_OFF.set(PUT_OFF.get() + 1);
    let answer = call();
    PUT_OFF.set(PUT_OFF.get() - 1);
    answer
}
