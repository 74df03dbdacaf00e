//! Waiting writes and lookups. Callers only push; nothing here waits.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Mutex;

/// A change of the remote store.
pub struct Write {
    pub name: Box<[u8]>,
    /// The sealed record, and the second since 1970 at which it expires; None to remove what is there.
    pub record: Option<(Box<[u8]>, i64)>,
    /// True for a session that is to be used once: it is not sent again after it may have arrived, as it may have been
    /// taken meanwhile.
    pub once: bool,
    /// Number of times that it has been sent, and not answered.
    pub tries: u8,
}

/// Number of times that a write is sent. Some may be used up as a server restarts, or by a busy machine; a write that ends
/// each connection it comes to is not to keep all others waiting.
const TRIES: u8 = 5;

/// Number of bytes that an entry takes beside its texts.
const ENTRY: usize = 64;

impl Write {
    fn size(&self) -> usize {
        ENTRY + self.name.len() + self.record.as_ref().map_or(0, |(record, _)| record.len())
    }
}

/// Writes that wait, oldest first: at most so many bytes. A newer one takes the place of the oldest.
pub struct Writes {
    most: usize,
    waiting: Mutex<(VecDeque<Write>, usize)>,
}

/// The effect of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The queue was empty before: the thread has to be woken.
    pub was_empty: bool,
    /// Number of writes that have left for it, or itself.
    pub dropped: usize,
    /// Number of bytes that wait now.
    pub bytes: usize,
}

impl Writes {
    pub fn new(most: usize) -> Writes {
        Writes { most, waiting: Mutex::default() }
    }

    pub fn push(&self, write: Write) -> Pushed {
        let size = write.size();
        if size > self.most {
            return Pushed { was_empty: false, dropped: 1, bytes: self.bytes() };
        }
        let mut gone = Vec::new();
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (writes, bytes) = &mut *waiting;
        let was_empty = writes.is_empty();
        while *bytes + size > self.most {
            let Some(oldest) = writes.pop_front() else { break };
            *bytes -= oldest.size();
            gone.push(oldest);
        }
        *bytes += size;
        writes.push_back(write);
        let bytes = *bytes;
        drop(waiting);
        Pushed { was_empty, dropped: gone.len(), bytes }
    }

    /// Takes the oldest, at most so many and so many bytes, but at least one if there is one.
    pub fn take(&self, most: usize, bytes: usize) -> Vec<Write> {
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (writes, queued) = &mut *waiting;
        let mut taken = Vec::with_capacity(writes.len().min(most));
        let mut size = 0;
        while taken.len() < most
            && size < bytes
            && let Some(write) = writes.pop_front()
        {
            size += write.size();
            taken.push(write);
        }
        *queued -= size;
        taken
    }

    /// Puts back what was taken and not answered, to be sent again before all others. What was tried too often, or has
    /// no room any more, is returned.
    pub fn put_back(&self, taken: Vec<Write>) -> Vec<Write> {
        let mut given_up = Vec::new();
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (writes, bytes) = &mut *waiting;
        for mut write in taken.into_iter().rev() {
            write.tries += 1;
            if write.tries >= TRIES || *bytes + write.size() > self.most {
                given_up.push(write);
            } else {
                *bytes += write.size();
                writes.push_front(write);
            }
        }
        given_up
    }

    /// Returns the number of bytes that wait.
    pub fn bytes(&self) -> usize {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(number: u8, length: usize) -> Write {
        Write { name: vec![number].into(), record: Some((vec![0; length].into(), 0)), once: false, tries: 0 }
    }

    fn numbers(writes: &[Write]) -> Vec<u8> {
        writes.iter().map(|write| write.name[0]).collect()
    }

    #[test]
    fn a_full_queue_lets_the_oldest_go_and_counts_them() {
        let writes = Writes::new(3 * (ENTRY + 1 + 100));
        assert!(writes.push(write(0, 100)).was_empty);
        let pushed: Vec<Pushed> = (1..5).map(|number| writes.push(write(number, 100))).collect();
        assert_eq!(pushed.iter().map(|pushed| pushed.dropped).collect::<Vec<_>>(), [0, 0, 1, 1]);
        assert_eq!(pushed[3], Pushed { was_empty: false, dropped: 1, bytes: 3 * (ENTRY + 1 + 100) });
        assert_eq!(numbers(&writes.take(2, usize::MAX)), [2, 3]);
        assert_eq!(writes.bytes(), ENTRY + 101);
        assert_eq!(numbers(&writes.take(2, usize::MAX)), [4]);
        assert_eq!(writes.bytes(), 0);
        assert!(writes.take(2, usize::MAX).is_empty());
    }

    #[test]
    fn what_was_not_answered_is_tried_again_before_all_others() {
        let writes = Writes::new(3 * (ENTRY + 1 + 100));
        for number in 0..3 {
            writes.push(write(number, 100));
        }
        for _ in 1..TRIES {
            let taken = writes.take(2, usize::MAX);
            assert_eq!(numbers(&taken), [0, 1]);
            assert!(writes.put_back(taken).is_empty());
        }
        let taken = writes.take(3, usize::MAX);
        assert_eq!(numbers(&taken), [0, 1, 2]);
        assert_eq!(numbers(&writes.put_back(taken)), [1, 0], "only the third was not tried too often");
        writes.push(write(3, 100));
        writes.push(write(4, 100));
        assert_eq!(numbers(&writes.put_back(vec![write(5, 100)])), [5], "there is no room");
        assert_eq!(numbers(&writes.take(9, usize::MAX)), [2, 3, 4]);
        assert_eq!(writes.bytes(), 0);
    }

    #[test]
    fn a_record_larger_than_the_queue_is_dropped_alone() {
        let writes = Writes::new(1000);
        writes.push(write(1, 100));
        let bytes = ENTRY + 101;
        assert_eq!(writes.push(write(2, 1000)), Pushed { was_empty: false, dropped: 1, bytes });
        assert_eq!(numbers(&writes.take(9, usize::MAX)), [1]);
    }

    #[test]
    fn a_batch_ends_at_its_bytes() {
        let writes = Writes::new(100_000);
        for number in 0..9 {
            writes.push(write(number, 1000));
        }
        assert_eq!(numbers(&writes.take(9, 2000)), [0, 1]);
        assert_eq!(numbers(&writes.take(9, 1)), [2]);
    }
}
