//! What a named store keeps outside every process is sealed: AES-256-GCM.
//!
//! ```text
//! sealed body     serial 8 | tag 16 | ciphertext, as long as the plain body
//! nonce           serial 8 | hash, expiry and fingerprint, folded to 4
//! associated      scope 16 | policy 8 | version 4 | expiry 4 | fingerprint 4 | id
//! key             HKDF-SHA-256 of a line of the key file, salted with the store's own 16 random bytes
//! ```
//! No nonce comes twice, however many processes seal: the store hands out each serial once. A store that is made anew has
//! another salt, and so another key. Should somebody who may write the file put an old copy in place of the store, serials
//! come again; then the other 32 bits still have to agree, which they do for the very same session.
#![forbid(unsafe_code)]

use super::partition::Label;
use super::{Keys, Name};
use crate::secret::{self, Secret};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

/// How many bytes longer a body is when it is sealed.
pub const OVERHEAD: usize = SERIAL + TAG;

const SERIAL: usize = 8;
const TAG: usize = 16;

/// A store's keys: the first seals, all open.
pub struct Seal {
    ciphers: Vec<Aes256Gcm>,
}

/// A key for one purpose and one store. Its user wipes it.
pub fn derive<const N: usize>(secret: &[u8], salt: &[u8], purpose: &str) -> [u8; N] {
    let mut key = [0; N];
    let derived = Hkdf::<Sha256>::new(Some(salt), secret).expand(purpose.as_bytes(), &mut key);
    debug_assert!(derived.is_ok(), "only a key of 8160 bytes and more cannot be had");
    key
}

impl Seal {
    /// The keys of a store of that salt.
    pub fn new(keys: &Keys, salt: &[u8]) -> Seal {
        let cipher = |secret| {
            let mut key = derive::<32>(secret, salt, "sslsession: seal records");
            let cipher = Aes256Gcm::new((&key).into());
            secret::wipe(&mut key);
            cipher
        };
        Seal { ciphers: keys.secrets().map(cipher).collect() }
    }

    /// The sealed form of a body. No other record of the store has ever had that serial.
    pub fn seal(&self, name: &Name, label: &Label, serial: u64, body: &[u8]) -> Option<Vec<u8>> {
        let cipher = self.ciphers.first()?;
        let mut sealed = vec![0; OVERHEAD + body.len()];
        let (head, text) = sealed.split_at_mut(OVERHEAD);
        let (serial_place, tag) = head.split_at_mut(SERIAL);
        serial_place.copy_from_slice(&serial.to_ne_bytes());
        text.copy_from_slice(body);
        let nonce = nonce(serial_place, label);
        let (associated, length) = associated(name, label);
        tag.copy_from_slice(&cipher.encrypt_inout_detached(&nonce, &associated[..length], text.into()).ok()?);
        Some(sealed)
    }

    /// Opens a sealed body in its place; None if none of the keys fits, or anything at all is not as it was sealed.
    pub fn open(&self, name: &Name, label: &Label, mut sealed: Secret) -> Option<Secret> {
        let (head, _) = sealed.split_at_checked(OVERHEAD)?;
        let (serial, tag) = head.split_at(SERIAL);
        let (nonce, tag) = (nonce(serial, label), Tag::try_from(tag).ok()?);
        let (associated, length) = associated(name, label);
        let associated = &associated[..length];
        // A failed opening leaves the text as it was, for the next key.
        let text = &mut sealed[OVERHEAD..];
        let opens =
            |cipher: &Aes256Gcm| cipher.decrypt_inout_detached(&nonce, associated, (&mut *text).into(), &tag).is_ok();
        self.ciphers.iter().any(opens).then_some(())?;
        sealed.drain(..OVERHEAD);
        Some(sealed)
    }
}

fn nonce(serial: &[u8], label: &Label) -> Nonce<U12> {
    let mut nonce = Nonce::default();
    nonce[..SERIAL].copy_from_slice(serial);
    let hash = label.hash as u32 ^ (label.hash >> 32) as u32;
    let folded = hash ^ label.expiry.rotate_left(16) ^ label.fingerprint;
    nonce[SERIAL..].copy_from_slice(&folded.to_ne_bytes());
    nonce
}

/// And how many of the bytes are used: as many as the id has. TLS has none that is longer than 32.
fn associated(name: &Name, label: &Label) -> ([u8; ASSOCIATED], usize) {
    let [version, expiry, fingerprint] = [name.version as u32, label.expiry, label.fingerprint].map(u32::to_ne_bytes);
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
