//! Opening the shared store that the settings ask for.
//!
//! ```text
//!   library loaded ─► settings ask for a store ─► open it, silently: before a server changes its root, gives up its
//!                                                 rights, forks workers that make their own contexts
//!   first SSL_CTX ──► opened? else open ─► refused ─► say why, once
//! ```
//! A process that makes no SSL_CTX has a mapping of which it touches nothing.
//!
//! A named store belongs to whom it was made by, and is refused to others. So root does not make one at load where no libssl
//! is: it may be a shell, or setpriv, that starts the server as another user. Who makes the first SSL_CTX makes it then.
#![forbid(unsafe_code)]

use std::path::Path;

use once_cell::race::OnceBox;

use crate::handle;
use crate::settings::{self, Settings, Store};
use crate::store::Shared;
use crate::store::shared::{Keys, LARGEST, SMALLEST, user, why_out_of_reach};

const _: () = assert!(settings::Shared::SMALLEST == SMALLEST && settings::Shared::LARGEST == LARGEST);

/// Programs that load libssl only after they have changed their root.
const LOAD_LIBSSL_LATE: [&str; 4] = ["imap-login", "pop3-login", "submission-login", "managesieve-login"];

/// What became of opening a store; None if none is asked for.
struct Opened {
    user: u32,
    store: Option<Result<Shared, String>>,
}

static AT_LOAD: OnceBox<Opened> = OnceBox::new();

/// Opens the store if the settings ask for one, when the library is loaded. Nothing is said.
pub fn at_load() {
    if let Some(settings) = settings::asking_for_store()
        && !is_left_to_others(settings)
    {
        AT_LOAD.get_or_init(|| Box::new(open(settings)));
    }
}

/// Returns true if a store is not there yet, and should belong to another user than this one.
fn is_left_to_others(settings: &Settings) -> bool {
    let Store::Shared(wanted) = &settings.store else { return false };
    let is_missing = wanted.path.as_deref().is_some_and(|path| !path.exists());
    is_missing && user() == 0 && !settings::is_named(&LOAD_LIBSSL_LATE) && !handle::has_libssl()
}

/// The store of this process and of those that it forks. None if there is to be none, or it cannot be had: that is said
/// once.
pub(super) fn store() -> Option<&'static Shared> {
    static STORE: OnceBox<Option<&'static Shared>> = OnceBox::new();
    if let Some(store) = STORE.get() {
        return *store;
    }
    let (store, refused) = match &opened().store {
        None => (None, None),
        Some(_) if handle::stands_alone() => (None, Some("without a libssl, sessions cannot be turned into bytes")),
        Some(Ok(store)) => (Some(store), None),
        Some(Err(why)) => (None, Some(why.as_str())),
    };
    if STORE.set(Box::new(store)).is_ok()
        && let Some(why) = refused
    {
        settings::complain(&format!("SSLSESSION_STORE: {why}; sessions stay in each process's memory"));
    }
    *STORE.get()?
}

/// Returns what was opened at load, or opens it now. What was refused then to another user is tried again.
fn opened() -> &'static Opened {
    static LATER: OnceBox<Opened> = OnceBox::new();
    let at_load = AT_LOAD.get().filter(|opened| !matches!(opened.store, Some(Err(_))) || opened.user == user());
    at_load.unwrap_or_else(|| LATER.get_or_init(|| Box::new(open(settings::get()))))
}

/// Opens the store that the settings ask for.
fn open(settings: &Settings) -> Opened {
    let Store::Shared(wanted) = &settings.store else { return Opened { user: user(), store: None } };
    let store = match &wanted.path {
        None => Shared::anonymous(wanted.size),
        Some(path) => open_file(path, wanted.size, settings).map_err(|why| match why_out_of_reach(path) {
            Some(reason) => format!("{why}: {reason}"),
            None => why,
        }),
    };
    Opened { user: user(), store: Some(store) }
}

fn open_file(path: &Path, size: usize, settings: &Settings) -> Result<Shared, String> {
    let keys = keys(path, settings)?;
    Shared::named(path, size, &keys).map_err(|why| format!("{} {why}", path.display()))
}

/// The keys of a named store. One in memory may have its key beside it: who can read that can read the server's memory too.
fn keys(path: &Path, settings: &Settings) -> Result<Keys, String> {
    match &settings.key_file {
        Some(file) => Keys::read(file),
        None if path.starts_with("/dev/shm") => Keys::beside(path),
        None => Err(format!("{} is on a disk, and a store there needs SSLSESSION_KEY_FILE", path.display())),
    }
}

/// Returns true if the settings ask for a shared store.
pub(in crate::cache) fn is_wanted() -> bool {
    settings::get().store != Store::Memory
}
