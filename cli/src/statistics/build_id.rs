//! Which build of the library a process has loaded.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::Statistics;
use crate::elf::Elf;
use crate::{library, proc};

/// Looks at the library of each process. Each file is read once, which takes longer than all else: so only who wants to know
/// asks.
pub fn add_build_ids(stores: &mut [Statistics]) {
    let mut known = HashMap::new();
    for process in stores.iter_mut().flat_map(|store| &mut store.processes) {
        let mappings = proc::mappings(process.process).unwrap_or_default();
        let Some(loaded) = mappings.into_iter().find(|mapping| library::is_ours(&mapping.path)) else { continue };
        let read = |loaded| Elf::of_file(&proc::open_mapped(process.process, loaded)?).ok()?.build_id;
        process.build_id = known.entry(loaded.file.clone()).or_insert_with(|| read(&loaded)).clone();
    }
}
