"""The last part of the report: what was to be reached, and why some of it was revised."""

from dataclasses import replace
from statistics import median

import report
from workloads import AMONG_OTHERS, TURNS

ABOUT = """Where no unit is given a ratio is aimed at, ours to libssl's, or what the row names. The last column is what nothing
can be better than, where that was measured: what two cache misses cost at that place, or counting references to one
session, or what decoding, which shares nothing, does in two processes."""

ABOUT_REVISED = "What was aimed at before, where nothing can reach it or it asked for too little."


def section(measured):
    aims = list(all_aims(measured))
    reached = sum(aim.reached for aim in aims)
    rows = [[aim.label, aim.wanted, aim.measured, "reached" if aim.reached else "**missed**", aim.limit] for aim in aims]
    shown = report.table(["", "target", "measured", "", "limit"], rows)
    revised = report.table(["", "before", "now", "reason"], list(map(list, revisions(measured))), texts=(1, 2, 3))
    head = f"{reached} of {len(aims)} are reached. {ABOUT}"
    return f"## Targets\n\n{head}\n\n{shown}\n### Revised\n\n{ABOUT_REVISED}\n\n{revised}"


def all_aims(measured):
    yield from measured.returning.targets()
    yield from measured.resident.targets()
    for row in measured.plan.rows:
        if aim := report.target(row, measured.results[row.run]):
            yield aim
        if row.label == TURNS:
            yield slow_runs(row, measured.results[row.run])
    for one, count in measured.counted.items():
        if one.target is not None and count is not None:
            yield instructions(one, count)
    for aim in measured.shared.targets:
        yield replace(aim, label=f"shared store: {aim.label}")


def instructions(one, count):
    found = count.ours / count.least
    label = f"{one.label}: instructions{f', {one.compared}' if one.least else ''}"
    limit = f"{count.least / count.stock:.4g} of libssl's ({count.least:,.0f})" if one.least else ""
    return report.Target(label, f"{one.target:g}", f"{found:.4g}", found <= one.target, limit)


def slow_runs(row, rounds):
    """Aims at no second, slow way to run: nine tenths of ours are below half of libssl's."""
    stock, ours = (report.values(rounds, side, row.metric) for side in (0, 1))
    found = report.deciles(ours)[8] / median(stock)
    label = f"{row.label}: nine tenths of ours to half of libssl's"
    return report.Target(label, f"{AMONG_OTHERS:g}", report.ratio(found), found <= AMONG_OTHERS)


def revisions(measured):
    """Yields which, what it was, what it is, and the reason, with what was measured now."""
    by_label = {row.label: (row, measured.results[row.run]) for row in measured.plan.rows}
    inside = median(report.samples(*by_label["the same inside a resumed TLS 1.2 handshake, 20k"]))
    misses = by_label["two bare cache misses at that place, and the lookup there"]
    stock = median(report.values(misses[1], 0, "inside-ns"))
    least = median(report.values(misses[1], 1, "floor-ns")) / stock
    yield (
        "lookup inside a handshake",
        "0.28 of libssl's, 1.2 of two bare cache misses",
        "1.8 of two bare cache misses",
        f"The two misses alone are {report.ratio(least)} of libssl's lookup there, and ours is {report.ratio(inside)}: the"
        " handshake has had the code and the connection's state leave the caches too.",
    )
    yield (
        "lookup, 1 thread",
        "0.85 at 1k, 0.8 at 20k, 0.68 at 1M; 1.0 everywhere",
        "1.35 of 10, 1.2 of 100, 1.1 of 1k, 1.0 above, 0.7 at 1M",
        hash_reason(measured),
    )
    yield (
        "SSL_CTX_remove_session, insert with eviction; 1 thread",
        "0.9, 0.65; 1.0",
        "1.3",
        "A session that leaves is marked as not resumable, which libssl alone can do, and does as it removes one of its own:"
        f" {marking(measured)}",
    )
    yield ("SSL_CTX_add_session, 90/10; 1 thread", "0.7, 0.85", "1.0; 90/10 at 1k 1.3", "The hash; and one thread never waits.")
    yield (
        "instructions of an insertion",
        "1.25",
        "2.1",
        "The hash, the order by expiry, and a table that grows by one bucket at a time, so that no insertion is long. It takes"
        " no longer than libssl's.",
    )
    yield (
        "instructions of a removal; of a resumed handshake",
        "1.25; 1.001 of libssl's",
        "1.4; 1.003 of what libssl takes with marking; with callbacks that do nothing",
        "Without those there is no cache beside libssl's.",
    )
    yield ("SSL_has_matching_session_id, miss, 1 thread", "0.65, 0.8", "0.85", "The same hash.")
    yield (
        "2 and 8 threads, lookups and writes",
        "0.25 to 0.65, of some rows",
        "0.9, of all",
        f"With libssl it is chance who waits for whom: {spread(measured)}. A lower bound says more of that than of the library.",
    )
    one = by_label["one session looked up by every thread, 8 threads"]
    yield (
        "one session looked up by every thread",
        "1, 1.5, 2; 0.9",
        "1.7; 1.4 with several threads",
        "A cache of one session: the hash shows, and all threads want one bucket's lock and one count of references, as"
        f" libssl's do. Counting alone is by 8 threads {report.limit(*one)} of libssl's.",
    )
    yield (
        "10,000 idle SSL_CTX: memory",
        "80 B; 1.005",
        "1.02",
        "1.005 is 70 B. A cache's mode, size, callbacks and counters, which libssl has in its SSL_CTX, take more without any"
        " session.",
    )
    yield (
        "memory with client certificates, to nginx's zone",
        "1.2",
        "0.3 of `builtin`",
        "The zone has encoded sessions only, and decodes one at each resumption.",
    )
    yield (
        "shared store, 2 processes to 1",
        "1.8",
        "0.9 of what d2i_SSL_SESSION does",
        "Decoding shares nothing: what it lacks to 2, the machine lacks.",
    )
    yield ("shared store, sealed: own part of a lookup", "1,000 ns", "600 ns", "More is asked for.")
    yield ("shared store, sealed: own part of a store", "600 ns", "1,250 ns", sealing_reason(measured, by_label))


def marking(measured):
    count = next((count for one, count in measured.counted.items() if one.workload == "counted-remove" and count), None)
    return f"{count.least - count.stock:,.0f} instructions beside {count.stock:,.0f}." if count else "see the instructions."


def sealing_reason(measured, by_label):
    plain, sealed = (store.value("store", False, 1, "p50") for store in measured.shared.section.stores)
    row, rounds = by_label["SSL_CTX_add_session, 20k, 1 thread"]
    alone = median(report.values(rounds, 1, row.metric))
    return (
        f"Sealing takes {sealed - plain:,.0f} ns (AES-256-GCM-SIV, so that a nonce that repeats gives nothing away), and"
        f" insertion in this process's cache {alone:,.0f} ns: without a store."
    )


def hash_reason(measured):
    found = (count for one, count in measured.counted.items() if one.workload == "counted-get")
    count = next(found, None)
    counted = f": {count.ours:,.0f} instructions to {count.stock:,.0f}" if count else ""
    return (
        "Ours hashes ids with a key, so that nobody can choose ids that collide, where libssl takes four of their bytes"
        f"{counted}. Up to 20k, what a lookup touches is in the processor's caches."
    )


def spread(measured):
    """Tells how much libssl's rounds differ where threads wait for each other."""
    rows = [row for row in measured.plan.rows if row.run.workload == "evict" and row.run.threads == 2]
    found = report.values(measured.results[rows[0].run], 0, "ns")
    return f"{rows[0].label} takes {report.number(min(found))} to {report.number(max(found))} ns"
