//! A record's terms: its key, and who may have it.
//!
//! Most contexts ask all their clients the same. Their policy is part of a record's key:
//!
//! ```text
//!   key          policy's digest, version, id; server name
//!   body         the session
//! ```
//! Where a callback may switch the connection to the context of another host, the final policy is
//! not known when a session is searched for. Such a record is found without it, and says itself
//! whom it is for. The same holds where the application may have a session of its own for a client
//! that gets none here: then there must be an answer.
//!
//! ```text
//!   key          OPEN, version, id; server name
//!   body         number of the context [16], policy's digest at the handshake's end or zeros [16], the session
//! ```
#![forbid(unsafe_code)]

use super::policy::{Number, PolicyDigest};
use sslsession_store::Scope;
pub(super) use sslsession_store::record::ServerName;
use sslsession_store::secret::Secret;

/// The scope in place of a policy's digest.
pub(super) const OPEN: Scope = *b"open to more ctx";

/// The beginning of the body of a record that says whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    /// Number of the context that the connection began with, and of its copies.
    pub(super) number: Number,
    /// The policy at the end of the handshake. None if the application added the session, and
    /// vouches for it; or if a resumed connection was led to another policy.
    pub(super) policy: Option<PolicyDigest>,
}

const LENGTH: usize = size_of::<Number>() + size_of::<PolicyDigest>();

impl Bearer {
    /// Passes a body to `use_it`: the bearer, if there is one, and the session. Returns None if no
    /// memory is left: a session is as large as the certificate that its client has shown.
    pub(super) fn before<T>(bearer: Option<&Bearer>, session: &[u8], use_it: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let Some(bearer) = bearer else { return Some(use_it(session)) };
        let mut body = Secret::default();
        body.start_anew(LENGTH + session.len()).ok()?;
        body.extend_from_slice(&bearer.number);
        body.extend_from_slice(&bearer.policy.unwrap_or_default());
        body.extend_from_slice(session);
        Some(use_it(&body))
    }

    /// Splits a body; None if it is too short.
    pub(super) fn split(body: &[u8]) -> Option<(Bearer, &[u8])> {
        let (number, rest) = body.split_first_chunk()?;
        let (policy, session) = rest.split_first_chunk()?;
        let policy = (*policy != PolicyDigest::default()).then_some(*policy);
        Some((Bearer { number: *number, policy }, session))
    }
}

#[cfg(test)]
mod tests {
    use super::Bearer;

    #[test]
    fn a_body_is_split_as_it_was_put_together() {
        for policy in [None, Some([3; 16])] {
            let bearer = Bearer { number: [7; 16], policy };
            let is_split = |body: &[u8]| {
                assert_eq!(Bearer::split(body), Some((bearer, &b"session"[..])));
                assert_eq!(Bearer::split(&body[..31]), None);
            };
            assert_eq!(Bearer::before(Some(&bearer), b"session", is_split), Some(()));
        }
        assert_eq!(Bearer::before(None, b"session", <[u8]>::len), Some(7));
    }
}
