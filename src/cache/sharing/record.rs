//! A record's terms: what it is found by, and who may have it.
//!
//! Most contexts ask all their clients the same, and what they ask is part of what a record is found by:
//!
//! ```text
//!   found by     policy's digest, version, id; server name
//!   body         the session
//! ```
//! Where a callback may switch the connection to the context of another host, what is asked in the end is not known when a
//! session is searched for. Such a record is found without, and says itself whom it is for. So it is where the
//! application may have a session of its own for a client that gets none here: then there must be an answer.
//!
//! ```text
//!   found by     OPEN, version, id; server name
//!   body         number of the context [16], policy's digest at the handshake's end or zeros [16], the session
//! ```
#![forbid(unsafe_code)]

use super::policy::{Number, PolicyDigest};
use crate::store::shared::Secret;
use crate::store::{Policy, Scope, Shared};

/// In the place of a policy's digest.
pub(super) const OPEN: Scope = *b"open to more ctx";

/// The body's beginning of a record that says whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    /// The context that the connection began with, and its copies.
    pub(super) number: Number,
    /// The policy at the end of the handshake. None: the application added the session, and vouches for it; or it is a
    /// resumed one of another policy.
    pub(super) policy: Option<PolicyDigest>,
}

const LENGTH: usize = size_of::<Number>() + size_of::<PolicyDigest>();

impl Bearer {
    /// Lets `use_it` see a body: the bearer, if there is one, and the session. None if no memory is left for it: a session is
    /// as large as the certificate that its client has shown.
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

/// A server name in a record's terms.
pub(super) enum ServerName<'a> {
    /// As the client said it; empty if it did not.
    Said(&'a [u8]),
    /// The session is good for all names: the application added it, and it says nothing of a name.
    Any,
}

/// The number that stands for any name; that of no name is 0. They are no secret.
const ANY: u64 = 1;

impl ServerName<'_> {
    /// Returns what a record of that name is compared by: a digest that clients, who choose the name, cannot foresee; and
    /// the beginning of the policy's, for a live session whose record's body is not read, unless it is not settled yet.
    pub(super) fn terms(&self, store: &Shared, policy: Option<&PolicyDigest>) -> Policy {
        let digest = match self {
            ServerName::Any => ANY,
            ServerName::Said(b"") => 0,
            ServerName::Said(name) => store.digest(&[&name.to_ascii_lowercase()]),
        };
        let beginning =
            |policy: &PolicyDigest| policy.iter().take(8).fold(0, |word, &byte| word << 8 | u64::from(byte));
        Policy::new(digest, ANY, policy.map(beginning))
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
