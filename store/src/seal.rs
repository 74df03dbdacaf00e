//! The seal of all that a named store keeps outside the processes: AES-256-GCM-SIV (RFC 8452).
//!
//! ```text
//! sealed body     serial 8 | tag 16 | ciphertext, as long as the plain body
//! nonce           serial 8 | zeros 4
//! associated      scope 16 | policy 8 | version 4 | expiry 4 | fingerprint 4 | id
//! key             HKDF-SHA-256 of a line of the key file, salted with the store's own 16 random bytes
//! ```
//! The store issues each serial once, however many processes seal. But the counter is in memory
//! that others may write: if one resets it, nonces repeat. This cipher withstands that. It then
//! reveals only that two records are the same to the last byte, sealed for the same key; no secret
//! key follows from it.
//!
//! **An attacker who can write the file and has no key** can remove records, hold locks, and
//! restore an earlier record under the very key, policy and expiry that it had: also one that was
//! removed, or that may be used once. No seal prevents that, as all that is known of a store is in
//! it. He cannot make a record, change one, read one, or have one found under another key.
#![forbid(unsafe_code)]

use crate::key_file::Keys;
use crate::record::{RecordHeader, RecordKey};
use crate::secret::{self, Secret};
use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

/// Number of bytes that sealing adds to a body.
pub const OVERHEAD: usize = SERIAL + TAG;

const SERIAL: usize = 8;
const TAG: usize = 16;

/// A store's keys: the first seals, all open.
pub struct Seal {
    ciphers: Vec<Aes256GcmSiv>,
}

/// Returns a key for one purpose and one store. The caller wipes it.
pub fn derive<const N: usize>(secret: &[u8], salt: &[u8], purpose: &str) -> [u8; N] {
    let mut key = [0; N];
    let derived = Hkdf::<Sha256>::new(Some(salt), secret).expand(purpose.as_bytes(), &mut key);
    debug_assert!(derived.is_ok(), "only a key of 8160 bytes and more cannot be had");
    key
}

impl Seal {
    /// Number of bytes that sealing adds to a key.
    pub const TAG: usize = TAG;

    /// Returns the seal of a store of that salt.
    pub fn new(keys: &Keys, salt: &[u8]) -> Seal {
        secret::leaving_no_trace(|| Seal {
            ciphers: keys.secrets().map(|secret| cipher(secret, salt, "sslsession: seal records")).collect(),
        })
    }

    /// Returns the seal of the store's own key.
    pub fn of_store_key(secret: &[u8], salt: &[u8]) -> Seal {
        secret::leaving_no_trace(|| Seal { ciphers: vec![cipher(secret, salt, "sslsession: seal the store's key")] })
    }

    /// Seals the store's own key: always to the same bytes.
    pub fn seal_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = vec![0; key.len() + TAG];
        let (text, place) = sealed.split_at_mut(key.len());
        text.copy_from_slice(key);
        let tag = self.ciphers.first()?.encrypt_inout_detached(&Nonce::default(), &[], text.into()).ok()?;
        place.copy_from_slice(&tag);
        Some(sealed)
    }

    /// Opens a key that [`seal_key`](Self::seal_key) sealed.
    pub fn open_key(&self, sealed: &[u8]) -> Option<Secret> {
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
        let mut key = Secret::from(text.to_vec());
        let tag = Tag::try_from(tag).ok()?;
        let opened =
            self.ciphers.first()?.decrypt_inout_detached(&Nonce::default(), &[], key[..].as_mut().into(), &tag);
        opened.is_ok().then_some(key)
    }

    /// Returns the sealed form of a body; None also if memory runs out.
    pub fn seal(&self, name: &RecordKey, label: &RecordHeader, serial: u64, body: &[u8]) -> Option<Vec<u8>> {
        let cipher = self.ciphers.first()?;
        let mut sealed = Vec::new();
        sealed.try_reserve_exact(OVERHEAD + body.len()).ok()?;
        sealed.resize(OVERHEAD + body.len(), 0);
        let (head, text) = sealed.split_at_mut(OVERHEAD);
        let (serial_place, tag) = head.split_at_mut(SERIAL);
        serial_place.copy_from_slice(&serial.to_ne_bytes());
        text.copy_from_slice(body);
        let nonce = nonce(serial_place);
        let (associated, length) = associated(name, label);
        tag.copy_from_slice(&cipher.encrypt_inout_detached(&nonce, &associated[..length], text.into()).ok()?);
        Some(sealed)
    }

    /// Opens a sealed body in place; None if none of the keys fits, or anything differs from what
    /// was sealed.
    pub fn open(&self, name: &RecordKey, label: &RecordHeader, mut sealed: Secret) -> Option<Secret> {
        let (head, _) = sealed.split_at_checked(OVERHEAD)?;
        let (serial, tag) = head.split_at(SERIAL);
        let (nonce, tag) = (nonce(serial), Tag::try_from(tag).ok()?);
        let (associated, length) = associated(name, label);
        let associated = &associated[..length];
        // A failed opening does not change the text, for the next key.
        let text = &mut sealed[OVERHEAD..];
        let opens = |cipher: &Aes256GcmSiv| {
            cipher.decrypt_inout_detached(&nonce, associated, (&mut *text).into(), &tag).is_ok()
        };
        self.ciphers.iter().any(opens).then_some(())?;
        sealed.drain(..OVERHEAD);
        Some(sealed)
    }
}

fn cipher(secret: &[u8], salt: &[u8], purpose: &str) -> Aes256GcmSiv {
    let mut key = derive::<32>(secret, salt, purpose);
    let cipher = Aes256GcmSiv::new((&key).into());
    secret::wipe(&mut key);
    cipher
}

fn nonce(serial: &[u8]) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[..SERIAL].copy_from_slice(serial);
    nonce
}

/// Returns the associated data, and its length: it varies with the id, which TLS limits to 32
/// bytes.
fn associated(name: &RecordKey, label: &RecordHeader) -> ([u8; ASSOCIATED], usize) {
    let [version, expiry, fingerprint] = [name.version.0 as u32, label.expiry, label.fingerprint].map(u32::to_ne_bytes);
    let policy = label.policy.to_ne_bytes();
    let mut bytes = [0; ASSOCIATED];
    let mut length = 0;
    for part in [name.scope, &policy[..], &version, &expiry, &fingerprint, name.id] {
        let end = ASSOCIATED.min(length + part.len());
        bytes[length..end].copy_from_slice(&part[..end - length]);
        length = end;
    }
    (bytes, length)
}

const ASSOCIATED: usize = 16 + 8 + 4 + 4 + 4 + 32;

#[cfg(all(test, not(miri)))]
mod tests {
    use super::{OVERHEAD, Seal};
    use crate::key_file::Keys;
    use crate::record::{Policy, RecordHeader, RecordKey};
    use crate::secret::Secret;
    use crate::version::ProtocolVersion;

    /// Plays an attacker who may write the store, and resets the serial each time.
    #[test]
    fn a_serial_that_comes_twice_tells_nothing_of_the_bodies() {
        let seal = Seal::new(&Keys::of_lines(&["a"]), &[1; 16]);
        let name = |id| RecordKey {
            scope: &[7; 16],
            policy: Policy::new(0, 0, Some(0)),
            version: ProtocolVersion(0x0303),
            id,
        };
        let label = RecordHeader { hash: 1, policy: 2, expiry: 3, fingerprint: 4 };
        let (one, two) = ([1; 64], [2; 64]);
        let sealed =
            [(b"a", one), (b"b", two)].map(|(id, body)| seal.seal(&name(id), &label, 0, &body).expect("memory"));
        let texts = sealed.each_ref().map(|sealed| &sealed[OVERHEAD..]);
        assert!(texts[0].iter().zip(texts[1]).filter(|(one, two)| *one ^ *two == 3).count() < 16);
        let opened = seal.open(&name(b"a"), &label, Secret::from(sealed[0].clone())).expect("it opens");
        assert_eq!(opened[..], one);
        assert!(seal.open(&name(b"b"), &label, Secret::from(sealed[0].clone())).is_none(), "under another id");
    }
}
