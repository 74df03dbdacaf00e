//! The process's report of itself: for `sslsession stat` in the shared store, or in memory for that
//! command if there is no store and one of the library's variables is set; and in the log.
//!
//! ```text
//!   first SSL_CTX ────────► what serves the process        in its slot; a line, if SSLSESSION_LOG is set
//!   each full handshake ──► what has stopped working       a line, once for each such thing
//!   exit() ───────────────► what the process has counted   a line
//! ```
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering, fence};

use once_cell::race::OnceBox;

use super::not_shared::{Kind, NotShared, note_first};
use super::open::{is_removed, opened_store, store};
use super::ticket_keys;
use crate::handle::Context;
use crate::settings::{self, Attach, MEMORY, Settings, Tickets};
use sslsession_store::config::Config;
use sslsession_store::shared::{Event, ProcessFacts, Statistics, WithoutStore};
use sslsession_store::time::UnixTime;
use sslsession_store::total;

/// Statistics of a process that has no store.
static WITHOUT_STORE: OnceBox<Option<WithoutStore>> = OnceBox::new();

/// Returns this process's statistics, if it shows any.
fn shown() -> Option<Statistics<'static>> {
    match opened_store() {
        Some(store) => Some(store.statistics()),
        None => WITHOUT_STORE.get()?.as_ref().map(WithoutStore::statistics),
    }
}

/// Returns the statistics of a process that has no store, if it shows them. Otherwise only reads one
/// number.
#[inline(always)]
fn without_store() -> Option<Statistics<'static>> {
    begun(WITHOUT_STORE.get()?)
}

#[cold]
fn begun(without_store: &'static Option<WithoutStore>) -> Option<Statistics<'static>> {
    let shown = without_store.as_ref()?.statistics();
    if shown.begin() {
        // A forked process has taken over what its parent shows by now.
        show_sessions_in(without_store.as_ref()?.statistics());
    }
    Some(shown)
}

/// Counts a session's event in a process that has no store, if that shows statistics.
#[inline]
pub(in crate::cache) fn count(event: Event, times: u64) {
    if let Some(shown) = without_store() {
        shown.count(event, times);
    }
}

/// Shows the number of sessions in this process's caches, if it has no store and shows statistics. Threads that change it at
/// once leave the last number.
#[inline]
pub(in crate::cache) fn show_sessions() {
    if let Some(shown) = without_store() {
        show_sessions_in(shown);
    }
}

#[cold]
fn show_sessions_in(shown: Statistics) {
    loop {
        let number = total::number();
        shown.show_sessions(number as u64);
        // Shown before it is read again: a thread that has changed it meanwhile shows it later, or is seen here.
        fence(Ordering::SeqCst);
        if total::number() == number {
            return;
        }
    }
}

/// Reports, at the first SSL_CTX, what serves this process.
pub(in crate::cache) fn on_new_context(context: Context) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if !IS_TOLD.load(Ordering::Acquire) {
        // Before any context of the process is used, whichever thread makes it.
        begin_without_store();
        if !IS_TOLD.swap(true, Ordering::AcqRel) {
            describe(context);
        }
    }
    if let Some(shown) = without_store() {
        shown.count_context(Kind::NotShared(NotShared::NoStore).number());
    }
}

/// Makes the statistics of a process without a store, if one of the library's variables is set.
fn begin_without_store() {
    if settings::are_given() && store().is_none() {
        total::begin();
        WITHOUT_STORE.get_or_init(|| Box::new(WithoutStore::new()));
    }
}

fn describe(context: Context) {
    if !settings::are_given() {
        return;
    }
    let (store, settings) = (store(), settings::get());
    let libssl = context.libssl_version().unwrap_or_else(|| "no libssl".to_owned());
    if let Some(shown) = shown() {
        shown.describe(&ProcessFacts {
            library: VERSION.map(|number| number.parse().unwrap_or(0)),
            libssl: &libssl,
            attaches_all: settings.attach == Attach::All,
            // A program that is private keeps them in its own memory.
            stateful_tickets: settings.tickets == Tickets::Stateful && (store.is_some() || settings.is_private),
            ticket_epoch: ticket_keys::epoch(),
            is_private: settings.is_private,
            is_refused: store.is_none() && !settings.is_private && settings::is_store_asked_for(),
        });
    }
    settings::tell(|| {
        let program = settings::program().display().to_string();
        format!("version {}, for {program}, {libssl}: {}", VERSION.join("."), in_words(settings))
    });
}

const VERSION: [&str; 3] =
    [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];

/// Returns a line on what the settings have led to.
fn in_words(settings: &Settings) -> String {
    let attach = match settings.attach {
        Attach::Default => "contexts that use OpenSSL's cache",
        Attach::All => "all contexts",
    };
    let tickets = match settings.tickets {
        Tickets::Shared(_) if ticket_keys::epoch().is_none() => "tickets as the program has them",
        Tickets::Application => "tickets as the program has them",
        Tickets::Stateful => "tickets are stateful where sessions are shared",
        Tickets::Shared(_) => "tickets open wherever the key file is",
    };
    match (store(), &settings.store) {
        (Some(shared), Config::Shared(wanted)) => {
            let place =
                wanted.path.as_ref().map_or("inherited by forked processes".into(), |path| path.to_string_lossy());
            format!("shared store of {}K, {place}; {attach}; {tickets}", shared.size() >> 10)
        }
        _ if settings.is_private => "private (SSLSESSION_PRIVATE)".to_owned(),
        _ => format!("{MEMORY}; {tickets}"),
    }
}

/// Logs, once for each fault, what has stopped working, if SSLSESSION_LOG is set. Called after a
/// full handshake, to which every fault leads, and where there is time.
pub(super) fn tell_of_trouble(store: Statistics, now: UnixTime) {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    if settings::get().log.is_none() {
        return;
    }
    let troubles = [
        (!store.is_kept_in_memory(), NOT_LOCKED),
        (store.counted_here(Event::Refused) > 0, WRONG_KEY),
        (store.counted_here(Event::Emptied) > 0, EMPTIED),
        (store.counted_here(Event::Unavailable) > 0, OUT_OF_REACH),
        (store.counted_here(Event::TooLarge) > 0, TOO_LARGE),
        (is_time_to_look(now) && is_removed(), REMOVED),
    ];
    for (number, (is_so, what)) in (0..).zip(troubles) {
        if is_so && note_first(&TOLD, number) {
            settings::tell(|| format!("the shared store {what}"));
        }
    }
}

/// Returns true once a minute, and the first time.
fn is_time_to_look(now: UnixTime) -> bool {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let last = LAST.load(Ordering::Relaxed);
    now.0.abs_diff(last) >= 60 && LAST.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

const REMOVED: &str = "has lost its file: processes that start now make another, and do not share with this one";
const NOT_LOCKED: &str = "may be swapped out: this process may not lock as much memory (systemd: LimitMEMLOCK=)";
const WRONG_KEY: &str =
    "has records that no key of this process opens: is the key file the same for all (SSLSESSION_KEY_FILE)?";
const EMPTIED: &str =
    "lost a part of its sessions: a process ended while it changed them, or something else writes there";
const OUT_OF_REACH: &str = "was locked for too long by another process, which may have been stopped";
const TOO_LARGE: &str = "does not take sessions as large as some are: their clients show large certificates";

/// Logs at exit what this process has counted, if it has stored sessions and SSLSESSION_LOG is set.
pub fn report_end() {
    let Some(shown) = shown() else { return };
    let counted = |event| shown.counted_here(event);
    let (hits, stored) = (counted(Event::Found).saturating_sub(counted(Event::Refused)), counted(Event::Stored));
    let causes = [
        (Event::Missed, "unknown"),
        (Event::Over, "expired"),
        (Event::PolicyMismatch, "of another policy"),
        (Event::Refused, "sealed with another key"),
    ];
    let misses: u64 = causes.iter().map(|(event, _)| counted(*event)).sum();
    if hits + misses + stored == 0 {
        return;
    }
    let causes = causes.into_iter().filter(|(event, _)| counted(*event) > 0);
    let causes: Vec<String> = causes.map(|(event, cause)| format!("{} {cause}", counted(event))).collect();
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    settings::tell(|| {
        let (removed, evicted) = (counted(Event::Removed), counted(Event::Evicted));
        format!(
            "at exit: this process had {hits} hits and {misses} misses{causes} in {}; \
             it stored {stored} sessions, removed {removed} and evicted {evicted}",
            if opened_store().is_some() { "the shared store" } else { "its own memory" }
        )
    });
    super::remote::report_end(shown);
}
