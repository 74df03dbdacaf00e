//! Times and durations in seconds, which a number alone does not tell apart.
#![forbid(unsafe_code)]

/// A time: the seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct UnixTime(pub i64);

/// A duration, which may be negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Seconds(pub i64);

impl UnixTime {
    /// The earliest time, at which nothing has expired.
    pub const EARLIEST: UnixTime = UnixTime(i64::MIN);
}
