//! What a named store keeps outside every process is sealed: XChaCha20-Poly1305, ChaCha20-Poly1305 with a nonce long enough
//! to be drawn at random.
//!
//! ```text
//! sealed body     random 8 | tag 16 | ciphertext, as long as the plain body
//! nonce           random 8 | hash 8 | expiry 4 | fingerprint 4, the last three from the record's label
//! associated      scope 16 | policy 8 | version 4 | id
//! key             HKDF-SHA-256 of a line of the key file, salted with the store's own 16 random bytes
//! ```
//! No two records of different sessions can have one nonce, however many processes seal: their labels differ. Two records of
//! one session differ by chance, 2^-64 a pair, and hold the same bytes. Nothing is counted, so nothing is counted twice:
//! not after a fork, nor in a store that was brought back from a copy.
#![forbid(unsafe_code)]

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::partition::Label;
use super::{Keys, Name};

/// How many bytes longer a body is when it is sealed.
pub const OVERHEAD: usize = RANDOM + TAG;

const RANDOM: usize = 8;
const TAG: usize = 16;

/// A store's keys: the first seals, all open.
pub struct Seal {
    ciphers: Vec<XChaCha20Poly1305>,
}

/// A key for one purpose and one store.
pub fn derive<const N: usize>(secret: &[u8], salt: &[u8], purpose: &str) -> Zeroizing<[u8; N]> {
    let mut key = Zeroizing::new([0; N]);
    let derived = Hkdf::<Sha256>::new(Some(salt), secret).expand(purpose.as_bytes(), key.as_mut());
    debug_assert!(derived.is_ok(), "only a key of 8160 bytes and more cannot be had");
    key
}

impl Seal {
    /// The keys of a store of that salt.
    pub fn new(keys: &Keys, salt: &[u8]) -> Seal {
        let cipher = |secret| {
            let key = derive::<32>(secret, salt, "sslsession: seal records");
            XChaCha20Poly1305::new((&*key).into())
        };
        Seal { ciphers: keys.secrets().map(cipher).collect() }
    }

    /// The sealed form of a body; None if the kernel gives no random numbers.
    pub fn seal(&self, name: &Name, label: &Label, body: &[u8]) -> Option<Vec<u8>> {
        let cipher = self.ciphers.first()?;
        let mut sealed = vec![0; OVERHEAD + body.len()];
        let (head, text) = sealed.split_at_mut(OVERHEAD);
        let (random, tag) = head.split_at_mut(RANDOM);
        getrandom::fill(random).ok()?;
        text.copy_from_slice(body);
        let nonce = nonce(random, label);
        tag.copy_from_slice(&cipher.encrypt_inout_detached(&nonce, &associated(name), text.into()).ok()?);
        Some(sealed)
    }

    /// Opens a sealed body in its place; None if none of the keys fits, or anything at all is not as it was sealed.
    pub fn open(&self, name: &Name, label: &Label, mut sealed: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        let (head, _) = sealed.split_at_checked(OVERHEAD)?;
        let (random, tag) = head.split_at(RANDOM);
        let (nonce, tag) = (nonce(random, label), Tag::try_from(tag).ok()?);
        let associated = associated(name);
        // A failed opening leaves the text as it was, for the next key.
        let text = &mut sealed[OVERHEAD..];
        let opens = |cipher: &XChaCha20Poly1305| {
            cipher.decrypt_inout_detached(&nonce, &associated, (&mut *text).into(), &tag).is_ok()
        };
        self.ciphers.iter().any(opens).then_some(())?;
        sealed.drain(..OVERHEAD);
        Some(sealed)
    }
}

fn nonce(random: &[u8], label: &Label) -> XNonce {
    let mut nonce = XNonce::default();
    nonce[..8].copy_from_slice(random);
    nonce[8..16].copy_from_slice(&label.hash.to_ne_bytes());
    nonce[16..20].copy_from_slice(&label.expiry.to_ne_bytes());
    nonce[20..].copy_from_slice(&label.fingerprint.to_ne_bytes());
    nonce
}

fn associated(name: &Name) -> Vec<u8> {
    [name.scope, &name.policy.to_ne_bytes()[..], &name.version.to_ne_bytes(), name.id].concat()
}
