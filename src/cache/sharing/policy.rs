//! Who shares with whom: see the head of [`super`].
//!
//! What is asked of a client may change in a handshake, as a callback switches to the SSL_CTX of another host:
//!
//! ```text
//!   ClientHello ─► client_hello callback ─► search for the session ─► servername callback ─► session made, stored
//!                  may switch: settled                                may switch: by the name
//! ```
//! So a record has both: how the connection began, its server name included, and what was asked in the end. A search
//! compares the second only if the connection has been switched already; otherwise the name stands for it.
#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};

use crate::handle::{ClientAuthentication, Connection, Context, Session};
use crate::store::{Policy, Scope, Shared};

/// The first 16 bytes of the SHA-256 of a certificate.
pub(super) fn scope_of(certificate: &[u8]) -> Scope {
    let digest: [u8; 32] = Sha256::digest(certificate).into();
    std::array::from_fn(|at| digest[at])
}

/// What a connection and its session have to agree in.
pub(in crate::cache) struct Asked {
    /// As the client said it. None: it did not; or the session is the application's, which vouches for it.
    server_name: Option<Vec<u8>>,
    is_for_any_name: bool,
    /// Of the SSL_CTX that the connection began with; its own if it has that still.
    begun: ClientAuthentication,
    settled: Settled,
}

/// What is asked in the end.
enum Settled {
    /// A switch may be to come.
    NotYet,
    /// There was none.
    AsBegun,
    /// That of the host that the connection was switched to.
    As(ClientAuthentication),
}

impl Asked {
    /// As it is when a session is searched for.
    pub(super) fn of_offer(context: Context, connection: Connection) -> Asked {
        Asked::of_connection(context, connection, connection.server_name_offered(), Settled::NotYet)
    }

    /// When a session has been made.
    pub(in crate::cache) fn of_handshake(context: Context, connection: Connection) -> Asked {
        Asked::of_connection(context, connection, connection.server_name(), Settled::AsBegun)
    }

    fn of_connection(
        context: Context,
        connection: Connection,
        server_name: Option<Vec<u8>>,
        unless_switched: Settled,
    ) -> Asked {
        let own = connection.client_authentication();
        let (begun, settled) = if connection.is_of(context) {
            (own, unless_switched)
        } else {
            (context.client_authentication(), Settled::As(own))
        };
        Asked { server_name, is_for_any_name: false, begun, settled }
    }

    /// Of a session that the application adds. One that says nothing of a name is good for all, as in OpenSSL.
    pub(in crate::cache) fn of_session(context: Context, session: &Session) -> Asked {
        let server_name = session.server_name();
        let is_for_any_name = server_name.is_none();
        Asked { server_name, is_for_any_name, begun: context.client_authentication(), settled: Settled::AsBegun }
    }

    /// As digests that clients, who choose the name, cannot foresee.
    pub(super) fn policy(&self, store: &Shared) -> Policy {
        let by_any_name = digest(store, ANY_NAME, &self.begun);
        let begun = match &self.server_name {
            _ if self.is_for_any_name => by_any_name,
            name => digest(store, &name.as_deref().unwrap_or_default().to_ascii_lowercase(), &self.begun),
        };
        let settled = match &self.settled {
            Settled::NotYet => None,
            Settled::AsBegun => Some(&self.begun),
            Settled::As(asked) => Some(asked),
        };
        Policy::new(begun, by_any_name, settled.map(|asked| digest(store, b"", asked)))
    }
}

/// No server name has a zero in it.
const ANY_NAME: &[u8] = &[0];

fn digest(store: &Shared, name: &[u8], asked: &ClientAuthentication) -> u64 {
    // Most connections ask nothing, and many are to no name: that is no secret, and has numbers of its own.
    if asked.verify_mode == 0 && name.is_empty() {
        return 0;
    }
    if asked.verify_mode == 0 && name == ANY_NAME {
        return 1;
    }
    let mode = asked.verify_mode.to_le_bytes();
    let authorities = asked.authorities.iter().map(|name| name.as_ref().map_or(&[][..], |name| &name[..]));
    let parts: Vec<&[u8]> = [name, &mode].into_iter().chain(authorities).collect();
    store.digest(&parts)
}
