//! SSL_CTX_set_session_ticket_cb(3).

use std::ffi::{c_int, c_uchar, c_void};

use crate::cache;
use crate::catch_panic::catch_panic;
use crate::handle::{Context, dispatch};
use crate::types::{SSL, SSL_CTX, SSL_SESSION};

/// SSL_CTX_set_session_ticket_cb sets the callbacks for stateless tickets: `gen_cb` is called when one is made,
/// `dec_cb` when a client offers one, and returns an SSL_TICKET_RETURN; NULL for none.
///
/// libssl calls them. They are noted here: a context with such a callback keeps its stateless tickets, whatever
/// SSLSESSION_TICKETS is. Returns 1; alone, and for NULL as `ctx`, 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_set_session_ticket_cb(
    ctx: *mut SSL_CTX,
    gen_cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int>,
    dec_cb: Option<
        unsafe extern "C-unwind" fn(*mut SSL, *mut SSL_SESSION, *const c_uchar, usize, c_int, *mut c_void) -> c_int,
    >,
    arg: *mut c_void,
) -> c_int {
    catch_panic(0, || {
        // SAFETY: C caller.
        let Some(context) = (unsafe { Context::borrow(ctx) }) else { return 0 };
        if let Some(cache) = cache::of_context(context) {
            let is_set = gen_cb.is_some() || dec_cb.is_some();
            cache.note_ticket_callback(is_set);
            if is_set {
                cache.leave_tickets();
            }
        }
        // SAFETY: C caller.
        unsafe { dispatch::SSL_CTX_set_session_ticket_cb(ctx, gen_cb, dec_cb, arg) }
    })
}
symver!(
    SSL_CTX_set_session_ticket_cb(ctx: *mut SSL_CTX, gen_cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut c_void) -> c_int>, dec_cb: Option<unsafe extern "C-unwind" fn(*mut SSL, *mut SSL_SESSION, *const c_uchar, usize, c_int, *mut c_void) -> c_int>, arg: *mut c_void) -> c_int,
    "OPENSSL_3.0.0", "OPENSSL_1_1_1", "OPENSSL_4.0.0"
);
