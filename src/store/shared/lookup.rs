//! Finds a record, or takes it out.
//!
//! ```text
//!   lock ─► none                                ─► missing
//!           of another policy                   ─► withheld
//!           the one that the caller has alive   ─► standing          nothing is copied
//!           over                                ─► missing           and wiped
//!           else: copy it, if there is room ─► unlock ─► open ─► record
//!                 else unlock, make room, again
//! ```
//! Who takes a record wipes it before the lock is given back, so that of all processes one has it.
#![forbid(unsafe_code)]

use super::partition::{Broken, Partition, RecordHeader};
use super::{Event, Fingerprint, Lookup, Policy, RecordKey, Secret, Shared};
use crate::mapping::Region;

/// What a sealed session without a certificate needs, and some more.
const USUAL_LENGTH: usize = 256;

struct Wanted {
    hash: u64,
    policy: Policy,
    /// What hides the record's policy.
    hidden: u64,
    known: Option<Fingerprint>,
    now: i64,
}

enum Seen {
    Nothing,
    /// A record that is over.
    Over,
    PolicyMismatch,
    Current,
    Longer(usize),
    Copied(RecordHeader),
}

impl Shared {
    /// Searches for a session that is not over at `now`. `known` is the mark of the one that the caller has: if that is it,
    /// nothing is copied, and whether it is over is for the caller to see.
    pub fn find(&self, name: &RecordKey, known: Option<Fingerprint>, now: i64) -> Lookup {
        self.search(name, known, now, false)
    }

    /// The same, and takes the session out, which of all processes only one can.
    pub fn take(&self, name: &RecordKey, known: Option<Fingerprint>, now: i64) -> Lookup {
        self.search(name, known, now, true)
    }

    fn search(&self, name: &RecordKey, known: Option<Fingerprint>, now: i64, takes: bool) -> Lookup {
        let hash = self.hash(name);
        let wanted = Wanted { hash, policy: name.policy, hidden: self.hides_policy(hash), known, now };
        let number = self.partition_of(wanted.hash);
        // Most sessions fit, so that the lock need not be taken twice: nothing is allocated under it.
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
            self.expire(now);
            return match seen {
                Ok(Seen::Copied(label)) => self.open(name, &label, copy),
                Ok(Seen::Current) => Lookup::Current,
                Ok(Seen::PolicyMismatch) => Lookup::PolicyMismatch,
                Ok(Seen::Nothing | Seen::Over | Seen::Longer(_)) | Err(Broken) => Lookup::Missing,
            };
        }
    }

    /// Looks for a record, and copies it if `copy` has room for it.
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
