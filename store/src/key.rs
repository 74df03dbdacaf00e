//! The key of a session.
#![forbid(unsafe_code)]

use once_cell::race::OnceBox;

use crate::version::ProtocolVersion;

/// A hash in place of a protocol version and a session id, and all that a store has of them: 64 bits
/// over both, keyed with random numbers of this process, and a tag that mixes in the id's beginning.
///
/// The hash is multilinear. The id, filled up with zeros, is four words of 64 bits; its length and
/// the version are the fifth:
///
/// ```text
///   sum  = the upper half of  r0 + r1 * word1 + ... + r5 * word5  (128 bits)     r0 ... r5: 128 random bits each
///   hash = mix(sum)
/// ```
/// Such a function is strongly universal (Thorup, *High Speed Hashing for Integers and Strings*): for
/// any two ids, whoever chose them without the random numbers, all pairs of hashes are equally
/// likely. So two ids have one hash with a probability of 2^-64. SipHash-1-3 had no better bound and
/// took three times as many instructions. Unlike SipHash's, these hashes would give away the random
/// numbers to somebody who sees enough of them: they stay in this process's memory, beside the
/// sessions themselves.
///
/// Why a hash is enough. Others often choose the ids of a cache: the servers that a client talks to,
/// external caches, `generate_session_id` callbacks; but nobody can tell which ids collide, neither in
/// a bucket nor altogether. The hash selects the bucket, and the tag is the hash with the id's first
/// eight bytes mixed in. Of two ids that begin differently, as random ids do, both tag and bucket have
/// to agree: with a million sessions, and a million lookups a second of ids that are not there, once
/// in 200,000 years. Of ids that were chosen to begin alike the whole hash has to agree: once in half
/// a year. A false match gives a session whose master secret the peer does not have: a failed
/// handshake, not a stolen session.
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

/// Length in bytes of the longest session id of TLS.
const MAX_ID: usize = 32;

impl Key {
    /// Returns the key of `id` (any length, also none) under protocol `version`.
    #[inline]
    pub fn new(version: ProtocolVersion, id: &[u8]) -> Self {
        let hash = match <&[u8; MAX_ID]>::try_from(id) {
            // The length of nearly all ids.
            Ok(id) => hash(id, MAX_ID, version),
            Err(_) => hash_of_other_length(version, id),
        };
        Self { tag: hash ^ beginning(id), bits: BucketBits(hash as u32) }
    }
}

#[inline]
fn hash(id: &[u8; MAX_ID], length: usize, version: ProtocolVersion) -> u64 {
    let secret = SECRET.get_or_init(draw);
    let last = u64::from(version.0 as u32) | (length as u64) << 32;
    let mut sum = secret.first.wrapping_add(secret.words[MAX_ID / 8].wrapping_mul(last.into()));
    for (word, secret) in id.chunks_exact(8).zip(&secret.words) {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        sum = sum.wrapping_add(secret.wrapping_mul(word.into()));
    }
    mix((sum >> 64) as u64)
}

/// Mixes the upper bits into the lower ones, which select the bucket: one sum has one result, and the
/// other way round. The sums of ids that are counted up are too, in equal steps, and a step may be a
/// multiple of the number of buckets.
#[inline]
fn mix(sum: u64) -> u64 {
    // Any odd number with its bits well spread does.
    const SPREAD: u64 = 0xD6E8_FEB8_6659_FD93;
    let once = (sum ^ sum >> 32).wrapping_mul(SPREAD);
    let twice = (once ^ once >> 32).wrapping_mul(SPREAD);
    twice ^ twice >> 32
}

/// Returns the hash of a shorter id; of a longer one, which no session has, that of its beginning and
/// its length.
#[cold]
fn hash_of_other_length(version: ProtocolVersion, id: &[u8]) -> u64 {
    let (mut filled, length) = ([0; MAX_ID], id.len().min(MAX_ID));
    filled[..length].copy_from_slice(&id[..length]);
    hash(&filled, id.len(), version)
}

/// Returns the first eight bytes, or fewer if the id is shorter.
fn beginning(id: &[u8]) -> u64 {
    id.first_chunk().map_or(0, |&word| u64::from_le_bytes(word))
}

/// The random numbers of a process.
struct Secret {
    first: u128,
    words: [u128; MAX_ID / 8 + 1],
}

/// The first caller draws it, without a lock: a fork in the middle locks nothing, and the child has its
/// parent's numbers, as it has its parent's sessions.
static SECRET: OnceBox<Secret> = OnceBox::new();

#[cold]
fn draw() -> Box<Secret> {
    let random = || {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the kernel gives random numbers");
        u128::from_ne_bytes(bytes)
    };
    Box::new(Secret { first: random(), words: std::array::from_fn(|_| random()) })
}

#[cfg(test)]
mod tests {
    use super::Key;
    use crate::version::ProtocolVersion;
    use std::collections::HashSet;

    fn key(version: i32, id: &[u8]) -> Key {
        Key::new(ProtocolVersion(version), id)
    }

    #[test]
    fn version_and_every_byte_of_the_id_and_its_length_count() {
        let longest = if cfg!(miri) { 9 } else { 32 };
        let mut keys = HashSet::new();
        for version in [0x0303, 0x0304, 0] {
            for length in 0..=longest {
                keys.insert(key(version, &vec![0; length]));
                for at in 0..length {
                    let mut id = vec![0; length];
                    id[at] = 1;
                    keys.insert(key(version, &id));
                }
            }
        }
        assert_eq!(keys.len(), 3 * (0..=longest).map(|length| length + 1).sum::<usize>());
        assert_eq!(key(0x0303, b"same"), key(0x0303, b"same"));
        assert_ne!(key(0x0303, &[0; 33]), key(0x0303, &[0; 34]));
    }

    #[test]
    fn ids_with_one_prefix_spread_over_all_buckets() {
        let buckets: HashSet<u32> =
            (0u32..1000).map(|n| key(0x0303, &[&[7; 28], &n.to_be_bytes()[..]].concat()).bits.0 % 64).collect();
        assert!(buckets.len() > 60);
    }
}
