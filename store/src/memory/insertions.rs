//! The order in which sessions were inserted, for a store that evicts the oldest.
#![forbid(unsafe_code)]

use super::node_slab::{NodeId, NodeSlab};

/// The neighbours of a node. They mean nothing for a node that is not in the list.
#[derive(Clone, Copy)]
struct Link {
    before: NodeId,
    after: NodeId,
}

/// A list of the numbers of [`ExpiryList`](super::expiry_list::ExpiryList)'s nodes, oldest first.
pub(super) struct Insertions {
    links: NodeSlab<Link>,
    oldest: NodeId,
    newest: NodeId,
}

impl Insertions {
    pub(super) const fn new() -> Self {
        Self { links: NodeSlab::new(), oldest: NodeId::NONE, newest: NodeId::NONE }
    }

    /// Adds a node as the newest. Its number was in use before, or is the next new one.
    pub(super) fn push(&mut self, number: NodeId) {
        let link = Link { before: self.newest, after: NodeId::NONE };
        if number.0 as usize == self.links.len() {
            self.links.push(link);
        } else {
            *self.links.get_mut(number) = link;
        }
        match std::mem::replace(&mut self.newest, number) {
            NodeId::NONE => self.oldest = number,
            before => self.links.get_mut(before).after = number,
        }
    }

    /// Removes a node, which must be in the list.
    pub(super) fn remove(&mut self, number: NodeId) {
        let Link { before, after } = *self.links.get(number);
        match before {
            NodeId::NONE => self.oldest = after,
            before => self.links.get_mut(before).after = after,
        }
        match after {
            NodeId::NONE => self.newest = before,
            after => self.links.get_mut(after).before = before,
        }
    }

    /// Returns the oldest node.
    pub(super) fn first(&self) -> Option<NodeId> {
        (self.oldest != NodeId::NONE).then_some(self.oldest)
    }

    /// Returns the node inserted after this one.
    pub(super) fn after(&self, number: NodeId) -> Option<NodeId> {
        Some(self.links.get(number).after).filter(|&after| after != NodeId::NONE)
    }

    /// Checks the invariants of the list; returns all nodes, oldest first.
    pub(super) fn validate(&self) -> Vec<NodeId> {
        let (mut listed, mut before, mut at) = (Vec::new(), NodeId::NONE, self.oldest);
        while at != NodeId::NONE {
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
