//! Reasons why sessions stay in one process although there may be a shared store. The store counts
//! the contexts of each reason. Each is logged once in a process, if SSLSESSION_LOG is set.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::open::store;
use crate::cache::SessionCache;
use crate::handle::{self, Connection, Undigested};
use crate::settings;
use sslsession_store::config::Config;

/// A reason why a context, or one of its connections, does not share its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotShared {
    /// No shared store.
    NoStore,
    /// A mode without SSL_SESS_CACHE_SERVER.
    CacheOff,
    /// A mode with SSL_SESS_CACHE_NO_INTERNAL_LOOKUP or SSL_SESS_CACHE_NO_INTERNAL_STORE.
    NoInternalCache,
    /// A get_session callback of the application's.
    OwnGetCallback,
    /// Data that the application sets at its sessions, which other processes could not restore.
    ApplicationData,
    /// Settings of the connection's own that cannot be read.
    ConnectionSettings,
    /// A connection that was switched to a context that was made out of the library's sight.
    UnknownContext,
}

/// A kind of context. Its number is part of the store's layout, below 32, and known to the command:
/// `cli/src/statistics/process.rs`.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A session was shared.
    Shared,
    /// A session was not shared.
    NotShared(NotShared),
    /// Sessions are shared with the context's copies in forked processes only.
    AmongCopies(Undigested),
}

impl Kind {
    pub(super) fn number(self) -> u8 {
        match self {
            Kind::Shared => 0,
            Kind::NotShared(NotShared::NoStore) => 1,
            Kind::NotShared(NotShared::CacheOff) => 2,
            Kind::NotShared(NotShared::NoInternalCache) => 3,
            Kind::NotShared(NotShared::OwnGetCallback) => 4,
            Kind::NotShared(NotShared::ApplicationData) => 5,
            Kind::NotShared(NotShared::ConnectionSettings) => 6,
            Kind::NotShared(NotShared::UnknownContext) => 7,
            Kind::AmongCopies(Undigested::NoCertificate) => 16,
            Kind::AmongCopies(Undigested::CertificateWithoutKey) => 17,
            Kind::AmongCopies(Undigested::CertificateCallback) => 18,
            Kind::AmongCopies(Undigested::PreSharedKeys) => 19,
            Kind::AmongCopies(Undigested::Srp) => 20,
            Kind::AmongCopies(Undigested::Store) => 21,
            Kind::AmongCopies(Undigested::VerifyParameters) => 22,
            Kind::AmongCopies(Undigested::VerifyCallback) => 23,
            Kind::AmongCopies(Undigested::Accepted) => 24,
        }
    }
}

/// The kinds that a context was found to be of, one bit for each.
#[derive(Default)]
pub(super) struct Noted(AtomicU32);

impl Noted {
    fn has(&self, kind: Kind) -> bool {
        self.0.load(Ordering::Relaxed) & 1 << kind.number() != 0
    }

    /// Counts the context as one of this kind, once, and logs the reason once in a process.
    pub(super) fn note(&self, kind: Kind) {
        static TOLD: AtomicU32 = AtomicU32::new(0);
        if !note_first(&self.0, kind.number()) {
            return;
        }
        if let Some(store) = store() {
            store.statistics().count_context(kind.number());
        }
        if note_first(&TOLD, kind.number()) {
            kind.tell();
        }
    }
}

impl Kind {
    fn tell(self) {
        match self {
            Kind::Shared => {}
            // Without a shared store nobody expects to share.
            Kind::NotShared(_) if settings::get().store == Config::Memory => {}
            Kind::NotShared(reason) => {
                settings::tell(|| format!("an SSL_CTX keeps its sessions in this process: {reason}"));
            }
            Kind::AmongCopies(reason) => settings::tell(|| {
                format!("an SSL_CTX shares its sessions with its copies in forked processes only: {reason}")
            }),
        }
    }
}

/// Notes a number, below 32. Returns true the first time.
pub(super) fn note_first(noted: &AtomicU32, number: u8) -> bool {
    let bit = 1 << number;
    noted.load(Ordering::Relaxed) & bit == 0 && noted.fetch_or(bit, Ordering::Relaxed) & bit == 0
}

impl SessionCache {
    /// Notes the kind of this context, if it could share at all.
    pub(super) fn note(&self, kind: Kind) {
        if let Some(authentication) = &self.authentication {
            authentication.noted.note(kind);
        }
    }

    /// Notes why the sessions of a server's connection are not shared: a cache that is turned off
    /// is noticed nowhere else. A connection without a certificate may be a client's.
    pub(in crate::cache) fn note_if_not_shared(&self, connection: Connection) {
        if let Some(sharing) = &self.sharing
            && let Err(reason) = self.shared()
            && !sharing.noted.has(Kind::NotShared(reason))
            && connection.is_server()
            && connection.certificate_address(handle::Settings::default()) != 0
        {
            self.note(Kind::NotShared(reason));
        }
    }
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
