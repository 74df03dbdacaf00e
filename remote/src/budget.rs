//! The time that a thread may wait for other hosts: at most 50 ms in any second. Pure: time is an argument.
#![forbid(unsafe_code)]

/// The most that a thread waits in a second, in microseconds.
pub const MOST: u32 = 50_000;

/// A slice of time, in microseconds; as many as make a second, and the one under way.
const SLICE: u64 = 125_000;
const SLICES: usize = 9;

/// The waits of a thread in the last second, by slices.
#[derive(Clone, Copy)]
pub struct Budget {
    spent: [u32; SLICES],
    /// Number of the last slice since the clock's beginning.
    last: u64,
}

impl Budget {
    /// Returns the budget of a thread that has not waited.
    pub const fn new() -> Budget {
        Budget { spent: [0; SLICES], last: 0 }
    }

    /// Returns for how many microseconds, `longest` at most, the thread may wait now; 0 for not at all.
    pub fn left(&mut self, now: u64, longest: u32) -> u32 {
        self.move_on(now);
        longest.min(MOST.saturating_sub(self.spent.iter().sum()))
    }

    /// Notes a wait that has ended now.
    pub fn spend(&mut self, now: u64, waited: u32) {
        self.move_on(now);
        let spent = &mut self.spent[(self.last % SLICES as u64) as usize];
        *spent = spent.saturating_add(waited);
    }

    fn move_on(&mut self, now: u64) {
        let slice = now / SLICE;
        let passed = slice.saturating_sub(self.last).min(SLICES as u64);
        for one in 0..passed {
            self.spent[((slice - one) % SLICES as u64) as usize] = 0;
        }
        self.last = self.last.max(slice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: u32 = 10_000;

    /// A thread that waits whenever it may, as long as it may.
    #[test]
    fn no_second_has_more_than_the_budget() {
        let (mut budget, mut now, mut waits) = (Budget::new(), 123_456_789, Vec::new());
        while now < 123_456_789 + 20_000_000 {
            let left = budget.left(now, DEADLINE);
            now += u64::from(left).max(700);
            if left > 0 {
                budget.spend(now, left);
                waits.push((now, left));
            }
        }
        for (at, &(end, _)) in waits.iter().enumerate() {
            let second = waits[..=at].iter().filter(|(when, _)| when + 1_000_000 > end);
            assert!(second.map(|(_, waited)| waited).sum::<u32>() <= MOST, "until {end}");
        }
        let all: u32 = waits.iter().map(|(_, waited)| waited).sum();
        assert!((700_000..=1_050_000).contains(&all), "{all} of a million may be waited in 20 seconds");
    }

    #[test]
    fn a_thread_that_has_not_waited_may_wait_until_the_deadline() {
        let mut budget = Budget::new();
        assert_eq!(budget.left(0, DEADLINE), DEADLINE);
        budget.spend(5, MOST - 1);
        assert_eq!(budget.left(10, DEADLINE), 1);
        budget.spend(11, 1);
        assert_eq!(budget.left(900_000, DEADLINE), 0);
        assert_eq!(budget.left(1_200_000, DEADLINE), DEADLINE);
    }
}
