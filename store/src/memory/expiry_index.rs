//! The last node of each second, sorted: finds the position of a session that expires before
//! others.
#![forbid(unsafe_code)]

use super::Expiry;
use std::collections::VecDeque;

/// Length at which a chunk is halved: the most that an insertion in the middle moves.
const CHUNK: usize = 512;

/// Node numbers, 4 bytes each, soonest first. The owner's `expiry_of` returns a node's expiry.
///
/// ```text
///   chunks   [a b c d] [e f] [g h i] ...     none is empty; seconds are mostly added and removed at the ends
/// ```
pub(super) struct ExpiryIndex {
    chunks: VecDeque<VecDeque<u32>>,
}

impl ExpiryIndex {
    pub(super) const fn new() -> Self {
        Self { chunks: VecDeque::new() }
    }

    /// Adds the node of the latest second.
    pub(super) fn push(&mut self, number: u32) {
        match self.chunks.back_mut() {
            Some(last) if last.len() < CHUNK => last.push_back(number),
            _ => self.chunks.push_back(VecDeque::from([number])),
        }
    }

    /// Removes the node of the latest second.
    pub(super) fn pop(&mut self) {
        if let Some(last) = self.chunks.back_mut() {
            last.pop_back();
            if last.is_empty() {
                self.chunks.pop_back();
            }
        }
    }

    /// Returns the chunk in which the seconds up to `expiry` end, and their number in it.
    fn up_to(&self, expiry: Expiry, expiry_of: impl Fn(u32) -> Expiry) -> (usize, usize) {
        let begins = |chunk: &VecDeque<u32>| chunk.front().is_some_and(|&first| expiry_of(first) <= expiry);
        let chunk = self.chunks.partition_point(begins).saturating_sub(1);
        let count = self.chunks.get(chunk).map_or(0, |ends| ends.partition_point(|&end| expiry_of(end) <= expiry));
        (chunk, count)
    }

    /// Makes `number` the last node of its second. Returns the node before it, if it is not the
    /// first.
    pub(super) fn put(&mut self, number: u32, expiry: Expiry, expiry_of: impl Fn(u32) -> Expiry) -> Option<u32> {
        let (at, count) = self.up_to(expiry, &expiry_of);
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.push(number);
            return None;
        };
        let before = count.checked_sub(1).map(|index| chunk[index]);
        match before {
            Some(end) if expiry_of(end) == expiry => chunk[count - 1] = number,
            _ => {
                chunk.insert(count, number);
                if chunk.len() > CHUNK {
                    let rest = chunk.split_off(CHUNK / 2);
                    self.chunks.insert(at + 1, rest);
                }
            }
        }
        before
    }

    /// Replaces the last node of a second by `by`, or removes it.
    pub(super) fn replace(&mut self, number: u32, expiry: Expiry, by: Option<u32>, expiry_of: impl Fn(u32) -> Expiry) {
        // Sessions are mostly removed at the front, where no search is needed.
        let (at, index) = match self.chunks.front().and_then(VecDeque::front) {
            Some(&first) if first == number => (0, 0),
            _ => {
                let (at, count) = self.up_to(expiry, expiry_of);
                (at, count.saturating_sub(1))
            }
        };
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        debug_assert_eq!(chunk.get(index), Some(&number));
        if let Some(by) = by {
            chunk[index] = by;
            return;
        }
        chunk.remove(index);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
    }

    /// Checks the invariants of the chunks; returns all nodes.
    pub(super) fn validate(&self) -> Vec<u32> {
        assert!(self.chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())));
        self.chunks.iter().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Expiry, ExpiryIndex};
    use std::collections::BTreeMap;

    /// Returns the seconds of nodes 0, 1, 2 ...: all numbers below a prime, each once, in no order.
    fn seconds() -> impl Iterator<Item = i64> {
        const PRIME: i64 = if cfg!(miri) { 1201 } else { 7919 };
        (1..PRIME).scan(1, |second, _| {
            *second = *second * 17 % PRIME;
            Some(*second)
        })
    }

    fn expiry(second: i64) -> Expiry {
        Expiry::new(second, 0)
    }

    #[test]
    fn thousands_of_seconds_come_in_any_order_and_go_in_another() {
        let (mut ends, mut model, mut of) = (ExpiryIndex::new(), BTreeMap::new(), Vec::new());
        for (number, second) in (0..).zip(seconds()) {
            of.push(expiry(second));
            let before = model.range(..=second).next_back().map(|(_, &end)| end);
            assert_eq!(ends.put(number, expiry(second), |number| of[number as usize]), before);
            model.insert(second, number);
        }
        assert!(ends.chunks.len() > 2, "more than {CHUNK}");
        assert!(ends.validate().iter().eq(model.values()));
        // A third of the seconds get another last node, a third are removed.
        let all: Vec<_> = seconds().collect();
        for (at, &second) in all.iter().enumerate().rev() {
            let number = model[&second];
            match at % 3 {
                0 => {
                    of.push(expiry(second));
                    let by = of.len() as u32 - 1;
                    ends.replace(number, expiry(second), Some(by), |number| of[number as usize]);
                    model.insert(second, by);
                }
                1 => {
                    ends.replace(number, expiry(second), None, |number| of[number as usize]);
                    model.remove(&second);
                }
                _ => {}
            }
        }
        assert!(ends.validate().iter().eq(model.values()));
        while let Some((_, end)) = model.pop_last() {
            assert_eq!(ends.chunks.back().and_then(|chunk| chunk.back()), Some(&end));
            ends.pop();
        }
        assert!(ends.chunks.is_empty());
    }

    #[test]
    fn the_latest_are_pushed_and_the_soonest_leave() {
        let mut ends = ExpiryIndex::new();
        let of = |number: u32| expiry(i64::from(number));
        let count = 3 * CHUNK as u32;
        (0..count).for_each(|number| ends.push(number));
        for number in 0..count {
            assert_eq!(ends.chunks.front().and_then(|chunk| chunk.front()), Some(&number));
            ends.replace(number, of(number), None, of);
        }
        assert!(ends.chunks.is_empty());
    }
}
