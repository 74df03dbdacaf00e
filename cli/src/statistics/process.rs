//! The processes of a store: those that have it mapped, each with its slot if it has used the store.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::Serialize;

use super::Counts;
use super::find::{Census, Source};
use super::layout::Slot;
use crate::{output, proc};

/// Facts that a process reports of itself.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessStatistics {
    pub process: u32,
    pub name: String,
    /// False if it has the store and has not used it yet: then nothing else is known.
    pub has_used_it: bool,
    /// The library's version, and the libssl that it serves.
    pub library: Option<String>,
    /// The build id of the file that the process has loaded; None if nobody has looked.
    pub build_id: Option<String>,
    pub libssl: Option<String>,
    pub attaches_all: bool,
    pub tickets: &'static str,
    /// Of shared tickets: the seconds of an epoch, and the number of the one that is now.
    pub ticket_epoch_seconds: Option<u64>,
    pub ticket_epoch: Option<i64>,
    pub locked_in_memory: Option<bool>,
    /// Number of sessions in its own memory, if it has no store.
    pub sessions: Option<u64>,
    /// Why there is no store, if there is none: it was not asked for, is refused, or the process is private.
    pub without_store: Option<&'static str>,
    /// The remote store: `answers` or `does_not_answer`, if it was asked for anything; and the bytes that wait for it.
    pub remote_state: Option<&'static str>,
    pub remote_queued_bytes: Option<u64>,
    pub contexts: Contexts,
    #[serde(flatten)]
    pub counts: Counts,
}

/// The contexts of a process that connections were made with, by what became of their sessions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Contexts {
    pub shared: u32,
    pub not_shared: BTreeMap<&'static str, u32>,
    pub shared_among_copies: BTreeMap<&'static str, u32>,
}

/// Reasons why a context keeps its sessions in its process, in the order of the library's: a name, and words.
pub const NOT_SHARED: [(&str, &str); 7] = [
    ("no_store", "there is no shared store"),
    ("cache_off", "its cache is turned off (SSLSESSION_ATTACH=all turns it on)"),
    ("no_internal_cache", "its internal cache is turned off (SSLSESSION_ATTACH=all uses both)"),
    ("own_cache", "the program has a cache of its own (SSLSESSION_ATTACH=all uses both)"),
    ("application_data", "the program keeps data of its own at its sessions"),
    ("connection_settings", "a connection has settings of its own that cannot be compared"),
    ("unknown_context", "a connection was switched to an SSL_CTX that was made out of the library's sight"),
];

/// Reasons why one shares with its copies in forked processes only.
pub const AMONG_COPIES: [(&str, &str); 9] = [
    ("no_certificate", "it has no certificate"),
    ("certificate_without_key", "it has a certificate without a key"),
    ("certificate_callback", "a callback chooses its certificate"),
    ("pre_shared_keys", "its pre-shared keys come from a callback"),
    ("srp", "SRP's users come from a callback"),
    ("store", "its authorities stand in a directory, or have no encoding"),
    ("verify_parameters", "it has a purpose, trust or policies of its own for certificates"),
    ("verify_callback", "a callback that verifies cannot be compared"),
    ("accepted", "the keys and signatures that it accepts cannot be read"),
];

const SHARED: usize = 0;
const FIRST_NOT_SHARED: usize = 1;
const FIRST_AMONG_COPIES: usize = 16;

const LOCKED: usize = 0;
const LIBRARY: usize = 1;
const SETTINGS: usize = 2;
const EPOCH: usize = 3;
const LIBSSL: std::ops::Range<usize> = 4..9;
const SESSIONS: usize = 9;
const REMOTE_STATE: usize = 13;
const REMOTE_QUEUED: usize = 14;

/// Returns the processes that have a store whose slots are these.
pub fn all(source: &Source, census: &Census, slots: &[Slot], now: i64) -> Vec<ProcessStatistics> {
    let of = |process: &u32| match slots.iter().skip(1).find(|slot| is_of(slot, *process)) {
        Some(slot) if source.is_shared => ProcessStatistics::of(*process, slot, now),
        Some(slot) => ProcessStatistics::without_store(*process, slot, now),
        None => ProcessStatistics::unused(*process),
    };
    census.processes_with(&source.file).iter().map(of).collect()
}

/// Returns the processes of a store that nobody has used.
pub fn unseen(source: &Source, census: &Census) -> Vec<ProcessStatistics> {
    census.processes_with(&source.file).into_iter().map(ProcessStatistics::unused).collect()
}

/// Returns true if a slot is a process's: by its number, as the process itself knows it, and its namespace.
fn is_of(slot: &Slot, process: u32) -> bool {
    const NUMBER: u64 = (1 << 30) - 1;
    let Some((number, namespace)) = proc::own_number(process) else { return false };
    slot.owner & NUMBER == u64::from(number) && (slot.owner >> 48) as u16 == namespace
}

impl ProcessStatistics {
    fn unused(process: u32) -> ProcessStatistics {
        ProcessStatistics {
            process,
            name: proc::name(process),
            has_used_it: false,
            library: None,
            build_id: None,
            libssl: None,
            attaches_all: false,
            tickets: "",
            ticket_epoch_seconds: None,
            ticket_epoch: None,
            locked_in_memory: None,
            sessions: None,
            without_store: None,
            remote_state: None,
            remote_queued_bytes: None,
            contexts: Contexts::default(),
            counts: Counts::default(),
        }
    }

    fn of(process: u32, slot: &Slot, now: i64) -> ProcessStatistics {
        let version = slot.facts[LIBRARY];
        let epoch = Some(slot.facts[EPOCH]).filter(|&epoch| epoch > 0);
        ProcessStatistics {
            has_used_it: true,
            library: (version != 0)
                .then(|| format!("{}.{}.{}", version >> 32, version >> 16 & 0xffff, version & 0xffff)),
            libssl: text(&slot.facts[LIBSSL]),
            attaches_all: slot.facts[SETTINGS] & 1 != 0,
            tickets: match slot.facts[SETTINGS] >> 1 & 3 {
                0 => "application",
                1 => "stateful",
                _ => "shared",
            },
            ticket_epoch_seconds: epoch,
            ticket_epoch: epoch.and_then(|epoch| Some(now.div_euclid(i64::try_from(epoch).ok()?))),
            locked_in_memory: match slot.facts[LOCKED] {
                0 => None,
                locked => Some(locked == 1),
            },
            remote_state: match slot.facts[REMOTE_STATE] {
                0 => None,
                1 => Some("answers"),
                _ => Some("does_not_answer"),
            },
            remote_queued_bytes: (slot.facts[REMOTE_STATE] != 0).then_some(slot.facts[REMOTE_QUEUED]),
            contexts: Contexts::of(&slot.contexts),
            counts: Counts::of(&slot.counters),
            ..ProcessStatistics::unused(process)
        }
    }
}

impl ProcessStatistics {
    fn without_store(process: u32, slot: &Slot, now: i64) -> ProcessStatistics {
        let why = match slot.facts[SETTINGS] >> 3 & 3 {
            0 => "not_asked_for",
            2 => "refused",
            _ => "private",
        };
        let statistics = ProcessStatistics::of(process, slot, now);
        // A number more than there are, so that 0 says that none were kept yet.
        let sessions = Some(slot.facts[SESSIONS].saturating_sub(1));
        ProcessStatistics { without_store: Some(why), sessions, locked_in_memory: None, ..statistics }
    }
}

impl Contexts {
    fn of(contexts: &[u32]) -> Contexts {
        let by_reason = |first: usize, reasons: &[(&'static str, &str)]| {
            let counted = reasons.iter().zip(&contexts[first..]).filter(|(_, number)| **number > 0);
            counted.map(|((name, _), number)| (*name, *number)).collect()
        };
        Contexts {
            shared: contexts[SHARED],
            not_shared: by_reason(FIRST_NOT_SHARED, &NOT_SHARED),
            shared_among_copies: by_reason(FIRST_AMONG_COPIES, &AMONG_COPIES),
        }
    }
}

/// Returns the text in some numbers, without what a terminal would take for a command.
fn text(words: &[u64]) -> Option<String> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).take_while(|&byte| byte != 0).collect();
    let text = output::printable(&String::from_utf8_lossy(&bytes));
    (!text.is_empty()).then_some(text)
}
