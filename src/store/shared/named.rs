//! A store with a name: a file that unrelated processes, and later runs, find again.
//!
//! ```text
//!   open or create 0600, no links ─► flock ─► ours alone, by owner and mode?
//!     empty, or all zeros ─► take its room on the disk, make the locks, write the header last
//!     a store ─► header fits? ─► made in an earlier run of the kernel: make the locks anew
//!   ─► map ─► unlock, close
//! ```
//! Who comes second waits at the flock and finds the first one's store. A creator that dies leaves zeros, and the next one
//! goes on; after the header is written the file is never made anew.
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use super::header::{self, Header, this_boot};
use crate::mapping::{self, Mapping, Shape};

/// How long another process may take to make the store.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens or makes the store at `path`. Why it is refused, if it is: a clause that follows the path.
pub fn open(path: &Path, shape: Shape) -> Result<(Mapping, Header), String> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file =
        options.custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC).open(path).map_err(|error| error.to_string())?;
    lock(&file)?;
    check(&file)?;
    let header = match unfinished(&file, &shape) {
        Ok(true) => None,
        Ok(false) => Some(read_header(&file, &shape)?),
        Err(error) => return Err(error.to_string()),
    };
    finish(&file, shape, header).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => "has no room on its file system".to_owned(),
        _ => error.to_string(),
    })
}

fn lock(file: &File) -> Result<(), String> {
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error.to_string()),
            Err(TryLockError::WouldBlock) if since.elapsed() > PATIENCE => {
                return Err("is locked by another process".to_owned());
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Whether the file is ours alone.
fn check(file: &File) -> Result<(), String> {
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is no regular file".to_owned());
    }
    if metadata.uid() != mapping::user() {
        return Err(format!("belongs to user {}, and this is user {}", metadata.uid(), mapping::user()));
    }
    match metadata.mode() & 0o7777 {
        mode if mode & 0o077 != 0 => Err(format!("has mode {mode:04o}, which lets others in: chmod 600")),
        _ => Ok(()),
    }
}

/// Whether there is no store yet: an empty file, or zeros that a creator left who died.
fn unfinished(file: &File, shape: &Shape) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(true);
    }
    let mut start = [1; header::LENGTH];
    Ok(length <= shape.size as u64 && file.read_exact_at(&mut start, 0).is_ok() && start == [0; header::LENGTH])
}

fn read_header(file: &File, shape: &Shape) -> Result<Header, String> {
    let mut start = [0; header::LENGTH];
    file.read_exact_at(&mut start, 0).map_err(|_| "is no store of sessions".to_owned())?;
    let header = Header::read(&start, shape)?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length < shape.size as u64 {
        return Err(format!("was cut short to {length} bytes: remove it"));
    }
    Ok(header)
}

/// Maps the store and makes what is still to be made.
fn finish(file: &File, shape: Shape, found: Option<Header>) -> io::Result<(Mapping, Header)> {
    if found.is_none() {
        mapping::reserve(file, shape.size)?;
    }
    let mapping = Mapping::of_file(shape, file)?;
    let of_this_boot = found.as_ref().is_some_and(|header| header.boot == this_boot());
    let header = match found {
        Some(header) if of_this_boot => header,
        found => {
            // Nobody of this run of the kernel has it yet, so nobody has a lock.
            mapping.reset_locks();
            let mut header = found.or_else(Header::new).ok_or_else(|| io::Error::other("no random numbers"))?;
            header.boot = this_boot();
            file.write_all_at(&header.write(mapping.shape()), 0)?;
            header
        }
    };
    // The mapping keeps the file open, and with it the lock.
    file.unlock()?;
    Ok((mapping, header))
}
