//! The first page of a store.
//!
//! ```text
//! 0    "sslsession store"   its first 8 bytes are written last: zeros are a store that is not finished
//! 16   version u32          of the layout of everything
//! 20   use u32              bits of a pointer: programs of another kind have other offsets
//! 24   size u64             of the mapping, from which all else follows
//! 32   salt [16]            random: for what is derived from the key file
//! 48   sealed key [48] x 2  the store's own key, sealed with lines of the key file: the one that was first when the store
//!                           was made, and the one that is first now
//! ```
//! The store's key is random. It derives the keys of all hashes in the store, which must be the
//! same whichever line of a key file seals the records: so a reader of the file without a key can
//! confirm no key, policy or id by trying.
#![forbid(unsafe_code)]

use super::Keys;
use super::error::StoreError;
use super::mapping::{Layout, Region};
use crate::seal::{Seal, derive};
use crate::secret::Secret;

/// Number of bytes of the page that are used.
pub const LENGTH: usize = SEALED_KEYS + SLOTS * SEALED_KEY;

/// Number of them that are written last.
pub const WRITTEN_LAST: usize = 8;

/// The first bytes of a store.
pub const MAGIC: &[u8; 16] = b"sslsession store";
/// The number of the layout.
pub const VERSION: u32 = 4;
const USE: u32 = usize::BITS;
const SALT: usize = 32;
const SEALED_KEYS: usize = 48;
const SEALED_KEY: usize = KEY + Seal::TAG;
const SLOTS: usize = 2;
const KEY: usize = 32;

/// The fields of a fitting store's first page that are not known beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    salt: [u8; 16],
    sealed: [[u8; SEALED_KEY]; SLOTS],
}

/// A header that was opened.
pub struct Opened {
    /// The random salt of this store.
    pub salt: [u8; 16],
    /// The store's own key.
    key: Secret,
    slot: usize,
    /// Index of the key that opened it.
    opened_by: usize,
}

impl Header {
    /// Returns the header of a new store; None if the kernel gives no random numbers.
    pub fn new(keys: &Keys) -> Option<Header> {
        let (mut salt, mut key) = ([0; 16], Secret::from(vec![0; KEY]));
        getrandom::fill(&mut salt).ok()?;
        getrandom::fill(&mut key).ok()?;
        let sealed = [seal(keys.secrets().next()?, &salt, &key)?, [0; SEALED_KEY]];
        Some(Header { salt, sealed })
    }

    /// Opens the header with the first of the keys that fits.
    pub fn open(&self, keys: &Keys) -> Option<Opened> {
        for (opened_by, secret) in keys.secrets().enumerate() {
            let seal = Seal::of_store_key(secret, &self.salt);
            for (slot, sealed) in self.sealed.iter().enumerate() {
                if let Some(key) = seal.open_key(sealed) {
                    return Some(Opened { salt: self.salt, key, slot, opened_by });
                }
            }
        }
        None
    }

    /// Seals the store's key also with the first of the keys, if another one has opened it. Returns true if that changed
    /// the header. All processes of these keys write the same bytes.
    pub fn seal_for_first(&mut self, keys: &Keys, opened: &Opened) -> bool {
        if opened.opened_by == 0 {
            return false;
        }
        let sealed = keys.secrets().next().and_then(|secret| seal(secret, &self.salt, &opened.key));
        sealed.map(|sealed| self.sealed[1 - opened.slot] = sealed).is_some()
    }

    /// Reads a store's first bytes. The error says what is wrong, if they are not of a store of
    /// this layout.
    pub fn read(bytes: &[u8; LENGTH], shape: &Layout) -> Result<Header, StoreError> {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let size = u64::from(word(24)) | u64::from(word(28)) << 32;
        if bytes[..16] != MAGIC[..] {
            return Err(StoreError::NoStore);
        }
        if word(16) != VERSION {
            return Err(StoreError::Layout(word(16)));
        }
        if word(20) != USE {
            return Err(StoreError::Architecture);
        }
        if size != shape.size as u64 {
            return Err(StoreError::OtherSize { found: size, wanted: shape.size });
        }
        let mut header = Header { salt: [0; 16], sealed: [[0; SEALED_KEY]; SLOTS] };
        header.salt.copy_from_slice(&bytes[SALT..SEALED_KEYS]);
        for (slot, sealed) in header.sealed.iter_mut().zip(bytes[SEALED_KEYS..].chunks_exact(SEALED_KEY)) {
            slot.copy_from_slice(sealed);
        }
        Ok(header)
    }

    /// Returns the bytes that [`read`](Self::read) reads.
    pub fn write(&self, shape: &Layout) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..SALT].copy_from_slice(&plain(shape));
        bytes[SALT..SEALED_KEYS].copy_from_slice(&self.salt);
        for (slot, sealed) in bytes[SEALED_KEYS..].chunks_exact_mut(SEALED_KEY).zip(&self.sealed) {
            slot.copy_from_slice(sealed);
        }
        bytes
    }
}

impl Opened {
    /// Returns a key of this store for one purpose. The caller wipes it.
    pub fn derive<const N: usize>(&self, purpose: &str) -> [u8; N] {
        derive(&self.key, &self.salt, purpose)
    }
}

/// Marks the first page as that of a store of this layout without a name, which has no other
/// header.
pub fn mark(page: Region, shape: &Layout) {
    let is_written = page.write(0, &plain(shape));
    debug_assert!(is_written.is_some(), "a page has room for a header");
}

/// Returns the bytes before the salt.
fn plain(shape: &Layout) -> [u8; SALT] {
    let mut bytes = [0; SALT];
    bytes[..16].copy_from_slice(MAGIC);
    bytes[16..20].copy_from_slice(&VERSION.to_ne_bytes());
    bytes[20..24].copy_from_slice(&USE.to_ne_bytes());
    bytes[24..].copy_from_slice(&(shape.size as u64).to_ne_bytes());
    bytes
}

fn seal(secret: &[u8], salt: &[u8], key: &[u8]) -> Option<[u8; SEALED_KEY]> {
    Seal::of_store_key(secret, salt).seal_key(key)?.try_into().ok()
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::{Header, Keys, LENGTH, Layout, SEALED_KEYS};

    fn keys(lines: &[&str]) -> Keys {
        Keys::of_lines(lines)
    }

    #[test]
    fn what_is_written_is_read_and_anything_else_refused() {
        let shape = Layout::of(1 << 20).expect("a legal size");
        let header = Header::new(&keys(&["a"])).expect("random numbers");
        let bytes = header.write(&shape);
        assert_eq!(Header::read(&bytes, &shape).ok(), Some(header));
        for (at, complaint) in [(0, "no store"), (16, "layout"), (20, "architecture"), (24, "bytes"), (31, "bytes")] {
            let mut other = bytes;
            other[at] ^= 1;
            assert!(Header::read(&other, &shape).is_err_and(|error| error.to_string().contains(complaint)), "{at}");
        }
        let larger = Layout::of(2 << 20).expect("a legal size");
        assert!(Header::read(&bytes, &larger).is_err());
        assert!(Header::read(&[0; LENGTH], &shape).is_err());
    }

    #[test]
    fn any_key_of_a_file_opens_it_and_then_the_first_one_alone() {
        let shape = Layout::of(1 << 20).expect("a legal size");
        let mut header = Header::new(&keys(&["a"])).expect("random numbers");
        let derived = |header: &Header, lines: &[&str]| header.open(&keys(lines)).map(|opened| opened.derive::<8>("x"));
        let own = derived(&header, &["a"]).expect("its own key opens it");
        assert_eq!((derived(&header, &["b", "a"]), derived(&header, &["b"])), (Some(own), None));
        for (lines, alone) in [(["b", "a"], "b"), (["c", "b"], "c"), (["a", "c"], "a")] {
            let opened = header.open(&keys(&lines)).expect("the second key opens it");
            assert!(header.seal_for_first(&keys(&lines), &opened));
            assert_eq!(derived(&header, &[alone]), Some(own), "{alone}");
            let again = header.open(&keys(&lines)).expect("the first key opens it");
            assert!(!header.seal_for_first(&keys(&lines), &again));
        }
        for at in 32..LENGTH {
            let mut other = header.write(&shape);
            other[at] ^= 1;
            let other = Header::read(&other, &shape).expect("it fits");
            assert_eq!(derived(&other, &["a", "c"]).is_none(), at < SEALED_KEYS, "{at}");
        }
    }
}
