//! The keys of a process: those of the epochs, and the last ones that were derived from them, since
//! connections mostly need the same ones again.
#![forbid(unsafe_code)]

use std::io;

use super::derive::{self, Family, Label, Tag, TicketKeys};
use super::window::{Root, Window};
use super::{Line, MAX_KNOWN, MAX_LINES};
use crate::secret;
use crate::secret_slots::SecretSlots;
use crate::time::UnixTime;

/// A ticket's name: tag 8 | family 8.
pub type TicketName = [u8; 16];

/// The number of a context and its copies.
pub type Number = [u8; 16];

/// The audience of a ticket: the connections for which it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The kind of policy.
    pub label: Label,
    /// The policy that the session was made under.
    pub policy: [u8; 16],
    /// The server name that the client sent; empty if none.
    pub server_name: Vec<u8>,
}

/// The audience that a ticket must have to open.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// This audience, whichever context sealed it.
    Audience(&'a Audience),
    /// Any policy, if this context or a copy sealed it for that server name.
    Family(&'a Number, &'a [u8]),
}

/// Returns the two halves of a ticket's name.
pub fn halves(name: &TicketName) -> (Tag, Family) {
    let half = |from: usize| std::array::from_fn(|at| name[from + at]);
    (half(0), half(8))
}

/// A key from which ticket keys are derived; overwritten when dropped.
pub struct RootKey(derive::Key);

impl RootKey {
    /// Returns the root of the HMAC key and the AES key that were drawn for a context.
    pub fn of_context(mut keys: [u8; 64]) -> RootKey {
        let root = RootKey(derive::own_root(&keys));
        secret::wipe(&mut keys);
        root
    }

    /// Returns the tag of an audience.
    pub fn tag(&self, of: &Audience) -> Tag {
        derive::tag(&self.0, of.label, &of.policy, &of.server_name)
    }

    /// Returns a new ticket's name and keys.
    pub fn seal(&self, of: &Audience, number: &Number) -> (TicketName, TicketKeys) {
        let tag = self.tag(of);
        (name(tag, self.family(number)), derive::keys(&self.0, tag, &of.server_name))
    }

    /// Returns the keys of a ticket; None if it was sealed under another root, or for others.
    pub fn open(&self, ticket: &TicketName, wanted: Wanted) -> Option<TicketKeys> {
        let (tag, family) = halves(ticket);
        let (is_it, server_name) = match wanted {
            Wanted::Audience(of) => (self.tag(of) == tag, of.server_name.as_slice()),
            Wanted::Family(number, server_name) => (self.family(number) == family, server_name),
        };
        is_it.then(|| derive::keys(&self.0, tag, server_name))
    }

    fn family(&self, number: &Number) -> Family {
        derive::family(&self.0, number)
    }
}

impl Drop for RootKey {
    fn drop(&mut self) {
        secret::wipe(&mut self.0);
    }
}

fn name(tag: Tag, family: Family) -> TicketName {
    std::array::from_fn(|at| if at < 8 { tag[at] } else { family[at - 8] })
}

/// The keys of a process.
pub struct KeyRing {
    window: Window,
    slots: SecretSlots,
    known: Vec<Known>,
    /// Index of the entry that is replaced next, once all are used.
    next: usize,
}

/// Keys in a slot, and the values that they were derived from.
struct Known {
    root: Root,
    audience: Audience,
    tag: Tag,
    /// The family of the context that last sealed.
    family: (Number, Family),
}

impl KeyRing {
    /// Makes a ring without keys, for epochs of that length in seconds. Fails without memory that
    /// core dumps exclude.
    pub fn new(epoch_length: u32) -> io::Result<KeyRing> {
        let slots = SecretSlots::new(2 * MAX_LINES + MAX_KNOWN)?;
        Ok(KeyRing { window: Window::new(epoch_length), slots, known: Vec::new(), next: 0 })
    }

    /// Replaces the lines of the key file.
    pub fn set(&mut self, lines: &[Line]) {
        self.forget();
        self.slots.wipe_from(0);
        self.window.set(lines, &mut self.slots);
    }

    fn forget(&mut self) {
        self.known.clear();
        self.next = 0;
        self.slots.wipe_from(2 * MAX_LINES);
    }

    /// Derives the keys of this time.
    pub fn move_to(&mut self, now: UnixTime) {
        if self.window.move_to(now, &mut self.slots) {
            self.forget();
        }
    }

    /// Returns true if tickets can be sealed.
    pub fn can_seal(&self) -> bool {
        self.window.sealing_root().is_some()
    }

    /// Returns the name and the keys of a new ticket; None if the key file has no key for this
    /// time.
    pub fn seal(&mut self, of: &Audience, number: &Number) -> Option<(TicketName, TicketKeys)> {
        let root = self.window.sealing_root()?;
        if let Some(at) = self.known.iter().position(|known| known.root == root && known.audience == *of) {
            if self.known[at].family.0 != *number {
                self.known[at].family = (*number, self.root_key(root)?.family(number));
            }
            return Some((name(self.known[at].tag, self.known[at].family.1), self.keys(at)));
        }
        let (name, keys) = self.root_key(root)?.seal(of, number);
        let (tag, family) = halves(&name);
        self.learn(Known { root, audience: of.clone(), tag, family: (*number, family) }, &keys);
        Some((name, keys))
    }

    /// Returns the keys of a ticket, and true if it was sealed in the present epoch; None if no
    /// epoch in force sealed it, or it is for others.
    pub fn open(&mut self, ticket: &TicketName, wanted: Wanted, number: &Number) -> Option<(TicketKeys, bool)> {
        let present = self.window.sealing_root();
        let (tag, _) = halves(ticket);
        if let Wanted::Audience(of) = wanted
            && let Some(at) = self.known.iter().position(|known| known.tag == tag && known.audience == *of)
        {
            return Some((self.keys(at), Some(self.known[at].root) == present));
        }
        let roots: Vec<Root> = self.window.roots().collect();
        for root in roots {
            let Some(key) = self.root_key(root) else { continue };
            let Some(keys) = key.open(ticket, wanted) else { continue };
            if let Wanted::Audience(of) = wanted {
                let family = key.family(number);
                self.learn(Known { root, audience: of.clone(), tag, family: (*number, family) }, &keys);
            }
            return Some((keys, Some(root) == present));
        }
        None
    }

    /// Returns true if a ticket with that tag was sealed for an audience, in any epoch in force.
    pub fn is_for(&self, tag: Tag, of: &Audience) -> bool {
        let is_it = |root| self.root_key(root).is_some_and(|key| key.tag(of) == tag);
        self.known.iter().any(|known| known.tag == tag && known.audience == *of) || self.window.roots().any(is_it)
    }

    /// Locks the memory against swapping in a child: a fork inherits no memory lock.
    pub fn keep_in_memory(&self) {
        self.slots.keep_in_memory();
    }

    fn root_key(&self, root: Root) -> Option<RootKey> {
        self.window.key(root, &self.slots).map(RootKey)
    }

    fn keys(&self, at: usize) -> TicketKeys {
        TicketKeys(*self.slots.get(2 * MAX_LINES + at))
    }

    fn learn(&mut self, new: Known, keys: &TicketKeys) {
        let at = if self.known.len() < MAX_KNOWN {
            self.known.push(new);
            self.known.len() - 1
        } else {
            let at = self.next;
            self.next = (at + 1) % MAX_KNOWN;
            self.known[at] = new;
            at
        };
        *self.slots.get_mut(2 * MAX_LINES + at) = keys.0;
    }
}
