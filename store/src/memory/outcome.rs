//! Results of the store's operations, with all sessions that were removed.
#![forbid(unsafe_code)]

/// Result of [`Memory::insert`](super::Memory::insert).
#[must_use = "what left has to be marked and freed"]
#[derive(Debug)]
pub struct Inserted<V> {
    /// Result for the inserted session.
    pub outcome: Outcome<V>,
    /// The sessions that were evicted for it, soonest to expire first.
    pub evicted: Evicted<V>,
}

/// Result for a session that was to be inserted.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<V> {
    /// Inserted under a new key.
    Added,
    /// Inserted; it replaced this other object of the same key.
    Replaced(V),
    /// The same object was there already, and its expiry is updated; this is the caller's
    /// reference.
    AlreadyThere(V),
}

/// Evicted sessions, in order. Mostly none or one, which costs no allocation.
#[derive(Debug)]
pub struct Evicted<V> {
    first: Option<V>,
    rest: Vec<V>,
}

impl<V> Evicted<V> {
    pub(super) const fn none() -> Self {
        Self { first: None, rest: Vec::new() }
    }

    pub(super) fn push(&mut self, value: V) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.rest.push(value),
        }
    }

    /// Returns the number of evicted sessions.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// Returns them in order.
    pub fn iter(&self) -> impl Iterator<Item = &V> {
        self.first.iter().chain(&self.rest)
    }

    /// Returns true if none was evicted.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl<V> IntoIterator for Evicted<V> {
    type Item = V;
    type IntoIter = std::iter::Chain<std::option::IntoIter<V>, std::vec::IntoIter<V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

/// Result of [`Memory::reposition`](super::Memory::reposition).
#[must_use = "what left has to be freed"]
#[derive(Debug, PartialEq, Eq)]
pub enum Repositioned<V> {
    /// Moved; it replaced this other object, if any.
    Moved(Option<V>),
    /// Not found: that object is not under that key.
    NotHere,
}
