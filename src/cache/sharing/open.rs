//! Opening the shared store that the settings ask for.
//!
//! ```text
//!   library loaded ─► settings ask for a store ─► open it, silently: before a server changes its root, gives up its
//!                                                 rights, forks workers that make their own contexts
//!   first SSL_CTX ──► opened? else open ─► refused ─► say why, once
//! ```
//! A process that makes no SSL_CTX has a mapping of which it touches nothing.
//!
//! A named store belongs to the user who made it, and is refused to others. So root makes none at
//! load if no libssl is loaded: the process may be a shell, or setpriv, that starts the server as
//! another user. The process that makes the first SSL_CTX then makes the store.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use once_cell::race::OnceBox;

use crate::handle;
use crate::settings::{self, MEMORY, Settings};
use sslsession_store::Shared;
use sslsession_store::config::Config;
use sslsession_store::file_system::user;
use sslsession_store::open::{self, OpenError};

/// Programs that load libssl only after they have changed their root.
const LOAD_LIBSSL_LATE: [&str; 4] = ["imap-login", "pop3-login", "submission-login", "managesieve-login"];

/// Result of opening a store; None if none is asked for.
struct Opened {
    user: u32,
    store: Option<Result<Shared, OpenError>>,
    /// Location of its file, if it has one.
    location: Option<Location>,
}

/// A file and its directory, by their devices and inode numbers.
struct Location {
    path: PathBuf,
    file: (u64, u64),
    directory: (u64, u64),
}

impl Location {
    fn of(path: &Path) -> Option<Location> {
        let (file, directory) = (path.symlink_metadata().ok()?, path.parent()?.metadata().ok()?);
        Some(Location { path: path.to_owned(), file: number(&file), directory: number(&directory) })
    }

    /// Returns true if the directory can be read, and the file is not in it.
    fn is_removed(&self) -> bool {
        let directory = self.path.parent().and_then(|directory| directory.metadata().ok());
        // A process that has changed its root sees another directory, or none.
        let is_there = directory.is_some_and(|directory| number(&directory) == self.directory);
        is_there && !self.path.symlink_metadata().is_ok_and(|file| number(&file) == self.file)
    }
}

fn number(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

static AT_LOAD: OnceBox<Opened> = OnceBox::new();

/// Opens the store and reads the ticket keys, if the settings ask for them, when the library is
/// loaded. Complains of nothing.
pub fn at_load() {
    if let Some(settings) = settings::asking_for_store()
        && !is_left_to_others(settings)
    {
        AT_LOAD.get_or_init(|| Box::new(open(settings)));
    }
    super::ticket_keys::at_load();
    super::remote::at_load();
}

/// Returns true if there is no store yet, and it should belong to another user than this one.
fn is_left_to_others(settings: &Settings) -> bool {
    let Config::Shared(wanted) = &settings.store else { return false };
    let is_missing = wanted.path.as_deref().is_some_and(|path| !path.exists());
    is_missing && user() == 0 && !settings::is_named(&LOAD_LIBSSL_LATE) && !handle::has_libssl()
}

static STORE: OnceBox<Option<&'static Shared>> = OnceBox::new();

/// Returns the store of this process and of those that it forks. None if none is asked for, or it
/// cannot be opened: complains once.
pub(super) fn store() -> Option<&'static Shared> {
    if let Some(store) = STORE.get() {
        return *store;
    }
    let (store, refused) = match &opened().store {
        None => (None, None),
        Some(_) if handle::stands_alone() => (None, Some(WITHOUT_LIBSSL.to_owned())),
        Some(Ok(store)) => (Some(store), None),
        Some(Err(why)) => (None, Some(why.to_string())),
    };
    if STORE.set(Box::new(store)).is_ok()
        && let Some(why) = refused
    {
        settings::complain(&format!("{why}; {MEMORY}"));
    }
    *STORE.get()?
}

const WITHOUT_LIBSSL: &str = "SSLSESSION_STORE: without a libssl, sessions cannot be turned into bytes";

/// Returns the store of this process if it has been used.
pub(super) fn opened_store() -> Option<&'static Shared> {
    *STORE.get()?
}

/// Returns true if the file of the store was removed, as far as this process can see.
pub(super) fn is_removed() -> bool {
    opened().location.as_ref().is_some_and(Location::is_removed)
}

/// Returns the store that was opened at load, or opens it now. A store that was refused to another
/// user is tried again.
fn opened() -> &'static Opened {
    static LATER: OnceBox<Opened> = OnceBox::new();
    let at_load = AT_LOAD.get().filter(|opened| !matches!(opened.store, Some(Err(_))) || opened.user == user());
    at_load.unwrap_or_else(|| LATER.get_or_init(|| Box::new(open(settings::get()))))
}

/// Opens the store that the settings ask for. An error names the variable to correct.
fn open(settings: &Settings) -> Opened {
    let Config::Shared(wanted) = &settings.store else { return Opened { user: user(), store: None, location: None } };
    let store = open::open(wanted, settings.key_file.as_deref());
    let location = wanted.path.as_deref().filter(|_| store.is_ok()).and_then(Location::of);
    Opened { user: user(), store: Some(store), location }
}

/// Returns true if the settings ask for a shared store.
pub(in crate::cache) fn is_wanted() -> bool {
    settings::get().store != Config::Memory
}
