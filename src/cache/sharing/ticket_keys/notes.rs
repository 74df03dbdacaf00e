//! What was seen as a client offered a ticket, for the ticket that it gets in the same handshake.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::cache::sharing::brief_lock::BriefLock;
use crate::cache::sharing::policy::PolicyDigest;
use crate::handle::Connection;
use crate::store::ticket_keys::Tag;

/// How many connections are noted. Such as libssl frees out of our sight are not forgotten one by one.
const MAX_NOTES: usize = 4096;

/// What was seen.
#[derive(Clone, Default)]
pub(super) struct Note {
    /// The server name that the client asks for.
    pub(super) server_name: Vec<u8>,
    /// The tag of the ticket that was opened.
    pub(super) accepted: Option<Tag>,
    /// The policy that a client_hello callback had led to.
    pub(super) begun: Option<PolicyDigest>,
}

/// What a context knows of its tickets.
#[derive(Default)]
pub(in crate::cache::sharing) struct Tickets {
    /// Their keys are ours.
    pub(super) are_ours: AtomicBool,
    /// By the connection's address.
    notes: BriefLock<HashMap<usize, Note>>,
    /// How many there are, readable without the lock.
    number: AtomicUsize,
}

impl Tickets {
    /// Notes what was seen.
    pub(super) fn insert(&self, connection: Connection, note: Note) {
        if let Some(mut notes) = self.notes.lock() {
            if notes.len() >= MAX_NOTES {
                notes.clear();
            }
            notes.insert(connection.as_ptr().addr(), note);
            self.number.store(notes.len(), Ordering::Release);
        }
    }

    /// Returns what was noted.
    pub(super) fn get(&self, connection: Connection) -> Option<Note> {
        match self.number.load(Ordering::Acquire) {
            0 => None,
            _ => self.notes.lock()?.get(&connection.as_ptr().addr()).cloned(),
        }
    }

    /// Forgets a connection that is being freed.
    pub(in crate::cache::sharing) fn remove(&self, connection: Connection) {
        if self.number.load(Ordering::Acquire) != 0
            && let Some(mut notes) = self.notes.lock()
        {
            notes.remove(&connection.as_ptr().addr());
            self.number.store(notes.len(), Ordering::Release);
        }
    }
}
