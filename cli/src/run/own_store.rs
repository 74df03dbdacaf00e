//! The store of one run.
//!
//! ```text
//!   check makes it ─► this process holds it ─► program ends ─► nobody has it ─► removed
//!                     (a shared lock)                     └─► processes of it go on in the background: another process of
//!                                                             this command waits for them, then removes it
//! ```
//! A store whose run was killed has nobody who holds it: the next run removes it.
#![forbid(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::SigSet;
use nix::sys::statvfs::statvfs;
use sslsession_store::config::{MEMORY_FILES, SharedConfig};

use super::program::Program;
use crate::output::{self, Failure};
use crate::store_file::{self, StoreFile};

/// The beginning of such stores' names.
const PREFIX: &str = "sslsession-run-";

/// The size, if there is room for it, in bytes; else half of what there is.
const USUAL: u64 = SharedConfig::DEFAULT_SIZE as u64;

/// With less there is no use in it.
const SMALLEST: u64 = 1 << 20;

/// A store this young may be one that its run does not hold yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A store that this process holds.
pub struct OwnStore(StoreFile);

/// Returns the setting for a new store, which no other run has.
pub fn name(program: &Program) -> Result<String, Failure> {
    remove_abandoned();
    let mut random = [0; 4];
    openssl::rand::rand_bytes(&mut random).map_err(|error| Failure::new(format!("no random numbers: {error}")))?;
    let room = statvfs(MEMORY_FILES).map(|stat| stat.blocks_available() * stat.fragment_size());
    let room =
        room.map_err(|error| Failure::new(format!("{MEMORY_FILES}: {error}: the store of this run goes there")))?;
    let size = if room >= 2 * USUAL { USUAL } else { ((room / 2) >> 20) << 20 };
    if size < SMALLEST {
        return Err(Failure::new(format!(
            "{MEMORY_FILES} has room for {} KiB only: a store takes half of it, 1M to 32M (in a container: --shm-size=64m)",
            room >> 10
        )));
    }
    let number = u32::from_ne_bytes(random);
    Ok(format!("shared:{PREFIX}{}-{number:08x},size={}", program.name(), output::size(size)))
}

/// Removes the stores of runs that were killed.
fn remove_abandoned() {
    let stores = store_file::all_in(Path::new(MEMORY_FILES)).unwrap_or_default();
    for store in stores {
        let is_abandoned =
            store.name().starts_with(PREFIX) && store.age().is_some_and(|age| age > YOUNG) && store.lock();
        if is_abandoned {
            // Another user's stays.
            let _ = store.remove();
        }
    }
}

impl OwnStore {
    /// Holds the store that the check has made, for the program too: it inherits the open file, whose lock lasts while a
    /// process of it executes another program, and has nothing mapped.
    pub fn hold(path: &Path) -> Result<OwnStore, Failure> {
        if !path.exists() {
            let why =
                "was not made: the library is for another C library than this command, so name a store with --store";
            return Err(failed(path, &why));
        }
        let store = open(path)?;
        store.lock_shared().map_err(|error| failed(path, &error))?;
        fcntl(store.file(), FcntlArg::F_SETFD(FdFlag::empty())).map_err(|error| failed(path, &error))?;
        Ok(OwnStore(store))
    }

    /// Removes the store, now or when the last process is through with it.
    pub fn release(self) {
        let path = self.0.path.clone();
        // Ours ends here. What is opened now has a lock of its own.
        drop(self);
        let released = open(&path).and_then(|store| match store.lock() {
            true => store.remove().map_err(|error| failed(&path, &error)),
            false => leave(&path),
        });
        if let Err(failure) = released {
            output::warn(&failure.to_string());
        }
    }
}

fn open(path: &Path) -> Result<StoreFile, Failure> {
    let store = StoreFile::open(path).map_err(|error| failed(path, &error))?;
    store.ok_or_else(|| failed(path, &"is no store of sessions"))
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

/// Leaves a store to another process.
fn leave(path: &Path) -> Result<(), Failure> {
    let mut command = Command::new("/proc/self/exe");
    command.arg("keep").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = command.process_group(0).current_dir("/").spawn();
    started.map(drop).map_err(|error| failed(path, &format!("stays, as it is in use and nobody waits: {error}")))
}

/// Waits for the last process that has a store, and removes it. What ends the others does not end this process first.
pub fn keep(path: &Path) -> Result<ExitCode, Failure> {
    SigSet::all().thread_block().map_err(|error| failed(path, &error))?;
    let store = open(path)?;
    store.wait_and_lock().map_err(|error| failed(path, &error))?;
    store.remove().map_err(|error| failed(path, &error))?;
    Ok(ExitCode::SUCCESS)
}
