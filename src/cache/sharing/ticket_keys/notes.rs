//! Notes made when a client offers a ticket, for the ticket that it gets in the same handshake.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicBool;

use crate::cache::sharing::by_connection::ByConnection;
use crate::cache::sharing::policy::PolicyDigest;
use crate::handle::ReplacedCallbacks;
use sslsession_store::ticket_keys::Tag;

/// A note on an offered ticket.
#[derive(Clone, Default)]
pub(in crate::cache::sharing) struct Note {
    /// The server name that the client asks for.
    pub(super) server_name: Vec<u8>,
    /// The tag of the ticket that was opened.
    pub(super) accepted: Option<Tag>,
    /// The policy that a client_hello callback had led to.
    pub(super) begun: Option<PolicyDigest>,
}

/// A context's state of its tickets.
#[derive(Default)]
pub(in crate::cache::sharing) struct Tickets {
    /// True if the library provides their keys.
    pub(super) are_ours: AtomicBool,
    /// The application's callbacks for them, which ours replaces.
    pub(super) replaced: ReplacedCallbacks,
    pub(in crate::cache::sharing) notes: ByConnection<Note>,
}
