//! Connections with settings of their own that cannot be read: such a one neither finds a session of others nor gives one.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::brief_lock::BriefLock;
use crate::handle::Connection;

/// The connections of a context that are apart, by address.
#[derive(Default)]
pub(super) struct Apart {
    connections: BriefLock<Vec<usize>>,
    /// How many there are, readable without the lock: hardly a program has any.
    number: AtomicUsize,
}

impl Apart {
    /// Returns true if a connection is apart.
    pub(super) fn has(&self, connection: Connection) -> bool {
        self.number.load(Ordering::Acquire) != 0
            && self.change(|connections| connections.contains(&connection.as_ptr().addr())).unwrap_or(true)
    }

    /// Sets a connection apart, until it is freed.
    pub(super) fn insert(&self, connection: Connection) {
        self.change(|connections| connections.push(connection.as_ptr().addr()));
    }

    /// Forgets a connection that is being freed.
    pub(super) fn remove(&self, connection: Connection) {
        if self.number.load(Ordering::Acquire) != 0 {
            self.change(|connections| connections.retain(|&address| address != connection.as_ptr().addr()));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<usize>) -> T) -> Option<T> {
        let mut connections = self.connections.lock()?;
        let changed = change(&mut connections);
        self.number.store(connections.len(), Ordering::Release);
        Some(changed)
    }
}
