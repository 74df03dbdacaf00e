//! A named store as a file: its first bytes, its lock, and who has it mapped. Of the sessions in it nothing is read.
//!
//! ```text
//! 0    "sslsession store"     16   layout u32     20   bits of a pointer u32     24   size u64
//! ```
//! A process that has a store mapped holds a shared flock on it, which ends with the last such process. A process that
//! acquires an exclusive one knows that nobody has the store.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::fcntl::OFlag;
use sslsession_store::config::MEMORY_FILES;
use sslsession_store::shared::MAGIC;

use crate::proc;

/// A file that is a store.
#[derive(Debug)]
pub struct StoreFile {
    /// Its path.
    pub path: PathBuf,
    /// The number of its layout.
    pub layout: u32,
    /// Its size in bytes.
    pub size: u64,
    /// A process has it mapped, on whatever side of a container's wall.
    pub is_in_use: bool,
    file: File,
    metadata: Metadata,
}

impl StoreFile {
    /// Opens a store; None if the file is none.
    pub fn open(path: &Path) -> io::Result<Option<StoreFile>> {
        StoreFile::of(open(path)?, path)
    }

    /// Takes an open file for a store; None if it is none.
    pub fn of(file: File, path: &Path) -> io::Result<Option<StoreFile>> {
        let Some(Header { layout, size }) = header(&file)? else { return Ok(None) };
        let metadata = file.metadata()?;
        let is_in_use = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let _ = file.unlock();
        Ok(Some(StoreFile { path: path.to_owned(), layout, size, is_in_use, file, metadata }))
    }

    /// Returns the name that the settings take for it.
    pub fn name(&self) -> String {
        name_of(&self.path)
    }

    /// Returns how long ago it was made; None if the file system does not know.
    pub fn age(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.metadata.created().ok()?).ok()
    }

    /// Returns the user whose it is.
    pub fn owner(&self) -> u32 {
        self.metadata.uid()
    }

    /// Returns the processes that have it mapped, as far as they can be seen.
    pub fn processes(&self) -> Vec<u32> {
        proc::processes_with(self.metadata.dev(), self.metadata.ino())
    }

    /// Acquires the exclusive lock, so that no process begins to use the store. Returns false if one uses it.
    pub fn lock(&self) -> bool {
        self.file.try_lock().is_ok()
    }

    /// Acquires a shared lock, as a process that uses the store.
    pub fn lock_shared(&self) -> io::Result<()> {
        self.file.lock_shared()
    }

    /// Returns the open file, which the lock is of.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Waits until no process uses the store but this one, and locks it.
    pub fn wait_and_lock(&self) -> io::Result<()> {
        self.file.lock()
    }

    /// Removes the file, and the key that was made beside it.
    pub fn remove(&self) -> io::Result<()> {
        let is_still_there = fs::symlink_metadata(&self.path)
            .is_ok_and(|now| (now.dev(), now.ino()) == (self.metadata.dev(), self.metadata.ino()));
        if is_still_there {
            fs::remove_file(&self.path)?;
        }
        remove_keys(&self.path)
    }
}

/// The beginning of a store.
pub struct Header {
    /// The number of its layout.
    pub layout: u32,
    /// Its size in bytes.
    pub size: u64,
}

/// Opens a file that may be a store.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// Reads how a store begins; None if the file is none.
pub fn header(file: &File) -> io::Result<Option<Header>> {
    let metadata = file.metadata()?;
    let mut header = [0; 32];
    if !metadata.is_file() || metadata.len() < header.len() as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut header, 0)?;
    let (magic, rest) = header.split_at(MAGIC.len());
    let [a, b, c, d, _, _, _, _, size @ ..] = rest else { return Ok(None) };
    let size = u64::from_ne_bytes(size.try_into().unwrap_or_default());
    Ok((magic == MAGIC).then_some(Header { layout: u32::from_ne_bytes([*a, *b, *c, *d]), size }))
}

/// Returns the name that the settings take for the store at a path.
pub fn name_of(path: &Path) -> String {
    let name = path.strip_prefix(MEMORY_FILES).ok().filter(|name| name.components().count() == 1);
    name.unwrap_or(path).display().to_string()
}

/// Removes STORE.key, and STORE.key.*.tmp, which a process left that was killed as it made the former.
fn remove_keys(store: &Path) -> io::Result<()> {
    let mut key = OsString::from(store.file_name().unwrap_or_default());
    key.push(".key");
    let directory = store.parent().unwrap_or(Path::new("/"));
    let unfinished = [key.as_bytes(), b"."].concat();
    for entry in fs::read_dir(directory)?.flatten() {
        let name = entry.file_name();
        let is_unfinished = name.as_bytes().starts_with(&unfinished) && name.as_bytes().ends_with(b".tmp");
        if name == key || is_unfinished {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Returns the path of a store: in /dev/shm unless it has a slash.
pub fn path_of(name: &Path) -> PathBuf {
    let has_slash = name.as_os_str().as_bytes().contains(&b'/');
    if has_slash { name.to_owned() } else { Path::new(MEMORY_FILES).join(name) }
}

/// Returns the stores in a directory, by their names. Files that cannot be read are left out.
pub fn all_in(directory: &Path) -> io::Result<Vec<StoreFile>> {
    Ok(paths_in(directory)?.iter().filter_map(|path| StoreFile::open(path).ok().flatten()).collect())
}

/// Returns the paths in a directory, sorted.
pub fn paths_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
