//! The keys of a fleet: what follows from each line of the key file that all its hosts have.
//!
//! ```text
//!   root       Extract(salt "sslsession remote", the line's characters)                    HKDF-SHA-256
//!   id         Expand(root, "id"), 32 bytes: key of the mask 16 | key of the tag 16        SipHash-2-4-128
//!   names      Expand(root, "names")       digests   Expand(root, "digests"), 16 bytes     SipHash-1-3
//!   records    Expand(root, "records")     mark      Expand(root, "mark"), 3 bytes
//! ```
//! An id says which line made it. The same line makes the name of its session's record, seals the record, and
//! digests what it is compared by: so there is one question for each id, also while lines change.
#![forbid(unsafe_code)]

use std::hash::Hasher;
use std::io;

use siphasher::sip::SipHasher13;

use sslsession_store::key_file::Keys;
use sslsession_store::record::KeyedDigest;
use sslsession_store::secret;
use sslsession_store::secret_slots::SecretSlots;
pub use sslsession_store::ticket_keys::derive::{expand, extract};

/// The keys of one line. They are in memory that no core dump has, for as long as the process runs.
///
/// ```text
///   slot    mask 16 | tag 16 | names 32          next    records 32 | digests 16
/// ```
pub struct Line {
    pub mask: &'static [u8; 16],
    pub tag: &'static [u8; 16],
    pub names: &'static [u8; 32],
    pub records: &'static [u8; 32],
    digests: &'static [u8; 16],
    /// Says, in a record, which line sealed it. No secret.
    pub mark: [u8; 3],
}

impl Line {
    /// Returns the lines of a key file. Fails without the memory.
    pub fn all(keys: &Keys) -> io::Result<Box<[Line]>> {
        Line::of(keys.secrets())
    }

    /// Returns the keys of each line's characters.
    pub fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> io::Result<Box<[Line]>> {
        let lines: Vec<&[u8]> = lines.collect();
        let mut slots = SecretSlots::new(2 * lines.len())?;
        let fill = |(number, line): (usize, &&[u8])| derive_into(&mut slots, 2 * number, line);
        let marks: Vec<[u8; 3]> = secret::leaving_no_trace(|| lines.iter().enumerate().map(fill).collect());
        let slots: &'static SecretSlots = Box::leak(Box::new(slots));
        Ok(marks.into_iter().enumerate().map(|(number, mark)| Line::view(slots, 2 * number, mark)).collect())
    }

    fn view(slots: &'static SecretSlots, first: usize, mark: [u8; 3]) -> Line {
        let (ids, names) = slots.get(first).split_at(32);
        let (mask, tag) = ids.split_at(16);
        let (records, rest) = slots.get(first + 1).split_at(32);
        Line { mask: part(mask), tag: part(tag), names: part(names), records: part(records), digests: part(rest), mark }
    }
}

/// Returns the first bytes of a part of a slot.
fn part<const N: usize>(bytes: &'static [u8]) -> &'static [u8; N] {
    bytes.first_chunk().expect("the parts of a slot are as long as they are drawn")
}

/// Derives the keys of a line into two slots, and returns its mark.
fn derive_into(slots: &mut SecretSlots, first: usize, line: &[u8]) -> [u8; 3] {
    let mut root = extract("sslsession remote", line);
    let fill = |info: &str, out: &mut [u8]| expand(&root, &[info.as_bytes()], out);
    let (ids, names) = slots.get_mut(first).split_at_mut(32);
    fill("id", ids);
    fill("names", names);
    let (records, rest) = slots.get_mut(first + 1).split_at_mut(32);
    fill("records", records);
    fill("digests", &mut rest[..16]);
    let mut mark = [0; 3];
    fill("mark", &mut mark);
    secret::wipe(&mut root);
    mark
}

impl KeyedDigest for Line {
    fn digest(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(self.digests);
        for part in parts {
            // Hosts may differ in the order of bytes.
            hasher.write(&(part.len() as u64).to_be_bytes());
            hasher.write(part);
        }
        hasher.finish()
    }
}
