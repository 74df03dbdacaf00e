//! SSL_CTX_ctrl(3): the cache's settings and counters in OpenSSL are macros over it, which every existing program uses.
#![allow(missing_docs, reason = "one comment for a block of constants")]

use std::ffi::{CStr, c_int, c_long, c_void};

use super::{note_setting, with_cache};
use crate::cache::SessionCache;
use crate::handle::{self, Setting, dispatch};
use crate::types::SSL_CTX;

/// The session cache's commands. Each has a function: SSL_CTRL_SESS_NUMBER is SSL_CTX_sess_number, and so on;
/// SSL_CTRL_SESS_HIT is SSL_CTX_sess_hits, and SSL_CTRL_SESS_CB_HIT SSL_CTX_sess_cb_hits. A size and a mode to be set
/// are passed as `larg`.
pub const SSL_CTRL_SESS_NUMBER: c_int = 20;
pub const SSL_CTRL_SESS_CONNECT: c_int = 21;
pub const SSL_CTRL_SESS_CONNECT_GOOD: c_int = 22;
pub const SSL_CTRL_SESS_CONNECT_RENEGOTIATE: c_int = 23;
pub const SSL_CTRL_SESS_ACCEPT: c_int = 24;
pub const SSL_CTRL_SESS_ACCEPT_GOOD: c_int = 25;
pub const SSL_CTRL_SESS_ACCEPT_RENEGOTIATE: c_int = 26;
pub const SSL_CTRL_SESS_HIT: c_int = 27;
pub const SSL_CTRL_SESS_CB_HIT: c_int = 28;
pub const SSL_CTRL_SESS_MISSES: c_int = 29;
pub const SSL_CTRL_SESS_TIMEOUTS: c_int = 30;
pub const SSL_CTRL_SESS_CACHE_FULL: c_int = 31;
pub const SSL_CTRL_SET_SESS_CACHE_SIZE: c_int = 42;
pub const SSL_CTRL_GET_SESS_CACHE_SIZE: c_int = 43;
pub const SSL_CTRL_SET_SESS_CACHE_MODE: c_int = 44;
pub const SSL_CTRL_GET_SESS_CACHE_MODE: c_int = 45;

/// SSL_CTRL_GET_TLSEXT_TICKET_KEYS and SSL_CTRL_SET_TLSEXT_TICKET_KEYS.
const GET_TICKET_KEYS: c_int = 58;
const SET_TICKET_KEYS: c_int = 59;
const SET_VERIFY_CERT_STORE: c_int = 106;

/// The commands of the cache. libssl answers the handshake counters among 20-31 and all other commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Command {
    Number = SSL_CTRL_SESS_NUMBER,
    CallbackHits = SSL_CTRL_SESS_CB_HIT,
    Misses = SSL_CTRL_SESS_MISSES,
    CacheFull = SSL_CTRL_SESS_CACHE_FULL,
    SetCacheSize = SSL_CTRL_SET_SESS_CACHE_SIZE,
    GetCacheSize = SSL_CTRL_GET_SESS_CACHE_SIZE,
    SetCacheMode = SSL_CTRL_SET_SESS_CACHE_MODE,
    GetCacheMode = SSL_CTRL_GET_SESS_CACHE_MODE,
}

impl Command {
    const ALL: [Command; 8] = [
        Command::Number,
        Command::CallbackHits,
        Command::Misses,
        Command::CacheFull,
        Command::SetCacheSize,
        Command::GetCacheSize,
        Command::SetCacheMode,
        Command::GetCacheMode,
    ];

    fn from_c(command: c_int) -> Option<Command> {
        Command::ALL.into_iter().find(|&known| known as c_int == command)
    }

    fn answer(self, cache: &SessionCache, larg: c_long) -> c_long {
        match self {
            Command::Number => cache.number() as c_long,
            Command::CallbackHits => c_long::from(cache.callback_hits()),
            Command::Misses => c_long::from(cache.misses()),
            Command::CacheFull => c_long::from(cache.cache_full()),
            Command::SetCacheSize => usize::try_from(larg).map_or(0, |size| cache.set_size(size) as c_long),
            // While libssl adds a stand-in to its own table, that table has no limit.
            Command::GetCacheSize if handle::is_inserting_stand_in() => 0,
            Command::GetCacheSize => cache.size() as c_long,
            // OpenSSL keeps the mode in 32 bits.
            Command::SetCacheMode => c_long::from(cache.set_mode(larg as u32).bits()),
            Command::GetCacheMode => c_long::from(cache.mode().bits()),
        }
    }
}

/// SSL_CTX_ctrl runs the command `cmd` on `ctx`.
///
/// The session cache's commands, SSL_CTRL_SESS_NUMBER to SSL_CTRL_SESS_CACHE_FULL (20-31) and
/// SSL_CTRL_SET_SESS_CACHE_SIZE to SSL_CTRL_GET_SESS_CACHE_MODE (42-45), are answered here: see the functions of these
/// names. All others are passed on to libssl unchanged; without one they return 0. A command that sets or reads ticket
/// keys replaces SSLSESSION_TICKETS=shared. NULL as `ctx` gives 0 for the session cache's commands.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn SSL_CTX_ctrl(ctx: *mut SSL_CTX, cmd: c_int, larg: c_long, parg: *mut c_void) -> c_long {
    let pass_on = || {
        if ctx.is_null() && handle::stands_alone() {
            return 0;
        }
        // SAFETY: C caller; libssl takes NULL for some commands.
        unsafe { dispatch::SSL_CTX_ctrl(ctx, cmd, larg, parg) }
    };
    match Command::from_c(cmd) {
        // SAFETY: C caller.
        Some(command) => unsafe { with_cache(ctx, 0, |cache| command.answer(cache, larg), pass_on) },
        None if is_about_ticket_keys(cmd, parg) => {
            // SAFETY: C caller.
            unsafe { with_cache(ctx, (), SessionCache::on_ticket_keys, || ()) };
            pass_on()
        }
        None if cmd == SET_VERIFY_CERT_STORE => {
            // SAFETY: C caller.
            unsafe { note_setting(ctx, Setting::VerifyStore, !parg.is_null()) };
            pass_on()
        }
        None => pass_on(),
    }
}
symver!(
    SSL_CTX_ctrl(ctx: *mut SSL_CTX, cmd: c_int, larg: c_long, parg: *mut c_void) -> c_long,
    "OPENSSL_3.0.0", "OPENSSL_1_1_0", "OPENSSL_4.0.0"
);

/// Returns true for the commands that set or read ticket keys. Without a buffer they return a length.
fn is_about_ticket_keys(command: c_int, place: *mut c_void) -> bool {
    (command == GET_TICKET_KEYS || command == SET_TICKET_KEYS) && !place.is_null()
}

/// Runs a command that takes no pointer, for the exported function of that name. libssl might refuse its own counters
/// for NULL; here all are 0.
///
/// # Safety
/// `ctx` must be NULL or a live context.
pub(super) unsafe fn control(ctx: *mut SSL_CTX, command: c_int, larg: c_long, function: &CStr) -> c_long {
    // SAFETY: by the caller's promise.
    let pass_on = || unsafe { dispatch::SSL_CTX_ctrl_or(ctx, command, larg, function) };
    let answer = |cache: &SessionCache| match Command::from_c(command) {
        Some(command) => command.answer(cache, larg),
        None => pass_on(),
    };
    // SAFETY: by the caller's promise.
    unsafe { with_cache(ctx, 0, answer, pass_on) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_known_by_its_number() {
        for command in Command::ALL {
            assert_eq!(Command::from_c(command as c_int), Some(command));
        }
    }

    #[test]
    fn handshake_counters_and_all_others_are_not_ours() {
        for command in (0..=200).filter(|c| ![20, 28, 29, 31, 42, 43, 44, 45].contains(c)) {
            assert_eq!(Command::from_c(command), None);
        }
    }
}
