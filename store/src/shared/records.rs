//! The records of a store: how they are stored, replaced and removed.
#![forbid(unsafe_code)]

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::Shared;
use super::partition::{Broken, MAX_BODY, Partition};
use super::statistics::Event;
use crate::expiry::Expiry;
use crate::record::{Fingerprint, KeyedDigest, Lookup, Policy, RecordHeader, RecordKey};
use crate::record_store::RecordStore;
use crate::time::UnixTime;

impl KeyedDigest for Shared {
    fn digest(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.digests[0], self.digests[1]);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }
}

impl RecordStore for Shared {
    fn fingerprint(&self, secret: &[u8], expiry: Expiry) -> Fingerprint {
        let [one, two] = self.fingerprints;
        let hasher = SipHasher13::new_with_keys(one, two);
        let hash = match <&[u8; 48]>::try_from(secret) {
            // The length of nearly all secrets.
            Ok(secret) => hasher.hash(secret),
            Err(_) => hasher.hash(secret),
        };
        Fingerprint { expiry: expiry.second(), fingerprint: hash as u32 }
    }

    fn insert(&self, name: &RecordKey, mark: Fingerprint, bytes: &[u8]) -> bool {
        self.insert_if(name, mark, bytes, |_| Ok(true))
    }

    fn replace(&self, was: &RecordKey, known: Fingerprint, name: &RecordKey, mark: Fingerprint, bytes: &[u8]) -> bool {
        let Some(policy) = self.policy(was) else { return false };
        let hash = self.hash(was);
        let name = RecordKey { policy, ..*name };
        let is_same = |partition: &Partition| {
            let found = partition.find(hash)?;
            Ok(found.is_some_and(|record| record.label.fingerprint == known.fingerprint))
        };
        if self.hash(&name) == hash {
            return self.insert_if(&name, mark, bytes, is_same);
        }
        // Under another key, and perhaps in another partition: only a process that removed the old
        // record may store the new one.
        let Some(mut opened) = self.lock(self.partition_of(hash)) else { return false };
        let take = |partition: &mut Partition| Ok(is_same(partition)? && partition.remove(hash)?);
        let is_taken = self.change(&mut opened, take).unwrap_or(false);
        drop(opened);
        is_taken && self.insert(&name, mark, bytes)
    }

    fn find(&self, name: &RecordKey, known: Option<Fingerprint>, now: UnixTime) -> Lookup {
        self.search(name, known, now, false)
    }

    fn take(&self, name: &RecordKey, known: Option<Fingerprint>, now: UnixTime) -> Lookup {
        self.search(name, known, now, true)
    }

    fn remove(&self, name: &RecordKey) -> bool {
        let hash = self.hash(name);
        let number = self.partition_of(hash);
        let Some(mut opened) = self.lock(number) else { return false };
        let removed = self.change(&mut opened, |partition| partition.remove(hash)).unwrap_or(false);
        self.count(Event::Removed, u64::from(removed));
        removed
    }

    fn policy(&self, name: &RecordKey) -> Option<Policy> {
        let hash = self.hash(name);
        let mut opened = self.lock(self.partition_of(hash))?;
        let find = |body| Some(Partition::new(body, self.mapping.shape()).find(hash).ok()??.label.policy);
        opened.locked.read(find).map(|policy| Policy::of_bits(policy ^ self.hides_policy(hash)))
    }

    fn expire(&self, now: UnixTime) {
        self.expire_due(now);
    }
}

impl Shared {
    /// Stores an encoded session if its partition, once locked, meets the caller's condition.
    fn insert_if(
        &self,
        name: &RecordKey,
        mark: Fingerprint,
        bytes: &[u8],
        is_wanted: impl FnOnce(&Partition) -> Result<bool, Broken>,
    ) -> bool {
        let label = self.label(name, mark);
        let number = self.partition_of(label.hash);
        let sealed = match &self.seal {
            // Only once it is known to fit: its length may be a client's choice.
            Some(seal) if bytes.len() <= MAX_BODY => match seal.seal(name, &label, self.serial(number), bytes) {
                None => return false,
                sealed => sealed,
            },
            _ => None,
        };
        let body = sealed.as_deref().unwrap_or(bytes);
        let Some(mut opened) = self.lock(number) else { return false };
        let stored = self.change(&mut opened, |partition| {
            if !is_wanted(partition)? {
                return Ok(Stored::Unwanted);
            }
            if body.len() > partition.longest() {
                // The record under its key is of another session.
                return partition.remove(label.hash).map(|_| Stored::TooLarge);
            }
            partition.insert(&label, body).map(Stored::Evicting)
        });
        match stored {
            Some(Stored::Evicting(evicted)) => {
                self.count(Event::Stored, 1);
                self.count(Event::Evicted, u64::from(evicted));
                true
            }
            Some(Stored::TooLarge) => {
                self.count(Event::TooLarge, 1);
                false
            }
            Some(Stored::Unwanted) | None => false,
        }
    }

    fn label(&self, name: &RecordKey, mark: Fingerprint) -> RecordHeader {
        let hash = self.hash(name);
        let policy = name.policy.bits() ^ self.hides_policy(hash);
        RecordHeader { hash, policy, expiry: mark.expiry, fingerprint: mark.fingerprint }
    }

    /// Returns a number that no other record of this store gets.
    fn serial(&self, number: usize) -> u64 {
        let partitions = self.mapping.shape().partitions as u64;
        self.mapping.head(number).serial().wrapping_mul(partitions).wrapping_add(number as u64)
    }
}

/// Result of an attempt to store a record.
enum Stored {
    /// Stored, after this number of others was evicted.
    Evicting(u32),
    TooLarge,
    Unwanted,
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::{Expiry, Hasher, Policy, RecordKey, RecordStore, Shared, SipHasher13};
    use crate::version::ProtocolVersion;

    /// A store's file may have been written by a library that hashes piece by piece.
    #[test]
    fn one_piece_hashes_as_its_parts_do() {
        let store = Shared::anonymous(crate::config::SharedConfig::MIN_SIZE).expect("a mapping");
        let parts = |keys: [u64; 2], parts: &[&[u8]]| {
            let mut hasher = SipHasher13::new_with_keys(keys[0], keys[1]);
            parts.iter().for_each(|part| hasher.write(part));
            hasher.finish()
        };
        let name = RecordKey {
            scope: &[7; 16],
            policy: Policy::new(0, 0, None),
            version: ProtocolVersion(0x0303),
            id: &[9; 32],
        };
        assert_eq!(store.hash(&name), parts(store.names, &[&[7; 16], &0x0303_i32.to_ne_bytes(), &[9; 32]]));
        let fingerprint = store.fingerprint(&[5; 48], Expiry::NEVER).fingerprint;
        assert_eq!(fingerprint, parts(store.fingerprints, &[&[5; 40], &[5; 8]]) as u32);
    }
}
