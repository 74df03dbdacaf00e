//! SSL_CTX_add_session(3), with the synonyms of OpenSSL 0.9.7a.

use std::ffi::{c_int, c_void};

use super::with_cache;
use crate::cache::SessionCache;
use crate::clock;
use crate::handle::{self, Session, dispatch};
use crate::types::{SSL_CTX, SSL_SESSION};

/// SSL_CTX_add_session adds the session `c` to the session cache of `ctx`.
///
/// Returns 1 if it was added. The cache then has one reference of its own; the caller keeps its own. Another session
/// with the same id (and protocol version) is replaced by `c`: it is removed without a callback, and its reference is
/// released. If the cache is full, the sessions that expire soonest are evicted first.
///
/// Returns 0 if `c` itself was already cached. Its reference count does not change; its expiry order is updated.
/// Returns 0 for NULL. The session cache mode does not matter.
///
/// With a shared store (SSLSESSION_STORE) it is there for the server's other processes too, if `ctx` shares its
/// sessions and this one can be encoded. A session may be in the caches of several contexts. Safe from several threads,
/// and from callbacks.
/// See SSL_CTX_add_session(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_add_session(ctx: *mut SSL_CTX, c: *mut SSL_SESSION) -> c_int {
    let add = move |cache: &SessionCache| {
        handle::note_session_with(c, ctx);
        // SAFETY: C caller.
        let session = unsafe { Session::borrow(c) };
        c_int::from(session.is_some_and(|session| cache.add(&session, clock::now())))
    };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, 0, add, move || dispatch::SSL_CTX_add_session(ctx, c)) }
}
symver!(
    SSL_CTX_add_session(ctx: *mut SSL_CTX, c: *mut SSL_SESSION) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// SSL_add_session is SSL_CTX_add_session under its name of OpenSSL 0.9.7a.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_add_session(ctx: *mut SSL_CTX, c: *mut SSL_SESSION) -> c_int {
    // SAFETY: C caller.
    unsafe { SSL_CTX_add_session(ctx, c) }
}
symver!(SSL_add_session, "OPENSSL_3.0.0");

/// SSL_CTX_remove_session removes the session `c` from the session cache of `ctx` and marks `c` as not resumable.
///
/// Returns 1 if a session with the id (and protocol version) of `c` was cached, `c` itself or another; its reference is
/// released. Returns 0 if none was; `c` is marked all the same. The remove_session callback is called with `c` in both
/// cases, while no lock is held. Returns 0, without effect, for NULL and for a session without an id. With a shared
/// store it is removed for all processes.
///
/// Safe from several threads, and from callbacks. See SSL_CTX_add_session(3).
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_remove_session(ctx: *mut SSL_CTX, c: *mut SSL_SESSION) -> c_int {
    with_caller_as_third_argument!(removed)
}
symver!(SSL_CTX_remove_session by entries of its own, "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0");

/// SSL_CTX_remove_session of other processors, which walks the stack.
///
/// cbindgen:ignore
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_remove_session(ctx: *mut SSL_CTX, c: *mut SSL_SESSION) -> c_int {
    // SAFETY: C caller.
    unsafe { removed(ctx, c, std::ptr::null()) }
}

/// SSL_CTX_remove_session by the nodes of the other families.
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod of_other_families {
    use super::*;
    use crate::catch_panic::and_go_on;
    use crate::handle::Family;

    macro_rules! entry {
        ($node:literal, $entry:ident, $called:ident) => {
            #[unsafe(naked)]
            #[unsafe(export_name = concat!("SSL_CTX_remove_session__", $node))]
            unsafe extern "C-unwind" fn $entry(ctx: *mut SSL_CTX, c: *mut SSL_SESSION) -> c_int {
                with_caller_as_third_argument!($called)
            }
            unsafe extern "C-unwind" fn $called(
                ctx: *mut SSL_CTX,
                c: *mut SSL_SESSION,
                caller: *const c_void,
            ) -> c_int {
                const FAMILY: Family = Family::of_node($node);
                // SAFETY: C caller.
                and_go_on(|| handle::for_caller_of(FAMILY, || unsafe { removed(ctx, c, caller) }))
            }
            symver!(@node $node, SSL_CTX_remove_session);
        };
    }
    entry!("OPENSSL_1_1_0", entry_1_1, removed_1_1);
    entry!("OPENSSL_4.0.0", entry_4, removed_4);
}

/// SSL_CTX_remove_session, with its return address: a libssl that is not linked -Bsymbolic removes sessions by the same
/// function, and its reason may concern this process alone. (An unwinder would find the address too; but it lists the
/// loaded objects, whose lock another thread may have held as this process was forked.)
unsafe extern "C-unwind" fn removed(ctx: *mut SSL_CTX, c: *mut SSL_SESSION, caller: *const c_void) -> c_int {
    let remove = move |cache: &SessionCache| {
        handle::note_session_with(c, ctx);
        // SAFETY: C caller.
        let session = unsafe { Session::borrow(c) };
        let is_by_libssl = || handle::is_of_libssl(caller);
        c_int::from(session.is_some_and(|session| cache.remove(&session, clock::now(), is_by_libssl)))
    };
    // SAFETY: C caller.
    unsafe { with_cache(ctx, 0, remove, move || dispatch::SSL_CTX_remove_session(ctx, c)) }
}

/// SSL_remove_session is SSL_CTX_remove_session under its name of OpenSSL 0.9.7a.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_remove_session(ctx: *mut SSL_CTX, c: *mut SSL_SESSION) -> c_int {
    // SAFETY: C caller.
    unsafe { SSL_CTX_remove_session(ctx, c) }
}
symver!(SSL_remove_session, "OPENSSL_3.0.0");
