//! SSL_CTX_new(3).

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use super::hooks::HOOKS;
use super::{fork, with_cache};
use crate::cache::{self, SessionCache};
use crate::catch_panic::catch_panic;
use crate::clock;
use crate::handle::{self, Context, dispatch};
use crate::types::{OSSL_LIB_CTX, SSL_CTX, SSL_METHOD};
use sslsession_store::threads;

/// TLS_method returns the method for connections of either side.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn TLS_method() -> *const SSL_METHOD {
    // SAFETY: takes nothing.
    catch_panic(ptr::null(), || unsafe { dispatch::TLS_method() })
}
symver!(TLS_method, "SSLSESSION_0");

/// TLS_client_method returns the method for clients.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn TLS_client_method() -> *const SSL_METHOD {
    // SAFETY: takes nothing.
    catch_panic(ptr::null(), || unsafe { dispatch::TLS_client_method() })
}
symver!(TLS_client_method, "SSLSESSION_0");

/// TLS_server_method returns the method for servers.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn TLS_server_method() -> *const SSL_METHOD {
    // SAFETY: takes nothing.
    catch_panic(ptr::null(), || unsafe { dispatch::TLS_server_method() })
}
symver!(TLS_server_method, "SSLSESSION_0");

/// SSL_CTX_new makes a context, with a session cache of mode SSL_SESS_CACHE_SERVER and
/// size 20480 (see SSL_CTX_sess_set_cache_size).
///
/// Returns the context with one reference, for SSL_CTX_free; NULL on failure and for NULL. An empty cache allocates no
/// memory.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX {
    // SAFETY: C caller.
    catch_panic(ptr::null_mut(), || attached(unsafe { dispatch::SSL_CTX_new(method) }))
}
symver!(SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX, "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0");

/// SSL_CTX_new_ex is SSL_CTX_new with a library context and a property query, which matter to libssl only.
// On other processors the function is libssl's. Only programs that call it themselves then get no cache of the
// library's.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_new_ex(
    libctx: *mut OSSL_LIB_CTX,
    propq: *const c_char,
    meth: *const SSL_METHOD,
) -> *mut SSL_CTX {
    // The return address is the fourth argument of the function it jumps to.
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("endbr64", "mov rcx, [rsp]", "jmp {}", sym new_ex_called_from);
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("hint #34", "mov x3, x30", "b {}", sym new_ex_called_from);
}
symver!(SSL_CTX_new_ex, "OPENSSL_3.0.0", "OPENSSL_4.0.0");

/// SSL_CTX_new_ex, with its return address.
///
/// Debian's libssl ends its SSL_CTX_new with a jump to SSL_CTX_new_ex, which arrives here. So it does for a program
/// that took SSL_CTX_new from libssl itself (dlsym on its handle, as .NET and Qt do; RTLD_DEEPBIND). That program's
/// other calls bypass the library, and its context must too: it gets no cache of the library's. A call from the
/// library's own SSL_CTX_new comes here too: that attaches when it has the context.
unsafe extern "C-unwind" fn new_ex_called_from(
    libctx: *mut OSSL_LIB_CTX,
    propq: *const c_char,
    meth: *const SSL_METHOD,
    caller: *const c_void,
) -> *mut SSL_CTX {
    catch_panic(ptr::null_mut(), || {
        // SAFETY: C caller.
        let ctx = unsafe { dispatch::SSL_CTX_new_ex(libctx, propq, meth) };
        if !handle::is_bound_in(caller, c"SSL_CTX_new_ex") {
            return ctx;
        }
        attached(ctx);
        if !libctx.is_null() || !propq.is_null() {
            // Its ciphers are to come from that context, and ours come from the default library context.
            // SAFETY: NULL or made just now.
            unsafe { with_cache(ctx, (), SessionCache::leave_tickets, || ()) };
        }
        ctx
    })
}

/// Attaches a cache to a new context; after a fault of the library's the context has libssl's own. Defers the
/// cancellation of this thread: a store's files are read and written here.
fn attached(ctx: *mut SSL_CTX) -> *mut SSL_CTX {
    threads::uncancelled(|| {
        catch_panic((), || {
            // SAFETY: NULL or made just now.
            if let Some(context) = unsafe { Context::borrow(ctx) } {
                fork::watch();
                cache::attach(context, &HOOKS, clock::now());
            }
        });
    });
    ctx
}

/// SSL_CTX_up_ref increments the reference count of `ctx`. Returns 1; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_up_ref(ctx: *mut SSL_CTX) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    // SAFETY: C caller.
    catch_panic(0, || unsafe { dispatch::SSL_CTX_up_ref(ctx) })
}
symver!(SSL_CTX_up_ref, "SSLSESSION_0");
