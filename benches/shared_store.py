"""Measures the shared store: its operations by several processes, its room, and nginx with it."""

import contextlib
import os
from pathlib import Path
from statistics import median

from harness import Side
from nginx import Nginx
from workloads import Row, Run

NAME = "The shared store"
PROCESSES = (1, 2, 4, 8)

# The size of the stores: from here on they have all partitions, as with the default of 64. What eight processes do in a
# round fills a third of it.
MEBIBYTES = 16
# More sessions than it holds.
ENOUGH_TO_FILL = 100_000

# So many rounds without other programs make a median.
ENOUGH = 3


class Plan:
    """How much is measured."""

    def __init__(self, quick):
        self.rounds = 5 if quick else 15
        self.operations = 1024 if quick else 2048
        self.nginx_rounds = 5 if quick else 15
        self.connections = 1000 if quick else 2000
        self.clients = 256


class Store:
    """One kind of store, and what a harness prints that uses it."""

    def __init__(self, title, harness, library, plan, setting):
        self.title = title
        with started(harness, library, setting, "shared", plan.operations) as process:
            self.rounds = [process.round() for _ in range(plan.rounds)]
        with started(harness, library, setting, "shared-room", 1) as process:
            self.held = process.round()

    def values(self, operation, common, processes, metric):
        """Of the rounds in which no other program had the processor, if enough are left."""
        head = f"{operation}.{'common' if common else 'own'}.{processes}"
        kept = [one for one in self.rounds if one[f"{head}.preempted"] == 0]
        return [one[f"{head}.{metric}"] for one in enough(kept, self.rounds)]

    def value(self, *which):
        return median(self.values(*which))

    def beside(self, operation, other, processes):
        """What the median operation takes over the other's, measured in the same round."""
        own, others = (self.medians(name, processes) for name in (operation, other))
        kept = [pair for pair in zip(own, others) if not any(preempted for _, preempted in pair)]
        return median(mine - theirs for (mine, _), (theirs, _) in enough(kept, list(zip(own, others))))

    def medians(self, operation, processes):
        """Of each round, and how often another program had the processor."""
        head = f"{operation}.own.{processes}"
        return [(one[f"{head}.p50"], one[f"{head}.preempted"]) for one in self.rounds]

    def last(self, operation, common, processes, metric):
        """What is of all rounds together."""
        return self.rounds[-1][f"{operation}.{'common' if common else 'own'}.{processes}.{metric}"]

    def scaling(self, operation, common):
        """What two processes do in the time of one, measured one right after the other."""
        heads = [f"{operation}.{'common' if common else 'own'}.{processes}" for processes in (1, 2)]
        kept = [one for one in self.rounds if not any(one[f"{head}.preempted"] for head in heads)]
        ratios = [one[f"{heads[1]}.rate"] / one[f"{heads[0]}.rate"] for one in enough(kept, self.rounds)]
        return median(ratios)

    def lost(self):
        """Operations that did not find what was there, of all."""
        return int(sum(value for one in self.rounds for name, value in one.items() if name.endswith(".lost")))


def enough(undisturbed, rounds):
    """The rounds in which no other program had the processor, if they are enough for a median."""
    return undisturbed if len(undisturbed) >= ENOUGH else rounds


@contextlib.contextmanager
def started(harness, library, setting, workload, operations):
    """A harness that is ready, with the library and a shared store."""
    side = Side(harness.shared, library, SSLSESSION_STORE=setting)
    with side.start(Run(workload, entries=ENOUGH_TO_FILL, ops=operations).arguments()) as process:
        process.wait_until_ready()
        yield process


PLAIN = f"shared,size={MEBIBYTES}M"


@contextlib.contextmanager
def named():
    """The setting of a named store, whose file and key go at the end."""
    name = f"sslsession-bench-{os.getpid()}"
    try:
        yield f"shared:{name},size={MEBIBYTES}M"
    finally:
        for file in Path("/dev/shm").glob(f"{name}*"):
            file.unlink()


class Section:
    """All that was measured."""

    def __init__(self, quick, harness, library, build):
        self.plan = Plan(quick)
        self.stores = [Store("plain", harness, library, self.plan, PLAIN)]
        with named() as setting:
            self.stores.append(Store("sealed", harness, library, self.plan, setting))
        self.build = build
        self.rows = [*self.two_workers(harness, library), *self.four_workers(harness, library)]

    def two_workers(self, harness, library):
        """nginx with its own shared cache against nginx with OpenSSL's, and the library."""
        pairs = self.served(harness, library, 2, "shared:SSL:10m", "clients-resumed")
        run = Run("clients-resumed")
        yield Row(NAME, "two workers, resumed handshakes: time of one", run, "us", 1.0, "noise", "us"), pairs
        yield Row(NAME, "two workers, resumed handshakes a second", run, "rate", None, "absolute", "/s"), pairs
        label = "two workers, resumed handshakes: the workers' processor time for one"
        yield Row(NAME, label, run, "cpu-us", 1.0, "noise", "us"), pairs

    def four_workers(self, harness, library):
        """nginx with OpenSSL's cache, which each worker has for itself, against the same with the library."""
        pairs = self.served(harness, library, 4, "builtin", "clients")
        if any(ours["resumed"] != 1 for _, ours in pairs):
            raise RuntimeError("with the shared store, not all clients were known")
        run = Run("clients")
        label = "four workers, returning clients: the workers' processor time for one"
        yield Row(NAME, label, run, "cpu-us", None, "ratio", "us"), pairs
        yield Row(NAME, "four workers, returning clients: time of one", run, "us", None, "ratio", "us"), pairs
        yield Row(NAME, "four workers, returning clients: resumed", run, "percent", None, "absolute", "%"), pairs

    def served(self, harness, library, workers, stock_cache, workload):
        """The rounds of both nginx, as pairs that were measured one right after the other."""
        run = Run(workload, entries=self.plan.clients, ops=self.plan.connections, threads=2)
        with contextlib.ExitStack() as stack:
            sides = []
            for name, cache, preload in (("stock", stock_cache, None), ("ours", "builtin", library)):
                nginx = stack.enter_context(Nginx(self.build / f"nginx-{name}", workers, cache, preload))
                arguments = [*run.arguments(), f"port={nginx.port}"]
                process = stack.enter_context(Side(harness.shared, None).start(arguments))
                process.wait_until_ready()
                process.round()
                sides.append((nginx, process))
            return [self.pair(sides, number) for number in range(self.plan.nginx_rounds)]

    def pair(self, sides, number):
        """Each side goes first in half of the rounds."""
        order = (0, 1) if number % 2 == 0 else (1, 0)
        found = {which: self.one_round(*sides[which]) for which in order}
        return found[0], found[1]

    def one_round(self, nginx, process):
        before = nginx.processor_time()
        found = process.round()
        found["cpu-us"] = (nginx.processor_time() - before) / 1e3 / self.plan.connections
        found["percent"] = 100 * found["resumed"]
        found["rate"] = 1e6 / found["us"]
        return found
