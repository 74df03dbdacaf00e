//! Reasons why sessions stay in one process although there may be a shared store.
#![forbid(unsafe_code)]

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
