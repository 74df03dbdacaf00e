//! Keys that no hash would give: far too many in one bucket.
#![forbid(unsafe_code)]

use super::{BucketBits, Key, LinearTable, NodeId, Put, Relaxed};

fn key(node: NodeId, bits: BucketBits) -> Key {
    Key { tag: u64::from(node.0), bits }
}

#[test]
fn buckets_with_far_too_many_entries_lose_none_and_give_their_overflow_buckets_back() {
    const COUNT: u32 = 69;
    // Buckets 0, 1 and 2 have them all: no split separates them.
    let bits = |node: NodeId| BucketBits(node.0 % 3);
    for stride in [1, 2, 5, 31, 68] {
        let table = LinearTable::new();
        for node in (0..COUNT).map(NodeId) {
            assert!(matches!(table.put(&key(node, bits(node)), node, node, bits), Put::New));
            table.validate(bits);
        }
        assert!(table.overflow_count.load(Relaxed) > 24);
        for turn in 0..COUNT {
            let node = NodeId(turn * stride % COUNT);
            let key = key(node, bits(node));
            assert_eq!(table.read(&key, |&value, node| (value, node)), Some((node, node)));
            if turn % 2 == 0 {
                assert_eq!(table.remove(&key), Some((node, node)));
            } else {
                assert_eq!(table.remove_node(bits(node), node), Some(node));
            }
            assert!(table.read(&key, |_, _| ()).is_none() && table.remove(&key).is_none());
            assert_eq!(table.validate(bits).len() as u32, COUNT - turn - 1);
        }
    }
}

#[test]
fn a_bucket_with_overflow_buckets_is_split_again_and_again() {
    const COUNT: u32 = 200;
    // All in bucket 0, half of which moves to bucket 16, a quarter to 32, and to 48.
    let bits = |node: NodeId| BucketBits(node.0 % 4 * 16);
    let table = LinearTable::new();
    for node in (0..COUNT).map(NodeId) {
        assert!(matches!(table.put(&key(node, bits(node)), node, node, bits), Put::New));
        table.validate(bits);
    }
    for node in (0..COUNT).map(NodeId) {
        assert_eq!(table.read(&key(node, bits(node)), |&value, _| value), Some(node));
        assert!(matches!(table.put(&key(node, bits(node)), node, node, bits), Put::Same(_, there) if there == node));
        assert!(
            matches!(table.put(&key(node, bits(node)), NodeId(COUNT), node, bits), Put::Other(old, _) if old == node)
        );
    }
    assert_eq!(table.validate(bits).len() as u32, COUNT);
}
