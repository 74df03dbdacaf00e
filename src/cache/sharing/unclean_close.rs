//! Sessions that libssl removes, and which of these removals count for all processes.
//!
//! libssl removes a session as bad in three cases, by one and the same call: its connection is
//! freed without SSL_shutdown (semantics 4.7, ssl_clear_bad_session), the client's end of the
//! connection is gone, or an alert says that its keys are bad. A stateless ticket survives the
//! first two, and so do sessions in the shared store.
//!
//! ```text
//!   removed by ─► the application, SSL_CTX_remove_session ───────────────────────► for all
//!              ├► SSL_free, noted before (below) ────────────────────────────────► in this process only
//!              └► libssl ─► the session has expired ─────────────────────────────► for all
//!                         ├ the last error is a fatal alert ─ see `ends` ─ yes ──► for all
//!                         │                                              └ no ───► in this process only
//!                         └ none, or another: SSL_clear, SSL_set_session ────────► in this process only
//!
//!   SSL_free ─► our ex_data free callback: open, and not shut down?  ─► note the session, for this thread
//!            │  (since OpenSSL 3.2 our own SSL_free: the callback comes after the removal)
//!            └► SSL_CTX_remove_session ─► our remove callback: noted? ─► whatever the error queue still says
//! ```
//! libssl raises an alert's error before it removes the session, and clears the queue when a
//! handshake begins. So the last error is that of this alert; an older one is met only after
//! SSL_clear, and then ends the session for all processes.
#![forbid(unsafe_code)]

use std::cell::Cell;

use super::search::{end_offers, forget_taken, has_just_taken};
use crate::cache::SessionCache;
use crate::handle::{Alert, Connection, Session};
use sslsession_store::Key;
use sslsession_store::time::UnixTime;

thread_local! {
    /// The session, by address, that libssl is about to remove because its connection ends without
    /// SSL_shutdown.
    static BREAKING_OFF: Cell<usize> = const { Cell::new(0) };
}

/// The client's alerts that say nothing against the session, and why. All others, also unknown
/// ones, end it for all processes: they say that the keys do not fit (bad_record_mac,
/// decrypt_error, handshake_failure), that one end is not who the other took it for
/// (bad_certificate and its like, access_denied), or that the protocol was violated.
const KEPT: [(u8, &str); 4] = [
    (
        50,
        "decode_error: a message ended too soon. OpenSSL 3 says so when the server's end is gone, by no fault of keys",
    ),
    (80, "internal_error: the client has trouble of its own, as when memory is short"),
    (90, "user_canceled: somebody did not want to wait"),
    (100, "no_renegotiation: the client keeps the session that it has"),
];

/// Returns true if a fatal alert ends its session for all processes. Every fault that libssl itself
/// finds does, except a client's end without a close_notify.
pub(super) fn ends(alert: Alert) -> bool {
    match alert {
        Alert::Received(number) => KEPT.iter().all(|&(kept, _)| kept != number),
        Alert::SentForUncleanEnd => false,
        Alert::Sent => true,
    }
}

/// Clears the noted session after SSL_free, which removes no session any more. The cache may be
/// freed with the connection.
pub fn connection_is_gone() {
    let _ = BREAKING_OFF.try_with(|breaking_off| breaking_off.set(0));
}

/// A connection that ends uncleanly removes its session in this process only.
impl SessionCache {
    /// Notes the session of a connection that is being freed without SSL_shutdown.
    pub fn on_ssl_free(&self, connection: Connection) {
        let Some(authentication) = &self.authentication else { return };
        authentication.apart.take(connection);
        authentication.asked.take(connection);
        authentication.tickets.notes.take(connection);
        end_offers();
        let Some(sharing) = &self.sharing else { return };
        sharing.begun.take(connection);
        if let Some(session) = connection.session_breaking_off().filter(|session| !session.id().is_empty()) {
            let _ = BREAKING_OFF.try_with(|breaking_off| breaking_off.set(session.as_ptr().addr()));
        }
    }

    /// Removes the record of a session that the application or libssl removes from this cache,
    /// unless only its connection has ended. Returns true if a record was there.
    pub(in crate::cache) fn withdraw_removed(
        &self,
        session: &Session,
        key: &Key,
        now: UnixTime,
        is_by_libssl: impl FnOnce() -> bool,
    ) -> bool {
        self.sharing.is_some()
            && !has_just_taken(key, now)
            && !self.is_connections_end(session, now, is_by_libssl)
            && self.withdraw(session)
    }

    /// Does the same for a session that libssl removes.
    pub(in crate::cache) fn withdraw_removed_by_libssl(&self, session: &Session, key: &Key, now: UnixTime) {
        if self.sharing.is_some() && !has_just_taken(key, now) && !self.is_connections_end(session, now, || true) {
            self.withdraw(session);
        }
    }

    /// Returns true if a session is removed only because its connection has ended.
    fn is_connections_end(&self, session: &Session, now: UnixTime, is_by_libssl: impl FnOnce() -> bool) -> bool {
        if BREAKING_OFF.try_with(Cell::get) == Ok(session.as_ptr().addr()) {
            return true;
        }
        let is_ended = self.context.last_alert().is_some_and(ends) || Self::expiry_of(session).is_over(now);
        !is_ended && is_by_libssl()
    }

    /// Forgets why the session was removed, after its removal.
    pub(in crate::cache) fn forget_why_removed(&self) {
        if self.sharing.is_some() {
            connection_is_gone();
            forget_taken();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alert, ends};

    #[test]
    fn alerts_about_keys_or_identity_end_a_session_and_others_do_not() {
        let kept: Vec<u8> = (0..=u8::MAX).filter(|&number| !ends(Alert::Received(number))).collect();
        assert_eq!(kept, [50, 80, 90, 100]);
        assert_eq!((ends(Alert::Sent), ends(Alert::SentForUncleanEnd)), (true, false));
    }
}
