//! The objects that tests store in place of sessions.
#![forbid(unsafe_code)]

use super::leaf_locks_held;
use std::sync::Arc;

/// A reference to a numbered session; must not be dropped under a lock of the store.
#[derive(Clone, Debug)]
pub struct Session(pub Arc<u32>);

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        assert_eq!(leaf_locks_held(), 0, "a session is freed under a lock");
    }
}
