//! The first page of a store.
//!
//! ```text
//! 0   "sslsession store"
//! 16  version u32          of the layout of everything
//! 20  use u32              bits of a pointer, bytes of a mutex: programs of another kind cannot share the locks
//! 24  size u64             of the mapping, from which all else follows
//! 32  salt [16]            random: keys the hashes of names, and what is derived from the key file
//! 48  boot [36]            the run of the kernel in which the locks were made
//! ```
#![forbid(unsafe_code)]

use crate::mapping::Shape;

/// How many bytes of the page mean something.
pub const LENGTH: usize = 84;

const MAGIC: &[u8; 16] = b"sslsession store";
const VERSION: u32 = 1;
const USE: u32 = usize::BITS | (size_of::<libc::pthread_mutex_t>() as u32) << 8;

/// What the first page of a fitting store says that is not known beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Random, of this store.
    pub salt: [u8; 16],
    /// The run of the kernel.
    pub boot: [u8; 36],
}

impl Header {
    /// The header of a new store; None if the kernel gives no random numbers.
    pub fn new() -> Option<Header> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).ok()?;
        Some(Header { salt, boot: this_boot() })
    }

    /// Reads a store's first bytes. What is wrong with them, if they are not of a store of this shape.
    pub fn read(bytes: &[u8; LENGTH], shape: &Shape) -> Result<Header, String> {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let size = u64::from(word(24)) | u64::from(word(28)) << 32;
        if bytes[..16] != MAGIC[..] {
            return Err("is no store of sessions".to_owned());
        }
        if word(16) != VERSION {
            return Err(format!("is a store of layout {}, and this is layout {VERSION}: remove it", word(16)));
        }
        if word(20) != USE {
            return Err("is a store of programs of another architecture".to_owned());
        }
        if size != shape.size as u64 {
            return Err(format!("is a store of {size} bytes, not {}: remove it to change that", shape.size));
        }
        let mut header = Header { salt: [0; 16], boot: [0; 36] };
        header.salt.copy_from_slice(&bytes[32..48]);
        header.boot.copy_from_slice(&bytes[48..]);
        Ok(header)
    }

    /// The bytes that [`read`](Self::read) reads.
    pub fn write(&self, shape: &Shape) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&VERSION.to_ne_bytes());
        bytes[20..24].copy_from_slice(&USE.to_ne_bytes());
        bytes[24..32].copy_from_slice(&(shape.size as u64).to_ne_bytes());
        bytes[32..48].copy_from_slice(&self.salt);
        bytes[48..].copy_from_slice(&self.boot);
        bytes
    }
}

/// The kernel's name for its present run; zeros where it does not tell.
pub fn this_boot() -> [u8; 36] {
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.first_chunk().copied().unwrap_or([0; 36])
}

#[cfg(test)]
mod tests {
    use super::{Header, LENGTH, Shape};

    #[test]
    fn what_is_written_is_read_and_anything_else_refused() {
        let shape = Shape::of(1 << 20).expect("a legal size");
        let header = Header::new().expect("random numbers");
        let bytes = header.write(&shape);
        assert_eq!(Header::read(&bytes, &shape), Ok(header));
        for (at, complaint) in [(0, "no store"), (16, "layout"), (20, "architecture"), (24, "bytes"), (31, "bytes")] {
            let mut other = bytes;
            other[at] ^= 1;
            assert!(Header::read(&other, &shape).is_err_and(|error| error.contains(complaint)), "{at}");
        }
        let larger = Shape::of(2 << 20).expect("a legal size");
        assert!(Header::read(&bytes, &larger).is_err());
        assert!(Header::read(&[0; LENGTH], &shape).is_err());
    }
}
