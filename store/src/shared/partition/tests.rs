use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::{Broken, Partition, RECORD_HEAD};
use crate::config::SharedConfig;
use crate::record::RecordHeader;
use crate::shared::mapping::{Layout, Region};
use crate::time::UnixTime;

/// A partition's bytes and layout.
struct Body {
    shape: Layout,
    memory: Vec<u64>,
}

impl Body {
    fn new() -> Body {
        let shape = Layout::of(SharedConfig::MIN_SIZE).expect("a legal size");
        Body { memory: vec![0; shape.body(0).len() / 8], shape }
    }

    fn partition(&mut self) -> Partition<'_> {
        Partition::new(Region::of(&mut self.memory), &self.shape)
    }

    fn insert(&mut self, hash: u64, body: &[u8]) -> u32 {
        self.partition().insert(&label(hash), body).expect("it is whole")
    }

    fn find(&mut self, hash: u64) -> Option<Vec<u8>> {
        let partition = self.partition();
        let record = partition.find(hash).expect("it is whole")?;
        assert_eq!(record.label, label(hash));
        let mut copy = Vec::with_capacity(record.length());
        record.append_to(&mut copy).expect("it is whole");
        Some(copy)
    }

    /// Writes a number, as somebody else might.
    fn put(&mut self, at: usize, word: u32) {
        Region::of(&mut self.memory).set_word(at, word).expect("it is within");
    }

    fn bytes(&self) -> Vec<u8> {
        self.memory.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }
}

/// Returns a header whose fields all depend on the hash.
fn label(hash: u64) -> RecordHeader {
    RecordHeader { hash, policy: !hash, expiry: hash as u32 ^ 7, fingerprint: hash as u32 ^ 9 }
}

/// Returns bytes that depend on the hash, and are no zeros.
fn text(hash: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (hash as usize * 31 + at) as u8 | 1).collect()
}

#[test]
fn a_record_is_found_replaced_and_removed() {
    let mut body = Body::new();
    assert_eq!(body.find(1), None);
    assert_eq!((body.insert(1, b"one"), body.insert(2, b""), body.partition().records()), (0, 0, 2));
    assert_eq!((body.find(1), body.find(2), body.find(3)), (Some(b"one".to_vec()), Some(Vec::new()), None));
    body.insert(1, b"another one");
    assert_eq!((body.find(1), body.partition().records()), (Some(b"another one".to_vec()), 2));
    assert_eq!((body.partition().remove(1), body.partition().remove(1)), (Ok(true), Ok(false)));
    assert_eq!((body.find(1), body.find(2), body.partition().records()), (None, Some(Vec::new()), 1));
}

#[test]
fn records_of_one_bucket_are_told_apart_and_leave_from_anywhere_in_their_chain() {
    let mut body = Body::new();
    // The upper half, which selects the bucket, is the same.
    (0..4).for_each(|hash| assert_eq!(body.insert(hash, &text(hash, 20)), 0));
    for gone in [2, 3, 0, 1] {
        assert_eq!(body.partition().remove(gone), Ok(true));
        assert_eq!(body.find(gone), None);
        let left = (0..4).filter(|&hash| body.find(hash) == Some(text(hash, 20))).count();
        assert_eq!(left, body.partition().records() as usize);
    }
}

#[test]
fn what_goes_leaves_no_byte_behind() {
    let mut body = Body::new();
    let secret = [0xa5; 64];
    let traces = |body: &Body| body.bytes().windows(8).filter(|bytes| *bytes == &secret[..8]).count();
    body.insert(1, &secret);
    assert_ne!(traces(&body), 0);
    body.partition().remove(1).expect("it is whole");
    assert_eq!(traces(&body), 0, "removed");
    body.insert(1, &secret);
    body.insert(1, b"replaced");
    assert_eq!(traces(&body), 0, "replaced");
    body.insert(2, &secret);
    (10..).find(|&hash| body.insert(hash, &text(hash, 1000)) > 0 && body.find(2).is_none());
    assert_eq!(traces(&body), 0, "evicted");
    body.insert(3, &secret);
    body.partition().clear();
    assert!(body.bytes().iter().all(|&byte| byte == 0), "emptied");
}

#[test]
fn the_longest_record_fits_several_times() {
    let mut body = Body::new();
    let longest = body.partition().longest();
    assert_eq!(longest, super::MAX_BODY);
    assert!((longest + RECORD_HEAD) * 4 <= body.bytes().len());
    for hash in 0..20 {
        let evicted = body.insert(hash, &text(hash, longest));
        assert_eq!(evicted > 0, hash >= 5, "{hash}");
        assert_eq!(body.find(hash), Some(text(hash, longest)));
        assert!(body.partition().records() >= 3.min(hash as u32 + 1), "three at least keep their place");
    }
}

#[test]
fn what_is_over_is_wiped_wherever_it_lies() {
    let mut body = Body::new();
    // Several times round the ring, so that there are fillers, and dead records between others.
    for hash in 0..2000u64 {
        body.insert(hash << 32 | hash, &text(hash, 90 + hash as usize % 70));
        body.partition().remove((hash - hash % 7) << 32 | (hash - hash % 7)).expect("it is whole");
    }
    let before = body.partition().records();
    let (used, is_over) = body.partition().survey(UnixTime(3_000_000_000)).expect("it is whole");
    assert!(before > 200 && is_over && used > 30_000);
    // As label() makes it, the expiry of a record is its number except for some bits.
    let expected = (0..2000u64).filter(|&hash| body.find(hash << 32 | hash).is_some() && (hash ^ 7) < 1900).count();
    assert_eq!(body.partition().expire(UnixTime(1900)), Ok(expected as u32));
    assert_eq!(body.partition().records(), before - expected as u32);
    assert_eq!(body.partition().survey(UnixTime(1900)).map(|(_, is_over)| is_over), Ok(false));
    assert!((0..2000u64).all(|hash| body.find(hash << 32 | hash).is_none_or(|_| hash ^ 7 >= 1900)));
    body.insert(1, b"one");
    assert!(body.find(1).is_some());
}

#[test]
fn the_oldest_leaves_first() {
    let mut body = Body::new();
    let all: Vec<u64> = (0..2000).collect();
    all.iter().for_each(|&hash| {
        body.insert(hash << 32, &text(hash, 100 + hash as usize % 50));
    });
    let left: Vec<u64> = all.iter().copied().filter(|&hash| body.find(hash << 32).is_some()).collect();
    assert_eq!(left, all[all.len() - left.len()..], "the newest are left");
    assert_eq!(left.len(), body.partition().records() as usize);
}

/// A caller's operation.
#[derive(Clone, Debug)]
enum Operation {
    Insert(u64, usize),
    Remove(u64),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        40 => (hash(), 0..600usize).prop_map(|(hash, length)| Operation::Insert(hash, length)),
        4 => (hash(), 5000..10_000usize).prop_map(|(hash, length)| Operation::Insert(hash, length)),
        10 => hash().prop_map(Operation::Remove),
        1 => Just(Operation::Clear),
    ]
}

/// Returns one of few hashes, of which some share a bucket.
fn hash() -> impl Strategy<Value = u64> {
    (0..100u64, 0..4u64).prop_map(|(bucket, low)| bucket << 32 | low)
}

/// The records, oldest first.
#[derive(Default)]
struct Model(VecDeque<(u64, usize)>);

impl Model {
    fn take(&mut self, hash: u64) -> bool {
        let before = self.0.len();
        self.0.retain(|&(known, _)| known != hash);
        self.0.len() < before
    }
}

fn agree(body: &mut Body, model: &Model) {
    assert_eq!(body.partition().records() as usize, model.0.len());
    let known: HashMap<u64, usize> = model.0.iter().copied().collect();
    for hash in (0..100u64).flat_map(|bucket| (0..4).map(move |low| bucket << 32 | low)) {
        assert_eq!(body.find(hash), known.get(&hash).map(|&length| text(hash, length)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_operations_leave_what_a_plain_queue_has(
        operations in prop::collection::vec(operation(), 0..400)
    ) {
        let (mut body, mut model) = (Body::new(), Model::default());
        for operation in operations {
            match operation {
                Operation::Insert(hash, length) => {
                    model.take(hash);
                    let evicted = body.insert(hash, &text(hash, length));
                    model.0.drain(..evicted as usize);
                    model.0.push_back((hash, length));
                }
                Operation::Remove(hash) => prop_assert_eq!(body.partition().remove(hash), Ok(model.take(hash))),
                Operation::Clear => {
                    body.partition().clear();
                    model.0.clear();
                }
            }
        }
        agree(&mut body, &model);
    }
}

#[test]
fn a_chain_without_an_end_and_a_record_beyond_the_ring_are_broken() {
    let mut body = Body::new();
    body.insert(1, b"one");
    // The ring's first record is behind the buckets; its chain continues with itself.
    let ring = 16 + (4 * body.shape.buckets).next_multiple_of(8);
    body.put(ring, 1);
    assert_eq!(body.partition().find(2).map(|found| found.is_some()), Err(Broken));
    body.put(ring, u32::MAX);
    assert_eq!(body.partition().remove(2), Err(Broken));
    body.put(ring, 0);
    body.put(ring + 4, 100_000);
    assert_eq!(body.partition().find(1).map(|found| found.is_some()), Err(Broken));
}

/// Bytes that another wrote: a chain of more records than chance brings together. An insertion that
/// walked it for each evicted record would hold the lock for seconds.
#[test]
fn a_chain_of_all_records_is_broken() {
    let mut body = Body::new();
    let count = (2..).take_while(|&hash| body.insert(hash << 32, b"") == 0).count() as u32;
    let ring = 16 + (4 * body.shape.buckets).next_multiple_of(8);
    let units = (RECORD_HEAD / 8) as u32;
    for record in 1..count {
        let at = ring + record as usize * RECORD_HEAD;
        body.put(at, (record - 1) * units + 1);
    }
    let mut put = |bucket: usize, word: u32| body.put(16 + bucket * 4, word);
    put(1, (count - 1) * units + 1);
    assert!(count > 1000);
    assert_eq!(body.partition().find(1 << 32).map(|found| found.is_some()), Err(Broken));
    assert_eq!(body.partition().remove(1 << 32), Err(Broken));
    assert_eq!(body.partition().insert(&label(1 << 32), b"one"), Err(Broken));
}
