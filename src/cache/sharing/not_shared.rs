//! Reasons why sessions stay in one process although there may be a shared store. Each is told once in a process, if
//! SSLSESSION_LOG is set.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::handle::Undigested;
use crate::settings::{self, Store};

/// A reason why a context, or one connection of it, does not share its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotShared {
    /// There is no shared store.
    NoStore,
    /// The context's mode does not have SSL_SESS_CACHE_SERVER.
    CacheOff,
    /// Its mode has SSL_SESS_CACHE_NO_INTERNAL_LOOKUP or SSL_SESS_CACHE_NO_INTERNAL_STORE.
    NoInternalCache,
    /// It has a get_session callback of the application's.
    OwnGetCallback,
    /// The application keeps data at its sessions, which other processes could not give back.
    ApplicationData,
    /// The connection has settings of its own that cannot be read.
    ConnectionSettings,
    /// The connection was switched to a context that was made out of our sight.
    UnknownContext,
}

impl NotShared {
    /// Tells of the reason, unless that was done before.
    pub(super) fn tell(self) {
        static TOLD: AtomicU32 = AtomicU32::new(0);
        // Without a shared store nobody expects to share.
        if is_first(&TOLD, self as u32) && settings::get().store != Store::Memory {
            settings::tell(|| format!("an SSL_CTX keeps its sessions in this process: {self}"));
        }
    }
}

/// Tells why an SSL_CTX shares with its copies in forked processes only, unless that was done before.
pub(super) fn tell_undigested(reason: Undigested) {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    if is_first(&TOLD, reason as u32) {
        settings::tell(|| format!("an SSL_CTX shares its sessions with its copies in forked processes only: {reason}"));
    }
}

/// Returns true the first time that it is asked for a number below 32.
fn is_first(told: &AtomicU32, number: u32) -> bool {
    let bit = 1 << number;
    told.load(Ordering::Relaxed) & bit == 0 && told.fetch_or(bit, Ordering::Relaxed) & bit == 0
}

impl fmt::Display for NotShared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            NotShared::NoStore => "there is no shared store",
            NotShared::CacheOff => "its cache is turned off (SSLSESSION_ATTACH=all turns it on)",
            NotShared::NoInternalCache => {
                "its internal cache is turned off, as the program has one of its own (SSLSESSION_ATTACH=all uses both)"
            }
            NotShared::OwnGetCallback => "the program has a cache of its own (SSLSESSION_ATTACH=all uses both)",
            NotShared::ApplicationData => {
                "the program keeps data of its own at its sessions, which other processes could not give back"
            }
            NotShared::ConnectionSettings => "a connection has settings of its own that cannot be compared",
            NotShared::UnknownContext => "a connection was switched to an SSL_CTX that was made out of our sight",
        })
    }
}
