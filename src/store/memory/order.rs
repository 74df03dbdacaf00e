//! In which order sessions leave: soonest to expire first, those of one second oldest first.
#![forbid(unsafe_code)]

use super::segments::Segments;
use super::{Expiry, Key};
use std::collections::BTreeMap;

/// No node.
const NONE: u32 = u32::MAX;

/// What the order knows of a session: no more than is needed to find its slot again.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) expiry: Expiry,
    before: u32,
    /// The next in order; in a node not in use, the next such.
    after: u32,
    /// [`Key::high`] and [`Key::stripe`]: where the session's slot is.
    pub(super) high: u32,
    pub(super) stripe: u32,
}

/// All sessions in order, as a list of nodes known by their numbers.
///
/// ```text
///   expiry    5     5     5     9     9    12    12
///   node    first ─ · ─── a ─── · ─── b ─── · ── last        ends: {5: a, 9: b}
/// ```
/// A session that expires no sooner than the last one is appended. For the others `ends` knows the
/// last node of each second but the newest. A short list has no `ends`: it is walked from its end.
pub(super) struct Order {
    nodes: Segments<Node>,
    first: u32,
    last: u32,
    unused: u32,
    ends: Option<BTreeMap<Expiry, u32>>,
}

impl Order {
    pub(super) const fn new() -> Self {
        Self { nodes: Segments::new(), first: NONE, last: NONE, unused: NONE, ends: None }
    }

    /// A node for the session under `key`, not in the order yet.
    #[inline]
    pub(super) fn allocate(&mut self, key: &Key) -> u32 {
        let node = Node { expiry: Expiry::NEVER, before: NONE, after: NONE, high: key.high, stripe: key.stripe };
        let number = self.unused;
        if number == NONE {
            let number = self.nodes.len() as u32;
            self.nodes.push(node);
            return number;
        }
        self.unused = self.nodes.get(number).after;
        *self.nodes.get_mut(number) = node;
        number
    }

    /// Takes a node back that is not in the order.
    #[inline]
    pub(super) fn free(&mut self, number: u32) {
        self.nodes.get_mut(number).after = self.unused;
        self.unused = number;
    }

    #[inline]
    pub(super) fn node(&self, number: u32) -> &Node {
        self.nodes.get(number)
    }

    /// Says that the session of this node is under another key now.
    pub(super) fn rename(&mut self, number: u32, key: &Key) {
        let node = self.nodes.get_mut(number);
        (node.high, node.stripe) = (key.high, key.stripe);
    }

    /// The soonest to expire, the oldest of them if there are several.
    #[inline]
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// The next one in order after a node.
    #[inline]
    pub(super) fn after(&self, number: u32) -> Option<u32> {
        Some(self.nodes.get(number).after).filter(|&after| after != NONE)
    }

    /// When the first one expires; [`Expiry::NEVER`] if there is none.
    #[inline]
    pub(super) fn soonest(&self) -> Expiry {
        self.first().map_or(Expiry::NEVER, |first| self.nodes.get(first).expiry)
    }

    /// Puts a node in as the newest of its second.
    pub(super) fn link(&mut self, number: u32, expiry: Expiry) {
        let newest = (self.last != NONE).then(|| self.nodes.get(self.last).expiry);
        let before = match newest {
            Some(newest) if expiry < newest => self.end_up_to(expiry),
            _ => self.last,
        };
        if let Some(ends) = &mut self.ends {
            if before != self.last {
                ends.insert(expiry, number);
            } else if let Some(newest) = newest
                && newest < expiry
            {
                ends.insert(newest, before);
            }
        }
        self.tie(before, number, expiry);
    }

    /// The last node that expires no later than `expiry`, which is before the newest second.
    fn end_up_to(&self, expiry: Expiry) -> u32 {
        if let Some(ends) = &self.ends {
            return ends.range(..=expiry).next_back().map_or(NONE, |(_, &end)| end);
        }
        let mut number = self.last;
        while number != NONE && self.nodes.get(number).expiry > expiry {
            number = self.nodes.get(number).before;
        }
        number
    }

    /// Ties a node into the list after the node `before`.
    #[inline]
    fn tie(&mut self, before: u32, number: u32, expiry: Expiry) {
        let after = match before {
            NONE => std::mem::replace(&mut self.first, number),
            before => std::mem::replace(&mut self.nodes.get_mut(before).after, number),
        };
        match after {
            NONE => self.last = number,
            after => self.nodes.get_mut(after).before = number,
        }
        let node = self.nodes.get_mut(number);
        (node.expiry, node.before, node.after) = (expiry, before, after);
    }

    /// Takes a node out of the order; what it was there.
    pub(super) fn unlink(&mut self, number: u32) -> Node {
        let node = *self.nodes.get(number);
        let Node { expiry, before, after, .. } = node;
        match before {
            NONE => self.first = after,
            before => self.nodes.get_mut(before).after = after,
        }
        match after {
            NONE => self.last = before,
            after => self.nodes.get_mut(after).before = before,
        }
        if self.ends.is_some() {
            self.forget(expiry, before, after);
        }
        node
    }

    /// Keeps `ends` right when a node that expires at `expiry` has gone from between two others.
    fn forget(&mut self, expiry: Expiry, before: u32, after: u32) {
        let Some(ends) = &mut self.ends else { return };
        let of = |number: u32| (number != NONE).then(|| self.nodes.get(number).expiry);
        if after != NONE {
            if of(after) == Some(expiry) {
                return;
            }
            match of(before) == Some(expiry) {
                true => ends.insert(expiry, before),
                false => ends.remove(&expiry),
            };
        } else if let Some(newest) = of(before)
            && newest != expiry
        {
            ends.remove(&newest);
        }
    }

    /// Begins to keep `ends`, for a list that is to become long.
    pub(super) fn keep_ends(&mut self) {
        let mut ends = BTreeMap::new();
        let mut at = self.first();
        while let Some(number) = at {
            ends.insert(self.nodes.get(number).expiry, number);
            at = self.after(number);
        }
        ends.pop_last();
        self.ends = Some(ends);
    }

    /// Checks what must hold of the list; returns the numbers of the nodes in it, in order.
    pub(super) fn validate(&self) -> Vec<u32> {
        let (mut listed, mut before, mut at) = (Vec::new(), NONE, self.first);
        let mut ends = BTreeMap::new();
        while at != NONE {
            let node = self.nodes.get(at);
            assert_eq!(node.before, before, "the list reads the same backwards");
            if before != NONE {
                assert!(self.nodes.get(before).expiry <= node.expiry, "sorted by expiry");
            }
            ends.insert(node.expiry, at);
            listed.push(at);
            assert!(listed.len() <= self.nodes.len(), "the list has no ring");
            (before, at) = (at, node.after);
        }
        assert_eq!(self.last, before, "the list ends at its last node");
        ends.pop_last();
        if let Some(kept) = &self.ends {
            assert_eq!(kept, &ends, "the last node of each second but the newest");
        }
        let (mut unused, mut at) = (0, self.unused);
        while at != NONE {
            unused += 1;
            at = self.nodes.get(at).after;
        }
        assert_eq!(listed.len() + unused, self.nodes.len(), "no node is lost");
        listed
    }
}
