//! What the environment asks for.
//!
//! ```text
//!   SSLSESSION_STORE     memory | shared[:NAME][,size=BYTES]   where sessions are kept
//!   SSLSESSION_ATTACH    default | all                         which contexts a shared store takes on
//!   SSLSESSION_TICKETS   stateful                              no stateless tickets, so that TLS 1.3 uses the cache
//!   SSLSESSION_KEY_FILE  /absolute/path                        the secrets that seal a named store
//!   SSLSESSION_PRIVATE   none | PROGRAM[:PROGRAM...]           whose sessions stay in their own memory
//! ```
//! A variable that is unset or empty means its default: OpenSSL's own behaviour, in the memory of each process.
//!
//! The values are copied when the library is loaded, because servers replace their environment later (nginx does before
//! it serves), and only then: what a program puts into its own environment is not for us. They are parsed at the first
//! [`get`], or at load if a shared store is asked for ([`asking_for_store`]), and complained about at the first [`get`]:
//! LD_PRELOAD is inherited by every child of a server, and one that makes no SSL_CTX is to print nothing. In secure-execution mode (setuid, setgid, file capabilities) the environment counts for nothing.
#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "the C library's environment and descriptor 2")]
mod load;
pub mod parse;
mod private;

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::race::OnceBox;

/// What is to be done, as the environment asked when the library was loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// SSLSESSION_STORE.
    pub store: Store,
    /// SSLSESSION_ATTACH.
    pub attach: Attach,
    /// SSLSESSION_TICKETS.
    pub tickets: Tickets,
    /// SSLSESSION_KEY_FILE, an absolute path. Nobody has looked yet whether there is such a file.
    pub key_file: Option<PathBuf>,
    /// SSLSESSION_PRIVATE: this program takes a resumed session for the same client, so it shares with no other process.
    pub is_private: bool,
}

/// Where sessions are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Store {
    /// `memory`, the default: in each process, for each SSL_CTX, as in OpenSSL.
    Memory,
    /// `shared[:NAME][,size=BYTES]`: in one mapping for several processes.
    Shared(Shared),
}

/// The mapping of a shared store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shared {
    /// Its file, an absolute path: in /dev/shm if NAME has no slash. None: anonymous, inherited over fork.
    pub path: Option<PathBuf>,
    /// Its size in bytes, from [`Shared::SMALLEST`] to [`Shared::LARGEST`].
    pub size: usize,
}

impl Shared {
    /// The size if none is given: 64 MiB.
    pub const USUAL: usize = 64 << 20;
    /// The smallest that may be given: 64 KiB.
    pub const SMALLEST: usize = 64 << 10;
    /// The largest that may be given: 32 GiB, as offsets in the mapping are 32 bits that count 8 bytes.
    pub const LARGEST: usize = 32 << 30;
}

/// Which contexts a shared store takes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attach {
    /// `default`: not those whose mode is 0, nor those that have a get_session callback of their own.
    Default,
    /// `all`: these too.
    All,
}

/// What a server does in place of stateless tickets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tickets {
    /// The default: as the application has it.
    Application,
    /// `stateful`: stateless tickets are off where sessions are shared, so that TLS 1.3 goes through the cache.
    Stateful,
}

/// The variables, in the order of the drawing above.
const NAMES: [&CStr; 5] =
    [c"SSLSESSION_STORE", c"SSLSESSION_ATTACH", c"SSLSESSION_TICKETS", c"SSLSESSION_KEY_FILE", c"SSLSESSION_PRIVATE"];

/// Why tickets are left alone without a shared store. In one process's memory their sessions would not survive what a stateless
/// ticket does: another worker, a client that sends no close_notify, an eviction.
pub const NO_STORE_FOR_TICKETS: &str = "there is no shared store (SSLSESSION_STORE=shared); \
                                        tickets stay as the application has them";

/// The values of [`NAMES`]; None for one that is unset.
type Raw = [Option<OsString>; NAMES.len()];

/// The settings, the same for the life of the process. The first call writes a line to stderr for each value that is
/// not understood, which then counts as unset. Any thread may call it.
pub fn get() -> &'static Settings {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    let (settings, complaints) = parsed();
    if !IS_TOLD.load(Ordering::Relaxed) && !IS_TOLD.swap(true, Ordering::Relaxed) {
        complaints.iter().for_each(|what| complain(what));
    }
    settings
}

/// Returns the settings if they ask for a shared store, and says nothing: for the time of loading. Where they do not,
/// nothing is parsed.
pub fn asking_for_store() -> Option<&'static Settings> {
    let value = load::raw()[0].as_deref()?;
    value.as_bytes().starts_with(b"shared").then(|| &parsed().0).filter(|settings| settings.store != Store::Memory)
}

fn parsed() -> &'static (Settings, Vec<String>) {
    static PARSED: OnceBox<(Settings, Vec<String>)> = OnceBox::new();
    PARSED.get_or_init(|| Box::new(Settings::of(load::raw(), &private::program_names())))
}

/// Returns true if this program has one of these names.
pub fn is_named(names: &[&str]) -> bool {
    private::program_names().iter().any(|own| names.iter().any(|name| own == name))
}

/// Returns true if a variable of ours was set.
pub fn are_given() -> bool {
    load::raw().iter().flatten().any(|value| !value.is_empty())
}

/// Writes `what` to stderr as one line, after "sslsession: ". Control characters are replaced, and what is beyond the
/// 4096 bytes that a pipe takes at once is cut off. A stderr that is gone, or takes nothing for 100 ms, costs the line
/// and nothing else. Any thread may call it.
pub fn complain(what: &str) {
    load::write_stderr(&line(what));
}

/// What fits into a pipe without another's words in between (PIPE_BUF).
const LONGEST_LINE: usize = 4096;

/// The line that [`complain`] writes.
fn line(what: &str) -> Vec<u8> {
    let mut line = String::from("sslsession: ");
    for character in what.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }) {
        if line.len() + character.len_utf8() >= LONGEST_LINE {
            break;
        }
        line.push(character);
    }
    line.push('\n');
    line.into_bytes()
}

impl Settings {
    /// What the values mean to a program of these names, and a complaint for each that means nothing.
    fn of(raw: &Raw, program: &[OsString]) -> (Settings, Vec<String>) {
        let mut reading = Reading { raw, complaints: Vec::new() };
        let mut settings = Settings {
            store: reading.value(0, parse::store, Store::Memory, "sessions stay in each process's memory"),
            attach: reading.value(1, parse::attach, Attach::Default, "taken as \"default\""),
            tickets: reading.value(2, parse::tickets, Tickets::Application, "tickets stay as the application has them"),
            key_file: reading.value(3, parse::key_file, None, "no key file is used"),
            is_private: false,
        };
        let private =
            reading.value(4, parse::programs, private::known(), "only those programs stay private that are known");
        settings.is_private = program.iter().any(|name| private.contains(name));
        if settings.is_private {
            settings.store = Store::Memory;
        } else if settings.tickets == Tickets::Stateful && settings.store == Store::Memory {
            reading.complaints.push(format!("SSLSESSION_TICKETS=stateful: {NO_STORE_FOR_TICKETS}"));
        }
        (settings, reading.complaints)
    }
}

/// The values being read, and what is wrong with those read so far.
struct Reading<'a> {
    raw: &'a Raw,
    complaints: Vec<String>,
}

impl Reading<'_> {
    /// What the variable of that number in [`NAMES`] means. `default` if it is unset, empty, or means nothing; a complaint
    /// then ends with `instead`, which says what follows from that.
    fn value<T>(&mut self, number: usize, parse: impl Fn(&[u8]) -> Result<T, String>, default: T, instead: &str) -> T {
        let value = self.raw[number].as_deref().unwrap_or_default();
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

/// A value as a complaint shows it: one that is very long must not push the reason off the line.
fn shortened(value: &OsStr) -> String {
    const ENOUGH: usize = 200;
    let text = value.to_string_lossy();
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(values: [&str; 5]) -> Raw {
        values.map(|value| (value != "unset").then(|| value.into()))
    }

    fn of(values: [&str; 5]) -> (Settings, Vec<String>) {
        Settings::of(&raw(values), &["nginx".into()])
    }

    /// Stateful tickets without a store are for programs that are private: there a ticket is to mean the same process.
    #[test]
    fn programs_that_are_private_have_no_store() {
        let seen = |program: &str, private| {
            let values = raw(["shared", "unset", "stateful", "unset", private]);
            let (settings, complaints) = Settings::of(&values, &[program.into()]);
            assert_eq!(complaints, [""; 0]);
            (settings.is_private, settings.store == Store::Memory)
        };
        for (program, private) in [("vsftpd", "unset"), ("vsftpd", "nginx"), ("nginx", "hitch:nginx")] {
            assert_eq!(seen(program, private), (true, true), "{program}, {private}");
        }
        for (program, private) in [("vsftpd", "none"), ("nginx", "unset"), ("nginx", "hitch")] {
            assert_eq!(seen(program, private), (false, false), "{program}, {private}");
        }
        let (_, complaints) = of(["unset", "unset", "stateful", "unset", "unset"]);
        assert_eq!(complaints, [format!("SSLSESSION_TICKETS=stateful: {NO_STORE_FOR_TICKETS}")]);
    }

    #[test]
    fn unset_and_empty_are_the_defaults() {
        let defaults = Settings {
            store: Store::Memory,
            attach: Attach::Default,
            tickets: Tickets::Application,
            key_file: None,
            is_private: false,
        };
        assert_eq!(of(["unset"; 5]), (defaults.clone(), vec![]));
        assert_eq!(of([""; 5]), (defaults, vec![]));
    }

    #[test]
    fn each_variable_has_its_setting() {
        let (settings, complaints) = of(["shared:s,size=1M", "all", "stateful", "/etc/keys", "none"]);
        let store = Store::Shared(Shared { path: Some("/dev/shm/s".into()), size: 1 << 20 });
        let key_file = Some("/etc/keys".into());
        assert_eq!(
            settings,
            Settings { store, attach: Attach::All, tickets: Tickets::Stateful, key_file, is_private: false }
        );
        assert_eq!(complaints, [""; 0]);
    }

    #[test]
    fn a_bad_value_is_one_complaint_and_its_default() {
        let (settings, complaints) = of(["sharde", "al", "stateless", "keys", "/bin/a"]);
        assert_eq!(settings, of(["unset"; 5]).0);
        assert_eq!(
            complaints,
            [
                "SSLSESSION_STORE=sharde: unknown store; sessions stay in each process's memory",
                "SSLSESSION_ATTACH=al: neither \"default\" nor \"all\"; taken as \"default\"",
                "SSLSESSION_TICKETS=stateless: not \"stateful\"; tickets stay as the application has them",
                "SSLSESSION_KEY_FILE=keys: not an absolute path; no key file is used",
                "SSLSESSION_PRIVATE=/bin/a: \"/bin/a\" is no program's name; only those programs stay private that are known",
            ]
        );
        // the good ones beside it count
        let (settings, complaints) = of(["shared", "al", "unset", "unset", "unset"]);
        assert_eq!(settings.store, Store::Shared(Shared { path: None, size: Shared::USUAL }));
        assert_eq!(complaints.len(), 1);
    }

    #[test]
    fn a_long_value_leaves_room_for_the_reason() {
        let (_, complaints) = of([&"ü".repeat(5000), "unset", "unset", "unset", "unset"]);
        assert!(complaints[0].contains("ü...: unknown store; sessions"), "{}", complaints[0]);
        assert!(line(&complaints[0]).len() < 1000);
    }

    #[test]
    fn a_complaint_is_one_line_that_a_pipe_takes_whole() {
        assert_eq!(
            line("a\nb\x1b[31m\x7f\u{85}é\r"),
            "sslsession: a\u{fffd}b\u{fffd}[31m\u{fffd}\u{fffd}é\u{fffd}\n".as_bytes()
        );
        for what in ["x".repeat(5000), "é".repeat(5000), "\0".repeat(5000)] {
            let line = line(&what);
            assert!((LONGEST_LINE - 3..=LONGEST_LINE).contains(&line.len()), "{} bytes", line.len());
            assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
            assert!(String::from_utf8(line).is_ok());
        }
    }
}
