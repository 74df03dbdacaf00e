//! The values of the variables, as pure functions. An error is a phrase that ends before a semicolon.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use sslsession_store::config::{PathError, absolute};

use super::{Attach, Log, LogTarget, SharedTickets, Tickets, private};

/// An error in a value of a setting that is not the store's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// A name that no program can have.
    NoProgram(String),
    /// An unknown value of SSLSESSION_ATTACH.
    Attach,
    /// An unknown value of SSLSESSION_TICKETS.
    Tickets,
    /// An option that there is not.
    UnknownOption(String),
    /// Two epochs.
    EpochTwice,
    /// An epoch that is no number with a unit.
    EpochIsNoTime,
    /// An epoch of 0.
    EpochTooShort,
    /// An epoch above [`SharedTickets::LONGEST_EPOCH`].
    EpochTooLong,
    /// An unknown value of SSLSESSION_LOG.
    Log,
    /// A log file that is no path of a file.
    LogFile(PathError),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invalid::NoProgram(name) => return write!(f, "\"{name}\" is no program's name"),
            Invalid::Attach => "neither \"default\" nor \"all\"",
            Invalid::Tickets => "neither \"stateful\" nor \"shared\"",
            Invalid::UnknownOption(option) => return write!(f, "unknown option \"{option}\""),
            Invalid::EpochTwice => "the epoch is given twice",
            Invalid::EpochIsNoTime => "the epoch is no time, such as 12h",
            Invalid::EpochTooShort => "the epoch is less than a second",
            Invalid::EpochTooLong => "the epoch is more than a day",
            Invalid::Log => "none of stderr, syslog, /a/file, which may have ,debug",
            Invalid::LogFile(error) => return error.fmt(f),
        })
    }
}

/// Parses SSLSESSION_PRIVATE: `none`, or names of programs between colons, which are private beside the known ones.
pub fn programs(value: &[u8]) -> Result<Vec<OsString>, Invalid> {
    if value == b"none" {
        return Ok(Vec::new());
    }
    let mut programs = private::known();
    for name in value.split(|&byte| byte == b':') {
        if name.is_empty() || name.contains(&b'/') {
            return Err(Invalid::NoProgram(String::from_utf8_lossy(name).into_owned()));
        }
        programs.push(OsStr::from_bytes(name).to_owned());
    }
    Ok(programs)
}

/// Parses SSLSESSION_ATTACH: `default` or `all`.
pub fn attach(value: &[u8]) -> Result<Attach, Invalid> {
    match value {
        b"default" => Ok(Attach::Default),
        b"all" => Ok(Attach::All),
        _ => Err(Invalid::Attach),
    }
}

/// Parses SSLSESSION_TICKETS: `stateful` or `shared[,tls13][,epoch=TIME]`.
pub fn tickets(value: &[u8]) -> Result<Tickets, Invalid> {
    let mut parts = value.split(|&byte| byte == b',');
    match parts.next() {
        Some(b"shared") => shared_tickets(parts).map(Tickets::Shared),
        _ if value == b"stateful" => Ok(Tickets::Stateful),
        _ => Err(Invalid::Tickets),
    }
}

/// Returns shared tickets with the options that follow.
fn shared_tickets<'a>(options: impl Iterator<Item = &'a [u8]>) -> Result<SharedTickets, Invalid> {
    let (mut only_tls13, mut epoch) = (false, None);
    for option in options {
        match option.strip_prefix(b"epoch=") {
            None if option == b"tls13" => only_tls13 = true,
            None => return Err(Invalid::UnknownOption(String::from_utf8_lossy(option).into_owned())),
            Some(_) if epoch.is_some() => return Err(Invalid::EpochTwice),
            Some(time) => epoch = Some(seconds(time)?),
        }
    }
    Ok(SharedTickets { only_tls13, epoch: epoch.unwrap_or(SharedTickets::USUAL_EPOCH) })
}

/// Parses the seconds of an epoch: digits, then s, m, h, d or nothing.
fn seconds(text: &[u8]) -> Result<u32, Invalid> {
    let (digits, unit) = match text {
        [digits @ .., b's'] => (digits, 1),
        [digits @ .., b'm'] => (digits, 60),
        [digits @ .., b'h'] => (digits, 3600),
        [digits @ .., b'd'] => (digits, 86_400),
        digits => (digits, 1),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Invalid::EpochIsNoTime);
    }
    let number = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(u32::MAX);
    match number.saturating_mul(unit) {
        0 => Err(Invalid::EpochTooShort),
        seconds @ 1..=SharedTickets::LONGEST_EPOCH => Ok(seconds),
        _ => Err(Invalid::EpochTooLong),
    }
}

/// Parses SSLSESSION_LOG: `stderr`, `syslog` or an absolute path, each with `,debug` or without.
pub fn log(value: &[u8]) -> Result<Option<Log>, Invalid> {
    let (target, is_debug) = match value.strip_suffix(b",debug") {
        Some(target) => (target, true),
        None => (value, false),
    };
    let target = match target {
        b"stderr" => LogTarget::Stderr,
        b"syslog" => LogTarget::Syslog,
        [b'/', ..] => LogTarget::File(absolute(target).map_err(Invalid::LogFile)?),
        _ => return Err(Invalid::Log),
    };
    Ok(Some(Log { target, is_debug }))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(miri))]
    use proptest::prelude::*;

    #[test]
    fn shared_tickets() {
        let with = |only_tls13, epoch| Ok(Tickets::Shared(SharedTickets { only_tls13, epoch }));
        let refused = |reason: &str| Err(reason.to_owned());
        for (value, expected) in [
            ("shared", with(false, 43_200)),
            ("shared,tls13", with(true, 43_200)),
            ("shared,epoch=12h", with(false, 43_200)),
            ("shared,epoch=1d,tls13", with(true, 86_400)),
            ("shared,tls13,epoch=90m", with(true, 5400)),
            ("shared,epoch=6s", with(false, 6)),
            ("shared,epoch=6", with(false, 6)),
            ("shared,epoch=0", refused("the epoch is less than a second")),
            ("shared,epoch=25h", refused("the epoch is more than a day")),
            ("shared,epoch=99999999999d", refused("the epoch is more than a day")),
            ("shared,epoch=", refused("the epoch is no time, such as 12h")),
            ("shared,epoch=h", refused("the epoch is no time, such as 12h")),
            ("shared,epoch=-1", refused("the epoch is no time, such as 12h")),
            ("shared,epoch=1h,epoch=1h", refused("the epoch is given twice")),
            ("shared,", refused("unknown option \"\"")),
            ("shared,tls12", refused("unknown option \"tls12\"")),
            ("stateful,tls13", refused("neither \"stateful\" nor \"shared\"")),
        ] {
            assert_eq!(tickets(value.as_bytes()).map_err(|error| error.to_string()), expected, "{value}");
        }
    }

    #[test]
    fn the_other_variables() {
        assert_eq!((attach(b"default"), attach(b"all")), (Ok(Attach::Default), Ok(Attach::All)));
        for value in ["All", "al", "all ", "0"] {
            assert!(attach(value.as_bytes()).is_err(), "{value}");
        }
        assert_eq!(tickets(b"stateful"), Ok(Tickets::Stateful));
        for value in ["Stateful", "stateless", "application"] {
            assert!(tickets(value.as_bytes()).is_err(), "{value}");
        }
        let to = |target, is_debug| Ok(Some(Log { target, is_debug }));
        assert_eq!(log(b"stderr"), to(LogTarget::Stderr, false));
        assert_eq!(log(b"syslog,debug"), to(LogTarget::Syslog, true));
        assert_eq!(log(b"/var/log/a,debug"), to(LogTarget::File("/var/log/a".into()), true));
        for value in ["stdout", "stderr,", "stderr,debug,debug", ",debug", "debug", "log", "/var/log/"] {
            assert!(log(value.as_bytes()).is_err(), "{value}");
        }
    }

    #[cfg(not(miri))] // where it takes minutes and touches nothing that Miri watches
    proptest! {
        #[test]
        fn any_value_is_taken_or_has_its_reason(
            start in prop_oneof!["shared", "shared,epoch=", "stderr", "/", ""],
            rest in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"./,:=0123456789smhdepoch".to_vec())], 0..24),
        ) {
            let value = [start.as_bytes(), &rest].concat();
            if let Ok(Tickets::Shared(shared)) = tickets(&value) {
                prop_assert!((1..=SharedTickets::LONGEST_EPOCH).contains(&shared.epoch));
            }
            if let Ok(Some(Log { target: LogTarget::File(path), .. })) = log(&value) {
                prop_assert!(path.is_absolute() && path.file_name().is_some());
            }
            let errors = [tickets(&value).err(), log(&value).err(), attach(&value).err(), programs(&value).err()];
            prop_assert!(errors.iter().flatten().all(|error| !error.to_string().is_empty()));
        }
    }
}
