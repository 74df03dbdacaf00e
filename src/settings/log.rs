//! The targets of the library's lines.
//!
//! ```text
//!   a complaint ──────────► SSLSESSION_LOG names a target ─ yes ─► that one; or stderr, if it cannot be written to, and why
//!                                                          └ no ──► stderr; and syslog, if that is /dev/null or closed
//!   other lines, with SSLSESSION_LOG only ──► that target
//! ```
//! No file stays open: a server closes descriptors that it does not know, and reuses their numbers.
#![forbid(unsafe_code)]

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use super::load::{is_stderr_lost, write_stderr};
use super::{Log, LogTarget};
use crate::clock;
use sslsession_store::threads;
use sslsession_store::time::UnixTime;

/// Length in bytes that fits into a pipe without another's words in between (PIPE_BUF).
pub const LONGEST_LINE: usize = 4096;

/// The severity of a line, by syslog's numbers, for a daemon's messages.
#[derive(Clone, Copy)]
pub enum Severity {
    /// daemon.warning, for complaints.
    Warning = 3 << 3 | 4,
    /// daemon.info, for other lines.
    Info = 3 << 3 | 6,
}

/// Writes one line. Any thread may call it; a failure costs only the line.
pub fn write(log: Option<&Log>, severity: Severity, what: &str) {
    threads::uncancelled(|| write_line(log, severity, what));
}

fn write_line(log: Option<&Log>, severity: Severity, what: &str) {
    let written = match log.map(|log| &log.target) {
        Some(LogTarget::File(path)) => append(path, what).map_err(|error| explain(path, &error)).is_ok(),
        Some(LogTarget::Syslog) => send(severity, what).is_ok(),
        Some(LogTarget::Stderr) => false,
        None => {
            // For a stderr that nobody sees. There may be no syslog either.
            let _ = is_stderr_lost() && send(severity, what).is_ok();
            false
        }
    };
    if !written {
        write_stderr(&line("sslsession: ", what));
    }
}

/// Says once on stderr why a file gets no lines.
fn explain(path: &Path, error: &io::Error) {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if !IS_SAID.swap(true, Ordering::Relaxed) {
        let what = format!("SSLSESSION_LOG={}: it cannot be written to, so this is told here: {error}", path.display());
        write_stderr(&line("sslsession: ", &what));
    }
}

/// Appends a line to a file, with the time and the process.
fn append(path: &Path, what: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK);
    let mut file = options.open(path)?;
    let start = format!("{} sslsession[{}]: ", utc(clock::now()), process::id());
    let (line, metadata) = (line(&start, what), file.metadata()?);
    // A limit on the size of files does not fail: it ends the process.
    if metadata.is_file()
        && metadata.len().saturating_add(line.len() as u64) > sslsession_store::file_system::largest_file()
    {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    file.write_all(&line)
}

/// Sends a line to the system's log, past the program's own connection to it.
fn send(severity: Severity, what: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let start = format!("<{}>sslsession[{}]: ", severity as u8, process::id());
    let line = line(&start, what);
    socket.send_to(&line[..line.len() - 1], "/dev/log").map(|_| ())
}

/// Makes a line that begins with `start`. Control characters are replaced, and a long line is cut off.
fn line(start: &str, what: &str) -> Vec<u8> {
    let mut line = String::from(start);
    for character in what.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }) {
        if line.len() + character.len_utf8() >= LONGEST_LINE {
            break;
        }
        line.push(character);
    }
    line.push('\n');
    line.into_bytes()
}

/// Returns a time in the form of RFC 3339. The C library's functions acquire a lock, which a
/// fork can leave locked.
fn utc(time: UnixTime) -> String {
    let (days, second) = (time.0.div_euclid(86_400), time.0.rem_euclid(86_400));
    // Years of this count begin in March, so that a leap day is the last of one; 400 of them have 146,097 days.
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year + i64::from(month >= 10), if month < 10 { month + 3 } else { month - 9 });
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_one_line_that_a_pipe_takes_whole() {
        assert_eq!(
            line("sslsession: ", "a\nb\x1b[31m\x7f\u{85}é\r"),
            "sslsession: a\u{fffd}b\u{fffd}[31m\u{fffd}\u{fffd}é\u{fffd}\n".as_bytes()
        );
        for what in ["x".repeat(5000), "é".repeat(5000), "\0".repeat(5000)] {
            let line = line("sslsession: ", &what);
            assert!((LONGEST_LINE - 3..=LONGEST_LINE).contains(&line.len()), "{} bytes", line.len());
            assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
            assert!(String::from_utf8(line).is_ok());
        }
    }

    /// As `date -u -d @TIME` says it.
    #[test]
    fn times() {
        for (time, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UnixTime(time)), expected, "{time}");
        }
    }
}
