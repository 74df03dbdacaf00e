//! The record of the hosts that were checked: whether each opens what the others have sealed, and how far their clocks are
//! apart.
//!
//! ```text
//!   tls:check   entry | entry | ...   of each host the last; for a day
//!   entry       host 8 | second 4 | length 2 | sealed as a session is (scope "sslsession check", id: host)
//!   host        hash of the host's name, by which it finds its own entry again, also with another key file
//!   plain       time 8 | ahead of the server 8 | name          milliseconds
//! ```
//! Two hosts that are checked at once may lose the entry of one. Whoever has the server can write anything here: what does not
//! open is of a host with another key file, or of nobody.
#![forbid(unsafe_code)]

use std::hash::Hasher;

use redis::{Value, cmd};
use siphasher::sip::SipHasher13;
use sslsession_store::time::UnixTime;
use sslsession_store::version::ProtocolVersion;
use sslsession_store::{Policy, RecordKey};

use super::server::{MOST_APART, Server, apart, now};
use super::{Report, advice};
use crate::keys::Line;
use crate::sealed::{self, Opened};

/// The name of the record.
pub const NAME: &str = "tls:check";

/// The time for which an entry is kept, in seconds.
const DAY: i64 = 86_400;

/// Number of entries that are kept.
const MOST_ENTRIES: usize = 256;

/// Number of bytes before what is sealed.
const HEAD: usize = 14;

const SCOPE: &[u8; 16] = b"sslsession check";

/// A host's entry, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: [u8; 8],
    second: u32,
    sealed: Vec<u8>,
}

/// What an entry says.
#[derive(Debug, PartialEq, Eq)]
struct Visit {
    name: String,
    /// The host's time, in milliseconds since 1970.
    time: i64,
    /// Its clock less the server's, if it knew that.
    ahead: Option<i64>,
}

/// Opens what the other hosts have left, judges it, and leaves this host's.
pub async fn check(server: &mut Server, lines: &[Line], name: &str, report: &mut Report<'_, '_>) {
    let said = match server.ask(&cmd("GET").arg(NAME).to_owned()).await {
        Ok(Value::BulkString(said)) => said,
        Ok(_) => Vec::new(),
        Err(error) => return report.bad("other hosts", &advice::of_command(&error)),
    };
    let here = Visit { name: name.to_owned(), time: now(), ahead: server.ahead };
    let mut entries = read(&said, here.second());
    entries.retain(|entry| entry.host != hash(name));
    judge(&entries, lines, &here, report);
    let Some(own) = here.seal(lines) else { return report.bad("other hosts", "no random numbers are to be had") };
    entries.push(own);
    let set = cmd("SET").arg(NAME).arg(write(&entries)).arg("PX").arg(DAY * 1000).to_owned();
    if let Err(error) = server.ask(&set).await {
        report.bad("other hosts", &advice::of_command(&error));
    }
}

/// Says of each other host what its entry says, and of those whose entries do not open how many they are.
fn judge(entries: &[Entry], lines: &[Line], here: &Visit, report: &mut Report<'_, '_>) {
    const STEP: &str = "other hosts";
    let mut unknown = Vec::new();
    for entry in entries {
        let Some((line, visit)) = entry.open(lines) else {
            unknown.push(i64::from(here.second()) - i64::from(entry.second));
            continue;
        };
        let ago = ago((here.shared_time() - visit.shared_time()) / 1000);
        let said = format!("{} was checked {ago}, and this key file opens its record", visit.name);
        let ahead = visit.ahead.zip(here.ahead).map(|(there, here)| there.saturating_sub(here));
        let clock = ahead.map(|ahead| format!("its clock is {}", apart(ahead, "this host's")));
        match (line, clock, ahead) {
            (_, Some(clock), Some(ahead)) if ahead.saturating_abs() > MOST_APART => {
                report.bad(
                    STEP,
                    &format!("{said}; {clock}: sessions of one are too old for the other. Set it, by NTP for one"),
                );
            }
            (0, Some(clock), _) => report.good(STEP, &format!("{said}; {clock}")),
            (0, None, _) => report.good(STEP, &said),
            (line, ..) => report.doubtful(
                STEP,
                &format!("{said} with its key {}: that host seals with another key than this one", line + 1),
            ),
        }
    }
    match unknown.as_slice() {
        [] if entries.is_empty() => report.good(STEP, "none was checked within a day: do so on the next one"),
        [] => {}
        unknown => {
            let number = if unknown.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", unknown.len()) };
            let last = ago(unknown.iter().copied().min().unwrap_or_default());
            report.bad(
                STEP,
                &format!(
                    "this key file does not open the record of {number} (the last was checked {last}): SSLSESSION_KEY_FILE is \
                     to be the same on all hosts; compare `sha256sum` of it, then check the other again"
                ),
            );
        }
    }
}

fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        0..=119 => format!("{} s ago", seconds.max(0)),
        120..=7199 => format!("{} min ago", seconds / 60),
        _ => format!("{} h ago", seconds / 3600),
    }
}

fn hash(name: &str) -> [u8; 8] {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.finish().to_be_bytes()
}

fn key(host: &[u8; 8]) -> RecordKey<'_> {
    RecordKey { scope: SCOPE, policy: Policy::new(0, 0, None), version: ProtocolVersion(0), id: host }
}

impl Visit {
    /// Returns its time by the server's clock, if that is known, else by the host's.
    fn shared_time(&self) -> i64 {
        self.time.saturating_sub(self.ahead.unwrap_or(0))
    }

    fn second(&self) -> u32 {
        u32::try_from(self.shared_time() / 1000).unwrap_or(0)
    }

    /// Returns the entry that says this; None without random numbers.
    fn seal(&self, lines: &[Line]) -> Option<Entry> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).ok()?;
        let host = hash(&self.name);
        let name = &self.name.as_bytes()[..self.name.len().min(255)];
        let plain = [&self.time.to_be_bytes(), &self.ahead.unwrap_or(i64::MIN).to_be_bytes(), name].concat();
        let (_, sealed) = sealed::seal(lines.first()?, &key(&host), u32::MAX, salt, &plain)?;
        Some(Entry { host, second: self.second(), sealed })
    }
}

impl Entry {
    /// Returns what it says, and the number of the line that opens it.
    fn open(&self, lines: &[Line]) -> Option<(usize, Visit)> {
        lines.iter().enumerate().find_map(|(number, line)| {
            let Opened::Body(body, _) = sealed::open(line, &key(&self.host), &self.sealed, UnixTime(0)) else {
                return None;
            };
            let (time, rest) = body.split_first_chunk()?;
            let (ahead, name) = rest.split_first_chunk()?;
            let ahead = Some(i64::from_be_bytes(*ahead)).filter(|&ahead| ahead != i64::MIN);
            let name = String::from_utf8_lossy(name).into_owned();
            Some((number, Visit { name, time: i64::from_be_bytes(*time), ahead }))
        })
    }
}

/// Reads the entries that are no older than a day, as far as they make sense.
fn read(mut bytes: &[u8], second: u32) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let [host @ .., a, b, c, d, high, low] = *head;
        let Some((sealed, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low]))) else { break };
        bytes = rest;
        let entry = Entry { host, second: u32::from_be_bytes([a, b, c, d]), sealed: sealed.to_vec() };
        if (i64::from(second) - i64::from(entry.second)).abs() <= DAY {
            entries.push(entry);
        }
    }
    entries
}

/// Returns the newest entries as the record has them.
fn write(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in &entries[entries.len().saturating_sub(MOST_ENTRIES)..] {
        let Ok(length) = u16::try_from(entry.sealed.len()) else { continue };
        bytes.extend_from_slice(&entry.host);
        bytes.extend_from_slice(&entry.second.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&entry.sealed);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::{State, Step};
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn visit(name: &str, time: i64, ahead: Option<i64>) -> Visit {
        Visit { name: name.to_owned(), time, ahead }
    }

    fn lines(texts: &[&str]) -> Box<[Line]> {
        Line::of(texts.iter().map(|text| text.as_bytes())).expect("memory")
    }

    fn judged(entries: &[Entry], lines: &[Line], here: &Visit) -> Vec<(State, String)> {
        let mut said = Vec::new();
        let mut tell = |step: &Step<'_>| said.push((step.state, step.text.to_owned()));
        judge(entries, lines, here, &mut Report { server: "", tell: &mut tell });
        said
    }

    #[test]
    fn a_host_reads_what_the_others_have_left() {
        let lines = lines(&["a line"]);
        let there = visit("web2", NOW - 5000, Some(300));
        let entry = there.seal(&lines).expect("random numbers");
        let bytes = write(&[entry.clone(), entry.clone()]);
        let second = (NOW / 1000) as u32;
        assert_eq!(read(&bytes, second), [entry.clone(), entry.clone()]);
        assert_eq!(read(&bytes, second + 90_000), []);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], second).len() < 2, "a cut record has fewer");
        }
        assert_eq!(entry.open(&lines), Some((0, there)));
    }

    #[test]
    fn another_key_file_and_another_clock_are_told_apart() {
        let (ours, others) = (lines(&["a line", "an old line"]), lines(&["another line"]));
        let here = visit("web1", NOW, Some(0));
        let left = |visit: Visit, lines: &[Line]| vec![visit.seal(lines).expect("random numbers")];
        let good = judged(&left(visit("web2", NOW - 5000, Some(-200)), &ours), &ours, &here);
        let said =
            "web2 was checked 4 s ago, and this key file opens its record; its clock is 0.2 s behind this host's";
        assert_eq!(good, [(State::Good, said.to_owned())]);
        let apart = judged(&left(visit("web2", NOW + 3_600_000, Some(3_605_000)), &ours), &ours, &here);
        assert!(apart[0].0 == State::Bad && apart[0].1.contains("checked 5 s ago"), "{apart:?}");
        assert!(apart[0].1.contains("its clock is 3605.0 s ahead of this host's"), "{apart:?}");
        let unknown = judged(&left(visit("web2", NOW - 5000, None), &others), &ours, &here);
        assert!(unknown[0].0 == State::Bad && unknown[0].1.contains("the record of 1 host"), "{unknown:?}");
        let old = judged(&left(visit("web2", NOW, None), &lines(&["an old line"])), &ours, &here);
        assert!(old[0].0 == State::Doubtful && old[0].1.contains("with its key 2"), "{old:?}");
        assert_eq!(judged(&[], &ours, &here)[0].0, State::Good);
    }
}
