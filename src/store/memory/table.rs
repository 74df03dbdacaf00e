//! Where a session is found: the small table, and from some size on the stripes.
#![forbid(unsafe_code)]

use super::linear::Linear;
use super::order::Order;
use super::small::{self, Small};
use super::{Key, sync};
use std::sync::OnceLock;
use sync::RwLock;

/// How many stripes a large table has.
pub(super) const STRIPES: usize = 64;

/// The part of a [`Key::place`] that names the bucket in the stripe.
#[inline]
pub(super) fn bucket_bits(place: u32) -> u32 {
    place / STRIPES as u32
}

/// A lock and the table under it, alone on their cache lines: who locks one stripe does not take
/// the line of another from its readers.
#[repr(align(128))]
struct Stripe<V>(RwLock<Linear<V>>);

/// Readers lock the small table or one stripe, once. Writers come one at a time (they hold the
/// store's writer lock) and lock what they change, one at a time, for the one change.
#[repr(C)]
pub(super) struct Table<V> {
    /// Set once, by a writer, when the small table has become too small. First, as the most read:
    /// see [`super::Parts`].
    stripes: OnceLock<Box<[Stripe<V>]>>,
    small: RwLock<Small<V>>,
}

/// What became of a value that was put into a table.
pub(super) enum Put<V> {
    /// It has a slot of its own.
    New,
    /// It was there, at this node; the reference handed in is not needed.
    Same(V, u32),
    /// It has taken the slot and the node of this other object.
    Other(V, u32),
}

impl<V: PartialEq> Put<V> {
    /// Puts `value` into a slot that has `old`.
    pub(super) fn over(old: &mut V, value: V, node: u32) -> Self {
        if *old == value { Put::Same(value, node) } else { Put::Other(std::mem::replace(old, value), node) }
    }
}

impl<V> Table<V> {
    pub(super) const fn new() -> Self {
        Self { small: RwLock::new(Small::new()), stripes: OnceLock::new() }
    }

    #[inline]
    fn stripe(&self, place: u32) -> Option<&RwLock<Linear<V>>> {
        self.stripes.get().map(|stripes| &stripes[place as usize % STRIPES].0)
    }

    /// Calls `then` with the value under `key`, under the lock of a reader.
    #[inline]
    pub(super) fn read<R>(&self, key: &Key, then: impl FnOnce(&V) -> R) -> Option<R> {
        loop {
            if let Some(stripe) = self.stripe(key.place) {
                return stripe.read().find(key).map(then);
            }
            let small = self.small.read();
            if !small.moved {
                return small.find(key).map(|(value, _)| then(value));
            }
        }
    }

    /// The node of `value`, if that very object is under `key`.
    pub(super) fn node_of(&self, key: &Key, value: &V) -> Option<u32>
    where
        V: PartialEq,
    {
        let is_it = |&(there, _): &(&V, u32)| there == value;
        match self.stripe(key.place) {
            Some(stripe) => stripe.read().find_node(key).filter(is_it).map(|(_, node)| node),
            None => self.small.read().find(key).filter(is_it).map(|(_, node)| node),
        }
    }

    /// Puts a value in for a node. `order` knows the nodes that are there already.
    #[inline]
    pub(super) fn put(&self, key: &Key, value: V, node: u32, order: &Order) -> Put<V>
    where
        V: PartialEq,
    {
        match self.stripe(key.place) {
            Some(stripe) => stripe.write().put(key, value, node, |node| bucket_bits(order.place(node))),
            None => self.small.write().put(key, value, node),
        }
    }

    #[inline]
    pub(super) fn remove(&self, key: &Key) -> Option<(V, u32)> {
        match self.stripe(key.place) {
            Some(stripe) => stripe.write().remove(key),
            None => self.small.write().remove(key),
        }
    }

    /// Removes the session of a node, whose key has this [`Key::place`].
    #[inline]
    pub(super) fn remove_node(&self, place: u32, node: u32) -> Option<V> {
        match self.stripe(place) {
            Some(stripe) => stripe.write().remove_node(bucket_bits(place), node),
            None => self.small.write().remove_node(node),
        }
    }

    /// Moves to the stripes if that is due for this many sessions; whether it did.
    #[inline]
    pub(super) fn spread(&self, count: usize, order: &Order) -> bool
    where
        V: PartialEq,
    {
        if count <= small::MOST || self.stripes.get().is_some() {
            return false;
        }
        self.move_to_stripes(order);
        true
    }

    #[cold]
    fn move_to_stripes(&self, order: &Order)
    where
        V: PartialEq,
    {
        let stripes: Box<[_]> = (0..STRIPES).map(|_| Stripe(RwLock::new(Linear::new()))).collect();
        // Readers that come meanwhile wait for the small table, to find that its sessions have moved.
        let mut small = self.small.write();
        for small::Slot { key, node, value } in small.move_out() {
            let mut stripe = stripes[key.place as usize % STRIPES].0.write();
            let _new = stripe.put(&key, value, node, |node| bucket_bits(order.place(node)));
        }
        let _set = self.stripes.set(stripes);
    }

    /// Takes the locks of all readers.
    pub(super) fn hold(&self) -> impl Sized + '_ {
        let small = self.small.write();
        let stripes: Vec<_> = self.stripes.get().into_iter().flat_map(|all| all.iter()).map(|s| s.0.write()).collect();
        (small, stripes)
    }

    /// Checks what must hold; returns the node of every session.
    pub(super) fn validate(&self, order: &Order) -> Vec<u32> {
        let small = self.small.read();
        let in_small = |(node, place)| {
            assert_eq!(order.place(node), place);
            node
        };
        let mut found: Vec<_> = small.slots().map(in_small).collect();
        let Some(stripes) = self.stripes.get() else { return found };
        assert!(small.moved && found.is_empty(), "a session is in one table only");
        for (number, stripe) in stripes.iter().enumerate() {
            let nodes = stripe.0.read().validate(|node| bucket_bits(order.place(node)));
            assert!(nodes.iter().all(|&node| order.place(node) as usize % STRIPES == number));
            found.extend(nodes);
        }
        found
    }
}
