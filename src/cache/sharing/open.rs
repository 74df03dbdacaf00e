//! Opening the shared store that the settings ask for.
#![forbid(unsafe_code)]

use std::path::Path;

use once_cell::race::OnceBox;

use crate::handle;
use crate::settings::{self, Store};
use crate::store::Shared;
use crate::store::shared::{Keys, LARGEST, SMALLEST};

const _: () = assert!(settings::Shared::SMALLEST == SMALLEST && settings::Shared::LARGEST == LARGEST);

/// The store of this process, made at the first attachment: before a server forks, changes its root, or gives up its
/// rights. None if there is to be none, or it cannot be had: that is said once.
pub(super) fn store() -> Option<&'static Shared> {
    static STORE: OnceBox<Option<Shared>> = OnceBox::new();
    if let Some(store) = STORE.get() {
        return store.as_ref();
    }
    let (store, refused) = match open() {
        Ok(store) => (store, None),
        Err(why) => (None, Some(why)),
    };
    if STORE.set(Box::new(store)).is_ok()
        && let Some(why) = refused
    {
        settings::complain(&format!("SSLSESSION_STORE: {why}; sessions stay in each process's memory"));
    }
    STORE.get()?.as_ref()
}

/// The store that the settings ask for, or why it cannot be had.
fn open() -> Result<Option<Shared>, String> {
    let Store::Shared(wanted) = &settings::get().store else { return Ok(None) };
    if handle::stands_alone() {
        return Err("without a libssl, sessions cannot be turned into bytes".to_owned());
    }
    let store = match &wanted.path {
        None => Shared::anonymous(wanted.size)?,
        Some(path) => {
            let keys = keys(path)?;
            Shared::named(path, wanted.size, &keys).map_err(|why| format!("{} {why}", path.display()))?
        }
    };
    Ok(Some(store))
}

/// The keys of a named store. One in memory may have its key beside it: who can read that can read the server's memory too.
fn keys(path: &Path) -> Result<Keys, String> {
    match &settings::get().key_file {
        Some(file) => Keys::read(file),
        None if path.starts_with("/dev/shm") => Keys::beside(path),
        None => Err(format!("{} is on a disk, and a store there needs SSLSESSION_KEY_FILE", path.display())),
    }
}

/// Returns true if the settings ask for a shared store.
pub(in crate::cache) fn is_wanted() -> bool {
    settings::get().store != Store::Memory
}
