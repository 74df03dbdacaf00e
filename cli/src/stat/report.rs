//! The statistics of a store, for people.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::output::{self, BAD, GOOD, STRONG, WARNING, println};
use crate::statistics::{AMONG_COPIES, Counts, NOT_SHARED, ProcessStatistics, Remote, Statistics};

/// Prints the statistics of a store.
pub fn print(store: &Statistics) {
    if !store.is_shared {
        println!("{STRONG}no store{STRONG:#}: processes that keep their sessions each in its own memory");
        store.processes.iter().for_each(print_process);
        println!();
        return;
    }
    let place = store.path.as_ref().map_or("without a name".to_owned(), |path| path.display().to_string());
    let removed = if store.is_removed { ", its file was removed" } else { "" };
    let (name, place) = (output::printable(&store.name), output::printable(&place));
    println!("{STRONG}store {name}{STRONG:#} ({place}), {}{removed}", output::size(store.size_bytes));
    if !store.is_used {
        println!("  not used yet: no process has made an SSL_CTX");
    } else {
        print_store(store);
    }
    store.processes.iter().for_each(print_process);
    advice(store).iter().for_each(|sentence| println!("  {WARNING}{sentence}{WARNING:#}"));
    println!();
}

fn print_store(store: &Statistics) {
    let counts = &store.counts;
    let oldest = match store.oldest_expires_in_seconds {
        None => String::new(),
        Some(seconds) => format!("; the oldest {}", in_time(seconds)),
    };
    println!(
        "  sessions   {}, {} of {}, {:.0} % full{oldest}",
        store.sessions,
        bytes(store.used_bytes),
        bytes(store.capacity_bytes),
        100.0 * store.fill()
    );
    println!("  lookups    {}", lookups(counts));
    println!(
        "  changes    {} stored, {} removed, {} evicted, {} expired, {} too large",
        counts.stored, counts.removed, counts.evicted, counts.expired, counts.too_large
    );
    println!(
        "  locks      waited for {} times, {} times in vain; partitions emptied {} times",
        counts.lock_waits, counts.lock_timeouts, counts.partitions_emptied
    );
    if !counts.remote.is_unused() {
        println!("  remote     {}", remote(&counts.remote));
    }
}

fn remote(remote: &Remote) -> String {
    format!(
        "{} asked for: {} found, {} late, {} failed, {} refused; {} written, {} dropped; gave up {} times",
        remote.asked,
        remote.found,
        remote.late,
        remote.failed,
        remote.refused,
        remote.written,
        remote.dropped,
        remote.breaker_opened
    )
}

fn lookups(counts: &Counts) -> String {
    let Some(ratio) = counts.hit_ratio() else { return "none".to_owned() };
    let style = if ratio < 0.5 { BAD } else { GOOD };
    let causes = counts.misses.by_cause().into_iter().filter(|(_, number)| *number > 0);
    let causes: Vec<String> = causes.map(|(cause, number)| format!("{number} {}", cause.replace('_', " "))).collect();
    let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    let percent = 100.0 * ratio;
    format!("{style}{percent:.1} % hits{style:#}: {} of {}{causes}", counts.hits, counts.lookups())
}

fn print_process(process: &ProcessStatistics) {
    println!("  {STRONG}process {}{STRONG:#} ({})", process.process, process.name);
    if !process.has_used_it {
        println!("    has the store, and has not used it yet");
        return;
    }
    let library = process.library.as_deref().unwrap_or("of a version that it does not say");
    let locked = match process.locked_in_memory {
        Some(true) => "locked in memory",
        Some(false) => "not locked in memory",
        None => "",
    };
    let attach = if process.attaches_all { ", attached to all contexts" } else { "" };
    let tickets = match (process.ticket_epoch_seconds, process.ticket_epoch) {
        (Some(seconds), Some(epoch)) => {
            let length = output::age(Duration::from_secs(seconds));
            format!("tickets shared, in epoch {epoch} of {length} each")
        }
        _ if process.tickets == "stateful" => "tickets stateful".to_owned(),
        _ => "tickets as the program has them".to_owned(),
    };
    let libssl = process.libssl.as_deref().unwrap_or("no libssl yet");
    let locked = if locked.is_empty() { String::new() } else { format!("; {locked}") };
    let build = process.build_id.as_ref().map_or(String::new(), |build| format!(" (build id {build})"));
    println!("    library    {library}{build}, for {libssl}{attach}; {tickets}{locked}");
    if let Some(why) = process.without_store {
        println!("    store      none: {}", why_without(why));
    }
    if let Some(sessions) = process.sessions {
        println!("    sessions   {sessions}, in its own memory");
    }
    println!("    lookups    {}; {} stored", lookups(&process.counts), process.counts.stored);
    if let (Some(state), Some(queued)) = (process.remote_state, process.remote_queued_bytes) {
        let style = if state == "answers" { GOOD } else { BAD };
        let state = state.replace('_', " ");
        println!("    remote     {style}{state}{style:#}, {} wait; {}", bytes(queued), remote(&process.counts.remote));
    }
    let contexts = &process.contexts;
    println!(
        "    contexts   {} shared, {} not",
        contexts.shared,
        contexts.not_shared.values().map(|number| u64::from(*number)).sum::<u64>()
    );
    let print = |reasons: &BTreeMap<&str, u32>, words: &[(&str, &str)], what: &str| {
        for (name, reason) in words.iter().filter(|(name, _)| reasons.contains_key(name)) {
            println!("               {} {what}: {reason}", reasons[name]);
        }
    };
    print(&contexts.not_shared, &NOT_SHARED, "not");
    print(&contexts.shared_among_copies, &AMONG_COPIES, "among copies in forked processes only");
}

fn why_without(why: &str) -> &'static str {
    match why {
        "private" => "the process is one that keeps its sessions private (SSLSESSION_PRIVATE)",
        "refused" => "it was refused, and the log or stderr says why",
        _ => "the settings ask for none (SSLSESSION_STORE)",
    }
}

/// Returns what somebody should look at.
fn advice(store: &Statistics) -> Vec<String> {
    let mut advice = Vec::new();
    if store.counts.misses.other_key > 0 {
        advice.push("Some processes have other keys than others: give all the same SSLSESSION_KEY_FILE.".to_owned());
    }
    let is_early = store.oldest_expires_in_seconds.is_some_and(|seconds| seconds > 60);
    if store.counts.evicted > 0 && is_early {
        advice.push(
            "Sessions leave before they expire: a larger store keeps them (SSLSESSION_STORE=…,size=).".to_owned(),
        );
    }
    if store.is_removed {
        advice.push("The store's file was removed: processes that start now do not share with these.".to_owned());
    }
    if store.processes.iter().any(|process| process.locked_in_memory == Some(false)) {
        advice.push(
            "The store may be swapped out: processes may not lock as much memory (systemd: LimitMEMLOCK=).".to_owned(),
        );
    }
    advice
}

/// Returns a number of bytes for people.
pub fn bytes(number: u64) -> String {
    match number {
        0..10_240 => format!("{number} bytes"),
        10_240..10_485_760 => format!("{} KiB", number >> 10),
        _ => format!("{} MiB", number >> 20),
    }
}

fn in_time(seconds: i64) -> String {
    let age = output::age(Duration::from_secs(seconds.unsigned_abs()));
    if seconds < 0 { format!("is over since {age}") } else { format!("expires in {age}") }
}
