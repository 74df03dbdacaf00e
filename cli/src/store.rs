//! `sslsession store`: the named stores, from outside.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::arguments::Store;
use crate::output::{self, Failure, STRONG, println};
use crate::store_file::{self, StoreFile};
use sslsession_store::config::MEMORY_FILES;

/// Lists or removes stores.
pub fn store(command: &Store) -> Result<ExitCode, Failure> {
    match command {
        Store::Ls { stores, json } => list(stores, *json),
        Store::Rm { unused: true, .. } => remove_unused(),
        Store::Rm { stores, force, .. } => {
            // Each is tried, so that one that is in use does not keep the others.
            let refused: Vec<Failure> = stores.iter().filter_map(|name| remove(name, *force).err()).collect();
            refused.iter().for_each(|failure| output::complain(&failure.to_string()));
            Ok(ExitCode::from(if refused.is_empty() { 0 } else { output::FAILED }))
        }
    }
}

/// A line of the list.
#[derive(Serialize)]
struct Row {
    name: String,
    path: PathBuf,
    size: u64,
    layout: u32,
    age_seconds: Option<u64>,
    owner: u32,
    in_use: bool,
    processes: Vec<u32>,
}

impl Row {
    fn of(store: &StoreFile) -> Row {
        Row {
            name: store.name(),
            path: store.path.clone(),
            size: store.size,
            layout: store.layout,
            age_seconds: store.age().map(|age| age.as_secs()),
            owner: store.owner(),
            in_use: store.is_in_use,
            processes: if store.is_in_use { store.processes() } else { Vec::new() },
        }
    }

    fn users(&self) -> String {
        let ids: Vec<String> = self.processes.iter().map(u32::to_string).collect();
        match ids.as_slice() {
            [] if self.in_use => "processes that cannot be seen from here".to_owned(),
            [] => "no process".to_owned(),
            [id] => format!("process {id}"),
            ids => format!("{} processes: {}", ids.len(), ids.join(" ")),
        }
    }
}

fn list(named: &[PathBuf], is_json: bool) -> Result<ExitCode, Failure> {
    let mut stores = store_file::all_in(Path::new(MEMORY_FILES)).unwrap_or_default();
    for name in named {
        let path = store_file::path_of(name);
        if path.is_dir() {
            stores.extend(store_file::all_in(&path).map_err(|error| refused(&path, &error))?);
        } else if !stores.iter().any(|store| store.path == path) {
            stores.push(open(&path)?);
        }
    }
    let rows: Vec<Row> = stores.iter().map(Row::of).collect();
    if is_json {
        output::print_json(&rows);
    } else if rows.is_empty() {
        println!("There are no named stores in {MEMORY_FILES}.");
    } else {
        let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default().max(4);
        println!("{STRONG}{:width$}  {:>6}  {:>8}  {:>6}  used by{STRONG:#}", "name", "size", "age", "owner");
        for row in &rows {
            let age = row.age_seconds.map_or("?".to_owned(), |age| output::age(std::time::Duration::from_secs(age)));
            let (size, owner) = (output::size(row.size), row.owner);
            println!("{:width$}  {size:>6}  {age:>8}  {owner:>6}  {}", output::printable(&row.name), row.users());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> Result<StoreFile, Failure> {
    let store = StoreFile::open(path).map_err(|error| refused(path, &error))?;
    store.ok_or_else(|| Failure::new(format!("{}: is no store of sessions", path.display())))
}

fn refused(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

fn remove(name: &Path, is_forced: bool) -> Result<(), Failure> {
    let store = open(&store_file::path_of(name))?;
    if !store.lock() && !is_forced {
        let users = Row::of(&store).users();
        let name = store.name();
        return Err(Failure::new(format!(
            "{name}: is in use by {users}. With --force these keep it until they end, and new ones make another"
        )));
    }
    remove_file(&store)
}

fn remove_file(store: &StoreFile) -> Result<(), Failure> {
    store.remove().map_err(|error| refused(&store.path, &error))?;
    println!("removed {}", output::printable(&store.name()));
    Ok(())
}

fn remove_unused() -> Result<ExitCode, Failure> {
    let stores =
        store_file::all_in(Path::new(MEMORY_FILES)).map_err(|error| refused(Path::new(MEMORY_FILES), &error))?;
    for store in stores.iter().filter(|store| store.lock()) {
        remove_file(store)?;
    }
    Ok(ExitCode::SUCCESS)
}
