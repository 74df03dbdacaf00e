//! SSL_CTX_set_tlsext_servername_callback(3), a macro of OpenSSL over SSL_CTX_callback_ctrl.

use std::ffi::{c_int, c_long};
use std::mem;

use super::{note_setting, on_ticket_callback};
use crate::catch_panic::catch_panic;
use crate::handle::{KeyCallbackChange, Setting, dispatch};
use crate::types::{AnyCallback, SSL_CTX, TicketKeyCallback};

/// SSL_CTRL_SET_TLSEXT_SERVERNAME_CB and SSL_CTRL_SET_TLS_EXT_SRP_USERNAME_CB.
const SET_SERVER_NAME_CALLBACK: c_int = 53;
const SET_SRP_USERNAME_CALLBACK: c_int = 75;
/// SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB.
const SET_TICKET_KEY_CALLBACK: c_int = 72;

/// SSL_CTX_callback_ctrl runs the command `cmd` on `ctx`, which sets a callback.
///
/// libssl sets it. Two callbacks are noted here, because libssl has no function to read them: the one that may switch a
/// connection to another context by the server name, and the one that knows the users of SRP. One that sets ticket keys
/// replaces the library's. Alone, and with NULL as `ctx`, it returns 0.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_callback_ctrl(
    ctx: *mut SSL_CTX,
    cmd: c_int,
    fp: Option<unsafe extern "C-unwind" fn()>,
) -> c_long {
    if ctx.is_null() {
        return 0;
    }
    let setting = match cmd {
        SET_SERVER_NAME_CALLBACK => Some(Setting::ServerNameCallback),
        SET_SRP_USERNAME_CALLBACK => Some(Setting::SrpCallback),
        _ => None,
    };
    if cmd == SET_TICKET_KEY_CALLBACK {
        // SAFETY: with this command C hands a callback of this type over.
        let callback = fp.map(|fp| unsafe { mem::transmute::<AnyCallback, TicketKeyCallback>(fp) });
        // SAFETY: C caller.
        if unsafe { on_ticket_callback(ctx, KeyCallbackChange::Hmac(callback)) } {
            return 1;
        }
    }
    catch_panic(0, || unsafe {
        // SAFETY: C caller.
        if let Some(setting) = setting {
            note_setting(ctx, setting, fp.is_some());
        }
        dispatch::SSL_CTX_callback_ctrl(ctx, cmd, fp)
    })
}
symver!(
    SSL_CTX_callback_ctrl(ctx: *mut SSL_CTX, cmd: c_int, fp: Option<unsafe extern "C-unwind" fn()>) -> c_long,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);
