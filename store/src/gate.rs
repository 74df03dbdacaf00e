//! The gate, which a fork closes.
//!
//! A change that another thread of the parent was making at a fork would stay unfinished in the
//! child, and its lock locked. So every change of the memory store passes this gate, and a fork
//! waits until no thread is inside. Then neither parent nor child has to touch a store: in a server
//! with thousands of contexts each would cost the copy of a page.
//!
//! ```text
//!   change:  lane + 1 ─► is the gate open? ─ yes ──► lock, change, unlock ──► lane - 1
//!               ▲                          └ no ───► lane - 1 ─► wait ─┐
//!               └──────────────────────────────────────────────────────┘
//!   fork:    close ─► wait until every lane is at 0 ─► fork ─► open, in parent and child
//! ```
//! Each side first writes and then reads, in one order for all (SeqCst): either the fork finds the
//! lane occupied, or the other thread finds the gate closed. A lane is a count in a cache line of
//! its own. The address of a thread's stack selects its lane, so that it mostly shares it with no
//! other. A process with one thread counts nothing.
//!
//! **Signal handlers** may fork while the interrupted thread is inside. So a fork waits with
//! [`Patience`], and then continues without. The forking thread itself finds the gate open: other
//! libraries' fork handlers may use a cache.
#![forbid(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sync;
use crate::threads;
pub use crate::threads::Patience;

const LANES: usize = 64;

#[repr(align(64))]
struct Lane(AtomicUsize);

/// Number of threads inside, by lane.
static INSIDE: [Lane; LANES] = [const { Lane(AtomicUsize::new(0)) }; LANES];

/// The thread that has closed the gate; 0 while it is open.
static CLOSED_BY: AtomicUsize = AtomicUsize::new(0);

/// Guard of a thread inside the gate.
pub struct Pass(Option<&'static AtomicUsize>);

/// Enters the gate, once it is open.
#[inline]
pub fn enter() -> Pass {
    if threads::is_alone() {
        return Pass(None);
    }
    let lane = lane();
    lane.fetch_add(1, Ordering::SeqCst);
    if CLOSED_BY.load(Ordering::SeqCst) != 0 {
        wait_outside(lane);
    }
    Pass(Some(lane))
}

impl Drop for Pass {
    #[inline]
    fn drop(&mut self) {
        if let Some(lane) = self.0 {
            lane.fetch_sub(1, Ordering::Release);
        }
    }
}

/// Returns the lane of this thread, the same while its stack does not grow by much.
#[inline]
fn lane() -> &'static AtomicUsize {
    let here = 0u8;
    // The bits that differ between stacks, spread by a multiplication (Fibonacci hashing).
    let stack = (ptr::from_ref(&here).addr() >> 16) as u32;
    &INSIDE[(stack.wrapping_mul(0x9E37_79B9) >> (u32::BITS - LANES.ilog2())) as usize].0
}

#[cold]
fn wait_outside(lane: &AtomicUsize) {
    let me = sync::this_thread();
    while !matches!(CLOSED_BY.load(Ordering::SeqCst), by if by == 0 || by == me) {
        lane.fetch_sub(1, Ordering::Release);
        let mut waited = 0;
        while CLOSED_BY.load(Ordering::Acquire) != 0 {
            sync::wait(&mut waited);
        }
        lane.fetch_add(1, Ordering::SeqCst);
    }
}

/// Guard of the closed gate: opens it when dropped.
pub struct Closed {
    /// True if this fork closed it, and not one that its thread is in the middle of.
    is_ours: bool,
    /// True if no thread is inside.
    is_empty: bool,
}

/// Closes the gate, and waits until no thread is inside.
pub fn close(patience: &mut Patience) -> Closed {
    let me = sync::this_thread();
    let mut waited = 0;
    while let Err(by) = CLOSED_BY.compare_exchange(0, me, Ordering::SeqCst, Ordering::Relaxed) {
        if by == me {
            return Closed { is_ours: false, is_empty: false };
        }
        sync::wait(&mut waited);
    }
    let mut is_left = |lane: &Lane| patience.until(|| (lane.0.load(Ordering::SeqCst) == 0).then_some(())).is_some();
    Closed { is_ours: true, is_empty: INSIDE.iter().all(&mut is_left) }
}

impl Closed {
    /// Opens the gate in the child, where no other thread is entering.
    pub fn open_in_child(self) {
        if self.is_empty {
            let is_taken = |lane: &&Lane| lane.0.load(Ordering::Relaxed) != 0;
            INSIDE.iter().filter(is_taken).for_each(|lane| lane.0.store(0, Ordering::Relaxed));
        }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        if self.is_ours {
            CLOSED_BY.store(0, Ordering::SeqCst);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::{Patience, close, enter};
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::thread;

    #[test]
    fn a_closed_gate_lets_only_its_own_thread_in() {
        let is_inside = AtomicBool::new(false);
        thread::scope(|scope| {
            let closed = close(&mut Patience::default());
            drop(enter());
            scope.spawn(|| {
                let _pass = enter();
                is_inside.store(true, SeqCst);
            });
            for _ in 0..100 {
                thread::yield_now();
                assert!(!is_inside.load(SeqCst));
            }
            drop(closed);
        });
        assert!(is_inside.load(SeqCst));
    }
}
