//! Catches an unwinding that is not Rust's.
//!
//! Rust's own `catch_unwind` aborts on such a one. So a few lines of assembly make the call. Their personality
//! routine, by the Itanium C++ ABI's rules, catches every unwinding. The application's unwinder calls it; the
//! unwinder's functions are found in the object that calls.

use std::ffi::{CStr, c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::ptr::{self, NonNull};

use super::unwinding::{self, GoOn, Run};

unsafe extern "C" {
    /// Calls its first argument with its second. Returns 0, or 1 once an unwinding has reached `sslsession_caught`.
    fn sslsession_call_out(run: Run, argument: *mut c_void) -> usize;
    static sslsession_caught: u8;
}

/// Calls `run` with `argument`. Returns true if that did not return.
///
/// # Safety
/// As `run` requires; no frame between this and the unwinding one has anything to drop.
#[inline(always)]
pub unsafe fn call(run: Run, argument: *mut c_void) -> bool {
    // SAFETY: as the caller says.
    unsafe { sslsession_call_out(run, argument) != 0 }
}

// The personality routine's sixth argument is its return address: in the unwinder.
#[cfg(target_arch = "x86_64")]
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

#[cfg(target_arch = "aarch64")]
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

/// Answers the unwinder at the frame of `sslsession_call_out`: first that it will catch, unless the unwinding is
/// forced; then the address to continue at, which is `sslsession_caught`.
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
    unwinding::keep(exception, go_on);
    INSTALL_CONTEXT
}

/// Returns a function of the object at `address`, or else of the process.
unsafe fn function_of(address: *const c_void, name: &CStr) -> Option<NonNull<c_void>> {
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
