//! The questions that a connection's client was asked, for the sessions and tickets that the connection makes: a callback, or the
//! application after the handshake, may have the connection ask for more by then, which this client was not asked.
//!
//! ```text
//!   search, or a ticket that opens ─► AtSearch: the policy that the session was accepted by
//!   application's own cache gave it ─► Vouched
//!   first session or ticket of a full handshake ─► InFull: the policy as it stands
//!
//!   each session and ticket made: is the policy now that one?  yes: it is for that policy     no: it is not shared
//! ```
#![forbid(unsafe_code)]

use super::Authentication;
use super::policy::PolicyDigest;
use crate::cache::SessionCache;
use crate::handle::{Connection, Setting};

/// The way in which a connection's client was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// By a session of that policy; None if it is not known.
    AtSearch(Option<PolicyDigest>),
    /// By a session that the application vouches for.
    Vouched,
    /// By a full handshake of that policy.
    InFull(PolicyDigest),
}

impl Authentication {
    /// Returns true if a connection's client was asked what `policy` asks.
    pub(super) fn has_asked(&self, connection: Connection, policy: &PolicyDigest) -> bool {
        match (self.asked.get(connection), connection.is_resumed()) {
            (Some(Asked::AtSearch(asked)), true) => asked.as_ref() == Some(policy),
            (Some(Asked::Vouched), true) => true,
            (Some(Asked::InFull(asked)), false) => asked == *policy,
            // To libssl a pre-shared key of the application's is a session.
            (None | Some(Asked::InFull(_)), true) => {
                let settings = self.settings.get();
                settings.has(Setting::PskServerCallback) || settings.has(Setting::PskFindSessionCallback)
            }
            (_, false) => {
                self.asked.note(connection, Asked::InFull(*policy));
                true
            }
        }
    }
}

impl SessionCache {
    /// The application's own cache has given a session for a connection.
    pub(in crate::cache) fn application_vouches(&self, connection: Connection) {
        if let Some(authentication) = &self.authentication {
            authentication.asked.note(connection, Asked::Vouched);
        }
    }
}
