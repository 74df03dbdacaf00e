//! SSLSESSION_TICKETS=stateful: tickets that are ids, looked up in the shared store.
//!
//! A stateful ticket must not be worse than the stateless one that it replaces, so a context keeps its stateless tickets
//!
//! - without a shared store: in one process's memory a session does not survive another worker, an
//!   unclean end, an eviction. A program that is private (SSLSESSION_PRIVATE) wants just that: a
//!   ticket is good in the process that issued it;
//! - where its sessions are not shared, see [`NotShared`](super::NotShared);
//! - for a connection that is set apart, see [`Authentication`](super::Authentication): Node.js
//!   chooses certificates by SSL_set_cert_cb;
//! - if the application has a ticket callback: libssl does not call it for a stateful ticket, so
//!   what it binds to a ticket, and refuses one for, would be lost. ProFTPD finds its control
//!   connections so.
//!
//! ```text
//!   a server's connection ─► SSL_OP_NO_TICKET at the SSL        as it is made; or, where libssl made it unseen, at the
//!        │                │                                     first callback of its handshake, which is too late
//!        │                └► SSL_OP_NO_TICKET at the SSL_CTX    then: for those that libssl makes unseen from now on
//!        └► is a client, or is set apart ─► cleared again
//! ```
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::{Role, SessionCache};
use crate::handle::Connection;
use crate::settings::{self, Tickets};

/// True once it was logged that a ticket callback keeps tickets stateless.
static IS_SAID: AtomicBool = AtomicBool::new(false);

/// A cache's state of its context's tickets.
#[derive(Default)]
pub(in crate::cache) struct TicketUse {
    has_callback: AtomicBool,
}

impl SessionCache {
    /// Notes if the application has callbacks for its tickets (SSL_CTX_set_session_ticket_cb).
    pub fn note_ticket_callback(&self, is_set: bool) {
        self.tickets.has_callback.store(is_set, Ordering::Relaxed);
    }

    /// Turns stateless tickets off for a server's connection that is being created, if they are to
    /// be stateful.
    pub(in crate::cache) fn prepare(&self, connection: Connection) {
        if connection.is_server() && self.replaces_tickets() {
            if connection.has_begun() {
                self.context.turn_tickets_off();
            }
            connection.turn_tickets_off();
        }
    }

    /// Turns stateless tickets on again for a connection: one that was created for either role and
    /// is a client, or one whose sessions are not shared, see
    /// [`Authentication`](super::Authentication).
    pub fn restore_tickets(&self, connection: Connection) {
        if self.replaces_tickets() && !self.context.has_tickets_off() {
            connection.turn_tickets_on();
        }
    }

    fn replaces_tickets(&self) -> bool {
        let settings = settings::get();
        if settings.tickets != Tickets::Stateful
            || !self.mode_for(Role::Server).caches(Role::Server)
            || (!settings.is_private && self.shared().is_err())
        {
            return false;
        }
        let has_callback = self.tickets.has_callback.load(Ordering::Relaxed);
        if has_callback && !IS_SAID.swap(true, Ordering::Relaxed) {
            settings::complain(
                "SSLSESSION_TICKETS=stateful: this program has callbacks for its tickets \
                 (SSL_CTX_set_session_ticket_cb); where it has, they stay stateless",
            );
        }
        !has_callback
    }
}
