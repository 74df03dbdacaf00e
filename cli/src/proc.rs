//! Processes, as /proc shows them.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use crate::output;

/// A part of a process's memory: a line of /proc/PID/maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its addresses, as the line has them.
    pub addresses: String,
    /// Its size in bytes.
    pub size: u64,
    /// It is shared with other processes.
    pub is_shared: bool,
    /// The device, as major:minor in hexadecimal digits, and the file's number; 0 if it is of no file.
    pub file: (String, u64),
    /// The file's path where the process sees it.
    pub path: PathBuf,
    /// The file was removed.
    pub is_deleted: bool,
}

impl Mapping {
    /// Returns its first address.
    pub fn start(&self) -> Option<u64> {
        u64::from_str_radix(self.addresses.split_once('-')?.0, 16).ok()
    }

    /// Reads a line: `addresses rwxs offset device inode path`.
    fn of(line: &[u8]) -> Option<Mapping> {
        const DELETED: &[u8] = b" (deleted)";
        let mut words = line.splitn(6, |&byte| byte == b' ');
        let mut word = || std::str::from_utf8(words.next()?).ok();
        let (addresses, rights, _, device, inode) = (word()?, word()?, word()?, word()?, word()?);
        let (start, end) = addresses.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        let path = words.next().unwrap_or_default().trim_ascii_start();
        let is_deleted = path.ends_with(DELETED);
        let path = path.strip_suffix(DELETED).unwrap_or(path);
        Some(Mapping {
            addresses: addresses.to_owned(),
            size: address(end)?.checked_sub(address(start)?)?,
            is_shared: rights.ends_with('s'),
            file: (device.to_owned(), inode.parse().ok()?),
            path: PathBuf::from(OsString::from_vec(path.to_vec())),
            is_deleted,
        })
    }
}

/// Returns the parts of a process's memory.
pub fn mappings(process: u32) -> io::Result<Vec<Mapping>> {
    let maps = fs::read(format!("/proc/{process}/maps"))?;
    Ok(maps.split(|&byte| byte == b'\n').filter_map(Mapping::of).collect())
}

/// Returns the environment that a process was started with. Some programs write over it.
pub fn environment(process: u32) -> io::Result<Vec<(OsString, OsString)>> {
    let environment = fs::read(format!("/proc/{process}/environ"))?;
    let variables = environment.split(|&byte| byte == 0).filter_map(|variable| {
        let equals = variable.iter().position(|&byte| byte == b'=')?;
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some((text(&variable[..equals]), text(&variable[equals + 1..])))
    });
    Ok(variables.collect())
}

/// Returns true if a process runs with more rights than its user: the loader and the library ignore its environment.
pub fn is_secure(process: u32) -> io::Result<bool> {
    /// AT_SECURE, in the pairs of words that the kernel gave to the program.
    const SECURE: u64 = 23;
    let auxiliary = fs::read(format!("/proc/{process}/auxv"))?;
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
    Ok(auxiliary.chunks_exact(16).any(|pair| word(&pair[..8]) == SECURE && word(&pair[8..]) != 0))
}

/// Returns the processes.
pub fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut processes: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    processes.sort_unstable();
    processes
}

/// Returns the processes that have a file mapped, of those whose memory may be looked at.
pub fn processes_with(device: u64, inode: u64) -> Vec<u32> {
    processes_that_map(&file_number(device, inode))
}

/// Returns a file as /proc/PID/maps names it.
pub fn file_number(device: u64, inode: u64) -> (String, u64) {
    (format!("{:02x}:{:02x}", major(device), minor(device)), inode)
}

/// Opens what a process has mapped, also if it was removed. None if it is of no file, unless root asks.
pub fn open_mapped(process: u32, mapping: &Mapping) -> Option<File> {
    let through_kernel = format!("/proc/{process}/map_files/{}", mapping.addresses);
    let by_path = || if mapping.is_deleted { None } else { File::open(path_in(process, &mapping.path)).ok() };
    File::open(through_kernel).ok().or_else(by_path)
}

/// Returns the path under which this process sees what another one has at a path.
fn path_in(process: u32, path: &Path) -> PathBuf {
    Path::new("/proc").join(process.to_string()).join("root").join(path.strip_prefix("/").unwrap_or(path))
}

/// Returns a process's number as it knows it itself, and 16 bits of the number of its namespace.
pub fn own_number(process: u32) -> Option<(u32, u16)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    let namespace = fs::read_link(format!("/proc/{process}/ns/pid")).ok()?;
    let namespace = namespace.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?;
    Some((numbers.split_whitespace().last()?.parse().ok()?, namespace.parse::<u64>().ok()? as u16))
}

/// Returns the processes that have a file mapped, as /proc/PID/maps names it.
pub fn processes_that_map(file: &(String, u64)) -> Vec<u32> {
    let has = |process: &u32| mappings(*process).is_ok_and(|all| all.iter().any(|mapping| mapping.file == *file));
    processes().into_iter().filter(has).collect()
}

/// Returns a process's name, without control characters.
pub fn name(process: u32) -> String {
    let name = fs::read(format!("/proc/{process}/comm")).unwrap_or_default();
    output::printable(String::from_utf8_lossy(&name).trim_end())
}

/// Returns the parts of a process's memory that the kernel leaves out of core dumps (dd), by their addresses.
pub fn left_out_of_core_dumps(process: u32) -> Vec<String> {
    let smaps = fs::read(format!("/proc/{process}/smaps")).unwrap_or_default();
    let mut found = Vec::new();
    let mut addresses = String::new();
    for line in smaps.split(|&byte| byte == b'\n') {
        if let Some(mapping) = Mapping::of(line) {
            addresses = mapping.addresses;
        } else if line.starts_with(b"VmFlags:") && line.split(|&byte| byte == b' ').any(|flag| flag == b"dd") {
            found.push(addresses.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Mapping;
    use std::path::Path;

    #[test]
    fn lines_of_maps() {
        let line = b"7f00-9f00 rw-s 00000000 00:1a 42                         /dev/shm/a b (deleted)";
        let mapping = Mapping::of(line).expect("a line");
        assert_eq!((mapping.size, mapping.is_shared, mapping.is_deleted), (0x2000, true, true));
        assert_eq!((mapping.file, mapping.path.as_path()), (("00:1a".to_owned(), 42), Path::new("/dev/shm/a b")));
        let mapping = Mapping::of(b"7f00-9f00 r-xp 00000000 00:00 0 ").expect("a line");
        assert_eq!((mapping.is_shared, mapping.path.as_path()), (false, Path::new("")));
        for line in [&b"VmFlags: rd wr"[..], b"", b"Size:                  4 kB", b"9-7 rw-s 0 00:00 0"] {
            assert_eq!(Mapping::of(line), None, "{line:?}");
        }
    }
}
