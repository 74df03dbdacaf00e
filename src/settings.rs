//! The settings, from the environment.
//!
//! ```text
//!   SSLSESSION_STORE     memory | shared[:NAME][,size=BYTES][,front=NUMBER]   the store of sessions
//!   SSLSESSION_ATTACH    default | all                         the contexts that share
//!   SSLSESSION_TICKETS   stateful                              no stateless tickets, so that TLS 1.3 uses the cache
//!                        shared[,tls13][,epoch=TIME]           stateless tickets that all processes with the key file open
//!   SSLSESSION_KEY_FILE  /absolute/path                        the secrets that seal a named store, and tickets
//!   SSLSESSION_PRIVATE   none | PROGRAM[:PROGRAM...]           programs whose sessions stay in their own memory
//!   SSLSESSION_LOG       stderr | syslog | /a/file, ,debug     log of the library's work, beside complaints
//!   SSLSESSION_REMOTE    redis://HOST and others               the store of a fleet, behind the shared one
//!   SSLSESSION_REMOTE_OPTIONS  wait=10ms,...                   how it is used, and what it needs to be reached
//!   SSLSESSION_REMOTE_LIBRARY  /absolute/path                  its network code, if that is not beside the library
//! ```
//! A variable that is unset or empty means its default: OpenSSL's own behaviour, in the memory of each process.
//!
//! The values are copied when the library is loaded, because servers replace their environment later (nginx does
//! before it serves). They are copied only then: values that a program sets in its own environment do not count. They
//! are parsed at the first [`get`], or at load if a shared store is asked for ([`asking_for_store`]). Complaints come
//! at the first [`get`]: every child of a server inherits LD_PRELOAD, and one that makes no SSL_CTX must print
//! nothing. Setuid, setgid and file-capability programs (secure-execution mode) ignore the environment.
#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "the C library's environment and descriptor 2")]
mod load;
mod log;
pub mod parse;
mod private;
mod remote;

use std::ffi::{CStr, OsStr, OsString};
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use log::Severity;
use once_cell::race::OnceBox;
pub use remote::{NOT_REMOTE, values as remote_values};
use sslsession_store::config::{self, Config};

/// The settings, as the environment was when the library was loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// SSLSESSION_STORE.
    pub store: Config,
    /// SSLSESSION_ATTACH.
    pub attach: Attach,
    /// SSLSESSION_TICKETS.
    pub tickets: Tickets,
    /// SSLSESSION_KEY_FILE, an absolute path. The file may not exist.
    pub key_file: Option<PathBuf>,
    /// SSLSESSION_PRIVATE: this program takes a resumed session for the same client, so it shares with no other
    /// process.
    pub is_private: bool,
    /// SSLSESSION_LOG.
    pub log: Option<Log>,
    /// SSLSESSION_REMOTE is set, and there is a shared store and a key file: see [`remote_values`].
    pub is_remote: bool,
}

/// The log of the library's work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// Target of the lines.
    pub target: LogTarget,
    /// True with `,debug`, which logs more.
    pub is_debug: bool,
}

/// Target of log lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LogTarget {
    /// `stderr`, the program's standard error.
    Stderr,
    /// `syslog`: the system's log, as a daemon's.
    Syslog,
    /// A file, to which lines are appended.
    File(PathBuf),
}

/// The contexts that use a shared store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attach {
    /// `default`: not those whose mode is 0, nor those that have a get_session callback of their own.
    Default,
    /// `all`: these too.
    All,
}

/// The kind of tickets that a server issues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tickets {
    /// The default: as the application sets it.
    Application,
    /// `stateful`: stateless tickets are off where sessions are shared, so that TLS 1.3 uses the cache.
    Stateful,
    /// `shared`: their keys follow from the key file and the clock.
    Shared(SharedTickets),
}

/// Tickets that all processes with one key file open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharedTickets {
    /// `tls13`: clients of TLS 1.2 and older get none, and are resumed by the session's id.
    pub only_tls13: bool,
    /// `epoch=TIME`: number of seconds for which one key seals tickets.
    pub epoch: u32,
}

impl SharedTickets {
    /// The epoch if none is given: 12 hours.
    pub const USUAL_EPOCH: u32 = 43_200;
    /// The longest that may be given: a day, as a key that changes daily is needed of yesterday at most.
    pub const LONGEST_EPOCH: u32 = 86_400;
}

/// The variables, in the order of the drawing above.
const NAMES: [&CStr; 9] = [
    c"SSLSESSION_STORE",
    c"SSLSESSION_ATTACH",
    c"SSLSESSION_TICKETS",
    c"SSLSESSION_KEY_FILE",
    c"SSLSESSION_PRIVATE",
    c"SSLSESSION_LOG",
    c"SSLSESSION_REMOTE",
    c"SSLSESSION_REMOTE_OPTIONS",
    c"SSLSESSION_REMOTE_LIBRARY",
];

/// The beginning of all their names.
const PREFIX: &[u8] = b"SSLSESSION_";

/// Returns true for a variable's name that seems meant for the library and is unknown. The project's tests have
/// variables of their own.
fn is_misspelt(name: &[u8]) -> bool {
    let is_ours = |name: &[u8]| NAMES.iter().any(|ours| ours.to_bytes() == name);
    match name.strip_prefix(PREFIX) {
        Some(rest) => !is_ours(name) && !rest.starts_with(b"TEST_"),
        None => name.strip_prefix(b"SSL_SESSION_").is_some_and(|rest| is_ours(&[PREFIX, rest].concat())),
    }
}

/// Reason why tickets stay as they are without a shared store. In one process's memory their sessions would not survive
/// what a stateless ticket does: another worker, a client that sends no close_notify, an eviction.
pub const NO_STORE_FOR_TICKETS: &str = "there is no shared store (SSLSESSION_STORE=shared); \
                                        tickets stay as the application has them";

/// The library's part of the environment.
#[derive(Default)]
struct Environment {
    /// The values of [`NAMES`]; None for one that is unset.
    values: [Option<OsString>; NAMES.len()],
    /// Names that are misspelt.
    unknown: Vec<OsString>,
}

/// Reason why tickets stay as they are without a key file.
const NO_KEYS_FOR_TICKETS: &str = "there is no key file (SSLSESSION_KEY_FILE=/path, made with `openssl rand -hex 32`); \
                                   tickets stay as the application has them";

/// Returns the settings, the same for the life of the process. The first call writes a line to stderr for each value
/// that is invalid, which then counts as unset. Any thread may call it.
pub fn get() -> &'static Settings {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    let (settings, complaints) = parsed();
    if !IS_TOLD.load(Ordering::Relaxed) && !IS_TOLD.swap(true, Ordering::Relaxed) {
        complaints.iter().for_each(|what| complain(what));
    }
    settings
}

/// Returns the settings if they ask for a shared store, without complaints: for the time of loading. Otherwise parses
/// nothing.
pub fn asking_for_store() -> Option<&'static Settings> {
    let values = &load::environment().values;
    let is_asked_for = values[0].as_deref().is_some_and(|value| value.as_bytes().starts_with(b"shared"));
    let settings = (is_asked_for || is_set(&values[remote::ADDRESSES])).then(|| &parsed().0)?;
    (settings.store != Config::Memory).then_some(settings)
}

fn is_set(value: &Option<OsString>) -> bool {
    value.as_ref().is_some_and(|value| !value.is_empty())
}

/// Returns true if a shared store is asked for, also by a value that is not understood.
pub fn is_store_asked_for() -> bool {
    let values = &load::environment().values;
    values[0].as_ref().map_or(is_set(&values[remote::ADDRESSES]), |value| !value.is_empty() && value != "memory")
}

/// Returns the settings if they ask for shared tickets, without complaints: for the time of loading.
pub fn asking_for_ticket_keys() -> Option<&'static Settings> {
    let value = load::environment().values[2].as_deref()?;
    value.as_bytes().starts_with(b"shared").then(|| &parsed().0)
}

fn parsed() -> &'static (Settings, Vec<String>) {
    static PARSED: OnceBox<(Settings, Vec<String>)> = OnceBox::new();
    PARSED.get_or_init(|| Box::new(Settings::of(load::environment(), &private::program_names())))
}

/// Returns true if this program has one of these names.
pub fn is_named(names: &[&str]) -> bool {
    private::program_names().iter().any(|own| names.iter().any(|name| own == name))
}

/// Returns true if a variable of the library's was set.
pub fn are_given() -> bool {
    let environment = load::environment();
    !environment.unknown.is_empty() || environment.values.iter().flatten().any(|value| !value.is_empty())
}

/// Returns the program's name.
pub fn program() -> OsString {
    private::program_names().into_iter().next().unwrap_or_default()
}

/// Logs a complaint in one line: to SSLSESSION_LOG's target, else to stderr, after "sslsession: ". Control characters
/// are replaced. A line is cut off at the 4096 bytes that a pipe takes at once. A stderr that is closed, or blocks
/// for 100 ms, costs only the line. Any thread may call it.
pub fn complain(what: &str) {
    log::write(parsed().0.log.as_ref(), Severity::Warning, what);
}

/// Logs a line on the library's work, if SSLSESSION_LOG is set.
pub fn tell(what: impl FnOnce() -> String) {
    if let Some(log) = &parsed().0.log {
        log::write(Some(log), Severity::Info, &what());
    }
}

impl Settings {
    /// Returns the settings for a program of these names, and a complaint for each invalid value.
    fn of(environment: &Environment, program: &[OsString]) -> (Settings, Vec<String>) {
        let mut reading = Reading { values: &environment.values, complaints: Vec::new() };
        let mut settings = Settings {
            store: reading.value(0, Config::parse, Config::Memory, MEMORY),
            attach: reading.value(1, parse::attach, Attach::Default, "taken as \"default\""),
            tickets: reading.value(2, parse::tickets, Tickets::Application, "tickets stay as the application has them"),
            key_file: None,
            is_private: false,
            log: reading.value(5, parse::log, None, "only what is wrong is told, on stderr"),
            is_remote: is_set(&environment.values[remote::ADDRESSES]),
        };
        if settings.is_remote && !is_set(&environment.values[0]) {
            settings.store = Config::SHARED;
        }
        let private =
            reading.value(4, parse::programs, private::known(), "only those programs stay private that are known");
        settings.is_private = program.iter().any(|name| private.contains(name));
        let complaints = reading.complaints.len();
        settings.key_file = reading.value(3, |path| config::absolute(path).map(Some), None, MEMORY);
        if settings.is_private || reading.complaints.len() > complaints {
            // A process that asked for a key of its own must not get another in silence.
            settings.store = Config::Memory;
            if matches!(settings.tickets, Tickets::Shared(_)) {
                settings.tickets = Tickets::Application;
            }
        }
        if reading.complaints.len() == complaints {
            reading.complaints.extend(settings.check_remote(environment).map(str::to_owned));
        } else {
            settings.is_remote = false;
        }
        reading.complaints.extend(settings.without_effect());
        if settings.key_file.is_none() && matches!(settings.tickets, Tickets::Shared(_)) {
            settings.tickets = Tickets::Application;
        }
        reading.complaints.extend(environment.unknown.iter().map(|name| {
            let names = NAMES.map(|name| name.to_string_lossy()).join(", ");
            format!("{}: no setting of this name; there are {names}", shortened(name))
        }));
        (settings, reading.complaints)
    }

    /// Returns a complaint for each setting that has no effect here.
    fn without_effect(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let is_named = matches!(&self.store, Config::Shared(shared) if shared.path.is_some());
        if self.is_private {
            return complaints;
        }
        if self.store == Config::Memory && self.tickets == Tickets::Stateful {
            complaints.push(format!("SSLSESSION_TICKETS=stateful: {NO_STORE_FOR_TICKETS}"));
        }
        let shares_tickets = matches!(self.tickets, Tickets::Shared(_));
        if self.store == Config::Memory && !shares_tickets && self.attach == Attach::All {
            complaints.push(
                "SSLSESSION_ATTACH=all: no effect without a shared store (SSLSESSION_STORE=shared) or shared tickets"
                    .to_owned(),
            );
        }
        match (shares_tickets, &self.key_file) {
            (true, None) => complaints.push(format!("SSLSESSION_TICKETS=shared: {NO_KEYS_FOR_TICKETS}")),
            (false, Some(_)) if !is_named && !self.is_remote => complaints.push(
                "SSLSESSION_KEY_FILE: no effect without a named store (SSLSESSION_STORE=shared:NAME) or shared tickets"
                    .to_owned(),
            ),
            _ => {}
        }
        complaints
    }
}

/// The consequence of having no shared store, for messages.
pub const MEMORY: &str = "sessions stay in each process's memory";

/// The values being read, and the complaints so far.
struct Reading<'a> {
    values: &'a [Option<OsString>],
    complaints: Vec<String>,
}

impl Reading<'_> {
    /// Returns the value of the variable of that number in [`NAMES`]. Returns `default` if it is unset, empty, or
    /// invalid; a complaint then ends with `instead`, which says what follows from that.
    fn value<T, E: Display>(
        &mut self,
        number: usize,
        parse: impl Fn(&[u8]) -> Result<T, E>,
        default: T,
        instead: &str,
    ) -> T {
        let value = self.values[number].as_deref().unwrap_or_default();
        if value.is_empty() {
            return default;
        }
        parse(value.as_bytes()).unwrap_or_else(|reason| {
            let name = NAMES[number].to_string_lossy();
            self.complaints.push(format!("{name}={}: {reason}; {instead}", shortened(value)));
            default
        })
    }
}

/// Returns a value for a complaint: a very long one must not push the reason off the line.
fn shortened(value: &OsStr) -> String {
    const ENOUGH: usize = 200;
    let text = value.to_string_lossy();
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests;
