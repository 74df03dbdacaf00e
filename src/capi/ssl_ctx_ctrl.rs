//! SSL_CTX_ctrl(3): how every existing program reaches the cache's settings and counters, which are macros over it.

use std::ffi::{c_int, c_long, c_void};

use super::with_cache;
use crate::cache::SessionCache;
use crate::handle::{self, raw};
use crate::types::SSL_CTX;

/// The commands that are the cache's. The counters of handshakes among 20-31 are libssl's, as are all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// SSL_CTRL_SESS_NUMBER
    Number = 20,
    /// SSL_CTRL_SESS_CB_HIT
    CallbackHits = 28,
    /// SSL_CTRL_SESS_MISSES
    Misses = 29,
    /// SSL_CTRL_SESS_CACHE_FULL
    CacheFull = 31,
    /// SSL_CTRL_SET_SESS_CACHE_SIZE
    SetCacheSize = 42,
    /// SSL_CTRL_GET_SESS_CACHE_SIZE
    GetCacheSize = 43,
    /// SSL_CTRL_SET_SESS_CACHE_MODE
    SetCacheMode = 44,
    /// SSL_CTRL_GET_SESS_CACHE_MODE
    GetCacheMode = 45,
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
            // While libssl adds to its own table for us, that table is as large as it likes.
            Command::GetCacheSize if handle::is_lending() => 0,
            Command::GetCacheSize => cache.size() as c_long,
            // OpenSSL keeps the mode in 32 bits.
            Command::SetCacheMode => c_long::from(cache.set_mode(larg as u32).bits()),
            Command::GetCacheMode => c_long::from(cache.mode().bits()),
        }
    }
}

/// SSL_CTX_ctrl carries out the command `cmd` on `ctx`.
///
/// The session cache's commands, SSL_CTRL_SESS_NUMBER to SSL_CTRL_SESS_CACHE_FULL (20-31) and
/// SSL_CTRL_SET_SESS_CACHE_SIZE to SSL_CTRL_GET_SESS_CACHE_MODE (42-45), are answered here: see the functions of
/// these names. All others go on to libssl untouched; without one they return 0. NULL as `ctx` gives 0 for the
/// session cache's commands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn SSL_CTX_ctrl(ctx: *mut SSL_CTX, cmd: c_int, larg: c_long, parg: *mut c_void) -> c_long {
    let pass_on = || {
        if ctx.is_null() && handle::stands_alone() {
            return 0;
        }
        // SAFETY: C caller; libssl takes NULL for some commands.
        unsafe { raw::SSL_CTX_ctrl(ctx, cmd, larg, parg) }
    };
    match Command::from_c(cmd) {
        // SAFETY: C caller.
        Some(command) => unsafe { with_cache(ctx, 0, |cache| command.answer(cache, larg), pass_on) },
        None => pass_on(),
    }
}
symver!(SSL_CTX_ctrl, "OPENSSL_3.0.0");

/// Carries out a command that takes no pointer.
///
/// # Safety
/// `ctx` must be NULL or a live context.
pub(super) unsafe fn control(ctx: *mut SSL_CTX, command: c_int, larg: c_long) -> c_long {
    // A statistic of libssl's for NULL would be libssl's to refuse; here it is 0 for all.
    if ctx.is_null() {
        return 0;
    }
    // SAFETY: by the caller's promise.
    unsafe { SSL_CTX_ctrl(ctx, command, larg, std::ptr::null_mut()) }
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
