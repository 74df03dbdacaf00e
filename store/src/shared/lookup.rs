//! Looks a record up, or takes it.
//!
//! ```text
//!   lock ─► none                                      ─► missing
//!           of another policy                         ─► policy mismatch
//!           has the fingerprint that the caller knows ─► current          nothing is copied
//!           expired                                   ─► missing          and wiped
//!           else: copy it, if there is room ─► unlock ─► open ─► record
//!                 else unlock, allocate, again
//! ```
//! Taking a record wipes it before the lock is released, so that one of all processes has it.
#![forbid(unsafe_code)]

use super::Shared;
use super::mapping::Region;
use super::partition::{Broken, Partition};
use super::statistics::Event;
use crate::record::{Fingerprint, Lookup, Policy, RecordHeader, RecordKey};
use crate::secret::Secret;
use crate::time::UnixTime;

/// Length of most sealed sessions without a certificate, with some margin.
const USUAL_LENGTH: usize = 256;

struct Wanted {
    hash: u64,
    policy: Policy,
    /// Mask that hides the record's policy.
    hidden: u64,
    known: Option<Fingerprint>,
    now: UnixTime,
}

enum Seen {
    Nothing,
    /// An expired record.
    Over,
    PolicyMismatch,
    Current,
    Longer(usize),
    Copied(RecordHeader),
}

impl Shared {
    /// Looks a record up, and removes it if `takes`.
    pub(super) fn search(&self, name: &RecordKey, known: Option<Fingerprint>, now: UnixTime, takes: bool) -> Lookup {
        let hash = self.hash(name);
        let wanted = Wanted { hash, policy: name.policy, hidden: self.hides_policy(hash), known, now };
        let number = self.partition_of(wanted.hash);
        // Most sessions fit, so that one locking is enough: nothing is allocated under the lock.
        let mut copy = Secret::with_capacity(if known.is_some() { 0 } else { USUAL_LENGTH });
        loop {
            let Some(mut opened) = self.lock(number) else { return Lookup::Unavailable };
            let seen = opened.locked.read(|body| self.probe(body, &wanted, &mut copy));
            match seen {
                Ok(Seen::Longer(length)) => {
                    drop(opened);
                    if copy.start_anew(length).is_err() {
                        return Lookup::Missing;
                    }
                    continue;
                }
                Ok(Seen::Current | Seen::Copied(_)) => self.count(Event::Found, 1),
                Ok(Seen::PolicyMismatch) => self.count(Event::PolicyMismatch, 1),
                Ok(Seen::Over) => self.count(Event::Over, 1),
                _ => self.count(Event::Missed, 1),
            }
            if takes && matches!(seen, Ok(Seen::Current | Seen::Copied(_))) {
                self.change(&mut opened, |partition| partition.remove(wanted.hash));
                self.count(Event::Removed, 1);
            } else if matches!(seen, Ok(Seen::Over)) {
                self.change(&mut opened, |partition| partition.remove(wanted.hash));
                self.count(Event::Expired, 1);
            }
            if seen.is_err() {
                self.empty(&mut opened);
            }
            drop(opened);
            self.expire_due(now);
            return match seen {
                Ok(Seen::Copied(label)) => self.open(name, &label, copy),
                Ok(Seen::Current) => Lookup::Current,
                Ok(Seen::PolicyMismatch) => Lookup::PolicyMismatch,
                Ok(Seen::Nothing | Seen::Over | Seen::Longer(_)) | Err(Broken) => Lookup::Missing,
            };
        }
    }

    /// Looks a record up, and copies it if `copy` has room for it.
    fn probe(&self, body: Region, wanted: &Wanted, copy: &mut Vec<u8>) -> Result<Seen, Broken> {
        let partition = Partition::new(body, self.mapping.shape());
        let Some(record) = partition.find(wanted.hash)? else { return Ok(Seen::Nothing) };
        let label = record.label;
        Ok(if !wanted.policy.fits(label.policy ^ wanted.hidden) {
            Seen::PolicyMismatch
        } else if wanted.known == Some(Fingerprint { expiry: label.expiry, fingerprint: label.fingerprint }) {
            Seen::Current
        } else if label.is_over(wanted.now) {
            Seen::Over
        } else if record.length() > copy.capacity() {
            Seen::Longer(record.length())
        } else {
            record.append_to(copy)?;
            Seen::Copied(label)
        })
    }

    fn open(&self, name: &RecordKey, label: &RecordHeader, body: Secret) -> Lookup {
        let opened = match &self.seal {
            Some(seal) => seal.open(name, label, body),
            None => Some(body),
        };
        if opened.is_none() {
            self.count(Event::Refused, 1);
        }
        opened.map_or(Lookup::Missing, Lookup::Record)
    }
}
