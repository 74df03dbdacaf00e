//! Opening the shared store that the settings ask for.
//!
//! ```text
//!   library loaded ─► settings ask for a store ─► open it, silently: before a server changes its root, gives up its
//!                                                 rights, forks workers that make their own contexts
//!   first SSL_CTX ──► opened? else open ─► refused ─► say why, once
//! ```
//! A process that makes no SSL_CTX has a mapping of which it touches nothing.
#![forbid(unsafe_code)]

use std::path::Path;

use once_cell::race::OnceBox;

use crate::handle;
use crate::settings::{self, Settings, Store};
use crate::store::Shared;
use crate::store::shared::{Keys, LARGEST, SMALLEST, why_out_of_reach};

const _: () = assert!(settings::Shared::SMALLEST == SMALLEST && settings::Shared::LARGEST == LARGEST);

/// The store, or why there is none; None if none is asked for.
type Opened = Option<Result<Shared, String>>;

static OPENED: OnceBox<Opened> = OnceBox::new();

/// Opens the store and reads the keys of tickets if the settings ask for it, when the library is loaded. Nothing is said, and libssl is not looked for.
pub fn at_load() {
    if let Some(settings) = settings::asking_for_store() {
        opened(settings);
    }
    super::ticket_keys::at_load();
}

/// The store of this process and of those that it forks. None if there is to be none, or it cannot be had: that is said
/// once.
pub(super) fn store() -> Option<&'static Shared> {
    static STORE: OnceBox<Option<&'static Shared>> = OnceBox::new();
    if let Some(store) = STORE.get() {
        return *store;
    }
    let (store, refused) = match opened(settings::get()) {
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

fn opened(settings: &Settings) -> Option<&'static Result<Shared, String>> {
    OPENED.get_or_init(|| Box::new(open(settings))).as_ref()
}

/// Opens the store that the settings ask for.
fn open(settings: &Settings) -> Opened {
    let Store::Shared(wanted) = &settings.store else { return None };
    Some(match &wanted.path {
        None => Shared::anonymous(wanted.size),
        Some(path) => open_file(path, wanted.size, settings).map_err(|why| match why_out_of_reach(path) {
            Some(reason) => format!("{why}: {reason}"),
            None => why,
        }),
    })
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
