//! The key of a session.
#![forbid(unsafe_code)]

use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A hash in place of a protocol version and a session id, and all that a store has of them:
/// SipHash-1-3 over both, keyed with random numbers of this process, and a tag that mixes in the
/// id's beginning.
///
/// Why a hash is enough. Without the random key nobody can tell which ids collide, neither in a
/// bucket nor altogether. Others often choose the ids of a cache: the servers that a client talks
/// to, external caches, `generate_session_id` callbacks. So two ids collide by chance only. The
/// hash selects the bucket, and the tag is the hash with the id's first eight bytes mixed in. Of
/// two ids that begin differently, as random ids do, both tag and bucket have to agree,
/// independently: with a million sessions, and a million lookups a second of ids that are not
/// there, once in 200,000 years. Of ids that were chosen to begin alike the whole hash has to
/// agree: once in half a year. A false match gives a session whose master secret the peer does not
/// have: a failed handshake, not a stolen session.
///
/// SipHash's 128 bits would make that 390,000 years for all, at 8 of the 60 nanoseconds of a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// The part of the key that slots are compared by.
    pub(super) tag: u64,
    /// The part that selects the bucket: see the drawing in [`super::memory`].
    pub(super) bits: BucketBits,
}

/// The bits of a key that select its bucket: as many of the lowest as there are buckets for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct BucketBits(pub(super) u32);

impl Key {
    /// Returns the key of `id` (any length, also none) under protocol `version`.
    pub fn new(version: i32, id: &[u8]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(secret(0), secret(1));
        let version = version.to_ne_bytes();
        let hash = if let Ok(id) = <&[u8; 32]>::try_from(id) {
            // The length of nearly all ids. For one piece of known length the compiler removes the
            // hasher's buffering, as long as nothing else calls that function: then it is inlined.
            let mut whole = [0; 36];
            whole[..32].copy_from_slice(id);
            whole[32..].copy_from_slice(&version);
            hasher.hash(&whole)
        } else {
            hasher.write(id);
            hasher.write(&version);
            hasher.finish()
        };
        Self { tag: hash ^ beginning(id), bits: BucketBits(hash as u32) }
    }
}

/// Returns the first eight bytes, or fewer if the id is shorter.
fn beginning(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |&word| u64::from_le_bytes(word))
}

/// The process's random key; 0 until it is drawn.
static SECRET: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Returns a word of the key. The first caller draws it, without a lock: a fork in the middle locks
/// nothing, and the child has its parent's key, as it has its parent's sessions.
fn secret(word: usize) -> u64 {
    match SECRET[word].load(Relaxed) {
        0 => draw(&SECRET[word]),
        drawn => drawn,
    }
}

#[cold]
fn draw(word: &AtomicU64) -> u64 {
    let mut fresh = [0; 8];
    getrandom::fill(&mut fresh).expect("the kernel gives random numbers");
    let fresh = u64::from_le_bytes(fresh).max(1);
    word.compare_exchange(0, fresh, Relaxed, Relaxed).map_or_else(|drawn| drawn, |_| fresh)
}

#[cfg(test)]
mod tests {
    use super::Key;
    use std::collections::HashSet;

    #[test]
    fn version_and_every_byte_of_the_id_and_its_length_count() {
        let longest = if cfg!(miri) { 9 } else { 40 };
        let mut keys = HashSet::new();
        for version in [0x0303, 0x0304, 0] {
            for length in 0..=longest {
                keys.insert(Key::new(version, &vec![0; length]));
                for at in 0..length {
                    let mut id = vec![0; length];
                    id[at] = 1;
                    keys.insert(Key::new(version, &id));
                }
            }
        }
        assert_eq!(keys.len(), 3 * (0..=longest).map(|length| length + 1).sum::<usize>());
        assert_eq!(Key::new(0x0303, b"same"), Key::new(0x0303, b"same"));
    }

    #[test]
    fn ids_with_one_prefix_spread_over_all_buckets() {
        let buckets: HashSet<u32> =
            (0u32..1000).map(|n| Key::new(0x0303, &[&[7; 28], &n.to_be_bytes()[..]].concat()).bits.0 % 64).collect();
        assert!(buckets.len() > 60);
    }
}
