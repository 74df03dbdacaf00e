//! The policies with which connections came to their searches: where a client_hello callback and a servername callback both
//! may switch, the name alone does not say where a connection is led.
#![forbid(unsafe_code)]

use super::policy::PolicyDigest;

/// Returns what a route is known by: the name, and what a client_hello callback has made of the connection.
pub(super) fn route(name: &[u8], begun: Option<&PolicyDigest>) -> Vec<u8> {
    // A name is never so long that it could be taken for another with a digest behind it: it has no zero in it.
    let mut route = name.to_ascii_lowercase();
    if let Some(begun) = begun {
        route.push(0);
        route.extend_from_slice(begun);
    }
    route
}
