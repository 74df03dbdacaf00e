//! Records of the remote store: their names, and their seal.
//!
//! ```text
//!   name     "tls:" | base64url of Expand(names, scope 16 | version 4 | id)[..16]       26 characters
//!   record   format 1 | mark of the line 3 | salt 16 | tag 16 | ciphertext
//!   plain    policy 8 | expiry 8 | body
//!   key      Expand(records, name | salt), 32 bytes: one for each record               AES-256-GCM-SIV, nonce 0
//!   also     format | mark | name | scope | version | id                               associated data
//! ```
//! Random nonces under one key of a fleet would be used up in hours, so each record has a key of its own. Whoever
//! has the remote store can remove a record or give back an earlier one under the same name until it expires. He can
//! read none, change none, make none, and have none found under another name.
#![forbid(unsafe_code)]

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce, Tag};

use sslsession_store::RecordKey;
use sslsession_store::secret::{self, Secret};
use sslsession_store::time::UnixTime;

use crate::keys::{Line, expand};

/// The length of a name.
pub const NAME: usize = PREFIX.len() + 22;

/// The beginning of all names: `~tls:*` in an access list.
const PREFIX: &[u8] = b"tls:";

const FORMAT: u8 = 1;
const SALT: usize = 16;
const TAG: usize = 16;
/// Length of what a record has before its ciphertext.
const HEAD: usize = 4 + SALT + TAG;
/// Length of what the plain text has before the body.
const LABEL: usize = 16;

/// The name of a record.
pub type Name = [u8; NAME];

/// Returns the name of a session's record. Its policy is not part of it.
#[inline(never)]
pub fn name(line: &Line, key: &RecordKey) -> Name {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut hash = [0; 16];
    expand(line.names, &[key.scope, &key.version.0.to_be_bytes(), key.id], &mut hash);
    let bits = u128::from_be_bytes(hash);
    let mut name = [0; NAME];
    name[..PREFIX.len()].copy_from_slice(PREFIX);
    // 21 digits of 6 bits, and the last two bits.
    for (at, digit) in name[PREFIX.len()..].iter_mut().enumerate() {
        let six = if at < 21 { bits >> (122 - 6 * at) } else { bits << 4 };
        *digit = DIGITS[(six & 63) as usize];
    }
    name
}

fn cipher(line: &Line, name: &Name, salt: &[u8]) -> Aes256GcmSiv {
    let mut key = [0; 32];
    expand(line.records, &[name, salt], &mut key);
    let cipher = Aes256GcmSiv::new((&key).into());
    secret::wipe(&mut key);
    cipher
}

fn associated(line: &Line, name: &Name, key: &RecordKey) -> Vec<u8> {
    [&[FORMAT][..], &line.mark, name, key.scope, &key.version.0.to_be_bytes(), key.id].concat()
}

/// Seals a session's body. `salt` is random. None if memory runs out.
pub fn seal(line: &Line, key: &RecordKey, expiry: u32, salt: [u8; SALT], body: &[u8]) -> Option<(Name, Vec<u8>)> {
    let name = name(line, key);
    let mut sealed = Vec::new();
    sealed.try_reserve_exact(HEAD + LABEL + body.len()).ok()?;
    sealed.push(FORMAT);
    sealed.extend_from_slice(&line.mark);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&[0; TAG]);
    sealed.extend_from_slice(&key.policy.bits().to_be_bytes());
    sealed.extend_from_slice(&u64::from(expiry).to_be_bytes());
    sealed.extend_from_slice(body);
    let (head, text) = sealed.split_at_mut(HEAD);
    let associated = associated(line, &name, key);
    let cipher = cipher(line, &name, &salt);
    let tag = cipher.encrypt_inout_detached(&Nonce::default(), &associated, text.into()).ok()?;
    head[HEAD - TAG..].copy_from_slice(&tag);
    Some((name, sealed))
}

/// The result of opening a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// The session's body, and the last second in which it may be used; `u32::MAX` for any.
    Body(Secret, u32),
    /// It is for connections of another policy.
    PolicyMismatch,
    /// It does not open under this name, or it has expired.
    Not,
}

/// Opens a record at a second since 1970.
pub fn open(line: &Line, key: &RecordKey, record: &[u8], now: UnixTime) -> Opened {
    opened(line, key, record, now).unwrap_or(Opened::Not)
}

fn opened(line: &Line, key: &RecordKey, record: &[u8], now: UnixTime) -> Option<Opened> {
    let (head, text) = record.split_at_checked(HEAD)?;
    if head[0] != FORMAT || head[1..4] != line.mark {
        return None;
    }
    let (salt, tag) = head[4..].split_at(SALT);
    let name = name(line, key);
    let mut text = Secret::from(text.to_vec());
    let associated = associated(line, &name, key);
    let (cipher, tag) = (cipher(line, &name, salt), Tag::try_from(tag).ok()?);
    cipher.decrypt_inout_detached(&Nonce::default(), &associated, text[..].as_mut().into(), &tag).ok()?;
    let policy = u64::from_be_bytes(text.get(..8)?.try_into().ok()?);
    let expiry = u32::try_from(u64::from_be_bytes(text.get(8..LABEL)?.try_into().ok()?)).ok()?;
    // Strict: in its last second it is still valid.
    if expiry != u32::MAX && now > UnixTime(i64::from(expiry)) {
        return None;
    }
    if !key.policy.fits(policy) {
        return Some(Opened::PolicyMismatch);
    }
    text.drain(..LABEL);
    Some(Opened::Body(text, expiry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sslsession_store::Policy;
    use sslsession_store::version::ProtocolVersion;

    const LAST: u32 = 1_800_000_000;
    const NOW: UnixTime = UnixTime(LAST as i64);

    fn line(text: &str) -> Line {
        let lines = Line::of([text.as_bytes()].into_iter()).expect("memory");
        lines.into_iter().next().expect("one")
    }

    fn key<'a>(scope: &'a [u8; 16], id: &'a [u8]) -> RecordKey<'a> {
        RecordKey { scope, policy: Policy::new(1, 1, Some(2)), version: ProtocolVersion(0x0303), id }
    }

    #[test]
    fn a_record_opens_under_its_own_name_line_and_policy_alone() {
        let (line, other) = (line("a line"), line("another line"));
        let key_here = key(&[1; 16], &[2; 32]);
        let (name_here, sealed) = seal(&line, &key_here, LAST, [3; 16], b"session").expect("memory");
        assert_eq!(sealed.len(), HEAD + LABEL + 7);
        assert!(name_here.starts_with(b"tls:") && name_here.iter().all(|byte| byte.is_ascii_graphic()));
        let body = || Opened::Body(Secret::from(b"session".to_vec()), LAST);
        assert_eq!(open(&line, &key_here, &sealed, NOW), body());
        assert_eq!(open(&line, &key_here, &sealed, UnixTime(NOW.0 + 1)), Opened::Not, "it has expired");
        assert_eq!(open(&other, &key_here, &sealed, NOW), Opened::Not);
        for wrong in [
            key(&[9; 16], &[2; 32]),
            key(&[1; 16], &[9; 32]),
            RecordKey { version: ProtocolVersion(0x0304), ..key_here },
        ] {
            assert_ne!(name(&line, &wrong), name_here);
            assert_eq!(open(&line, &wrong, &sealed, NOW), Opened::Not);
        }
        let of_others = RecordKey { policy: Policy::new(7, 7, None), ..key_here };
        assert_eq!(open(&line, &of_others, &sealed, NOW), Opened::PolicyMismatch);
    }

    #[test]
    fn a_cut_or_changed_record_does_not_open() {
        let line = line("a line");
        let key = key(&[1; 16], &[2; 32]);
        let (_, sealed) = seal(&line, &key, u32::MAX, [3; 16], b"session").expect("memory");
        for length in 0..sealed.len() {
            assert_eq!(open(&line, &key, &sealed[..length], NOW), Opened::Not);
        }
        for bit in 0..8 * sealed.len() {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&line, &key, &changed, NOW), Opened::Not, "bit {bit}");
        }
    }
}
