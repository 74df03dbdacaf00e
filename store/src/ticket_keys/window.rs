//! The epoch keys that are in force: of the previous epoch, the present one and the next.
//!
//! ```text
//!   time      ──┬───────────────┬───────────────┬───────────────┬──►
//!   opened      │   previous    │    present    │     next      │     tickets of three epochs: clocks may be an epoch apart
//!   sealed      │               │    present    │               │
//! ```
//! An epoch's key comes from the day of the epoch's last second. An epoch lasts a day at most, so
//! no key is needed that is older than yesterday's: a file may always have yesterday's.
//!
//! **A clock that is wrong.** A ratchet line cannot go back, and advances no further than
//! [`MAX_WALK`] days in all: for an earlier or a later epoch it has no key. In memory the chain is
//! at the day of the previous epoch. If the clock is set back by more than that, the line has no
//! keys until the clock has caught up; until then tickets do without it.
#![forbid(unsafe_code)]

use std::ops::Range;

use super::derive::{self, Key};
use super::{Line, MAX_LINES};
use crate::secret;
use crate::secret_slots::SecretSlots;
use crate::time::UnixTime;

/// Number of days that a line is advanced: a clock that is far ahead must not keep a processor
/// busy.
const MAX_WALK: i64 = 36_500;

const DAY: i64 = 86_400;

/// The identity of an epoch key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    line: usize,
    epoch: i64,
}

/// The epoch keys of all lines. In the slots a line has two: link and previous, present and next.
pub struct Window {
    /// Seconds of an epoch; from 1 to a day.
    length: u32,
    lines: Vec<LineState>,
    /// The present epoch, when the keys were derived.
    epoch: i64,
}

/// A line's state; its secrets are in the slots.
#[derive(Clone, Copy)]
struct LineState {
    /// The day of the link; None for a static line.
    day: Option<i64>,
    /// True for each of the three epochs that has a key.
    has: [bool; 3],
}

impl Window {
    /// Returns a window without lines.
    pub const fn new(length: u32) -> Window {
        Window { length, lines: Vec::new(), epoch: i64::MIN }
    }

    /// Replaces the lines of the file.
    pub fn set(&mut self, lines: &[Line], slots: &mut SecretSlots) {
        self.epoch = i64::MIN;
        self.lines.clear();
        for (at, line) in lines.iter().take(MAX_LINES).enumerate() {
            slots.get_mut(2 * at)[..32].copy_from_slice(&line.key);
            self.lines.push(LineState { day: line.day, has: [false; 3] });
        }
    }

    /// Derives the keys of this time. Returns true if they have changed.
    pub fn move_to(&mut self, now: UnixTime, slots: &mut SecretSlots) -> bool {
        let epoch = now.0.div_euclid(i64::from(self.length));
        let has_changed = epoch != self.epoch;
        if has_changed {
            self.epoch = epoch;
            (0..self.lines.len()).for_each(|at| self.derive(at, slots));
        }
        has_changed
    }

    /// Derives the three keys of a line. Advances its link to the day of the previous epoch, and
    /// overwrites the earlier one.
    fn derive(&mut self, at: usize, slots: &mut SecretSlots) {
        let state = &mut self.lines[at];
        let mut link: Key = [0; 32];
        link.copy_from_slice(&slots.get(2 * at)[..32]);
        let mut day = state.day;
        for (number, epoch) in (self.epoch - 1..).take(3).enumerate() {
            let last_second = (epoch + 1) * i64::from(self.length) - 1;
            let wanted = last_second.div_euclid(DAY);
            state.has[number] = day.is_none_or(|day| (0..=MAX_WALK).contains(&(wanted - day)));
            let mut key = [0; 32];
            if state.has[number] {
                for _ in day.unwrap_or(wanted)..wanted {
                    link = derive::next_link(&link);
                }
                day = day.map(|_| wanted);
                key = derive::epoch_key(&link, self.length, epoch);
                if number == 0 {
                    state.day = day;
                    slots.get_mut(2 * at)[..32].copy_from_slice(&link);
                }
            }
            let (slot, half) = half_of(at, number);
            slots.get_mut(slot)[half].copy_from_slice(&key);
            secret::wipe(&mut key);
        }
        secret::wipe(&mut link);
    }

    /// Returns the root that seals tickets: the first line's present epoch; None if that has no
    /// key.
    pub fn sealing_root(&self) -> Option<Root> {
        let has_key = self.lines.first().is_some_and(|state| state.has[1]);
        has_key.then_some(Root { line: 0, epoch: self.epoch })
    }

    /// Returns the roots that open tickets, the likeliest first.
    pub fn roots(&self) -> impl Iterator<Item = Root> + '_ {
        let of_line = move |(line, state): (usize, &LineState)| {
            let (has, present) = (state.has, self.epoch);
            let root = move |number| Root { line, epoch: present + number as i64 - 1 };
            [1, 0, 2].into_iter().filter(move |&number| has[number]).map(root)
        };
        self.lines.iter().enumerate().flat_map(of_line)
    }

    /// Returns the key of a root; None if it is no longer in force. The caller wipes it.
    pub fn key(&self, root: Root, slots: &SecretSlots) -> Option<Key> {
        let number = usize::try_from(root.epoch.checked_sub(self.epoch)?.checked_add(1)?).ok()?;
        if self.lines.get(root.line)?.has.get(number) != Some(&true) {
            return None;
        }
        let (slot, half) = half_of(root.line, number);
        let mut key = [0; 32];
        key.copy_from_slice(&slots.get(slot)[half]);
        Some(key)
    }
}

/// Returns the slot, and the half of it, of a line's key: of the previous epoch (0), the present
/// one or the next.
fn half_of(line: usize, number: usize) -> (usize, Range<usize>) {
    match number {
        0 => (2 * line, 32..64),
        1 => (2 * line + 1, 0..32),
        _ => (2 * line + 1, 32..64),
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    const START: i64 = 20_784 * DAY;

    struct Keys {
        window: Window,
        slots: SecretSlots,
    }

    impl Keys {
        fn new(length: u32, lines: &[Line]) -> Keys {
            let mut slots = SecretSlots::new(2 * MAX_LINES).expect("memory");
            let mut window = Window::new(length);
            window.set(lines, &mut slots);
            Keys { window, slots }
        }

        /// Returns the keys of all roots at a time, by line and epoch.
        fn at(&mut self, now: i64) -> Vec<(usize, i64, Key)> {
            self.window.move_to(UnixTime(now), &mut self.slots);
            let key = |root| self.window.key(root, &self.slots).expect("it is in force");
            let of = |root: Root| (root.line, root.epoch, key(root));
            self.window.roots().map(of).collect()
        }

        fn epochs(&mut self, now: i64) -> Vec<i64> {
            self.at(now).into_iter().map(|(_, epoch, _)| epoch - now.div_euclid(43_200)).collect()
        }
    }

    fn walking(day: i64) -> Line {
        Line { key: [7; 32], day: Some(day) }
    }

    #[test]
    fn two_epochs_lie_in_two_windows_each_with_one_key() {
        let mut keys = Keys::new(43_200, &[Line { key: [1; 32], day: None }, walking(20_783)]);
        let (now, later) = (keys.at(START), keys.at(START + 43_200));
        assert_eq!(
            now.iter().map(|&(line, epoch, _)| (line, epoch - 41_568)).collect::<Vec<_>>(),
            [(0, 0), (0, -1), (0, 1), (1, 0), (1, -1), (1, 1)]
        );
        let both = now.iter().filter(|key| later.contains(key)).count();
        assert_eq!(both, 4, "the present and the next become the previous and the present");
        let distinct: std::collections::BTreeSet<_> = now.iter().map(|&(_, _, key)| key).collect();
        assert_eq!(distinct.len(), 6);
    }

    #[test]
    fn a_line_that_is_older_by_days_has_the_same_keys() {
        let mut link = [7; 32];
        (0..10).for_each(|_| link = derive::next_link(&link));
        let mut old = Keys::new(43_200, &[walking(20_773)]);
        let mut new = Keys::new(43_200, &[Line { key: link, day: Some(20_783) }]);
        for step in 0..12 {
            assert_eq!(old.at(START + step * 20_000), new.at(START + step * 20_000), "{step}");
        }
    }

    #[test]
    fn a_line_of_tomorrow_and_a_clock_set_back_have_no_key() {
        let mut keys = Keys::new(43_200, &[walking(20_785)]);
        assert_eq!(keys.epochs(START), []);
        assert_eq!(keys.window.sealing_root(), None);
        assert_eq!(keys.epochs(START + 43_200), [1], "the epoch that begins tomorrow");
        assert_eq!(keys.epochs(START + DAY), [0, 1]);
        assert_eq!(keys.epochs(START + 5 * DAY), [0, -1, 1]);
        assert_eq!(keys.epochs(START + 5 * DAY - 1), [0, -1, 1], "within the day of the previous epoch");
        assert_eq!(keys.epochs(START + 2 * DAY), [], "walked past that day");
        assert_eq!(keys.epochs(START + 5 * DAY), [0, -1, 1], "the clock has caught up");
        assert_eq!(keys.epochs(START + 60_000 * DAY), [], "too far to walk");
    }

    #[test]
    fn a_clock_set_back_matters_not_to_a_line_that_stays() {
        let mut keys = Keys::new(43_200, &[Line { key: [1; 32], day: None }]);
        let before = keys.at(START);
        assert_eq!(keys.at(-START).len(), 3);
        assert_eq!(keys.at(START), before);
    }

    #[test]
    fn what_a_line_has_walked_past_is_nowhere() {
        let mut keys = Keys::new(3600, &[walking(20_780)]);
        keys.at(START);
        let yesterday_morning = keys.at(START - 3600).len();
        assert_eq!(yesterday_morning, 3);
        let is_there =
            |secret: &Key, slots: &SecretSlots| (0..2).any(|at| slots.get(at).chunks(32).any(|half| half == secret));
        assert!(!is_there(&[7; 32], &keys.slots));
    }
}
