//! A map from an object's address to the library's state for it.
//!
//! The state could be in the object's own ex_data. But programs use ex_data indexes that they never asked for: they
//! would overwrite it, or find it where they expect NULL. So the library puts nothing into an object, and takes
//! nothing that a program stores there for its own.
//!
//! ```text
//!   segments   64 entries   256   1,024   4,096 ...        each made when no bucket of the one before has room
//!                 │
//!                 └─► buckets of 8 entries: (address, value) (address, value) ...       two lines of memory
//! ```
//! An address hashes to one bucket of each segment. It is inserted into the newest segment's bucket, or if that is
//! full into a new segment; a lookup begins with the newest. No operation waits for another, so a fork finds nothing
//! locked; at worst an entry that another thread was filling is lost to the child. Segments are never freed.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::race::OnceBox;

const BUCKET: usize = 8;

/// Number of buckets of the first segment; each further one has four times as many as the one before.
const INITIAL_BUCKETS: usize = 8;

/// Number of segments that has room for more objects than memory holds.
const MAX_SEGMENTS: usize = 18;

/// An address and its value; an address of 0 is free.
#[derive(Default)]
struct Entry {
    address: AtomicUsize,
    value: AtomicUsize,
}

#[derive(Default)]
#[repr(align(128))]
struct Bucket([Entry; BUCKET]);

/// The map. Values are addresses too, and never 0.
pub struct AddressMap {
    segments: [OnceBox<Box<[Bucket]>>; MAX_SEGMENTS],
    /// Number of segments made.
    made: AtomicUsize,
}

impl AddressMap {
    /// Returns an empty map, which takes no memory.
    pub const fn new() -> AddressMap {
        AddressMap { segments: [const { OnceBox::new() }; MAX_SEGMENTS], made: AtomicUsize::new(0) }
    }

    /// Returns the value of an address; None if it has none.
    #[inline]
    pub fn get(&self, address: usize) -> Option<usize> {
        let value = self.entry(address)?.value.load(Ordering::Acquire);
        (value != 0).then_some(value)
    }

    /// Sets the value of an address. Returns false if there is no room. Two threads that insert one address at once
    /// must insert the same value.
    pub fn insert(&self, address: usize, value: usize) -> bool {
        let entry = self.entry(address).or_else(|| self.claim_once(address));
        if let Some(entry) = entry {
            entry.value.store(value, Ordering::Release);
        }
        entry.is_some()
    }

    /// Removes an address. Returns its value; None if it had none.
    pub fn remove(&self, address: usize) -> Option<usize> {
        let entry = self.entry(address)?;
        let value = entry.value.swap(0, Ordering::AcqRel);
        entry.address.store(0, Ordering::Release);
        (value != 0).then_some(value)
    }

    /// Returns the entry of an address.
    #[inline]
    fn entry(&self, address: usize) -> Option<&Entry> {
        let segments = &self.segments[..self.made.load(Ordering::Acquire)];
        segments.iter().rev().filter_map(OnceBox::get).find_map(|segment| {
            let mut entries = bucket(segment, address).0.iter();
            entries.find(|entry| entry.address.load(Ordering::Acquire) == address)
        })
    }

    /// Claims a free entry for an address that has none; if two threads do so at once, the entry found first counts.
    fn claim_once(&self, address: usize) -> Option<&Entry> {
        let claimed = self.claim(address)?;
        let first = self.entry(address)?;
        if !ptr::eq(first, claimed) {
            claimed.address.store(0, Ordering::Release);
        }
        Some(first)
    }

    /// Claims a free entry for an address, in a new segment if need be; None if there can be no more.
    fn claim(&self, address: usize) -> Option<&Entry> {
        let newest = self.made.load(Ordering::Acquire).saturating_sub(1);
        self.segments.iter().enumerate().skip(newest).find_map(|(number, segment)| {
            let segment = segment.get_or_init(|| make(number));
            self.made.fetch_max(number + 1, Ordering::AcqRel);
            let claim = |entry: &&Entry| {
                entry.address.compare_exchange(0, address, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            };
            bucket(segment, address).0.iter().find(claim)
        })
    }
}

fn make(number: usize) -> Box<Box<[Bucket]>> {
    let buckets = INITIAL_BUCKETS << (2 * number);
    Box::new((0..buckets).map(|_| Bucket::default()).collect())
}

/// Returns the one bucket of a segment that may have an address.
#[inline]
fn bucket(segment: &[Bucket], address: usize) -> &Bucket {
    // Objects are 16 bytes apart at least. The upper half of the product is well mixed (Fibonacci hashing).
    let hash = (address as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    &segment[hash as usize & (segment.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn an_address_has_its_value_until_it_is_removed() {
        let map = AddressMap::new();
        assert_eq!((map.get(16), map.remove(16)), (None, None));
        assert!(map.insert(16, 1) && map.insert(32, 2) && map.insert(16, 3));
        assert_eq!((map.get(16), map.get(32), map.get(48)), (Some(3), Some(2), None));
        assert_eq!((map.remove(16), map.remove(16), map.get(32)), (Some(3), None, Some(2)));
    }

    #[test]
    fn it_grows_and_keeps_what_stands_in_older_segments() {
        let map = AddressMap::new();
        let addresses = || (1..if cfg!(miri) { 400 } else { 20_000 }).map(|number: usize| number * 4096);
        assert!(addresses().all(|address| map.insert(address, address + 1)));
        assert!(addresses().all(|address| map.get(address) == Some(address + 1)));
        assert!(addresses().step_by(2).all(|address| map.remove(address) == Some(address + 1)));
        assert!(addresses().skip(1).step_by(2).all(|address| map.get(address) == Some(address + 1)));
        let made = map.made.load(Ordering::Relaxed);
        assert!(addresses().step_by(2).all(|address| map.insert(address, 5)));
        assert!(map.made.load(Ordering::Relaxed) <= made + 1);
    }

    #[test]
    fn threads_that_insert_one_address_at_once_leave_one_entry() {
        let map = AddressMap::new();
        for address in (1..if cfg!(miri) { 10 } else { 2_000 }).map(|number: usize| number * 16) {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| assert!(map.insert(address, 7)));
                }
            });
            assert_eq!((map.remove(address), map.get(address)), (Some(7), None));
        }
    }

    #[test]
    fn threads_do_not_take_each_others_entries() {
        let map = AddressMap::new();
        thread::scope(|scope| {
            for thread in 1..=4_usize {
                let map = &map;
                scope.spawn(move || {
                    for round in 0..if cfg!(miri) { 3 } else { 300 } {
                        let address = |n: usize| (thread << 32) + n * 64;
                        assert!((1..50).all(|n| map.insert(address(n), thread + round)));
                        assert!((1..50).all(|n| map.get(address(n)) == Some(thread + round)));
                        assert!((1..50).all(|n| map.remove(address(n)) == Some(thread + round)));
                    }
                });
            }
        });
    }
}
