//! A process's slot in the memory that processes share: its counters, and the facts it reports of itself.
//!
//! ```text
//! slot     0   owner u64         the process: as `owner` draws it, with the number of the process for the thread's; 0: free
//!          8   facts, u64 each   the process's facts of itself
//!        112   gauges, u64 each    of the remote store
//!        128   counters, u64 each
//!        256   counters, u64 each  of the remote store
//!        320   contexts, u32 each
//!
//!  free ── claim ──► a process's ── it dies ──► its counters are added to those of slot 0 ──► another process's
//! ```
//! Slot 0 is nobody's. Processes without a slot count there, and it has the counters of the dead: so the sum of all
//! slots is what was ever counted. A process that dies while it adds a dead one's counters loses the counter that it
//! is moving at that moment.
//!
//! A process counts in its own cache lines, in which no other process writes: three instructions. It claims its slot
//! when it locks a partition for the first time; until then it counts in that of its parent.
//!
//! A reader of the memory can read all of it. So a slot has nothing that identifies a session or a client.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::owner::{Life, TID, has_died, life_of};
use crate::counting::{Counting, counter, gauge};

/// Number of facts.
pub const FACTS: usize = 13;

/// Number of counters.
pub const COUNTERS: usize = 16;

/// Number of kinds of contexts.
pub const CONTEXTS: usize = 32;

/// One process's slot, of any bytes.
#[repr(C, align(64))]
pub struct ProcessSlot {
    owner: AtomicU64,
    facts: [AtomicU64; FACTS],
    gauges: [AtomicU64; gauge::NUMBER],
    counters: [AtomicU64; COUNTERS],
    remote: [AtomicU64; counter::NUMBER],
    contexts: [AtomicU32; CONTEXTS],
}

impl ProcessSlot {
    /// The fact of the mapping's own: 1 if the process keeps it out of swap, 2 if it may not.
    pub const LOCKED: usize = 0;

    /// Counts an event.
    #[inline(always)]
    pub fn count(&self, counter: usize, times: u64) {
        self.counters[counter].fetch_add(times, Ordering::Relaxed);
    }

    /// Returns the value of a counter.
    pub fn counted(&self, counter: usize) -> u64 {
        self.counters[counter].load(Ordering::Relaxed)
    }

    /// Returns the counters and gauges of the remote store.
    pub fn of_remote(&self) -> Counting<'_> {
        Counting { counters: &self.remote, gauges: &self.gauges }
    }

    /// Counts a context of a kind.
    pub fn count_context(&self, kind: usize) {
        self.contexts[kind].fetch_add(1, Ordering::Relaxed);
    }

    /// Sets a fact of the process.
    pub fn set_fact(&self, fact: usize, value: u64) {
        self.facts[fact].store(value, Ordering::Relaxed);
    }

    /// Returns a fact of the process.
    pub fn fact(&self, fact: usize) -> u64 {
        self.facts[fact].load(Ordering::Relaxed)
    }

    /// Copies the facts of the process from which this one was forked.
    fn inherit(&self, from: &ProcessSlot) {
        for (own, other) in self.facts.iter().zip(&from.facts) {
            own.store(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for (own, other) in self.contexts.iter().zip(&from.contexts) {
            own.store(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Adds the counters to those of the slot that is nobody's.
    fn add_up(&self, nobodys: &ProcessSlot) {
        let sums = nobodys.counters.iter().chain(&nobodys.remote);
        for (counter, sum) in self.counters.iter().chain(&self.remote).zip(sums) {
            sum.fetch_add(counter.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Forgets what the process has said of itself.
    fn forget(&self) {
        self.facts.iter().chain(&self.gauges).for_each(|fact| fact.store(0, Ordering::Relaxed));
        self.contexts.iter().for_each(|contexts| contexts.store(0, Ordering::Relaxed));
    }
}

/// Claims a slot for a process, by its owner word: a free one, or one whose process has died. `parent` is the slot
/// that the process has counted in until now. Returns slot 0 if there is none.
pub fn claim<'a>(slots: &'a [ProcessSlot], parent: &ProcessSlot, process: u64) -> &'a ProcessSlot {
    let nobodys = &slots[0];
    let has_died_by_proc = |owner| life_of(owner) == Life::Over;
    for has_died in [has_died, has_died_by_proc] {
        for slot in &slots[1..] {
            let owner = slot.owner.load(Ordering::Relaxed);
            // One of this number is this process before it was executed anew, or has died.
            let is_free = owner == 0 || is_same(owner, process) || has_died(owner);
            if is_free && slot.owner.compare_exchange(owner, process, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                slot.add_up(nobodys);
                // A daemon's parent has ended: what it said of itself is in the slot that its child takes.
                if !std::ptr::eq(parent, slot) {
                    slot.forget();
                    if !std::ptr::eq(parent, nobodys) {
                        slot.inherit(parent);
                    }
                }
                return slot;
            }
        }
    }
    nobodys
}

/// Frees all slots. No process may be using the store.
pub fn free_all(slots: &[ProcessSlot]) {
    for slot in &slots[1..] {
        slot.add_up(&slots[0]);
        slot.forget();
        slot.owner.store(0, Ordering::Release);
    }
}

/// Returns true if two words name one process of one namespace.
fn is_same(one: u64, other: u64) -> bool {
    (one & TID, one >> 48) == (other & TID, other >> 48)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the word of a process in a namespace that this process is not in.
    fn elsewhere(process: u64) -> u64 {
        0xabcd << 48 | process
    }

    fn slots() -> [ProcessSlot; 3] {
        std::array::from_fn(|_| ProcessSlot {
            owner: AtomicU64::new(0),
            facts: Default::default(),
            gauges: Default::default(),
            counters: Default::default(),
            remote: Default::default(),
            contexts: std::array::from_fn(|_| AtomicU32::new(0)),
        })
    }

    #[test]
    fn what_was_counted_stays_counted_whoever_has_the_slot() {
        let slots = slots();
        let sum = || slots.iter().map(|slot| slot.counted(3)).sum::<u64>();
        let first = claim(&slots, &slots[0], elsewhere(1));
        first.count(3, 5);
        first.set_fact(0, 7);
        first.count_context(2);
        let child = claim(&slots, first, elsewhere(2));
        assert_eq!((child.fact(0), child.counted(3), child.contexts[2].load(Ordering::Relaxed)), (7, 0, 1));
        child.count(3, 2);
        let other = claim(&slots, &slots[0], elsewhere(3));
        assert!(std::ptr::eq(other, &slots[0]), "none is free, and nobody is known to have died");
        other.count(3, 1);
        let again = claim(&slots, &slots[0], elsewhere(1) | 9 << 32);
        assert!(std::ptr::eq(again, first), "the same process, executed anew");
        assert_eq!((again.fact(0), again.counted(3), sum()), (0, 0, 8));
        free_all(&slots);
        assert_eq!((sum(), slots[0].counted(3)), (8, 8));
        assert!(std::ptr::eq(claim(&slots, &slots[0], elsewhere(4)), &slots[1]));
    }

    #[test]
    fn a_child_that_takes_the_slot_of_its_dead_parent_says_what_that_said() {
        // A process of this namespace that has ended.
        let mut ended = std::process::Command::new("true").spawn().expect("it is there");
        let number = u64::from(ended.id());
        ended.wait().expect("our child");
        let slots = slots();
        let parent = claim(&slots, &slots[0], super::super::owner::Owner::this_thread().word & !TID | number);
        parent.set_fact(1, 7);
        parent.count(3, 5);
        let child = claim(&slots, parent, elsewhere(2));
        assert!(std::ptr::eq(child, parent), "it has died");
        assert_eq!((child.fact(1), child.counted(3), slots[0].counted(3)), (7, 0, 5));
    }

    #[test]
    fn its_layout_is_as_it_is_drawn() {
        use std::mem::offset_of;
        assert_eq!((offset_of!(ProcessSlot, gauges), offset_of!(ProcessSlot, counters)), (112, 128));
        assert_eq!((offset_of!(ProcessSlot, remote), offset_of!(ProcessSlot, contexts)), (256, 320));
        assert_eq!(size_of::<ProcessSlot>(), 448);
    }
}
