//! The file system below a file: its free space, and limits of this process.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

/// Allocates the space for a file of `size` bytes now: touching a mapped page without space kills the process. No
/// other process may have the file.
pub fn reserve(file: &File, size: usize) -> io::Result<()> {
    let limit = largest_file();
    if has_all_its_room(file, size)? {
        return Ok(());
    }
    if file.metadata()?.len() < size as u64 && limit < size as u64 {
        return Err(io::Error::other(format!("needs {size} bytes, and files may have {limit} (ulimit -f)")));
    }
    loop {
        // SAFETY: an open file.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, size as libc::off_t) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return fill(file, size),
            _ => return Err(error),
        }
    }
}

/// The type that statfs(2) returns for tmpfs: the C libraries have it in types of their own.
const TMPFS_MAGIC: u32 = 0x0102_1994;

/// Returns the number of bytes free in a file's file system for this user; None if that has no limit.
pub fn free_room(file: &File) -> Option<u64> {
    system_of(file)
        .filter(|system| system.f_blocks > 0)
        .map(|system| system.f_bavail.saturating_mul(u64::try_from(system.f_bsize).unwrap_or(0)))
}

/// Returns the kernel's data on a file's file system.
fn system_of(file: &File) -> Option<libc::statfs> {
    // SAFETY: all zeros are a statfs.
    let mut system: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: an open file, and a place for the answer.
    (unsafe { libc::fstatfs(file.as_raw_fd(), &mut system) } == 0).then_some(system)
}

/// Returns true for a file in memory without a hole. There, and only there, the number of blocks is that of its pages.
fn has_all_its_room(file: &File, size: usize) -> io::Result<bool> {
    let metadata = file.metadata()?;
    Ok(system_of(file).is_some_and(|system| system.f_type as u32 == TMPFS_MAGIC)
        && metadata.len() == size as u64
        && metadata.blocks() * 512 >= size as u64)
}

/// Writes zeros wherever a file may have a hole: for file systems that cannot allocate the space otherwise.
fn fill(file: &File, size: usize) -> io::Result<()> {
    const BLOCK: usize = 4096;
    if largest_file() < size as u64 {
        return Err(io::Error::other("may be larger than files may be (ulimit -f)"));
    }
    for at in (0..size).step_by(BLOCK) {
        let (mut block, length) = ([0; BLOCK], BLOCK.min(size - at));
        let read = file.read_at(&mut block[..length], at as u64)?;
        if block[..read].iter().all(|&byte| byte == 0) {
            file.write_all_at(&block[..length], at as u64)?;
        }
    }
    Ok(())
}

/// Returns the largest file size of this process. Exceeding it does not fail: SIGXFSZ ends the process.
pub fn largest_file() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for the limit.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    limit.rlim_cur
}

/// Returns the user as whom this process makes files.
pub fn user() -> u32 {
    // SAFETY: takes nothing, and cannot fail.
    unsafe { libc::geteuid() }
}
