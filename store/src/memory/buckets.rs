//! A list of buckets that readers use while a writer extends it.
#![forbid(unsafe_code)]

use super::bucket::Bucket;
use std::sync::OnceLock;

/// Buckets in levels, each twice as large as the one before, and a level in pieces. No bucket is
/// ever moved, and at most one piece is allocated at a time.
///
/// ```text
/// bucket    0..16  16..48  48..112 ...  1008..2032   2032..4080   4080..8176
/// level       0      1       2              6            7            8
/// pieces     16     32      64            1024       1024 1024     1024 ×4
/// ```
pub(super) struct Buckets<V>([OnceLock<Box<[Piece<V>]>>; LEVELS]);

type Piece<V> = OnceLock<Box<[Bucket<V>]>>;

/// Log2 of the number of buckets of the first level.
const FIRST_PIECE_BITS: u32 = 4;

/// Number of buckets in the largest piece: 64 KiB, if a bucket is a cache line.
const PIECE: usize = 1024;

/// Number of levels, enough for every number of 32 bits.
const LEVELS: usize = (u32::BITS - FIRST_PIECE_BITS + 1) as usize;

/// Position of a bucket, the same in every list that has it.
#[derive(PartialEq, Debug)]
struct Position {
    level: usize,
    piece: usize,
    at: usize,
}

impl Position {
    #[inline]
    fn of(number: u32) -> Self {
        // Counted from 2^FIRST_PIECE_BITS, the top bit is the level, and the bits below it the
        // position in the level.
        let number = number as usize + size(0);
        let top = number.ilog2();
        let within = number ^ 1 << top;
        Self { level: (top - FIRST_PIECE_BITS) as usize, piece: within / PIECE, at: within % PIECE }
    }
}

/// Returns the number of buckets of a level.
fn size(level: usize) -> usize {
    1 << (FIRST_PIECE_BITS as usize + level)
}

fn list<T>(length: usize, new: impl Fn() -> T) -> Box<[T]> {
    (0..length).map(|_| new()).collect()
}

impl<V> Buckets<V> {
    pub(super) const fn new() -> Self {
        Self([const { OnceLock::new() }; LEVELS])
    }

    /// Returns the bucket, if it has been made.
    #[inline]
    pub(super) fn find(&self, number: u32) -> Option<&Bucket<V>> {
        let position = Position::of(number);
        let level = self.0.get(position.level)?.get()?;
        level.get(position.piece)?.get()?.get(position.at)
    }

    /// Returns the bucket, which has been made.
    #[inline]
    pub(super) fn get(&self, number: u32) -> &Bucket<V> {
        self.find(number).expect("it has been made")
    }

    /// Makes the bucket, and its neighbours in the piece, if they do not exist.
    pub(super) fn make(&self, number: u32) -> &Bucket<V> {
        let position = Position::of(number);
        let size = size(position.level);
        let level = self.0[position.level].get_or_init(|| list(size.div_ceil(PIECE), Piece::new));
        let piece = level[position.piece].get_or_init(|| list(size.min(PIECE), Bucket::new));
        &piece[position.at]
    }
}

#[cfg(test)]
mod tests {
    use super::{Buckets, LEVELS, PIECE, Position, size};

    #[test]
    fn a_bucket_is_found_once_its_piece_is_made() {
        let buckets = Buckets::<u8>::new();
        assert!(buckets.find(0).is_none());
        for number in [0, 15, 16, 47, 48, 2031, 2032, 4090] {
            let made: *const _ = buckets.make(number);
            assert!(std::ptr::eq(made, buckets.get(number)));
        }
        assert!(buckets.find(5103).is_some() && buckets.find(5104).is_none(), "a piece is made, and no more");
    }

    #[test]
    fn levels_follow_one_another_without_a_gap_up_to_the_last_number() {
        let mut next = 0;
        for level in 0..LEVELS {
            let Ok(first) = u32::try_from(next) else { panic!("level {level} has no bucket") };
            assert_eq!(Position::of(first), Position { level, piece: 0, at: 0 });
            next += size(level);
            if let Ok(last) = u32::try_from(next - 1) {
                let at = size(level) - 1;
                assert_eq!(Position::of(last), Position { level, piece: at / PIECE, at: at % PIECE });
            }
        }
        assert!(next > u32::MAX as usize);
    }
}
