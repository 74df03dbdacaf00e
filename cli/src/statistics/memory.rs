//! The bytes of a store, which are read one number after the other and never written.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A place to read them from.
#[derive(Debug)]
pub struct Memory {
    file: File,
    /// Where the store begins in the file.
    start: u64,
}

impl Memory {
    /// Returns the memory of a store that is a file.
    pub fn of_file(file: File) -> Memory {
        Memory { file, start: 0 }
    }

    /// Returns the memory that a process has mapped at an address.
    pub fn of_process(process: u32, start: u64) -> io::Result<Memory> {
        Ok(Memory { file: File::open(format!("/proc/{process}/mem"))?, start })
    }

    /// Returns so many bytes.
    pub fn bytes(&self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.file.read_exact_at(&mut bytes, self.start.saturating_add(at))?;
        Ok(bytes)
    }
}

/// Returns the number of 32 bits at a place; 0 behind the end.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    word.map_or(0, u32::from_ne_bytes)
}

/// Returns the number of 64 bits at a place; 0 behind the end.
pub fn double(bytes: &[u8], at: usize) -> u64 {
    let double = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    double.map_or(0, u64::from_ne_bytes)
}
