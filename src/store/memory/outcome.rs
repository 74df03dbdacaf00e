//! What the store's operations answer: everything that leaves is handed out.
#![forbid(unsafe_code)]

/// What [`Memory::insert`](super::Memory::insert) did.
#[must_use = "what left has to be marked and freed"]
#[derive(Debug)]
pub struct Inserted<V> {
    /// What became of the session handed in.
    pub outcome: Outcome<V>,
    /// The sessions that had to leave for it, soonest to expire first.
    pub evicted: Evicted<V>,
}

/// What became of a session that was to be inserted.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<V> {
    /// It is in.
    Added,
    /// It is in, in the place of this other object of the same key.
    Replaced(V),
    /// That very object was in already, and is now at its new expiry; this is the reference handed in.
    AlreadyThere(V),
}

/// Sessions that had to leave, in order. Mostly none or one, which costs no allocation.
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

    /// How many left.
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// Returns them in order.
    pub fn iter(&self) -> impl Iterator<Item = &V> {
        self.first.iter().chain(&self.rest)
    }

    /// Whether none had to leave.
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

/// What [`Memory::place`](super::Memory::place) did.
#[must_use = "what left has to be freed"]
#[derive(Debug, PartialEq, Eq)]
pub enum Placed<V> {
    /// It is in its new place, where it displaced this other object, if any.
    Moved(Option<V>),
    /// That object is not here under that key.
    NotHere,
}
