//! Who shares with whom: see the head of [`super`].
#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};

use crate::handle::{ClientAuthentication, Connection, Context, Session};
use crate::store::Scope;

/// The first 16 bytes of the SHA-256 of parts that are told apart by their lengths.
pub(super) fn digest(parts: &[&[u8]]) -> Scope {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    let digest: [u8; 32] = sha.finalize().into();
    std::array::from_fn(|at| digest[at])
}

/// What a connection and its session have to agree in: the client authentication, and the name of the server.
pub(in crate::cache) struct Asked {
    authentication: ClientAuthentication,
    server_name: Option<Vec<u8>>,
}

impl Asked {
    /// As it is when a session is searched for: before the name is acted upon, which may change the context.
    pub(super) fn of_offer(connection: Connection) -> Asked {
        Asked { authentication: connection.client_authentication(), server_name: connection.server_name_offered() }
    }

    /// As it was then, told from what is known when a session has been made.
    pub(in crate::cache) fn of_handshake(context: Context, connection: Connection) -> Asked {
        let switched = !connection.is_of(context);
        let authentication =
            if switched { context.client_authentication() } else { connection.client_authentication() };
        Asked { authentication, server_name: connection.server_name() }
    }

    /// Of a session that the application adds.
    pub(in crate::cache) fn of_session(context: Context, session: &Session) -> Asked {
        Asked { authentication: context.client_authentication(), server_name: session.server_name() }
    }

    /// As a number; 0 for nothing.
    pub(super) fn policy(&self) -> u64 {
        let ClientAuthentication { verify_mode, authorities } = &self.authentication;
        if *verify_mode == 0 && self.server_name.is_none() {
            return 0;
        }
        let name = self.server_name.as_deref().unwrap_or_default().to_ascii_lowercase();
        let mode = verify_mode.to_le_bytes();
        let authorities = authorities.iter().map(|name| name.as_ref().map_or(&[][..], |name| &name[..]));
        let parts: Vec<&[u8]> = [&name[..], &mode].into_iter().chain(authorities).collect();
        let digest = digest(&parts);
        // Never what stands for nothing.
        u64::from_le_bytes(std::array::from_fn(|at| digest[at])) | 1
    }
}
