//! The order of removal: soonest to expire first, those of one second oldest first.
#![forbid(unsafe_code)]

use super::Expiry;
use super::insertions::Insertions;
use super::node_slab::{NodeId, NodeSlab};
use super::rules::Eviction;
use crate::key::BucketBits;
use std::collections::BTreeMap;

/// A session's entry in the order: no more than is needed to find its slot again.
#[derive(Clone, Copy)]
struct Node {
    expiry: Expiry,
    before: NodeId,
    /// The next in order; in a free node, the next free one.
    after: NodeId,
    /// [`Key::bits`](super::Key): the session's slot.
    bits: BucketBits,
}

/// All sessions in order, as a list of nodes known by their numbers.
///
/// ```text
///   expiry    5     5     5     9     9    12    12
///   node    first ─ · ─── a ─── · ─── b ─── · ── last        ends: a, b
/// ```
/// A session that expires no sooner than the last one is appended. For the others `ends` has the
/// last node of each second except the newest. A short list has no `ends`: it is walked from its
/// end. There are as many seconds as sessions last at most, however many sessions there are.
pub(super) struct ExpiryList {
    nodes: NodeSlab<Node>,
    first: NodeId,
    last: NodeId,
    unused: NodeId,
    /// Expiry of the first and of the last one, if there are any.
    soonest: Expiry,
    newest: Expiry,
    ends: Option<BTreeMap<Expiry, NodeId>>,
    /// The order of insertion, where the oldest may be evicted first.
    insertions: Option<Box<Insertions>>,
}

impl ExpiryList {
    pub(super) fn new(eviction: Eviction) -> Self {
        Self {
            nodes: NodeSlab::new(),
            first: NodeId::NONE,
            last: NodeId::NONE,
            unused: NodeId::NONE,
            soonest: Expiry::NEVER,
            newest: Expiry::NEVER,
            ends: None,
            insertions: match eviction {
                Eviction::SoonestFirst => None,
                Eviction::OldestFirst => Some(Box::new(Insertions::new())),
            },
        }
    }

    /// Returns the number of the node that the next [`ExpiryList::add`] uses.
    #[inline]
    pub(super) fn next_free(&self) -> NodeId {
        if self.unused == NodeId::NONE { NodeId(self.nodes.len() as u32) } else { self.unused }
    }

    /// Inserts the node [`ExpiryList::next_free`], for a session whose key has these bits, as the newest of its
    /// second.
    #[inline]
    pub(super) fn add(&mut self, bits: BucketBits, expiry: Expiry) {
        let number = self.next_free();
        if let Some(insertions) = &mut self.insertions {
            insertions.push(number);
        }
        let (before, after) = self.link_by_expiry(number, expiry);
        let node = Node { expiry, before, after, bits };
        if self.unused == NodeId::NONE {
            return self.nodes.push(node);
        }
        let free = self.nodes.get_mut(self.unused);
        self.unused = std::mem::replace(free, node).after;
    }

    /// Inserts a node again that was unlinked, as the newest of its second.
    pub(super) fn link(&mut self, number: NodeId, expiry: Expiry) {
        let (before, after) = self.link_by_expiry(number, expiry);
        let node = self.nodes.get_mut(number);
        (node.expiry, node.before, node.after) = (expiry, before, after);
    }

    /// Moves a node to this expiry, as the newest of its second and of all.
    pub(super) fn renew(&mut self, number: NodeId, expiry: Expiry) {
        self.unlink(number);
        self.link(number, expiry);
        if let Some(insertions) = &mut self.insertions {
            insertions.remove(number);
            insertions.push(number);
        }
    }

    /// Moves a node to this expiry if that is sooner than its own.
    pub(super) fn bring_forward(&mut self, number: NodeId, expiry: Expiry) {
        if expiry < self.nodes.get(number).expiry {
            self.unlink(number);
            self.link(number, expiry);
        }
    }

    /// Frees a node that was removed with [`ExpiryList::unlink`].
    pub(super) fn free(&mut self, number: NodeId) {
        if let Some(insertions) = &mut self.insertions {
            insertions.remove(number);
        }
        self.nodes.get_mut(number).after = std::mem::replace(&mut self.unused, number);
    }

    /// Returns the [`Key::bits`](super::Key) of a node's session.
    #[inline]
    pub(super) fn bits(&self, number: NodeId) -> BucketBits {
        self.nodes.get(number).bits
    }

    /// Sets the bits of the key of a node's session.
    pub(super) fn set_bits(&mut self, number: NodeId, bits: BucketBits) {
        self.nodes.get_mut(number).bits = bits;
    }

    /// Returns the soonest to expire, the oldest of them if there are several.
    #[inline]
    pub(super) fn first(&self) -> Option<NodeId> {
        (self.first != NodeId::NONE).then_some(self.first)
    }

    /// Returns the next node in order.
    pub(super) fn after(&self, number: NodeId) -> Option<NodeId> {
        Some(self.nodes.get(number).after).filter(|&after| after != NodeId::NONE)
    }

    /// Returns the node that is evicted first, in that order if this list knows it.
    #[inline]
    pub(super) fn first_to_evict(&self, eviction: Eviction) -> Option<NodeId> {
        match (&self.insertions, eviction) {
            (Some(insertions), Eviction::OldestFirst) => insertions.first(),
            _ => self.first(),
        }
    }

    /// Returns the node that is evicted after this one.
    pub(super) fn next_to_evict(&self, eviction: Eviction, number: NodeId) -> Option<NodeId> {
        match (&self.insertions, eviction) {
            (Some(insertions), Eviction::OldestFirst) => insertions.after(number),
            _ => self.after(number),
        }
    }

    /// Returns the expiry of the first one; [`Expiry::NEVER`] if there is none.
    #[inline]
    pub(super) fn soonest(&self) -> Expiry {
        if self.first == NodeId::NONE { Expiry::NEVER } else { self.soonest }
    }

    /// Links the node by expiry. Returns its (before, after), which the caller stores in the node.
    #[inline]
    fn link_by_expiry(&mut self, number: NodeId, expiry: Expiry) -> (NodeId, NodeId) {
        if self.last == NodeId::NONE {
            (self.first, self.last, self.soonest, self.newest) = (number, number, expiry, expiry);
            return (NodeId::NONE, NodeId::NONE);
        }
        if expiry < self.newest {
            return self.tie_within(number, expiry);
        }
        let before = std::mem::replace(&mut self.last, number);
        if self.newest < expiry {
            let second = std::mem::replace(&mut self.newest, expiry);
            if let Some(ends) = &mut self.ends {
                ends.insert(second, before);
            }
        }
        self.nodes.get_mut(before).after = number;
        (before, NodeId::NONE)
    }

    /// Links a node that expires before the newest second.
    fn tie_within(&mut self, number: NodeId, expiry: Expiry) -> (NodeId, NodeId) {
        let before = match &mut self.ends {
            Some(ends) => {
                let before = ends.range(..=expiry).next_back().map_or(NodeId::NONE, |(_, &end)| end);
                ends.insert(expiry, number);
                before
            }
            None => {
                let mut number = self.last;
                while number != NodeId::NONE && self.nodes.get(number).expiry > expiry {
                    number = self.nodes.get(number).before;
                }
                number
            }
        };
        let after = match before {
            NodeId::NONE => {
                self.soonest = expiry;
                std::mem::replace(&mut self.first, number)
            }
            before => std::mem::replace(&mut self.nodes.get_mut(before).after, number),
        };
        self.nodes.get_mut(after).before = number;
        (before, after)
    }

    /// Unlinks a node and frees it. Returns the bits of its session's key.
    #[inline]
    pub(super) fn remove(&mut self, number: NodeId) -> BucketBits {
        if let Some(insertions) = &mut self.insertions {
            insertions.remove(number);
        }
        let node = self.nodes.get_mut(number);
        let taken = *node;
        node.after = std::mem::replace(&mut self.unused, number);
        self.untie(taken);
        taken.bits
    }

    /// Unlinks a node that will be inserted again.
    pub(super) fn unlink(&mut self, number: NodeId) {
        self.untie(*self.nodes.get(number));
    }

    /// Links a node's neighbours to each other.
    #[inline]
    fn untie(&mut self, node: Node) {
        let Node { expiry, before, after, .. } = node;
        let (mut sooner, mut later) = (None, None);
        match before {
            NodeId::NONE => self.first = after,
            before => {
                let before = self.nodes.get_mut(before);
                before.after = after;
                sooner = Some(before.expiry);
            }
        }
        match after {
            NodeId::NONE => self.last = before,
            after => {
                let after = self.nodes.get_mut(after);
                after.before = before;
                later = Some(after.expiry);
            }
        }
        if later != Some(expiry) {
            self.shorten(expiry, before, sooner, later.is_none());
        }
        if let (None, Some(later)) = (sooner, later) {
            self.soonest = later;
        }
    }

    /// Updates `ends` after the last node of a second was removed, out of the `newest` second or
    /// another. `before` and `sooner` are the node before it and that one's expiry.
    fn shorten(&mut self, expiry: Expiry, before: NodeId, sooner: Option<Expiry>, newest: bool) {
        let ends = self.ends.as_mut();
        match sooner {
            Some(sooner) if newest && sooner < expiry => {
                self.newest = sooner;
                if let Some(ends) = ends {
                    ends.remove(&sooner);
                }
            }
            _ if newest => {}
            Some(sooner) if sooner == expiry => _ = ends.map(|ends| ends.insert(expiry, before)),
            _ => _ = ends.map(|ends| ends.remove(&expiry)),
        }
    }

    /// Builds `ends`, for a list that is to become long.
    pub(super) fn keep_ends(&mut self) {
        let list = std::iter::successors(self.first(), |&number| self.after(number));
        let all = list.map(|number| (self.nodes.get(number).expiry, number));
        // Of one second the last node stays.
        let mut ends: BTreeMap<_, _> = all.collect();
        ends.remove(&self.newest);
        self.ends = Some(ends);
    }

    /// Checks the invariants of the list; returns the numbers of its nodes, in order.
    pub(super) fn validate(&self) -> Vec<NodeId> {
        let (mut listed, mut before, mut at) = (Vec::new(), NodeId::NONE, self.first);
        let mut ends = Vec::new();
        while at != NodeId::NONE {
            let node = self.nodes.get(at);
            assert_eq!(node.before, before, "the list reads the same backwards");
            if before != NodeId::NONE {
                let sooner = self.nodes.get(before).expiry;
                assert!(sooner <= node.expiry, "sorted by expiry");
                ends.extend((sooner < node.expiry).then_some(before));
            }
            listed.push(at);
            assert!(listed.len() <= self.nodes.len(), "the list has no ring");
            (before, at) = (at, node.after);
        }
        assert_eq!(self.last, before, "the list ends at its last node");
        if before != NodeId::NONE {
            assert_eq!(self.newest, self.nodes.get(before).expiry);
            assert_eq!(self.soonest, self.nodes.get(self.first).expiry);
        }
        if let Some(kept) = &self.ends {
            assert!(kept.values().eq(&ends), "the last node of each second but the newest");
        }
        if let Some(insertions) = &self.insertions {
            let (mut inserted, mut expected) = (insertions.validate(), listed.clone());
            inserted.sort_unstable();
            expected.sort_unstable();
            assert_eq!(inserted, expected, "each node has its insertion");
        }
        let (mut unused, mut at) = (0, self.unused);
        while at != NodeId::NONE {
            unused += 1;
            at = self.nodes.get(at).after;
        }
        assert_eq!(listed.len() + unused, self.nodes.len(), "no node is lost");
        listed
    }
}
