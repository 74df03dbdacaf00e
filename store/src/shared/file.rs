//! A store with a name: a file that unrelated processes, and later runs, open again.
//!
//! ```text
//!   create 0600, or open, no links ─► ours alone, by owner, mode and links? ─► flock
//!     alone: exclusive ─► allocate its space on the disk
//!                         empty, or all zeros ─► write the header last      a store ─► header fits?
//!                         initialize the locks ─► shared
//!     else:  shared    ─► header fits?
//!   ─► map, close
//! ```
//! A process that maps the store holds a shared flock. It belongs to the open file, which the
//! mapping keeps open even when all descriptors are closed, and ends with the last process that
//! maps the store. So an exclusive flock proves that no process maps it, in no container and since
//! no earlier boot; only then are its locks initialized again. A second process finds what the
//! first one made. If a creator dies the file has zeros, and the next process continues; once the
//! header is written the file is made again only if none of the keys opens it.
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use super::error::StoreError;
use super::header::{self, Header, Opened};
use super::mapping::{Layout, Mapping};
use crate::file_system;
use crate::key_file::Keys;

/// Time that another process may take to make the store.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the store at `path`, or makes it, and returns its mapping and header. The error says why
/// it is refused: a clause that follows the path.
pub fn open(path: &Path, shape: Layout, keys: &Keys) -> Result<(Mapping, Opened), StoreError> {
    /// More than one only if somebody removes the file as fast as it is made.
    const ATTEMPTS: usize = 8;
    for _ in 0..ATTEMPTS {
        let Some(file) = open_file(path)? else { continue };
        if check(&file)? == Links::None {
            continue;
        }
        match lock_and_read(&file, &shape, keys) {
            Ok(None) => {}
            Ok(Some(found)) => return Ok(found),
            Err(why) => {
                remove_if_empty(path, &file);
                return Err(why);
            }
        }
    }
    Err(StoreError::Unstable)
}

/// Checks that the file system has room for a store that is not there: asked before a key is made beside it, which would
/// stay.
pub fn room_for(path: &Path, size: usize) -> Result<(), StoreError> {
    let directory = path.parent().filter(|_| path.symlink_metadata().is_err());
    let Some(directory) = directory.and_then(|directory| File::open(directory).ok()) else { return Ok(()) };
    match file_system::free_room(&directory) {
        Some(free) if free < size as u64 => Err(no_room(&directory, size)),
        _ => Ok(()),
    }
}

/// Creates the file, or opens the one that exists; None if it is removed at that moment.
fn open_file(path: &Path) -> Result<Option<File>, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK);
    match options.clone().create_new(true).mode(0o600).open(path) {
        // The umask may have removed permissions that are needed.
        Ok(file) => Ok(file.set_permissions(Permissions::from_mode(0o600)).map(|()| Some(file))?),
        // Not to be created: where the directory is everybody's, the kernel refuses that for other users' files.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match options.open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Removes a file that was made in vain. A process that has it open finds that it has no name, and
/// makes another.
fn remove_if_empty(path: &Path, file: &File) {
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        let _ = fs::remove_file(path);
    }
}

/// The links of a file.
#[derive(PartialEq, Eq)]
enum Links {
    /// No link: the file was removed.
    None,
    One,
}

/// Checks that the file is this user's alone, before the process waits for anything in it.
fn check(file: &File) -> Result<Links, StoreError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(StoreError::NotRegular);
    }
    if metadata.uid() != file_system::user() {
        return Err(StoreError::Owner(metadata.uid()));
    }
    match (metadata.mode() & 0o7777, metadata.nlink()) {
        (mode, _) if mode & 0o077 != 0 => Err(StoreError::Mode(mode)),
        (_, 0) => Ok(Links::None),
        (_, 1) => Ok(Links::One),
        (_, links) => Err(StoreError::Links(links)),
    }
}

/// Locks the file, makes the store in it if there is none, maps it and keeps a shared lock. None if
/// it was removed.
fn lock_and_read(file: &File, shape: &Layout, keys: &Keys) -> Result<Option<(Mapping, Opened)>, StoreError> {
    let since = Instant::now();
    loop {
        if locked(file.try_lock())? {
            let made = make(file, shape, keys)?;
            // Between the two locks another process may get the exclusive one: it finds this store,
            // with free locks.
            if locked(file.try_lock_shared())? {
                return Ok((check(file)? == Links::One).then_some(made));
            }
        } else if locked(file.try_lock_shared())? && !is_unfinished(file, shape)? {
            let header = read(file, shape)?;
            let opened = header.open(keys).ok_or(StoreError::OtherKeys)?;
            let mapping = Mapping::of_file(*shape, file)?;
            seal_for_first(&mapping, header, keys, &opened);
            return Ok(Some((mapping, opened)));
        }
        if since.elapsed() > LOCK_TIMEOUT {
            return Err(StoreError::Locked);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn locked(result: Result<(), TryLockError>) -> Result<bool, StoreError> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Returns true if there is no store yet: an empty file, or one whose creator died.
fn is_unfinished(file: &File, shape: &Layout) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut start = [1; header::WRITTEN_LAST];
    if length == 0 || length > shape.size as u64 {
        return Ok(length == 0);
    }
    Ok(file.read_exact_at(&mut start, 0).is_ok() && start == [0; header::WRITTEN_LAST])
}

fn read(file: &File, shape: &Layout) -> Result<Header, StoreError> {
    let mut start = [0; header::LENGTH];
    file.read_exact_at(&mut start, 0).map_err(|_| StoreError::NoStore)?;
    let header = Header::read(&start, shape)?;
    let length = file.metadata()?.len();
    if length < shape.size as u64 {
        return Err(StoreError::CutShort(length));
    }
    Ok(header)
}

/// Makes a store with free locks in the file, which no other process has open.
fn make(file: &File, shape: &Layout, keys: &Keys) -> Result<(Mapping, Opened), StoreError> {
    let found = if is_unfinished(file, shape)? { None } else { Some(read(file, shape)?) };
    // Also for an existing store: a copy of one may have holes.
    file_system::reserve(file, shape.size).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => no_room(file, shape.size),
        _ => error.into(),
    })?;
    let mapping = Mapping::of_file(*shape, file)?;
    if let Some(header) = found
        && let Some(opened) = header.open(keys)
    {
        mapping.reset_locks();
        seal_for_first(&mapping, header, keys, &opened);
        return Ok((mapping, opened));
    }
    // A creator died here; or none of the keys opens the store.
    let header = Header::new(keys).ok_or(StoreError::NoHeader)?;
    let opened = header.open(keys).ok_or(StoreError::Misfit)?;
    mapping.clear();
    write(&mapping, &header);
    Ok((mapping, opened))
}

fn no_room(file: &File, size: usize) -> StoreError {
    StoreError::NoRoom { needed: size, free: file_system::free_room(file) }
}

/// Enables the first of the keys to open the store, as it may be the only one some day.
fn seal_for_first(mapping: &Mapping, mut header: Header, keys: &Keys, opened: &Opened) {
    if header.seal_for_first(keys, opened) {
        write(mapping, &header);
    }
}

fn write(mapping: &Mapping, header: &Header) {
    // Through the mapping: a limit on the size of files does not count there.
    let (bytes, page) = (header.write(mapping.shape()), mapping.header());
    let (last, first) = bytes.split_at(header::WRITTEN_LAST);
    let is_written = page.write(header::WRITTEN_LAST, first);
    fence(Ordering::SeqCst);
    let is_written = is_written.and_then(|()| page.write(0, last));
    debug_assert!(is_written.is_some(), "a page has room for a header");
}
