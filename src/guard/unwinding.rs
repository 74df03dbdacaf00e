//! Catches an unwinding that is not Rust's at a call out, and goes on with it later.
//!
//! Rust's own `catch_unwind` aborts on such a one. So the call is made from a few lines of assembly whose personality
//! routine, by the Itanium C++ ABI's rules, takes every unwinding for its own. The unwinder asks it, and is the one that
//! the application has; its functions are found in the object that calls.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

/// An unwinding that was caught: its exception, and the unwinder's function that goes on with it.
#[derive(Clone, Copy)]
struct Unwinding {
    exception: NonNull<c_void>,
    go_on: GoOn,
}

/// `_Unwind_Resume_or_Rethrow`, which returns where nobody will catch a C++ exception.
type GoOn = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;

/// Something was caught in this process, ever: most need to look no further.
static EVER: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What this thread has caught, and not gone on with.
    static CAUGHT: Cell<Option<Unwinding>> = const { Cell::new(None) };

    /// How many calls since the last call out have something of their own to put in order first.
    static PUT_OFF: Cell<usize> = const { Cell::new(0) };
}

/// Returns true if this thread is on its way out of a callback: it calls the application no more.
#[inline]
pub fn is_unwinding() -> bool {
    EVER.load(Ordering::Relaxed) && CAUGHT.get().is_some()
}

/// Makes a call that may reach code of the application, or a place where a thread is cancelled; gives `fallback` if that
/// does not return.
#[inline]
pub fn call_out<T: Copy, F: FnOnce() -> T>(fallback: T, call: F) -> T {
    const { assert!(!mem::needs_drop::<F>(), "an unwinding may not pass what is to be dropped") };
    let mut out = Out { call: ManuallyDrop::new(call), answer: MaybeUninit::uninit() };
    let put_off = PUT_OFF.replace(0);
    // SAFETY: `run` of this very type.
    let is_caught = unsafe { from_assembly(run::<T, F>, (&raw mut out).cast()) };
    PUT_OFF.set(put_off);
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

/// Goes on with what was caught in this thread, if anything was. The frames below, up to those of C, have nothing to drop.
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
    let find = |name: &std::ffi::CStr| {
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

/// Makes a call after which its caller has something to put in order, and then goes on: until then nothing does.
pub fn put_off<T>(call: impl FnOnce() -> T) -> T {
    PUT_OFF.set(PUT_OFF.get() + 1);
    let answer = call();
    PUT_OFF.set(PUT_OFF.get() - 1);
    answer
}

/// Calls `run` with `argument`; returns true if that did not return.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
#[inline(always)]
unsafe fn from_assembly(run: unsafe extern "C-unwind" fn(*mut c_void), argument: *mut c_void) -> bool {
    // SAFETY: as the caller says.
    unsafe { sslsession_call_out(run, argument) != 0 }
}

/// On other processors nothing is caught.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
unsafe fn from_assembly(run: unsafe extern "C-unwind" fn(*mut c_void), argument: *mut c_void) -> bool {
    // SAFETY: as the caller says.
    unsafe { run(argument) };
    false
}

unsafe extern "C" {
    /// Calls its first argument with its second: 0, or 1 once an unwinding has come to `sslsession_caught`.
    fn sslsession_call_out(run: unsafe extern "C-unwind" fn(*mut c_void), argument: *mut c_void) -> usize;
    static sslsession_caught: u8;
}

// The personality routine's sixth argument is where it returns to: in the unwinder.
#[cfg(all(target_arch = "x86_64", not(miri)))]
core::arch::global_asm!(
    ".pushsection .text.sslsession_call_out, \"ax\", @progbits",
    ".globl sslsession_call_out, sslsession_caught",
    ".hidden sslsession_call_out, sslsession_caught",
    ".type sslsession_call_out, @function",
    "sslsession_call_out:",
    ".cfi_startproc",
    ".cfi_personality 0x1b, sslsession_personality",
    "endbr64",
    "sub rsp, 8",
    ".cfi_adjust_cfa_offset 8",
    "mov rax, rdi",
    "mov rdi, rsi",
    "call rax",
    "xor eax, eax",
    "add rsp, 8",
    ".cfi_adjust_cfa_offset -8",
    "ret",
    ".cfi_adjust_cfa_offset 8",
    "sslsession_caught:",
    "mov eax, 1",
    "add rsp, 8",
    ".cfi_adjust_cfa_offset -8",
    "ret",
    ".cfi_endproc",
    ".size sslsession_call_out, . - sslsession_call_out",
    ".type sslsession_personality, @function",
    "sslsession_personality:",
    ".cfi_startproc",
    "endbr64",
    "mov r9, [rsp]",
    "jmp {personality}",
    ".cfi_endproc",
    ".size sslsession_personality, . - sslsession_personality",
    ".popsection",
    personality = sym personality,
);

#[cfg(all(target_arch = "aarch64", not(miri)))]
core::arch::global_asm!(
    ".pushsection .text.sslsession_call_out, \"ax\", @progbits",
    ".globl sslsession_call_out, sslsession_caught",
    ".hidden sslsession_call_out, sslsession_caught",
    ".type sslsession_call_out, @function",
    "sslsession_call_out:",
    ".cfi_startproc",
    ".cfi_personality 0x1b, sslsession_personality",
    "hint #34",
    "stp x29, x30, [sp, #-16]!",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset x29, -16",
    ".cfi_offset x30, -8",
    "mov x29, sp",
    "mov x9, x0",
    "mov x0, x1",
    "blr x9",
    "mov x0, #0",
    "b 1f",
    "sslsession_caught:",
    "mov x0, #1",
    "1:",
    "ldp x29, x30, [sp], #16",
    ".cfi_def_cfa_offset 0",
    ".cfi_restore x29",
    ".cfi_restore x30",
    "ret",
    ".cfi_endproc",
    ".size sslsession_call_out, . - sslsession_call_out",
    ".type sslsession_personality, @function",
    "sslsession_personality:",
    ".cfi_startproc",
    "hint #34",
    "mov x5, x30",
    "b {personality}",
    ".cfi_endproc",
    ".size sslsession_personality, . - sslsession_personality",
    ".popsection",
    personality = sym personality,
);

/// Of `_Unwind_Action` and `_Unwind_Reason_Code`, in the Itanium C++ ABI.
const SEARCH_PHASE: c_int = 1;
const HANDLER_FOUND: c_int = 6;
const INSTALL_CONTEXT: c_int = 7;
const CONTINUE_UNWIND: c_int = 8;

/// What an unwinder asks at the frame of `sslsession_call_out`: first who will catch, unless it unwinds by force; then where to
/// go on, which is `sslsession_caught`.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
unsafe extern "C" fn personality(
    _version: c_int,
    actions: c_int,
    _class: u64,
    exception: *mut c_void,
    context: *mut c_void,
    unwinder: *const c_void,
) -> c_int {
    // SAFETY: the address that this function returns to.
    let found =
        unsafe { (function_of(unwinder, c"_Unwind_SetIP"), function_of(unwinder, c"_Unwind_Resume_or_Rethrow")) };
    let ((Some(set_ip), Some(go_on)), Some(exception)) = (found, NonNull::new(exception)) else {
        return CONTINUE_UNWIND;
    };
    if actions & SEARCH_PHASE != 0 {
        return HANDLER_FOUND;
    }
    // SAFETY: functions of these names and types, and the context that they made.
    let go_on = unsafe {
        let set_ip = mem::transmute::<NonNull<c_void>, unsafe extern "C" fn(*mut c_void, usize)>(set_ip);
        set_ip(context, (&raw const sslsession_caught).addr());
        mem::transmute::<NonNull<c_void>, GoOn>(go_on)
    };
    CAUGHT.set(Some(Unwinding { exception, go_on }));
    EVER.store(true, Ordering::Relaxed);
    INSTALL_CONTEXT
}

/// A function of the object that `address` lies in, or else of the process.
unsafe fn function_of(address: *const c_void, name: &std::ffi::CStr) -> Option<NonNull<c_void>> {
    let mut object = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: a place for the answer, NUL-terminated names, and an object that stays loaded while it calls us.
    unsafe {
        let known = libc::dladdr(address, object.as_mut_ptr()) != 0;
        let file = if known { object.assume_init().dli_fname } else { ptr::null() };
        let open = |file| libc::dlopen(file, libc::RTLD_NOLOAD | libc::RTLD_LAZY);
        let handle = if file.is_null() { ptr::null_mut() } else { open(file) };
        let found = if handle.is_null() { ptr::null_mut() } else { libc::dlsym(handle, name.as_ptr()) };
        if !handle.is_null() {
            libc::dlclose(handle);
        }
        NonNull::new(if found.is_null() { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } else { found })
    }
}
