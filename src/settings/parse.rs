//! The values of the variables, as pure functions. An error is a phrase that ends before a semicolon.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{Attach, Log, LogTarget, Shared, SharedTickets, Store, Tickets, private};

/// The directory of a store that is named without a slash: memory, which the next boot clears.
const MEMORY_FILES: &[u8] = b"/dev/shm/";

/// Parses SSLSESSION_STORE: `memory` or `shared[:NAME][,size=BYTES]`. NAME has no comma.
pub fn store(value: &[u8]) -> Result<Store, String> {
    let mut parts = value.split(|&byte| byte == b',');
    let what = parts.next().unwrap_or_default();
    match what.strip_prefix(b"shared") {
        Some([]) => shared(None, parts),
        Some([b':', name @ ..]) => shared(Some(file(name)?), parts),
        _ if what != b"memory" => {
            Err("none of memory, shared, shared:NAME, of which the last two may have ,size=64M".to_owned())
        }
        _ if parts.next().is_some() => Err("\"memory\" takes no options".to_owned()),
        _ => Ok(Store::Memory),
    }
}

/// Parses SSLSESSION_PRIVATE: `none`, or names of programs between colons, which are private beside the known ones.
pub fn programs(value: &[u8]) -> Result<Vec<OsString>, String> {
    if value == b"none" {
        return Ok(Vec::new());
    }
    let mut programs = private::known();
    for name in value.split(|&byte| byte == b':') {
        if name.is_empty() || name.contains(&b'/') {
            return Err(format!("\"{}\" is no program's name", String::from_utf8_lossy(name)));
        }
        programs.push(OsStr::from_bytes(name).to_owned());
    }
    Ok(programs)
}

/// Returns a shared store in that file, with the options that follow.
fn shared<'a>(path: Option<PathBuf>, options: impl Iterator<Item = &'a [u8]>) -> Result<Store, String> {
    let mut given = None;
    for option in options {
        let Some(bytes) = option.strip_prefix(b"size=") else {
            return Err(format!("unknown option \"{}\"", String::from_utf8_lossy(option)));
        };
        if given.replace(size(bytes)?).is_some() {
            return Err("the size is given twice".to_owned());
        }
    }
    Ok(Store::Shared(Shared { path, size: given }))
}

/// Returns the file of a store's name: in memory for a plain name, else its absolute path.
fn file(name: &[u8]) -> Result<PathBuf, String> {
    if name.is_empty() {
        return Err("the store has no name after the colon".to_owned());
    }
    if name.contains(&b'/') {
        return absolute(name).map_err(|error| format!("the store's name is {error}"));
    }
    if matches!(name, b"." | b"..") {
        return Err("the store's name is a directory".to_owned());
    }
    if name.contains(&b':') {
        return Err("the store's name has a colon: a size is given as ,size=64M".to_owned());
    }
    if size(name).is_ok() {
        return Err("the store's name is a size, which is given as ,size=64M".to_owned());
    }
    Ok(PathBuf::from(OsStr::from_bytes(&[MEMORY_FILES, name].concat())))
}

/// Returns an absolute path of a file, not of a directory by its form, below the directory it begins with.
fn absolute(path: &[u8]) -> Result<PathBuf, String> {
    if path.first() != Some(&b'/') {
        return Err("not an absolute path".to_owned());
    }
    let mut parts = path.rsplit(|&byte| byte == b'/');
    if matches!(parts.next(), Some(b"" | b"." | b"..")) {
        return Err("a directory".to_owned());
    }
    match parts.any(|part| part == b"..") {
        true => Err("a path with \"..\" in it".to_owned()),
        false => Ok(PathBuf::from(OsStr::from_bytes(path))),
    }
}

/// Parses a number of bytes within the limits of a shared store: digits, then K, M, G (of 1024) or nothing.
fn size(text: &[u8]) -> Result<usize, String> {
    let (digits, shift) = match text {
        [digits @ .., b'K' | b'k'] => (digits, 10),
        [digits @ .., b'M' | b'm'] => (digits, 20),
        [digits @ .., b'G' | b'g'] => (digits, 30),
        digits => (digits, 0),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("the size is no number of bytes, such as 64M".to_owned());
    }
    // A number too long for the type is also too large.
    let number = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let bytes = number.saturating_mul(1 << shift);
    if bytes < Shared::MIN_SIZE {
        return Err(format!("the size is less than {}K", Shared::MIN_SIZE >> 10));
    }
    if bytes > Shared::MAX_SIZE {
        return Err(format!("the size is more than {}G", Shared::MAX_SIZE >> 30));
    }
    Ok(bytes)
}

/// Parses SSLSESSION_ATTACH: `default` or `all`.
pub fn attach(value: &[u8]) -> Result<Attach, String> {
    match value {
        b"default" => Ok(Attach::Default),
        b"all" => Ok(Attach::All),
        _ => Err("neither \"default\" nor \"all\"".to_owned()),
    }
}

/// Parses SSLSESSION_TICKETS: `stateful` or `shared[,tls13][,epoch=TIME]`.
pub fn tickets(value: &[u8]) -> Result<Tickets, String> {
    let mut parts = value.split(|&byte| byte == b',');
    match parts.next() {
        Some(b"shared") => shared_tickets(parts).map(Tickets::Shared),
        _ if value == b"stateful" => Ok(Tickets::Stateful),
        _ => Err("neither \"stateful\" nor \"shared\"".to_owned()),
    }
}

/// Returns shared tickets with the options that follow.
fn shared_tickets<'a>(options: impl Iterator<Item = &'a [u8]>) -> Result<SharedTickets, String> {
    let (mut only_tls13, mut epoch) = (false, None);
    for option in options {
        match option.strip_prefix(b"epoch=") {
            None if option == b"tls13" => only_tls13 = true,
            None => return Err(format!("unknown option \"{}\"", String::from_utf8_lossy(option))),
            Some(_) if epoch.is_some() => return Err("the epoch is given twice".to_owned()),
            Some(time) => epoch = Some(seconds(time)?),
        }
    }
    Ok(SharedTickets { only_tls13, epoch: epoch.unwrap_or(SharedTickets::USUAL_EPOCH) })
}

/// Parses the seconds of an epoch: digits, then s, m, h, d or nothing.
fn seconds(text: &[u8]) -> Result<u32, String> {
    let (digits, unit) = match text {
        [digits @ .., b's'] => (digits, 1),
        [digits @ .., b'm'] => (digits, 60),
        [digits @ .., b'h'] => (digits, 3600),
        [digits @ .., b'd'] => (digits, 86_400),
        digits => (digits, 1),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("the epoch is no time, such as 12h".to_owned());
    }
    let number = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(u32::MAX);
    match number.saturating_mul(unit) {
        0 => Err("the epoch is less than a second".to_owned()),
        seconds @ 1..=SharedTickets::LONGEST_EPOCH => Ok(seconds),
        _ => Err("the epoch is more than a day".to_owned()),
    }
}

/// Parses SSLSESSION_LOG: `stderr`, `syslog` or an absolute path, each with `,debug` or without.
pub fn log(value: &[u8]) -> Result<Option<Log>, String> {
    let (target, is_debug) = match value.strip_suffix(b",debug") {
        Some(target) => (target, true),
        None => (value, false),
    };
    let target = match target {
        b"stderr" => LogTarget::Stderr,
        b"syslog" => LogTarget::Syslog,
        [b'/', ..] => LogTarget::File(absolute(target)?),
        _ => return Err("none of stderr, syslog, /a/file, which may have ,debug".to_owned()),
    };
    Ok(Some(Log { target, is_debug }))
}

/// Parses SSLSESSION_KEY_FILE: an absolute path, as the program may change its directory.
pub fn key_file(value: &[u8]) -> Result<Option<PathBuf>, String> {
    absolute(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(miri))]
    use proptest::prelude::*;

    fn made(path: Option<&str>, size: impl Into<Option<usize>>) -> Result<Store, String> {
        Ok(Store::Shared(Shared { path: path.map(PathBuf::from), size: size.into() }))
    }

    fn refused(reason: &str) -> Result<Store, String> {
        Err(reason.to_owned())
    }

    const UNKNOWN: &str = "none of memory, shared, shared:NAME, of which the last two may have ,size=64M";

    #[test]
    fn stores() {
        let table = [
            ("memory", Ok(Store::Memory)),
            ("shared", made(None, None)),
            ("shared:web", made(Some("/dev/shm/web"), None)),
            ("shared:...", made(Some("/dev/shm/..."), None)),
            ("shared:/var/lib/tls/store", made(Some("/var/lib/tls/store"), None)),
            ("sharde", refused(UNKNOWN)),
            ("SHARED", refused(UNKNOWN)),
            ("shared2", refused(UNKNOWN)),
            (" shared", refused(UNKNOWN)),
            ("redis://localhost", refused(UNKNOWN)),
            (",", refused(UNKNOWN)),
            ("memory,size=1M", refused("\"memory\" takes no options")),
            ("memory:web", refused(UNKNOWN)),
            ("shared:", refused("the store has no name after the colon")),
            ("shared:,size=1M", refused("the store has no name after the colon")),
            ("shared:.", refused("the store's name is a directory")),
            ("shared:..", refused("the store's name is a directory")),
            ("shared:../web", refused("the store's name is not an absolute path")),
            ("shared:run/web", refused("the store's name is not an absolute path")),
            ("shared:web/", refused("the store's name is not an absolute path")),
            ("shared:/", refused("the store's name is a directory")),
            ("shared:/run/", refused("the store's name is a directory")),
            ("shared:/run/..", refused("the store's name is a directory")),
            ("shared:/dev/shm/../../var/web", refused("the store's name is a path with \"..\" in it")),
            ("shared:/run/..web..", made(Some("/run/..web.."), None)),
            ("shared:web:64M", refused("the store's name has a colon: a size is given as ,size=64M")),
            ("shared:64M", refused("the store's name is a size, which is given as ,size=64M")),
            ("shared,", refused("unknown option \"\"")),
            ("shared,64M", refused("unknown option \"64M\"")),
            ("shared:web,Size=64M", refused("unknown option \"Size=64M\"")),
        ];
        for (value, expected) in table {
            assert_eq!(store(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn sizes() {
        let no_number = "the size is no number of bytes, such as 64M";
        let table = [
            ("shared,size=1M", made(None, 1 << 20)),
            ("shared:/a:b c,size=65536", made(Some("/a:b c"), 65536)),
            ("shared:web,size=64K", made(Some("/dev/shm/web"), 64 << 10)),
            ("shared:web,size=64k", made(Some("/dev/shm/web"), 64 << 10)),
            ("shared,size=3m", made(None, 3 << 20)),
            ("shared,size=32G", made(None, 32 << 30)),
            ("shared,size=34359738368", made(None, 32 << 30)),
            ("shared,size=0000000000000000000000065537", made(None, 65537)),
            ("shared,size=64M,size=64M", refused("the size is given twice")),
            ("shared,size=", refused(no_number)),
            ("shared,size=M", refused(no_number)),
            ("shared,size=64MB", refused(no_number)),
            ("shared,size=64T", refused(no_number)),
            ("shared,size=+64M", refused(no_number)),
            ("shared,size=-64M", refused(no_number)),
            ("shared,size=0x10000", refused(no_number)),
            ("shared,size=1.5G", refused(no_number)),
            ("shared,size= 64M", refused(no_number)),
            ("shared,size=0", refused("the size is less than 64K")),
            ("shared,size=65535", refused("the size is less than 64K")),
            ("shared,size=63K", refused("the size is less than 64K")),
            ("shared,size=33G", refused("the size is more than 32G")),
            ("shared,size=34359738369", refused("the size is more than 32G")),
            ("shared,size=18446744073709551616", refused("the size is more than 32G")),
            ("shared,size=17179869185G", refused("the size is more than 32G")), // 2^64 + 1G, by 1024s
        ];
        for (value, expected) in table {
            assert_eq!(store(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_name_need_not_be_text() {
        let path = PathBuf::from(OsStr::from_bytes(b"/dev/shm/\xff\xfe"));
        assert_eq!(store(b"shared:\xff\xfe"), Ok(Store::Shared(Shared { path: Some(path), size: None })));
    }

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
            assert_eq!(tickets(value.as_bytes()), expected, "{value}");
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
        assert_eq!(key_file(b"/etc/keys"), Ok(Some(PathBuf::from("/etc/keys"))));
        for value in ["keys", "./keys", "~/keys", "/", "/etc/", "/etc/.", "/../keys"] {
            assert!(key_file(value.as_bytes()).is_err(), "{value}");
        }
    }

    #[cfg(not(miri))] // where it takes minutes and touches nothing that Miri watches
    proptest! {
        #[test]
        fn no_value_brings_a_path_or_a_size_outside_the_limits(
            start in prop_oneof!["shared", "shared:", "shared,size=", "shared:x,size=", ""],
            rest in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"./,:=0123456789KMGsize".to_vec())], 0..24),
        ) {
            if let Ok(Store::Shared(shared)) = store(&[start.as_bytes(), &rest].concat()) {
                prop_assert!(shared.size.is_none_or(|size| (Shared::MIN_SIZE..=Shared::MAX_SIZE).contains(&size)));
                prop_assert!(shared.path.is_none_or(|path| path.is_absolute() && path.file_name().is_some()));
            }
        }
    }
}
