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
use crate::settings::{self, MEMORY, Settings, Store};
use sslsession_store::Shared;
use sslsession_store::file_system::user;
use sslsession_store::key_file::Keys;
use sslsession_store::out_of_reach::why_out_of_reach;
use sslsession_store::shared::{MAX_SIZE, MIN_SIZE, why_no_room};

const _: () = assert!(settings::Shared::MIN_SIZE == MIN_SIZE && settings::Shared::MAX_SIZE == MAX_SIZE);

/// Programs that load libssl only after they have changed their root.
const LOAD_LIBSSL_LATE: [&str; 4] = ["imap-login", "pop3-login", "submission-login", "managesieve-login"];

/// Result of opening a store; None if none is asked for.
struct Opened {
    user: u32,
    store: Option<Result<Shared, String>>,
    /// Location of its file, if it has one.
    place: Option<Place>,
}

/// A file and its directory, by their devices and inode numbers.
struct Place {
    path: PathBuf,
    file: (u64, u64),
    directory: (u64, u64),
}

impl Place {
    fn of(path: &Path) -> Option<Place> {
        let (file, directory) = (path.symlink_metadata().ok()?, path.parent()?.metadata().ok()?);
        Some(Place { path: path.to_owned(), file: number(&file), directory: number(&directory) })
    }

    /// Returns true if the directory can be read, and the file is not in it.
    fn is_left(&self) -> bool {
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
}

/// Returns true if there is no store yet, and it should belong to another user than this one.
fn is_left_to_others(settings: &Settings) -> bool {
    let Store::Shared(wanted) = &settings.store else { return false };
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
        Some(_) if handle::stands_alone() => (None, Some(WITHOUT_LIBSSL)),
        Some(Ok(store)) => (Some(store), None),
        Some(Err(why)) => (None, Some(why.as_str())),
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
    opened().place.as_ref().is_some_and(Place::is_left)
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
    let Store::Shared(wanted) = &settings.store else { return Opened { user: user(), store: None, place: None } };
    let store = match &wanted.path {
        None => Shared::anonymous(wanted.size.unwrap_or(settings::Shared::USUAL)).map_err(of_store),
        Some(path) => open_file(path, wanted.size, settings),
    };
    let place = wanted.path.as_deref().filter(|_| store.is_ok()).and_then(Place::of);
    Opened { user: user(), store: Some(store), place }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn of_store(why: String) -> String {
    format!("SSLSESSION_STORE: {why}")
}

fn open_file(path: &Path, size: Option<usize>, settings: &Settings) -> Result<Shared, String> {
    if let Some(reason) = why_out_of_reach(path) {
        return Err(of_store(format!("{}: {reason}", path.display())));
    }
    let size = size.or_else(|| size_of_store(path)).unwrap_or(settings::Shared::USUAL);
    let refused = |why: String| of_store(format!("{} {why}", path.display()));
    let keys = match &settings.key_file {
        Some(file) => Keys::read(file).map_err(|why| format!("SSLSESSION_KEY_FILE: {why}")),
        // A store in memory may have its key beside it: who can read that can read the server's
        // memory too.
        None if path.starts_with("/dev/shm") => {
            why_no_room(path, size).map_or(Ok(()), |why| Err(refused(why)))?;
            Keys::beside(path).map_err(of_store)
        }
        None => Err(refused("is on a disk, and a store there needs SSLSESSION_KEY_FILE".to_owned())),
    }?;
    Shared::named(path, size, &keys).map_err(refused)
}

/// Returns the size of an existing store, which applies where the settings name none.
fn size_of_store(path: &Path) -> Option<usize> {
    let size = path.symlink_metadata().ok().filter(fs::Metadata::is_file)?.len() as usize;
    (MIN_SIZE..=MAX_SIZE).contains(&size).then_some(size)
}

/// Returns true if the settings ask for a shared store.
pub(in crate::cache) fn is_wanted() -> bool {
    settings::get().store != Store::Memory
}
