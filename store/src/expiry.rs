//! The expiry of sessions.
#![forbid(unsafe_code)]

use crate::time::{Seconds, UnixTime};

/// The last second in which a session may still be resumed: time + timeout.
///
/// Ordered soonest first. A sum that overflows 64-bit seconds never expires and sorts
/// after all that do; among those, too, the smaller sum is first.
///
/// Stored as one unsigned number, the exact sum counted from [`START`], so that order and expiry
/// are one comparison each. Sums before it, or within 2^40 of the largest that two 64-bit numbers
/// can have, share the first and the last value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Expiry(u64);

/// The first second with a value of its own: 35,000 years before 1970.
const START: i128 = -(1 << 40);

/// The last second that a session can expire in.
const END: i128 = i64::MAX as i128;

impl Expiry {
    /// The last value of all.
    pub const NEVER: Self = Self(u64::MAX);

    /// Returns the expiry of a session made at `time` with a `timeout`.
    pub const fn new(time: UnixTime, timeout: Seconds) -> Self {
        let sum = time.0 as i128 + timeout.0 as i128;
        if time.0 >= 0 {
            return Self::at(sum);
        }
        // By this rule every time before 1970 counts as an overflow, too. The sum less END, in 64
        // bits, is then its rank among those; here all ranks below 1 are one.
        let rank = (sum - END) as i64;
        Self::at(END + if rank > 1 { rank as i128 } else { 1 })
    }

    /// Returns the expiry by a rule for sums that overflow.
    #[inline]
    pub const fn by_rule(time: UnixTime, timeout: Seconds, rule: Overflow) -> Self {
        match rule {
            Overflow::Never => Self::new(time, timeout),
            Overflow::Saturates => {
                let sum = time.0 as i128 + timeout.0 as i128;
                let last = LAST_SECOND.0 as i128;
                Self::at(if sum < last { sum } else { last })
            }
            Overflow::Wraps => Self::at(time.0.wrapping_add(timeout.0) as i128),
        }
    }

    /// Returns true if a session has expired at `now`. Strict: in its last second it is still
    /// valid.
    pub const fn is_over(self, now: UnixTime) -> bool {
        // No `now` reaches an overflowed sum, so those need no case of their own.
        Self::at(now.0 as i128).0 > self.0
    }

    const fn at(second: i128) -> Self {
        let from_start = second - START;
        if from_start < 0 {
            Self(0)
        } else if from_start > u64::MAX as i128 {
            Self::NEVER
        } else {
            Self(from_start as u64)
        }
    }

    pub(super) const fn to_bits(self) -> u64 {
        self.0
    }

    /// Returns the second since 1970 in 32 bits: 0 for all before, all ones for all after, which
    /// never expire.
    pub const fn second(self) -> u32 {
        let since = self.0.saturating_sub(START.unsigned_abs() as u64);
        if since < u32::MAX as u64 { since as u32 } else { u32::MAX }
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// Sum of a time and a timeout that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The session never expires. Such sessions sort last, by their exact sums.
    Never,
    /// Nanoseconds in 64 bits, of which the sum becomes the largest: all such sessions tie.
    Saturates,
    /// The sum wraps around, so the session has expired.
    Wraps,
}

impl Overflow {
    /// Returns the second as which a clock of this rule reads `time`.
    ///
    /// ```text
    ///   Saturates    seconds × 10^9 modulo 2^64 are its nanoseconds, so 1970 to 2554 are all that there is
    /// ```
    #[inline]
    pub const fn clock(self, time: UnixTime) -> UnixTime {
        match self {
            Overflow::Saturates => UnixTime(((time.0 as u64).wrapping_mul(SECOND) / SECOND) as i64),
            Overflow::Never | Overflow::Wraps => time,
        }
    }
}

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Last second that 64 bits of nanoseconds reach, in 2554.
pub const LAST_SECOND: UnixTime = UnixTime((u64::MAX / SECOND) as i64);

#[cfg(test)]
mod tests {
    use super::{Expiry, LAST_SECOND, Overflow};
    use crate::time::{Seconds, UnixTime};

    /// The second of [`LAST_SECOND`].
    const LAST: i64 = LAST_SECOND.0;

    fn expiry(time: i64, timeout: i64) -> Expiry {
        Expiry::new(UnixTime(time), Seconds(timeout))
    }

    #[test]
    fn a_session_is_alive_in_its_last_second_and_over_in_the_next() {
        let expiry = expiry(1000, 300);
        assert!(!expiry.is_over(UnixTime(1299)));
        assert!(!expiry.is_over(UnixTime(1300)));
        assert!(expiry.is_over(UnixTime(1301)));
        assert!(!expiry.is_over(UnixTime(0)));
    }

    #[test]
    fn a_sum_that_overflows_never_expires_and_sorts_last_by_its_exact_sum() {
        let latest = expiry(i64::MAX, 0);
        let over = expiry(i64::MAX, 1);
        let further = expiry(1_700_000_000, i64::MAX);
        assert!(latest < over && over < further && further < Expiry::NEVER);
        assert!(!over.is_over(UnixTime(i64::MAX)));
        assert!(!latest.is_over(UnixTime(i64::MAX)));
        assert!(expiry(i64::MAX - 1, 0).is_over(UnixTime(i64::MAX)));
        assert_eq!(expiry(i64::MAX, i64::MAX), Expiry::NEVER);
    }

    #[test]
    fn each_rule_treats_a_sum_that_does_not_fit_in_its_own_way() {
        let by = |rule| move |(time, timeout)| Expiry::by_rule(UnixTime(time), Seconds(timeout), rule);
        let small = [(0, 0), (1000, 300), (1_700_000_000, 300), (5, -10)];
        assert_eq!(small.map(by(Overflow::Saturates)), small.map(by(Overflow::Never)));
        assert_eq!(small.map(by(Overflow::Wraps)), small.map(by(Overflow::Never)));

        let large = [(LAST, 1), (1_700_000_000, LAST), (i64::MAX, i64::MAX)];
        let saturated = large.map(by(Overflow::Saturates));
        assert!(saturated.iter().all(|expiry| *expiry == saturated[0] && !expiry.is_over(LAST_SECOND)));
        assert!(Expiry::by_rule(LAST_SECOND, Seconds(-1), Overflow::Saturates) < saturated[0]);

        let wrapped = Expiry::by_rule(UnixTime(1_700_000_000), Seconds(i64::MAX), Overflow::Wraps);
        assert!(wrapped.is_over(UnixTime(0)) && wrapped < expiry(0, 0));
    }

    #[test]
    fn in_32_bits_it_is_the_second_since_1970() {
        assert_eq!(expiry(1_700_000_000, 300).second(), 1_700_000_300);
        assert_eq!((expiry(5, -10).second(), expiry(0, i64::MIN).second()), (0, 0));
        assert_eq!(expiry(i64::from(u32::MAX), -1).second(), u32::MAX - 1);
        let never = [expiry(i64::from(u32::MAX), 0), expiry(-1, 0), expiry(i64::MAX, 1), Expiry::NEVER];
        assert_eq!(never.map(Expiry::second), [u32::MAX; 4]);
    }

    #[test]
    fn a_sum_below_zero_is_over_and_sorts_first() {
        assert!(expiry(5, -10).is_over(UnixTime(0)));
        assert!(!expiry(5, -10).is_over(UnixTime(-5)));
        assert!(expiry(5, -10) < expiry(0, 0));
        assert!(expiry(0, i64::MIN) < expiry(5, -10));
        assert!(expiry(0, i64::MIN).is_over(UnixTime(0)));
    }

    /// Compares with the order in which OpenSSL 3.0.19 removes these sessions.
    #[test]
    fn a_time_before_1970_never_expires_and_has_the_position_that_openssl_gives_it() {
        let order = [(i64::MAX, 0), (-5, i64::MAX), (i64::MIN, 0), (99, i64::MAX), (-100, 10), (i64::MAX, i64::MAX)];
        let expiries = order.map(|(time, timeout)| expiry(time, timeout));
        assert!(expiries.is_sorted());
        assert!(expiries.iter().all(|expiry| !expiry.is_over(UnixTime(i64::MAX))));
        assert!(expiry(-1, 0) > expiries[0] && expiry(-1, 0) < expiries[3]);
    }

    #[test]
    fn seconds_beyond_2554_wrap_in_nanoseconds() {
        let clock = |seconds| Overflow::Saturates.clock(UnixTime(seconds)).0;
        assert_eq!([0, 1, 1_700_000_000, LAST].map(clock), [0, 1, 1_700_000_000, LAST]);
        assert_eq!(clock(LAST + 1), 0);
        assert_eq!((clock(i64::MAX), clock(-5)), (LAST - 1, LAST - 5));
        let any = [i64::MIN, -5, i64::MAX].map(UnixTime);
        assert_eq!(any.map(|time| Overflow::Never.clock(time)), any);
    }
}
