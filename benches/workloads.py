"""What is measured, how long, and what is to be reached."""

from dataclasses import dataclass

# Workloads whose stock side calls lookup_sess_in_cache, which only the statically linked harness can.
BY_STATIC_LIBSSL = {"get", "get-one", "get-prefix", "mix", "flush", "inside", "counted-get"}

# Workloads whose other side has the library with shared tickets.
BY_TICKET = {"tls12-ticket", "tls13-ticket"}

# Each round needs a process of its own: what it measures happens once.
ONCE = {"grow", "flush", "memory", "contexts", "turns"}


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
    reach it; "absolute", ours in `unit`; "over", ours minus stock's in `unit`; "own", ours to another metric of ours.
    `stock_metric` is what ours is compared with, if that has another name. `limit` is the metric that nothing can be
    below.
    """

    group: str
    label: str
    run: Run
    metric: str
    target: float | None = None
    kind: str = "ratio"
    unit: str = "ns"
    stock_metric: str | None = None
    limit: str | None = None


LOOKUPS = "Lookups"
WRITES = "Writes"
CLIFFS = "Where OpenSSL's list, its hash or its one lock make single calls long"
HANDSHAKES = "Handshakes"
MEMORY = "Memory"
# Not a table of its own: the report has it among what a user asks.
SLOWDOWN = "Does it slow down anything else?"

# With one thread, that is as fast as libssl; with more, which libssl has wait for its lock, faster.
ALONE, AMONG_OTHERS = 1.0, 0.9
# With libssl's own marking of a session that leaves, as it does for its own; and one thread never waits.
MARKING_ALONE = 1.3
# With one thread, by number of entries: all is in the processor's nearest cache, and a hash with a key shows.
IN_FEW = {10: 1.35, 100: 1.2, 1000: 1.1}
# One session, with one thread and with several, which all want its count.
OF_ONE = {1: 1.7, 2: 1.4}
IDLE = 1.02
TURNS = "add and remove 2,048 sessions in turns, 2 threads"


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
        self.rows += self.slowdown()

    def run(self, workload, rounds=31, **arguments):
        if self.quick:
            rounds = 2 if workload in ONCE else 9
            arguments["ops"] = max(arguments.get("ops", 20000) // 4, min(arguments.get("ops", 20000), 16))
        return Run(workload, rounds=rounds, **arguments)

    def lookups(self):
        ops = {10: 100_000, 100: 100_000, 1000: 100_000, 5000: 40_000, 20000: 30_000, 100_000: 20_000, self.million: 20_000}
        shapes = [(1000, 1), (1000, 2), (1000, 8), (20000, 1), (20000, 2), (20000, 4), (20000, 8)]
        shapes += [(self.million, 1), (self.million, 2), (self.million, 8)]
        if not self.quick:
            shapes += [(10, 1), (100, 1), (5000, 1), (100_000, 1)]
        for entries, threads in sorted(shapes):
            run = self.run("get", entries=entries, threads=threads, ops=ops[entries])
            label = f"lookup with a reference, {size_name(entries)} entries, {thread_name(threads)}"
            target = self.lookup_target(entries, threads)
            yield Row(LOOKUPS, label, run, "ns", target)
        run = self.run("inside", ops=200)
        yield Row(LOOKUPS, "the same inside a resumed TLS 1.2 handshake, 20k", run, "inside-ns")
        label = "two bare cache misses at that place, and the lookup there"
        yield Row(LOOKUPS, label, run, "inside-ns", 1.8, "own", stock_metric="floor-ns", limit="floor-ns")
        for threads in (1, 2, 8):
            run = self.run("get-one", threads=threads, ops=100_000)
            label = f"one session looked up by every thread, {thread_name(threads)}"
            yield Row(LOOKUPS, label, run, "ns", OF_ONE[min(threads, 2)], limit="floor-ns")
        for threads in (1, 2, 8):
            run = self.run("has", threads=threads, ops=30_000)
            for metric in ("hit", "miss"):
                label = f"SSL_has_matching_session_id, 20k, {metric}, {thread_name(threads)}"
                yield Row(LOOKUPS, label, run, metric, 0.85 if threads == 1 else AMONG_OTHERS)

    def lookup_target(self, entries, threads):
        if threads > 1:
            return AMONG_OTHERS
        return 0.7 if entries == self.million else IN_FEW.get(entries, ALONE)

    def writes(self):
        shapes = [(1000, 1), (20000, 1), (20000, 2), (20000, 8), (self.million, 1)]
        for entries, threads in shapes:
            run = self.run("add-remove", entries=entries, threads=threads, ops=min(entries, 10_000))
            for metric in ("add", "remove"):
                label = f"SSL_CTX_{metric}_session, {size_name(entries)}, {thread_name(threads)}"
                yield Row(WRITES, label, run, metric, wanted(threads, metric == "remove"))
        shapes.insert(3, (20000, 4))
        for entries, threads in shapes:
            run = self.run("evict", entries=entries, threads=threads, ops=min(entries, 8_000))
            label = f"insert with eviction, full at {size_name(entries)}, {thread_name(threads)}"
            yield Row(WRITES, label, run, "ns", wanted(threads, True))
        for entries, threads in shapes:
            run = self.run("mix", entries=entries, threads=threads, ops=min(entries * 4, 20_000))
            label = f"90 % lookup, 10 % insert with eviction, full at {size_name(entries)}, {thread_name(threads)}"
            few = threads == 1 and entries in IN_FEW
            yield Row(WRITES, label, run, "ns", MARKING_ALONE if few else wanted(threads))
        yield Row(WRITES, TURNS, Run("turns", entries=2048, threads=2, rounds=8 if self.quick else 30), "ns", AMONG_OTHERS)

    def cliffs(self):
        for entries, target in ((100, None), (1000, None), (10_000, 0.005)):
            run = self.run("late", entries=entries, ops=512, rounds=15)
            yield Row(CLIFFS, f"insert behind {size_name(entries)} later-expiring ones", run, "ns", target)
        for entries, target in ((2000, None), (20_000, 0.02)):
            run = self.run("alternating", entries=entries, ops=512, rounds=15)
            yield Row(CLIFFS, f"insert among {size_name(entries)} with alternating timeouts", run, "ns", target)
        for entries, target in ((1000, None), (5000, None) if self.quick else (20_000, 0.005)):
            run = self.run("get-prefix", entries=entries, ops=2048, rounds=9)
            yield Row(CLIFFS, f"lookup among {size_name(entries)} ids that share four bytes", run, "ns", target)
        if not self.quick:
            yield from self.long_waits()

    def long_waits(self):
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
        names = {"tls12-resumed": "TLS 1.2 resumed", "tls12-full": "a full handshake, TLS 1.2"}
        names |= {"tls13-resumed": "TLS 1.3 stateful, resumed", "tls13-full": "a full handshake, TLS 1.3 stateful"}
        for workload, name in names.items():
            for threads in (1, 2):
                run = self.run(workload, threads=threads, ops=200 if workload == "tls12-resumed" else 64, rounds=25)
                group = SLOWDOWN if workload.endswith("full") else HANDSHAKES
                yield Row(group, f"{name}, {thread_name(threads)}", run, "us", 1.0, "noise", "us")
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
        yield Row(MEMORY, "an empty cache, over OpenSSL's SSL_CTX", few, "bytes", None, "over", "B")
        label = "one with 4 sessions, over OpenSSL's SSL_CTX without any"
        yield Row(MEMORY, label, few, "filled-bytes", 700, "over", "B", stock_metric="bytes")

    def slowdown(self):
        idle = Run("contexts", entries=10_000, ops=0, rounds=2 if self.quick else 7)
        yield Row(SLOWDOWN, "10,000 idle SSL_CTX: heap of one", idle, "bytes", IDLE, unit="B")
        yield Row(SLOWDOWN, "10,000 idle SSL_CTX: resident memory of one", idle, "resident-bytes", IDLE, unit="B")
        yield Row(SLOWDOWN, "10,000 idle SSL_CTX: time to create one", idle, "us", 1.0, "noise", "us")
        for threads in (1, 2):
            run = self.run("fork", entries=3000, ops=16, threads=threads, rounds=9)
            label = f"fork with 3,000 SSL_CTX that hold sessions, {thread_name(threads)}"
            yield Row(SLOWDOWN, f"{label}: until it returns", run, "parent-us", 1.2, unit="us")
            yield Row(SLOWDOWN, f"{label}: until the child goes on", run, "child-us", 1.2, unit="us")

    def runs(self):
        return list(dict.fromkeys(row.run for row in self.rows))


def wanted(threads, marks=False):
    if threads > 1:
        return AMONG_OTHERS
    return MARKING_ALONE if marks else ALONE


@dataclass(frozen=True)
class Counted:
    """An operation whose instructions are counted under callgrind. `least` is the same done by libssl, with what the
    library cannot do without in addition, as `compared` says: what the target is of."""

    group: str
    label: str
    workload: str
    target: float | None = None
    ops: int = 2000
    least: str | None = None
    compared: str = ""


INSTRUCTIONS = "Instructions"
MARKED = "to libssl's and its marking of a session that it has not cached"
NOTICED = "to libssl's with callbacks that do nothing as connections come and go"
COUNTED = (
    Counted(INSTRUCTIONS, "lookup with a reference, and its free", "counted-get"),
    Counted(INSTRUCTIONS, "SSL_has_matching_session_id, hit", "counted-has"),
    Counted(INSTRUCTIONS, "SSL_has_matching_session_id, miss", "counted-miss"),
    Counted(INSTRUCTIONS, "SSL_CTX_add_session", "counted-add", 2.1),
    Counted(INSTRUCTIONS, "SSL_CTX_remove_session", "counted-remove", 1.4, least="counted-remove-marked", compared=MARKED),
    Counted(INSTRUCTIONS, "insert with eviction, and the free", "counted-evict", 1.25),
    Counted(SLOWDOWN, "a resumed handshake, TLS 1.2, client and server", "counted-resume", 1.003, 200, "counted-resume-noticed", NOTICED),
)
COUNTED_ENTRIES = 4000
