//! The exported functions, a file per man page, named as the page; and the callbacks that libssl, the library's own
//! objects and the C library call.
//!
//! Each does three things: check the arguments from C, make one call, convert the result. No rule lives here.
//!
//! **Arguments.** "C caller" in a safety comment means: every pointer is NULL or a live object of its type, made by the
//! libssl in the process or, alone, by the library; and a pointer with a length is readable over it. NULL gets the
//! function's failure value, also where OpenSSL would crash.
//!
//! **Symbol versions.** Each function is followed by its nodes, that of OpenSSL 3 first: programs that link the library
//! get that one. OPENSSL_1_1_0, OPENSSL_3.0.0, OPENSSL_4.0.0 (and later ones, where the function is newer): a preloaded
//! program's calls arrive here, and the node says which libssl they mean. SSLSESSION_0: such calls reach libssl, and
//! only programs linked with the library call it here.

#![allow(non_snake_case, reason = "OpenSSL's names")]
#![allow(clippy::missing_safety_doc, reason = "said once, above")]
#![cfg_attr(target_env = "musl", allow(deprecated, reason = "time_t, which has 64 bits on all machines of 64 bits"))]

/// Binds a function of this file to its symbol version nodes, the first as the default of its name.
///
/// `symver!(NAME, "NODE", ...)` gives the function itself these versions. `symver!(NAME(arguments) -> type, "NODE",
/// ...)` makes an entry for each node but the first, which notes the release that its caller means: for functions that
/// take objects, in a process with several libssls. (`@@@`, `remove`: removes the name without a version, which GNU ld
/// takes for a second definition.)
macro_rules! symver {
    ($name:ident, $default:literal $(, $more:literal)*) => {
        #[cfg(not(any(miri, fuzzing)))]
        core::arch::global_asm!(
            $(concat!(".symver ", stringify!($name), ",", stringify!($name), "@", $more),)*
            concat!(".symver ", stringify!($name), ",", stringify!($name), "@@@", $default),
        );
    };
    // The others are bound with `@node`, each beside its entry: the two must be in one object file.
    ($name:ident by entries of its own, $default:literal $(, $more:literal)*) => {
        symver!($name, $default);
    };
    ($name:ident $arguments:tt $(-> $result:ty)?, $default:literal $(, $more:literal)*) => {
        symver!($name, $default);
        symver!(@entries $name $arguments $(-> $result)?, $($more),*);
    };
    (@entries $name:ident $arguments:tt $(-> $result:ty)?, ) => {};
    (@entries $name:ident $arguments:tt $(-> $result:ty)?, $node:literal $(, $more:literal)*) => {
        symver!(@entry $node, $name $arguments $(-> $result)?);
        symver!(@entries $name $arguments $(-> $result)?, $($more),*);
    };
    (@entry $node:literal, $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?) => {
        #[cfg(not(any(miri, fuzzing)))]
        const _: () = {
            #[unsafe(export_name = concat!(stringify!($name), "__", $node))]
            unsafe extern "C-unwind" fn entry($($argument: $type),*) $(-> $result)? {
                const FAMILY: crate::handle::Family = crate::handle::Family::of_node($node);
                // SAFETY: C caller.
                crate::catch_panic::and_go_on(|| crate::handle::for_caller_of(FAMILY, || unsafe { $name($($argument),*) }))
            }
        };
        symver!(@node $node, $name);
    };
    (@node $node:literal, $name:ident) => {
        #[cfg(not(any(miri, fuzzing)))]
        core::arch::global_asm!(concat!(
            ".symver \"", stringify!($name), "__", $node, "\",", stringify!($name), "@", $node, ",remove"
        ));
    };
}

/// Expands to the body of a naked function of two arguments: jumps to a function that gets the return address as a
/// third.
macro_rules! with_caller_as_third_argument {
    ($function:ident) => {{
        #[cfg(target_arch = "x86_64")]
        core::arch::naked_asm!("endbr64", "mov rdx, [rsp]", "jmp {}", sym $function);
        #[cfg(target_arch = "aarch64")]
        core::arch::naked_asm!("hint #34", "mov x2, x30", "b {}", sym $function);
    }};
}

mod fork;
mod hooks;
mod load;

// The pages, by topic: the header has them in this order.

// Contexts.
pub mod ssl_ctx_free;
pub mod ssl_ctx_get0_param;
pub mod ssl_ctx_load_verify_locations;
pub mod ssl_ctx_new;
pub mod ssl_ctx_set_session_id_context;

// Connections.
pub mod ssl_free;
pub mod ssl_get_session;
pub mod ssl_get_ssl_ctx;
pub mod ssl_new;
pub mod ssl_session_reused;
pub mod ssl_set_bio;
pub mod ssl_set_connect_state;
pub mod ssl_set_fd;
pub mod ssl_set_session;
pub mod ssl_set_shutdown;
pub mod ssl_set_ssl_ctx;
pub mod ssl_shutdown;

// Sessions.
pub mod ssl_session_free;
pub mod ssl_session_get0_id_context;
pub mod ssl_session_get_protocol_version;
pub mod ssl_session_get_time;
pub mod ssl_session_is_resumable;
pub mod ssl_session_set1_id;

// The cache.
pub mod ssl_ctx_add_session;
pub mod ssl_ctx_flush_sessions;
pub mod ssl_ctx_sess_set_cache_size;
pub mod ssl_ctx_sessions;
pub mod ssl_ctx_set_session_cache_mode;
pub mod ssl_ctx_set_timeout;

// Counters.
pub mod ssl_ctx_ctrl;
pub mod ssl_ctx_sess_number;

// Callbacks.
pub mod ssl_ctx_sess_set_get_cb;
pub mod ssl_ctx_set_cert_cb;
pub mod ssl_ctx_set_cert_verify_callback;
pub mod ssl_ctx_set_client_hello_cb;
pub mod ssl_ctx_set_generate_session_id;
pub mod ssl_ctx_set_session_ticket_cb;
pub mod ssl_ctx_set_srp_password;
pub mod ssl_ctx_set_tlsext_servername_callback;
pub mod ssl_ctx_set_tlsext_ticket_key_cb;
pub mod ssl_ctx_use_psk_identity_hint;

// Application data.
pub mod bio_get_ex_new_index;

// The library's own functions.
pub mod sslsession_lookup;
pub mod sslsession_version;

#[cfg(test)]
mod tests;

use std::ffi::{c_uchar, c_uint};

use crate::cache::{self, SessionCache};
use crate::catch_panic::catch_panic;
use crate::handle::{self, Connection, Context, KeyCallbackChange, Setting};
use crate::types::{MAX_ID_LENGTH, SSL, SSL_CTX, SSL_SESSION};

/// Checks that the header's literals, from which it is generated, equal the constants of the layers below.
const _: () = {
    use crate::cache::{DEFAULT_SIZE, Mode};
    use crate::types;
    assert!(ssl_set_shutdown::SSL_SENT_SHUTDOWN == types::SSL_SENT_SHUTDOWN);
    assert!(ssl_set_shutdown::SSL_RECEIVED_SHUTDOWN == types::SSL_RECEIVED_SHUTDOWN);
    assert!(ssl_session_get_protocol_version::TLS1_3_VERSION == types::TLS1_3_VERSION);
    assert!(ssl_session_set1_id::SSL_MAX_SSL_SESSION_ID_LENGTH as usize == MAX_ID_LENGTH);
    assert!(ssl_ctx_set_session_id_context::SSL_MAX_SID_CTX_LENGTH as usize == MAX_ID_LENGTH);
    assert!(ssl_ctx_sess_set_cache_size::SSL_SESSION_CACHE_MAX_SIZE_DEFAULT as usize == DEFAULT_SIZE);
    use ssl_ctx_set_session_cache_mode::*;
    assert!(SSL_SESS_CACHE_CLIENT as u32 == Mode::CLIENT && SSL_SESS_CACHE_SERVER as u32 == Mode::SERVER);
    assert!(SSL_SESS_CACHE_NO_AUTO_CLEAR as u32 == Mode::NO_AUTO_CLEAR);
    assert!(SSL_SESS_CACHE_NO_INTERNAL_LOOKUP as u32 == Mode::NO_INTERNAL_LOOKUP);
    assert!(SSL_SESS_CACHE_NO_INTERNAL_STORE as u32 == Mode::NO_INTERNAL_STORE);
    assert!(SSL_SESS_CACHE_UPDATE_TIME as u32 == Mode::UPDATE_TIME);
};

/// Runs `on_cache` with the cache of `ctx`. Runs `otherwise` for a context that was created without the library, whose
/// cache is libssl's own. Returns `failure` for NULL and after a fault of the library's.
///
/// # Safety
/// `ctx` must be NULL or a live context.
unsafe fn with_cache<T: Copy>(
    ctx: *const SSL_CTX,
    failure: T,
    on_cache: impl FnOnce(&SessionCache) -> T,
    otherwise: impl FnOnce() -> T,
) -> T {
    catch_panic(failure, move || {
        // SAFETY: by the caller's promise.
        let Some(context) = (unsafe { Context::borrow(ctx) }) else { return failure };
        match cache::of_context(context) {
            Some(cache) => on_cache(cache),
            None => otherwise(),
        }
    })
}

/// Runs the body of a function that takes a session and nothing else of libssl's. Returns 0 after a fault of the
/// library's.
fn on_session<T: From<u8> + Copy>(session: *const SSL_SESSION, body: impl FnOnce() -> T) -> T {
    catch_panic(T::from(0), || handle::for_session_of_caller(session, body))
}

/// Notes a setting of a context that libssl has no function to read.
///
/// # Safety
/// `ctx` must be NULL or a live context.
unsafe fn note_setting(ctx: *const SSL_CTX, setting: Setting, is_set: bool) {
    // SAFETY: by the caller's promise.
    if let Some(cache) = unsafe { Context::borrow(ctx) }.and_then(cache::of_context) {
        cache.note_setting(setting, is_set);
    }
}

/// Notes that a connection has such a setting of its own.
///
/// # Safety
/// `ssl` must be NULL or a live connection.
unsafe fn set_apart(ssl: *const SSL) {
    // SAFETY: by the caller's promise.
    if let Some(connection) = unsafe { connection(ssl) }
        && let Some(cache) = cache::of_connection(connection)
    {
        cache.set_apart(connection);
    }
}

/// Handles that the application sets a callback for the keys of a context's tickets. Returns true if libssl is not to have it.
///
/// # Safety
/// `ctx` must be NULL or a live context.
unsafe fn on_ticket_callback(ctx: *const SSL_CTX, change: KeyCallbackChange) -> bool {
    // SAFETY: by the caller's promise.
    unsafe { with_cache(ctx, false, |cache| cache.on_ticket_callback(change, hooks::HOOKS.tickets), || false) }
}

/// Borrows a connection for one call.
///
/// # Safety
/// `ssl` must be NULL or a live connection, and live for `'a`.
unsafe fn connection<'a>(ssl: *const SSL) -> Option<Connection<'a>> {
    // SAFETY: by the caller's promise.
    unsafe { Connection::borrow(ssl) }
}

/// Gives a connection the cache of its current context, if it has none yet.
///
/// # Safety
/// `ssl` must be NULL or a live connection.
unsafe fn settle(ssl: *mut SSL) {
    // SAFETY: by the caller's promise.
    let _ = unsafe { connection(ssl) }.and_then(cache::of_connection);
}

/// Returns a session id from C; None if it is longer than 32 bytes, or NULL with a length.
///
/// # Safety
/// `id` must be NULL or readable over `length` bytes for `'a`.
unsafe fn session_id<'a>(id: *const c_uchar, length: usize) -> Option<&'a [u8]> {
    match length {
        0 => Some(&[]),
        _ if id.is_null() || length > MAX_ID_LENGTH => None,
        // SAFETY: by the caller's promise.
        _ => Some(unsafe { std::slice::from_raw_parts(id, length) }),
    }
}

/// Returns true if `bytes` can be read: a NULL pointer with a length cannot.
fn is_readable(bytes: *const c_uchar, length: c_uint) -> bool {
    !bytes.is_null() || length == 0
}
