//! Stores, by their names or by the processes that have them.
#![forbid(unsafe_code)]

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::memory::Memory;
use crate::output::Failure;
use crate::proc::{self, Mapping};
use crate::store_file;
use sslsession_store::config::MEMORY_FILES;
use sslsession_store::shared::MAGIC;

/// The file that the kernel says shared memory without a name is of.
const NO_FILE: &str = "/dev/zero";

/// The file of what a process shows that has no store.
pub const WITHOUT_STORE: &str = "/memfd:sslsession";

/// A store, and the way to its bytes.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    /// None for one without a name.
    pub path: Option<PathBuf>,
    /// False for what a process shows that has no store.
    pub is_shared: bool,
    pub is_removed: bool,
    pub size: u64,
    /// As /proc/PID/maps has it.
    pub file: (String, u64),
    pub memory: Memory,
}

/// The processes whose memory may be looked at, and what they share.
#[derive(Debug)]
pub struct Census(Vec<(u32, Vec<Mapping>)>);

impl Census {
    /// Looks at all processes.
    pub fn new() -> Census {
        let shared = |process: u32| {
            let mut mappings = proc::mappings(process).ok()?;
            mappings.retain(|mapping| mapping.is_shared && mapping.file.1 != 0);
            (!mappings.is_empty()).then_some((process, mappings))
        };
        Census(proc::processes().into_iter().filter_map(shared).collect())
    }

    /// Returns the processes that have a file mapped.
    pub fn processes_with(&self, file: &(String, u64)) -> Vec<u32> {
        let have = self.0.iter().filter(|(_, mappings)| mappings.iter().any(|mapping| mapping.file == *file));
        have.map(|(process, _)| *process).collect()
    }
}

/// Returns all stores that can be read: those in /dev/shm, then those without a name.
pub fn all(census: &Census) -> Vec<Source> {
    let named = store_file::paths_in(Path::new(MEMORY_FILES)).unwrap_or_default();
    let mut stores: Vec<Source> = named.iter().filter_map(|path| by_path(path).ok()).collect();
    for (process, mappings) in &census.0 {
        for mapping in mappings {
            if !stores.iter().any(|store| store.file == mapping.file) {
                stores.extend(of_mapping(*process, mapping));
            }
        }
    }
    stores
}

/// Returns the store of a name, a path or a process's number.
pub fn by_name(name: &Path, census: &Census) -> Result<Source, Failure> {
    let number = name.to_str().and_then(|name| name.parse().ok());
    let path = store_file::path_of(name);
    // A store may have a number for a name.
    match number {
        Some(process) if !path.exists() => by_process(process, census),
        _ => by_path(&path),
    }
}

fn by_path(path: &Path) -> Result<Source, Failure> {
    let refused = |error: io::Error| Failure::new(format!("{}: {}", path.display(), in_words(&error)));
    let file = store_file::open(path).map_err(refused)?;
    let header = store_file::header(&file).map_err(refused)?;
    let header = header.ok_or_else(|| Failure::new(format!("{}: is no store of sessions", path.display())))?;
    let metadata = file.metadata().map_err(refused)?;
    Ok(Source {
        name: store_file::name_of(path),
        path: Some(path.to_owned()),
        is_shared: true,
        is_removed: false,
        size: header.size,
        file: proc::file_number(metadata.dev(), metadata.ino()),
        memory: Memory::of_file(file),
    })
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such store".to_owned(),
        io::ErrorKind::PermissionDenied => "may be read by its owner and root only".to_owned(),
        _ => error.to_string(),
    }
}

fn by_process(process: u32, census: &Census) -> Result<Source, Failure> {
    let mappings = proc::mappings(process).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format!("there is no process {process}, nor a store of that name")),
        io::ErrorKind::PermissionDenied => {
            Failure::new(format!("process {process} is another user's: ask as that user or root"))
        }
        _ => Failure::new(format!("process {process}: {error}")),
    })?;
    let shared = mappings.iter().filter(|mapping| mapping.is_shared && mapping.file.1 != 0);
    let mut found = shared.filter_map(|mapping| of_mapping(process, mapping));
    let found = found.next().ok_or_else(|| why_none(process, &mappings))?;
    // By the first process that has it, whichever was asked for.
    let first = census.processes_with(&found.file).into_iter().next().filter(|_| found.path.is_none());
    Ok(Source { name: first.map_or(found.name, name_without), ..found })
}

fn why_none(process: u32, mappings: &[Mapping]) -> Failure {
    let name = proc::name(process);
    let left_out = proc::left_out_of_core_dumps(process);
    let may_be_ours = |mapping: &Mapping| mapping.path == Path::new(NO_FILE) && left_out.contains(&mapping.addresses);
    if mappings.iter().any(may_be_ours) {
        return Failure::new(format!(
            "process {process} ({name}) has a store without a name that was not used yet, or may be read by root only"
        ));
    }
    Failure::new(format!("process {process} ({name}) has no shared store: `sslsession check {process}` says why"))
}

/// Returns the store that a process has mapped; None if the mapping is of something else, or may not be read.
fn of_mapping(process: u32, mapping: &Mapping) -> Option<Source> {
    let is_shared = mapping.path != Path::new(WITHOUT_STORE);
    let is_without_name = mapping.path == Path::new(NO_FILE) || !is_shared;
    let memory = match proc::open_mapped(process, mapping) {
        Some(file) => Memory::of_file(file),
        None if is_without_name => Memory::of_process(process, mapping.start()?).ok()?,
        None => return None,
    };
    if memory.bytes(0, MAGIC.len()).ok()? != MAGIC {
        return None;
    }
    Some(Source {
        name: if is_without_name { name_without(process) } else { store_file::name_of(&mapping.path) },
        path: (!is_without_name).then(|| mapping.path.clone()),
        is_shared,
        is_removed: mapping.is_deleted && !is_without_name,
        size: mapping.size,
        file: mapping.file.clone(),
        memory,
    })
}

fn name_without(process: u32) -> String {
    format!("of process {process}")
}
