//! Waiting writes and lookups. Callers only push; nothing here waits.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A change of the remote store.
pub enum Write {
    /// A sealed record that expires at a second since 1970.
    Set { name: Box<[u8]>, record: Box<[u8]>, expiry: i64 },
    /// The removal of a record.
    Delete { name: Box<[u8]> },
}

/// Number of bytes that an entry takes beside its texts.
const ENTRY: usize = 64;

impl Write {
    fn size(&self) -> usize {
        ENTRY
            + match self {
                Write::Set { name, record, .. } => name.len() + record.len(),
                Write::Delete { name } => name.len(),
            }
    }
}

/// Writes that wait, oldest first: at most so many bytes. A newer one takes the place of the oldest.
pub struct Writes {
    most: usize,
    waiting: Mutex<(VecDeque<Write>, usize)>,
    /// Number of writes that have left for newer ones.
    pub dropped: AtomicU64,
}

impl Writes {
    pub fn new(most: usize) -> Writes {
        Writes { most, waiting: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    /// Returns true if it was empty before: the thread has to be woken.
    pub fn push(&self, write: Write) -> bool {
        let size = write.size();
        if size > self.most {
            self.dropped.fetch_add(1, Relaxed);
            return false;
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
        drop(waiting);
        self.dropped.fetch_add(gone.len() as u64, Relaxed);
        was_empty
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

    /// Returns the number of bytes that wait.
    pub fn bytes(&self) -> usize {
        self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(number: u8, length: usize) -> Write {
        Write::Set { name: vec![number].into(), record: vec![0; length].into(), expiry: 0 }
    }

    fn numbers(writes: &[Write]) -> Vec<u8> {
        let number = |write: &Write| match write {
            Write::Set { name, .. } | Write::Delete { name } => name[0],
        };
        writes.iter().map(number).collect()
    }

    #[test]
    fn a_full_queue_lets_the_oldest_go_and_counts_them() {
        let writes = Writes::new(3 * (ENTRY + 1 + 100));
        assert!(writes.push(write(0, 100)));
        for number in 1..5 {
            assert!(!writes.push(write(number, 100)));
        }
        assert_eq!(writes.dropped.load(Relaxed), 2);
        assert_eq!(numbers(&writes.take(2, usize::MAX)), [2, 3]);
        assert_eq!(writes.bytes(), ENTRY + 101);
        assert_eq!(numbers(&writes.take(2, usize::MAX)), [4]);
        assert_eq!(writes.bytes(), 0);
        assert!(writes.take(2, usize::MAX).is_empty());
    }

    #[test]
    fn a_record_larger_than_the_queue_is_dropped_alone() {
        let writes = Writes::new(1000);
        writes.push(write(1, 100));
        assert!(!writes.push(write(2, 1000)));
        assert_eq!(writes.dropped.load(Relaxed), 1);
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
