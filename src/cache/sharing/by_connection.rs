//! Notes of connections until they are freed, by their addresses.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::brief_lock::BriefLock;
use crate::handle::Connection;

/// Greatest number of connections that are noted. Such as libssl frees out of our sight are not forgotten one by one.
const MAX_NOTES: usize = 4096;

/// Values by the addresses of connections.
type Values<V> = HashMap<usize, V, BuildHasherDefault<AddressHasher>>;

/// Spreads addresses over a table. The allocator chooses them, no client does, so no secret is needed.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write_usize(&mut self, address: usize) {
        // The golden ratio's bits; the table takes the highest bits and the lowest.
        self.0 = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_right(32);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(self.0 as usize ^ usize::from(byte)));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A value for some of a context's connections.
pub(super) struct ByConnection<V> {
    values: BriefLock<Values<V>>,
    /// Number of notes, readable without the lock: mostly none.
    number: AtomicUsize,
}

impl<V> Default for ByConnection<V> {
    fn default() -> ByConnection<V> {
        ByConnection { values: BriefLock::default(), number: AtomicUsize::new(0) }
    }
}

impl<V> ByConnection<V> {
    /// Keeps a value until the connection is freed.
    pub(super) fn insert(&self, connection: Connection, value: V) {
        self.change(|values| values.insert(address(connection), value));
    }

    /// Keeps a value that may be forgotten: where there are very many, all go.
    pub(super) fn note(&self, connection: Connection, value: V) {
        self.change(|values| {
            if values.len() >= MAX_NOTES {
                values.clear();
            }
            values.insert(address(connection), value)
        });
    }

    /// Returns a connection's value; None if it has none.
    pub(super) fn get(&self, connection: Connection) -> Option<V>
    where
        V: Clone,
    {
        self.if_any(|values| values.get(&address(connection)).cloned())?
    }

    /// Returns true if a connection has a value, also if that cannot be found out.
    pub(super) fn may_have(&self, connection: Connection) -> bool {
        self.number.load(Ordering::Acquire) != 0
            && self.change(|values| values.contains_key(&address(connection))).unwrap_or(true)
    }

    /// Takes a connection's value away: it is wanted once, or the connection is being freed.
    pub(super) fn take(&self, connection: Connection) -> Option<V> {
        self.if_any(|values| values.remove(&address(connection)))?
    }

    fn if_any<T>(&self, change: impl FnOnce(&mut Values<V>) -> T) -> Option<T> {
        if self.number.load(Ordering::Acquire) == 0 { None } else { self.change(change) }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Values<V>) -> T) -> Option<T> {
        let mut values = self.values.lock()?;
        let changed = change(&mut values);
        self.number.store(values.len(), Ordering::Release);
        Some(changed)
    }
}

fn address(connection: Connection) -> usize {
    connection.as_ptr().addr()
}
