//! The last node of each second, sorted: where in the order a session goes that expires before others.
#![forbid(unsafe_code)]

use super::Expiry;
use std::collections::VecDeque;

/// Where a chunk is halved: what an insertion in the middle has to move at most.
const CHUNK: usize = 512;

/// Node numbers, 4 bytes each, soonest first. When a node expires, its owner tells: `expiry_of`.
///
/// ```text
///   chunks   [a b c d] [e f] [g h i] ...     none is empty; seconds mostly come and go at the ends
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

    /// Takes the node of the latest second out.
    pub(super) fn pop(&mut self) {
        if let Some(last) = self.chunks.back_mut() {
            last.pop_back();
            if last.is_empty() {
                self.chunks.pop_back();
            }
        }
    }

    /// How many seconds up to `expiry` there are in the chunk where they end: that chunk, and how many.
    fn up_to(&self, expiry: Expiry, expiry_of: impl Fn(u32) -> Expiry) -> (usize, usize) {
        let begins = |chunk: &VecDeque<u32>| chunk.front().is_some_and(|&first| expiry_of(first) <= expiry);
        let chunk = self.chunks.partition_point(begins).saturating_sub(1);
        let count = self.chunks.get(chunk).map_or(0, |ends| ends.partition_point(|&end| expiry_of(end) <= expiry));
        (chunk, count)
    }

    /// Makes `number` the last node of its second; the one that it comes after, if it is not the first.
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

    /// The last node of a second is now `by`, or there is none any more.
    pub(super) fn replace(&mut self, number: u32, expiry: Expiry, by: Option<u32>, expiry_of: impl Fn(u32) -> Expiry) {
        // Sessions mostly leave at the front, where there is nothing to search.
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

    /// Checks what must hold of the chunks; returns all nodes.
    pub(super) fn validate(&self) -> Vec<u32> {
        assert!(self.chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())));
        self.chunks.iter().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Expiry, ExpiryIndex};
    use std::collections::BTreeMap;

    /// The seconds of nodes 0, 1, 2 ...: all numbers below a prime, each once, in no order.
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
        // A third of the seconds get another last node, a third go.
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
