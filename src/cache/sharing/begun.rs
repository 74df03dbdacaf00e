//! The policies with which connections began their searches. Where a client_hello callback and a
//! servername callback both may switch, the name alone does not determine the policy.
#![forbid(unsafe_code)]

use super::policy::PolicyDigest;

/// Returns the key of a route: the name, and the policy that a client_hello callback led to.
pub(super) fn route(name: &[u8], begun: Option<&PolicyDigest>) -> Vec<u8> {
    // A name has no zero in it, so none can be taken for another with a digest after it.
    let mut route = name.to_ascii_lowercase();
    if let Some(begun) = begun {
        route.push(0);
        route.extend_from_slice(begun);
    }
    route
}
