//! The process's ring of ticket keys, and the file that they come from.
//!
//! ```text
//!   library loaded ─► settings ask for shared tickets ─► read the file, silently: before a server changes its root, gives
//!                                                        up its rights, forks workers that make their own contexts
//!   first SSL_CTX ──► was it refused? say why, once
//!   each use ───────► a minute since the last check? has it changed? ─► read it ─► refused: say why; the keys stay
//! ```
//! A worker that may no longer read the file continues with the keys that it has, and logs nothing.
#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use once_cell::race::OnceBox;

use crate::settings::{self, Settings, SharedTickets, Tickets};
use sslsession_store::key_file::KeyFileError;
use sslsession_store::ticket_keys::{self, KeyRing, Stamp};
use sslsession_store::time::UnixTime;
use sslsession_store::{LeafMutex, LeafMutexGuard};

/// Number of seconds for which the file is not checked again.
const UNCHANGED: i64 = 60;

struct Keys {
    file: &'static Path,
    state: LeafMutex<State>,
    /// Time of the last check of the file.
    looked: AtomicI64,
    is_told: AtomicBool,
}

struct State {
    ring: KeyRing,
    /// Stamp of the file as it was last read, or refused.
    stamp: Option<Stamp>,
    /// Reason why there are no keys.
    refused: Option<KeyFileError>,
}

static KEYS: OnceBox<Option<Keys>> = OnceBox::new();

/// Reads the key file if the settings ask for shared tickets, when the library is loaded.
pub(super) fn at_load() {
    if let Some(settings) = settings::asking_for_ticket_keys() {
        keys_of(settings);
    }
}

/// Returns the shared tickets that the settings ask for.
pub(super) fn wanted() -> Option<SharedTickets> {
    match settings::get().tickets {
        Tickets::Shared(wanted) => Some(wanted),
        _ => None,
    }
}

fn keys_of(settings: &'static Settings) -> Option<&'static Keys> {
    KEYS.get_or_init(|| Box::new(Keys::new(settings))).as_ref()
}

impl Keys {
    fn new(settings: &'static Settings) -> Option<Keys> {
        let (Tickets::Shared(wanted), Some(file)) = (settings.tickets, settings.key_file.as_deref()) else {
            return None;
        };
        let mut state = State { ring: KeyRing::new(wanted.epoch).ok()?, stamp: Stamp::of(file), refused: None };
        match ticket_keys::read(file) {
            Ok(lines) => state.ring.set(&lines),
            Err(why) => state.refused = Some(why),
        }
        Some(Keys {
            file,
            state: LeafMutex::new(state),
            looked: AtomicI64::new(i64::MIN),
            is_told: AtomicBool::new(false),
        })
    }

    /// Reads the file again if it has changed; also if its keys are not for this time, as after a
    /// wrong clock.
    fn refresh(&self, now: UnixTime) {
        let last = self.looked.load(Ordering::Relaxed);
        let is_due = !(0..UNCHANGED).contains(&now.0.saturating_sub(last));
        if !is_due || self.looked.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let Some(stamp) = Stamp::of(self.file) else { return };
        let has_changed = {
            let mut state = self.state.lock();
            state.ring.move_to(now);
            state.stamp != Some(stamp) || !state.ring.can_seal()
        };
        if !has_changed {
            return;
        }
        let read = ticket_keys::read(self.file);
        let mut complaint = None;
        {
            let mut state = self.state.lock();
            let is_new = state.stamp.replace(stamp) != Some(stamp);
            match read {
                Ok(lines) => {
                    state.ring.set(&lines);
                    state.refused = None;
                }
                Err(why) if state.refused.is_none() => complaint = Some(why).filter(|_| is_new),
                Err(why) => state.refused = Some(why),
            }
        }
        if let Some(why) = complaint {
            settings::complain(&format!("SSLSESSION_KEY_FILE: {why}; tickets keep the keys of before"));
        }
    }
}

/// Returns the shared tickets that there are keys for, as far as the file was read.
pub(super) fn held() -> Option<SharedTickets> {
    let has_keys = |keys: &&Keys| keys.state.lock().refused.is_none();
    keys_of(settings::get()).filter(has_keys).and_then(|_| wanted())
}

/// Returns true if there are keys for the tickets of a new context. Complains once if the file was
/// refused.
pub(super) fn are_there(now: UnixTime) -> bool {
    let Some(keys) = keys_of(settings::get()) else { return false };
    keys.refresh(now);
    let refused = keys.state.lock().refused.as_ref().map(ToString::to_string);
    if let Some(why) = &refused
        && !keys.is_told.swap(true, Ordering::Relaxed)
    {
        settings::complain(&format!("SSLSESSION_TICKETS=shared: {why}; tickets stay as the application has them"));
    }
    refused.is_none()
}

/// Calls `use_it` with the keys of this time.
pub(super) fn with_ring<T>(now: UnixTime, use_it: impl FnOnce(&mut KeyRing) -> T) -> Option<T> {
    let keys = keys_of(settings::get())?;
    keys.refresh(now);
    let mut state = keys.state.lock();
    state.ring.move_to(now);
    Some(use_it(&mut state.ring))
}

/// Guard of the ring around a fork, if there is a ring.
pub struct ForkGuard(Option<LeafMutexGuard<'static, State>>);

/// Acquires the ring's lock for a fork; None if another thread holds it.
pub fn try_hold_ticket_keys() -> Option<ForkGuard> {
    match KEYS.get().and_then(Option::as_ref) {
        Some(keys) => keys.state.try_lock().map(|state| ForkGuard(Some(state))),
        None => Some(ForkGuard(None)),
    }
}

/// Keeps the child's keys out of swap after a fork, which does not inherit memory locks.
pub fn keep_ticket_keys_in_memory() {
    if let Some(ForkGuard(Some(state))) = try_hold_ticket_keys() {
        state.ring.keep_in_memory();
    }
}
