//! The derivation of ticket keys: HKDF-SHA-256 (RFC 5869) throughout.
//!
//! ```text
//!   K of a static line    Extract(salt "sslsession ticket", the line's characters)
//!   K of a ratchet line   its 32 bytes, on its day; on each next day Expand(K, "sslsession ratchet")
//!   T of an epoch         Expand(K, "sslsession epoch" | length of an epoch, 4 | number of the epoch, 8)
//!   T of a context's own  Extract(salt "sslsession own", HMAC key 32 | AES key 32)
//!   tag                   Expand(T, "tag" | label 1 | policy 16 | server name), 8 bytes
//!   family                Expand(T, "family" | number of the context 16), 8 bytes
//!   keys                  Expand(T, "keys" | tag 8 | server name), 64 bytes: HMAC key 32 | AES key 32
//! ```
//! Numbers are big-endian. The server name comes last, so that no length is needed.
#![forbid(unsafe_code)]

use hkdf::Hkdf;
use sha2::Sha256;

use crate::secret;

/// A key from which others are derived.
pub type Key = [u8; 32];

/// The first half of a ticket's name: policy and server name, under a root.
pub type Tag = [u8; 8];

/// The second half: the context and its copies, under a root.
pub type Family = [u8; 8];

/// The kind of policy in a ticket's tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The policy is what authenticated the connection.
    Policy = 0,
    /// The policy cannot be read; in its place is the number of the context.
    Apart = 1,
    /// A resumed connection was led elsewhere than the session's first; in the policy's place is
    /// the number of the context.
    Uncertain = 2,
}

/// A ticket's HMAC key and AES key, overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketKeys(pub [u8; 64]);

impl TicketKeys {
    /// Returns the key of HMAC-SHA-256.
    pub fn hmac(&self) -> &[u8] {
        &self.0[..32]
    }

    /// Returns the key of AES-256-CBC.
    pub fn aes(&self) -> &[u8] {
        &self.0[32..]
    }
}

impl Drop for TicketKeys {
    fn drop(&mut self) {
        secret::wipe(&mut self.0);
    }
}

/// Fills `out`, of at most 8160 bytes, from a key and the parts of an info.
#[inline(never)]
pub fn expand(key: &Key, info: &[&[u8]], out: &mut [u8]) {
    let expanded = Hkdf::<Sha256>::from_prk(key).is_ok_and(|hkdf| hkdf.expand_multi_info(info, out).is_ok());
    assert!(expanded, "a key of 32 bytes and a short output are what HKDF takes");
}

/// Returns the key that follows from a secret.
#[inline(never)]
pub fn extract(salt: &str, secret: &[u8]) -> Key {
    Hkdf::<Sha256>::extract(Some(salt.as_bytes()), secret).0.into()
}

/// Returns the key of a static line.
pub fn static_key(line: &[u8]) -> Key {
    extract("sslsession ticket", line)
}

/// Returns the next day's key of a ratchet line.
pub fn next_link(key: &Key) -> Key {
    let mut next = [0; 32];
    expand(key, &[b"sslsession ratchet"], &mut next);
    next
}

/// Returns the root of an epoch.
pub fn epoch_key(key: &Key, length: u32, epoch: i64) -> Key {
    let mut root = [0; 32];
    expand(key, &[b"sslsession epoch", &length.to_be_bytes(), &epoch.to_be_bytes()], &mut root);
    root
}

/// Returns the root of a context's own keys.
pub fn own_root(keys: &[u8; 64]) -> Key {
    extract("sslsession own", keys)
}

/// Returns the first half of a ticket's name.
pub fn tag(root: &Key, label: Label, policy: &[u8; 16], server_name: &[u8]) -> Tag {
    let mut tag = [0; 8];
    expand(root, &[b"tag", &[label as u8], policy, server_name], &mut tag);
    tag
}

/// Returns the second half of a ticket's name.
pub fn family(root: &Key, number: &[u8; 16]) -> Family {
    let mut family = [0; 8];
    expand(root, &[b"family", number], &mut family);
    family
}

/// Returns the keys of tickets with that tag.
pub fn keys(root: &Key, tag: Tag, server_name: &[u8]) -> TicketKeys {
    let mut keys = TicketKeys([0; 64]);
    expand(root, &[b"keys", &tag, server_name], &mut keys.0);
    keys
}
