//! Events of the last intervals, by store and by process.
#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use crate::statistics::{Counts, Remote, Statistics};

/// Intervals that are remembered: no screen shows more.
const INTERVALS: usize = 200;

/// A store, or a process of a store.
type Key = (String, Option<u32>);

/// The history of all stores.
#[derive(Default)]
pub struct History {
    /// The stores as they were last.
    pub stores: Vec<Statistics>,
    of: HashMap<Key, Past>,
}

/// The history of one store or process.
#[derive(Default)]
pub struct Past {
    last: Option<(Instant, Counts)>,
    pub intervals: VecDeque<Interval>,
}

/// The events of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// None without lookups.
    pub hit_ratio: Option<f64>,
    pub lookups_per_second: f64,
    pub stored_per_second: f64,
    pub remote: RemoteRates,
}

/// The events of the remote store in an interval, for each second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RemoteRates {
    pub asked: f64,
    pub found: f64,
    /// Late, failed or refused.
    pub in_vain: f64,
    pub written: f64,
    pub dropped: f64,
}

impl RemoteRates {
    fn between(before: &Remote, now: &Remote, seconds: f64) -> RemoteRates {
        let rate = |count: fn(&Remote) -> u64| count(now).saturating_sub(count(before)) as f64 / seconds;
        RemoteRates {
            asked: rate(|remote| remote.asked),
            found: rate(|remote| remote.found),
            in_vain: rate(|remote| remote.late.saturating_add(remote.failed).saturating_add(remote.refused)),
            written: rate(|remote| remote.written),
            dropped: rate(|remote| remote.dropped),
        }
    }
}

impl History {
    /// Adds the statistics of a moment. Forgets a store or process that has none any more.
    pub fn add(&mut self, stores: &[Statistics], now: Instant) {
        let mut of = std::mem::take(&mut self.of);
        for store in stores {
            let processes = store.processes.iter().map(|process| (Some(process.process), process.counts));
            for (process, counts) in [(None, store.counts)].into_iter().chain(processes) {
                let key = (store.name.clone(), process);
                let mut past = of.remove(&key).unwrap_or_default();
                past.add(counts, now);
                self.of.insert(key, past);
            }
        }
        self.stores = stores.to_vec();
    }

    /// Returns the history of a store, or of a process of it.
    pub fn of(&self, store: &str, process: Option<u32>) -> Option<&Past> {
        self.of.get(&(store.to_owned(), process))
    }
}

impl Past {
    fn add(&mut self, counts: Counts, now: Instant) {
        if let Some((before, last)) = self.last {
            let seconds = now.duration_since(before).as_secs_f64().max(0.001);
            // A counter that decreased belongs to another store or process of the same name.
            let lookups = counts.lookups().saturating_sub(last.lookups());
            let hits = counts.hits.saturating_sub(last.hits).min(lookups);
            self.intervals.push_back(Interval {
                hit_ratio: (lookups > 0).then(|| hits as f64 / lookups as f64),
                lookups_per_second: lookups as f64 / seconds,
                stored_per_second: counts.stored.saturating_sub(last.stored) as f64 / seconds,
                remote: RemoteRates::between(&last.remote, &counts.remote, seconds),
            });
        }
        while self.intervals.len() > INTERVALS {
            self.intervals.pop_front();
        }
        self.last = Some((now, counts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn rates_are_of_the_interval_and_not_of_all_time() {
        let (mut past, start) = (Past::default(), Instant::now());
        let mut counts = Counts { hits: 1000, stored: 7, ..Counts::default() };
        past.add(counts, start);
        assert!(past.intervals.is_empty());
        counts.hits += 6;
        counts.misses.unknown += 2;
        counts.stored += 4;
        counts.remote.asked += 10;
        counts.remote.late += 2;
        counts.remote.refused += 1;
        past.add(counts, start + Duration::from_secs(2));
        past.add(counts, start + Duration::from_secs(4));
        past.add(Counts::default(), start + Duration::from_secs(6));
        let none = RemoteRates::default();
        let quiet = Interval { hit_ratio: None, lookups_per_second: 0.0, stored_per_second: 0.0, remote: none };
        let remote = RemoteRates { asked: 5.0, in_vain: 1.5, ..none };
        let busy = Interval { hit_ratio: Some(0.75), lookups_per_second: 4.0, stored_per_second: 2.0, remote };
        assert_eq!(past.intervals, [busy, quiet, quiet]);
    }
}
