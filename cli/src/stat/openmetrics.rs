//! The statistics as OpenMetrics has them, for Prometheus: names by its conventions.
//!
//! ```text
//! sslsession_…           a store: labels `store`, which is its name
//! sslsession_process_…   a process of a store: labels `store`, `pid`, `process`
//! ```
//! A store's counters have all that was ever counted, also by processes that have ended. A process's begin with it.
#![forbid(unsafe_code)]

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::statistics::{Counts, ProcessStatistics, Statistics};

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns the statistics of stores as OpenMetrics.
pub fn text(stores: &[Statistics]) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Stores(stores.to_vec())));
    let mut text = String::new();
    // Into a String it does not fail.
    let _ = text::encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Stores(Vec<Statistics>);

type Labels = Vec<(&'static str, String)>;

impl Collector for Stores {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        self.encode_sizes(&mut encoder)?;
        let of_stores: Vec<(Labels, Counts)> = self.0.iter().map(|store| (labels(store), store.counts)).collect();
        encode_counts(&mut encoder, "sslsession_", &of_stores)?;
        let of_processes: Vec<(Labels, Counts)> =
            self.processes().map(|(labels, process)| (labels, process.counts)).collect();
        encode_counts(&mut encoder, "sslsession_process_", &of_processes)?;
        self.encode_processes(&mut encoder)
    }
}

impl Stores {
    fn encode_sizes(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let shared: Vec<(Labels, &Statistics)> =
            self.0.iter().filter(|store| store.is_shared).map(|store| (labels(store), store)).collect();
        let mut gauge = |name, help, unit, value: fn(&Statistics) -> Option<i64>| {
            encode_gauge(encoder, (name, help, unit), &shared, value)
        };
        let (bytes, seconds) = (Some(&Unit::Bytes), Some(&Unit::Seconds));
        gauge("sslsession_size", "Size of the store", bytes, |store| i64::try_from(store.size_bytes).ok())?;
        gauge("sslsession_used", "Room that sessions take", bytes, |store| i64::try_from(store.used_bytes).ok())?;
        gauge("sslsession_capacity", "Room for sessions", bytes, |store| i64::try_from(store.capacity_bytes).ok())?;
        gauge("sslsession_sessions", "Sessions in the store", None, |store| i64::try_from(store.sessions).ok())?;
        let help = "Time until the oldest session expires, negative if it has";
        gauge("sslsession_oldest_expires", help, seconds, |store| store.oldest_expires_in_seconds)?;
        gauge("sslsession_processes", "Processes that have the store", None, |store| {
            i64::try_from(store.processes.len()).ok()
        })
    }

    fn processes(&self) -> impl Iterator<Item = (Labels, &ProcessStatistics)> {
        self.0.iter().flat_map(|store| {
            store.processes.iter().filter(|process| process.has_used_it).map(move |process| {
                let mut labels = labels(store);
                labels.push(("pid", process.process.to_string()));
                labels.push(("process", process.name.clone()));
                (labels, process)
            })
        })
    }

    fn encode_processes(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Library and libssl of a process";
        let mut info = encoder.encode_descriptor("sslsession_process_info", help, None, MetricType::Gauge)?;
        for (mut labels, process) in self.processes() {
            labels.push(("version", process.library.clone().unwrap_or_default()));
            labels.push(("libssl", process.libssl.clone().unwrap_or_default()));
            labels.push(("tickets", process.tickets.to_owned()));
            sample(&mut info, &labels, &ConstGauge::new(1i64))?;
        }
        let help = "Contexts of a process by what becomes of their sessions";
        let mut contexts = encoder.encode_descriptor("sslsession_process_contexts", help, None, MetricType::Gauge)?;
        for (labels, process) in self.processes() {
            let mut count = |state: &str, reason: &str, number: u32| {
                let state = [("state", state.to_owned()), ("reason", reason.to_owned())];
                let labels: Labels = labels.iter().cloned().chain(state).collect();
                sample(&mut contexts, &labels, &ConstGauge::new(i64::from(number)))
            };
            count("shared", "", process.contexts.shared)?;
            process.contexts.not_shared.iter().try_for_each(|(why, number)| count("not_shared", why, *number))?;
            let among_copies = &process.contexts.shared_among_copies;
            among_copies.iter().try_for_each(|(why, number)| count("shared_among_copies", why, *number))?;
        }
        let processes: Vec<(Labels, &ProcessStatistics)> = self.processes().collect();
        let mut gauge = |name, help, value: fn(&ProcessStatistics) -> Option<i64>| {
            encode_gauge(encoder, (name, help, None), &processes, value)
        };
        let help = "Sessions that a process without a store keeps itself";
        gauge("sslsession_process_sessions", help, |process| process.sessions?.try_into().ok())?;
        let help = "1 if the process keeps the store out of swap";
        gauge("sslsession_process_locked_in_memory", help, |process| process.locked_in_memory.map(i64::from))?;
        let help = "1 if the remote store answers, 0 if it does not";
        gauge("sslsession_process_remote_answers", help, |process| {
            process.remote_state.map(|state| i64::from(state == "answers"))
        })?;
        let help = "Bytes that wait to be written to the remote store";
        gauge("sslsession_process_remote_queued", help, |process| process.remote_queued_bytes?.try_into().ok())?;
        let help = "Epoch of the keys of shared tickets";
        gauge("sslsession_process_ticket_epoch", help, |process| process.ticket_epoch)
    }
}

/// Encodes a gauge, given by its name, its words and its unit, of those that have a value.
fn encode_gauge<T>(
    encoder: &mut DescriptorEncoder,
    (name, help, unit): (&str, &str, Option<&Unit>),
    of: &[(Labels, &T)],
    value: fn(&T) -> Option<i64>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    for (labels, one) in of {
        if let Some(value) = value(one) {
            sample(&mut metric, labels, &ConstGauge::new(value))?;
        }
    }
    Ok(())
}

/// A counter: its name, its words, and its value.
type Counter = (&'static str, &'static str, fn(&Counts) -> u64);

/// The counters beside the lookups.
const COUNTERS: [Counter; 16] = [
    ("stored", "Sessions stored", |counts| counts.stored),
    ("removed", "Sessions removed, or taken to be resumed once", |counts| counts.removed),
    ("evicted", "Sessions that left for others", |counts| counts.evicted),
    ("expired", "Expired sessions wiped", |counts| counts.expired),
    ("too_large", "Sessions not stored because of their size", |counts| counts.too_large),
    ("lock_waits", "Locks that another had", |counts| counts.lock_waits),
    ("lock_timeouts", "Locks that were not to be had in time", |counts| counts.lock_timeouts),
    ("partitions_emptied", "Partitions that lost their sessions", |counts| counts.partitions_emptied),
    ("remote_asked", "Lookups of sessions that another machine made", |counts| counts.remote.asked),
    ("remote_found", "Lookups that the remote store answered with a session", |counts| counts.remote.found),
    ("remote_late", "Lookups whose answer did not come in time", |counts| counts.remote.late),
    ("remote_failed", "Lookups that ended with an error", |counts| counts.remote.failed),
    ("remote_refused", "Lookups that were not sent to the remote store", |counts| counts.remote.refused),
    ("remote_written", "Sessions written to the remote store", |counts| counts.remote.written),
    ("remote_dropped", "Sessions not written to the remote store", |counts| counts.remote.dropped),
    ("remote_breaker_opened", "Times that the remote store was given up for a while", |counts| {
        counts.remote.breaker_opened
    }),
];

fn encode_counts(encoder: &mut DescriptorEncoder, prefix: &str, counted: &[(Labels, Counts)]) -> fmt::Result {
    let (name, help) = (format!("{prefix}lookups"), "Lookups of sessions by their result");
    let mut lookups = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
    for (labels, counts) in counted {
        for (result, number) in [("hit", counts.hits)].into_iter().chain(counts.misses.by_cause()) {
            let labels: Labels = labels.iter().cloned().chain([("result", result.to_owned())]).collect();
            sample(&mut lookups, &labels, &ConstCounter::new(number))?;
        }
    }
    for (name, help, value) in COUNTERS {
        let name = format!("{prefix}{name}");
        let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (labels, counts) in counted {
            sample(&mut metric, labels, &ConstCounter::new(value(counts)))?;
        }
    }
    Ok(())
}

fn sample(metric: &mut MetricEncoder, labels: &Labels, value: &impl EncodeMetric) -> fmt::Result {
    value.encode(metric.encode_family(labels)?)
}

fn labels(store: &Statistics) -> Labels {
    vec![("store", store.name.clone())]
}
