"""What is measured, how long, and what is to be reached."""

from dataclasses import dataclass, field

# Workloads whose stock side calls lookup_sess_in_cache, which only the statically linked harness can.
BY_STATIC_LIBSSL = {"get", "get-one", "get-prefix", "mix", "flush", "inside", "counted-get"}

# Workloads whose other side has the library with shared tickets.
BY_TICKET = {"tls12-ticket", "tls13-ticket"}

# Each round needs a process of its own: what it measures happens once.
ONCE = {"grow", "flush", "memory", "contexts"}


@dataclass(frozen=True)
class Run:
    """One workload with its arguments, on both sides. Several rows may take their numbers from one run."""

    workload: str
    entries: int = 20000
    ops: int = 20000
    threads: int = 1
    rounds: int = 21

    @property
    def by_static_libssl(self):
        return self.workload in BY_STATIC_LIBSSL

    @property
    def by_ticket(self):
        return self.workload in BY_TICKET

    @property
    def once(self):
        return self.workload in ONCE

    def arguments(self):
        return [self.workload, f"entries={self.entries}", f"ops={self.ops}", f"threads={self.threads}"]


@dataclass(frozen=True)
class Row:
    """One line of a table.

    kind: "ratio", ours to stock, lower is better; "noise", a ratio that is reached if a quarter of the rounds
    reach it; "absolute", ours in `unit`; "over", ours minus stock's in `unit`.
    """

    group: str
    label: str
    run: Run
    metric: str
    target: float | None = None
    kind: str = "ratio"
    unit: str = "ns"
    stock_metric: str | None = field(default=None)


LOOKUPS = "Lookups"
WRITES = "Writes"
CLIFFS = "Where OpenSSL's list, its hash or its one lock make single calls long"
HANDSHAKES = "Handshakes"
MEMORY = "Memory"


def size_name(entries):
    return f"{entries // 1000000}M" if entries >= 1000000 else f"{entries // 1000}k" if entries >= 1000 else str(entries)


def thread_name(threads):
    return "1 thread" if threads == 1 else f"{threads} threads"


class Plan:
    """The rows of a whole measurement, or of a quick one, which is shorter in every way."""

    def __init__(self, quick):
        self.quick = quick
        self.million = 200_000 if quick else 1_000_000
        self.rows = [*self.lookups(), *self.writes(), *self.cliffs(), *self.handshakes(), *self.memory()]

    def run(self, workload, rounds=31, **arguments):
        if self.quick:
            rounds = 2 if workload in ONCE else 9
            arguments["ops"] = max(arguments.get("ops", 20000) // 4, min(arguments.get("ops", 20000), 16))
        return Run(workload, rounds=rounds, **arguments)

    def lookups(self):
        targets = {(1000, 1): 0.85, (20000, 1): 0.8, (self.million, 1): 0.68, (20000, 2): 0.65, (self.million, 2): 0.65}
        ops = {10: 100_000, 100: 100_000, 1000: 100_000, 5000: 40_000, 20000: 30_000, 100_000: 20_000, self.million: 20_000}
        shapes = [(1000, 1), (1000, 2), (1000, 8), (20000, 1), (20000, 2), (20000, 4), (20000, 8)]
        shapes += [(self.million, 1), (self.million, 2), (self.million, 8)]
        if not self.quick:
            shapes += [(10, 1), (100, 1), (5000, 1), (100_000, 1)]
        for entries, threads in sorted(shapes):
            run = self.run("get", entries=entries, threads=threads, ops=ops[entries])
            label = f"lookup with a reference, {size_name(entries)} entries, {thread_name(threads)}"
            yield Row(LOOKUPS, label, run, "ns", targets.get((entries, threads)))
        run = self.run("inside", ops=200)
        yield Row(LOOKUPS, "the same inside a resumed TLS 1.2 handshake, 20k", run, "inside-ns", 0.28)
        label = "two cache misses at that place, for comparison with libssl's lookup there"
        yield Row(LOOKUPS, label, run, "floor-ns", stock_metric="inside-ns")
        for threads, target in ((1, None), (2, 1.5), (8, 2.0)):
            run = self.run("get-one", threads=threads, ops=100_000)
            yield Row(LOOKUPS, f"one session looked up by every thread, {thread_name(threads)}", run, "ns", target)
        for threads, hit, miss in ((1, 0.8, 0.65), (2, None, None), (8, None, None)):
            run = self.run("has", threads=threads, ops=30_000)
            for metric, target in (("hit", hit), ("miss", miss)):
                label = f"SSL_has_matching_session_id, 20k, {metric}, {thread_name(threads)}"
                yield Row(LOOKUPS, label, run, metric, target)

    def writes(self):
        for threads, add, remove in ((1, 0.7, 0.9), (2, 0.4, 0.5), (8, 0.25, None)):
            run = self.run("add-remove", threads=threads, ops=10_000)
            for metric, target in (("add", add), ("remove", remove)):
                label = f"SSL_CTX_{metric}_session, 20k, {thread_name(threads)}"
                yield Row(WRITES, label, run, metric, target)
        for threads, target in ((1, 0.65), (2, 0.25), (4, None), (8, 0.5)):
            run = self.run("evict", threads=threads, ops=8_000)
            yield Row(WRITES, f"insert with eviction at capacity 20480, {thread_name(threads)}", run, "ns", target)
        for threads, target in ((1, 0.85), (2, 0.25), (4, None), (8, 0.35)):
            run = self.run("mix", threads=threads, ops=20_000)
            label = f"90 % lookup, 10 % insert with eviction, {thread_name(threads)}"
            yield Row(WRITES, label, run, "ns", target)

    def cliffs(self):
        for entries, target in ((100, None), (1000, None), (10_000, 0.005)):
            run = self.run("late", entries=entries, ops=512, rounds=15)
            yield Row(CLIFFS, f"insert behind {size_name(entries)} later-expiring ones", run, "ns", target)
        for entries, target in ((2000, None), (20_000, 0.02)):
            run = self.run("alternating", entries=entries, ops=512, rounds=15)
            yield Row(CLIFFS, f"insert among {size_name(entries)} with alternating timeouts", run, "ns", target)
        for entries, target in ((1000, None), (20_000, 0.005)):
            run = self.run("get-prefix", entries=entries, ops=2048, rounds=9)
            yield Row(CLIFFS, f"lookup among {size_name(entries)} ids that share four bytes", run, "ns", target)
        flush = self.run("flush", entries=self.million, rounds=5)
        name = size_name(self.million)
        yield Row(CLIFFS, f"flush of {name}: longest wait of another thread", flush, "wait-us", 0.02, unit="us")
        yield Row(CLIFFS, "the same without a flush, for comparison", flush, "idle-wait-us", None, unit="us")
        yield Row(CLIFFS, f"flush of {name}: the whole", flush, "flush-ms", 1.0, unit="ms")
        grow = self.run("grow", entries=self.million, rounds=5)
        for metric, target, note in (("undisturbed-us", 3000, "not preempted"), ("longest-us", None, "of all")):
            label = f"longest single insertion while growing to {name}, {note}"
            yield Row(CLIFFS, label, grow, metric, target, "absolute", "us")

    def handshakes(self):
        names = {"tls12-resumed": "TLS 1.2 resumed", "tls12-full": "TLS 1.2 full"}
        names |= {"tls13-resumed": "TLS 1.3 stateful, resumed", "tls13-full": "TLS 1.3 stateful, full"}
        for workload, name in names.items():
            for threads in (1, 2):
                run = self.run(workload, threads=threads, ops=200 if workload == "tls12-resumed" else 64, rounds=25)
                yield Row(HANDSHAKES, f"{name}, {thread_name(threads)}", run, "us", 1.0, "noise", "us")
        for workload, name, target in (("tls12-ticket", "TLS 1.2", 1.06), ("tls13-ticket", "TLS 1.3", 1.02)):
            # Short rounds, so that the two sides of each have the same of what else runs.
            run = self.run(workload, ops=100, rounds=121)
            yield Row(HANDSHAKES, f"{name} resumed by a ticket with shared keys, server's part", run, "us", target, unit="us")

    def memory(self):
        for entries in (20_000, self.million):
            run = self.run("memory", entries=entries, rounds=3)
            label = f"per cached session over the SSL_SESSION, {size_name(entries)}"
            yield Row(MEMORY, label, run, "bytes", 90, "absolute", "B")
        few = self.run("contexts", entries=1000, ops=4, rounds=3)
        yield Row(MEMORY, "an empty cache, over OpenSSL's SSL_CTX", few, "bytes", 80, "over", "B")
        label = "one with 4 sessions, over OpenSSL's SSL_CTX without any"
        yield Row(MEMORY, label, few, "filled-bytes", 700, "over", "B", stock_metric="bytes")
        idle = Run("contexts", entries=10_000, ops=0, rounds=2 if self.quick else 7)
        yield Row(MEMORY, "10,000 idle SSL_CTX: heap", idle, "bytes", 1.02, unit="B")
        yield Row(MEMORY, "10,000 idle SSL_CTX: resident", idle, "resident-bytes", 1.02, unit="B")
        yield Row(MEMORY, "10,000 idle SSL_CTX: time to create one", idle, "us", 1.02, unit="us")

    def runs(self):
        return list(dict.fromkeys(row.run for row in self.rows))


# Instructions of one operation, under callgrind: label and workload.
COUNTED = {
    "lookup with a reference, and its free": "counted-get",
    "SSL_has_matching_session_id, hit": "counted-has",
    "SSL_has_matching_session_id, miss": "counted-miss",
    "insert with eviction, and the free": "counted-evict",
    "SSL_CTX_remove_session": "counted-remove",
}
COUNTED_ENTRIES = 4000
COUNTED_OPS = 2000
