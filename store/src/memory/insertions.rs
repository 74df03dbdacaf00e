//! The order in which sessions were inserted, for a store that evicts the oldest.
#![forbid(unsafe_code)]

use super::node_slab::NodeSlab;

/// No node.
const NONE: u32 = u32::MAX;

/// The neighbours of a node. They mean nothing for a node that is not in the list.
#[derive(Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

/// A list of the numbers of [`ExpiryList`](super::expiry_list::ExpiryList)'s nodes, oldest first.
pub(super) struct Insertions {
    links: NodeSlab<Link>,
    oldest: u32,
    newest: u32,
}

impl Insertions {
    pub(super) const fn new() -> Self {
        Self { links: NodeSlab::new(), oldest: NONE, newest: NONE }
    }

    /// Adds a node as the newest. Its number was in use before, or is the next new one.
    pub(super) fn push(&mut self, number: u32) {
        let link = Link { before: self.newest, after: NONE };
        if number as usize == self.links.len() {
            self.links.push(link);
        } else {
            *self.links.get_mut(number) = link;
        }
        match std::mem::replace(&mut self.newest, number) {
            NONE => self.oldest = number,
            before => self.links.get_mut(before).after = number,
        }
    }

    /// Removes a node, which must be in the list.
    pub(super) fn remove(&mut self, number: u32) {
        let Link { before, after } = *self.links.get(number);
        match before {
            NONE => self.oldest = after,
            before => self.links.get_mut(before).after = after,
        }
        match after {
            NONE => self.newest = before,
            after => self.links.get_mut(after).before = before,
        }
    }

    /// Returns the oldest node.
    pub(super) fn first(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Returns the node inserted after this one.
    pub(super) fn after(&self, number: u32) -> Option<u32> {
        Some(self.links.get(number).after).filter(|&after| after != NONE)
    }

    /// Checks the invariants of the list; returns all nodes, oldest first.
    pub(super) fn validate(&self) -> Vec<u32> {
        let (mut listed, mut before, mut at) = (Vec::new(), NONE, self.oldest);
        while at != NONE {
            let link = self.links.get(at);
            assert_eq!(link.before, before, "the list reads the same backwards");
            listed.push(at);
            assert!(listed.len() <= self.links.len(), "the list has no ring");
            (before, at) = (at, link.after);
        }
        assert_eq!(self.newest, before, "the list ends at its newest node");
        listed
    }
}
