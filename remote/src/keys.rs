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

use siphasher::sip::SipHasher13;

use sslsession_store::key_file::Keys;
use sslsession_store::record::KeyedDigest;
use sslsession_store::secret;
pub use sslsession_store::ticket_keys::derive::{expand, extract};

/// The keys of one line, overwritten when dropped.
pub struct Line {
    pub mask: [u8; 16],
    pub tag: [u8; 16],
    pub names: [u8; 32],
    pub records: [u8; 32],
    digests: [u8; 16],
    /// Says, in a record, which line sealed it.
    pub mark: [u8; 3],
}

impl Line {
    pub fn of(line: &[u8]) -> Line {
        let mut root = extract("sslsession remote", line);
        let fill = |info: &str, out: &mut [u8]| expand(&root, &[info.as_bytes()], out);
        let mut keys =
            Line { mask: [0; 16], tag: [0; 16], names: [0; 32], records: [0; 32], digests: [0; 16], mark: [0; 3] };
        let mut id = [0; 32];
        fill("id", &mut id);
        keys.mask.copy_from_slice(&id[..16]);
        keys.tag.copy_from_slice(&id[16..]);
        secret::wipe(&mut id);
        fill("names", &mut keys.names);
        fill("records", &mut keys.records);
        fill("digests", &mut keys.digests);
        fill("mark", &mut keys.mark);
        secret::wipe(&mut root);
        keys
    }

    /// Returns the lines of a key file.
    pub fn all(keys: &Keys) -> Box<[Line]> {
        secret::leaving_no_trace(|| keys.secrets().map(Line::of).collect())
    }
}

impl KeyedDigest for Line {
    fn digest(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.digests);
        for part in parts {
            // Hosts may differ in the order of bytes.
            hasher.write(&(part.len() as u64).to_be_bytes());
            hasher.write(part);
        }
        hasher.finish()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        for key in [&mut self.names, &mut self.records] {
            secret::wipe(key);
        }
        for key in [&mut self.mask, &mut self.tag, &mut self.digests] {
            secret::wipe(key);
        }
    }
}
