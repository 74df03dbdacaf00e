"""Measures the shared store: its operations by several processes, and its room."""

import contextlib
import os
from pathlib import Path
from statistics import median

from harness import Side
from workloads import Run

NAME = "The shared store"
PROCESSES = (1, 2, 4, 8)

# The size of the stores: from here on they have all partitions, as with the default of 64. What eight processes do in a
# round fills a third of it.
MEBIBYTES = 16
# All that a process has alive stays so: what leaves a shorter front is freed, by libssl, within the next operation.
FRONT = 65_536
# More sessions than it holds.
ENOUGH_TO_FILL = 100_000

# So many rounds without other programs make a median.
ENOUGH = 3


class Plan:
    """How much is measured."""

    def __init__(self, quick):
        self.rounds = 3 if quick else 15
        self.operations = 1024 if quick else 2048
        self.certified_rounds = 2 if quick else 7


class Store:
    """One kind of store, and what a harness prints that uses it."""

    def __init__(self, title, harness, library, plan, setting):
        self.title = title
        with started(harness, library, setting, "shared", plan.operations) as process:
            self.rounds = [process.round() for _ in range(plan.rounds)]
        with started(harness, library, setting, "shared-room", 1) as process:
            self.held = process.round()
        self.certified = []
        for _ in range(plan.certified_rounds):
            with started(harness, library, setting, "certified", 1) as process:
                self.certified.append(process.round())

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

    def of_certificates(self, metric):
        """Microseconds, the median of the rounds."""
        return median(one[f"{metric}-us"] for one in self.certified)

    def between_certificates(self, metric, other, compare):
        """The median of what the rounds' two metrics compare to."""
        return median(compare(one[f"{metric}-us"], one[f"{other}-us"]) for one in self.certified)

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


SETTINGS = f"size={MEBIBYTES}M,front={FRONT}"
PLAIN = f"shared,{SETTINGS}"


@contextlib.contextmanager
def named():
    """The setting of a named store, whose file and key go at the end."""
    name = f"sslsession-bench-{os.getpid()}"
    try:
        yield f"shared:{name},{SETTINGS}"
    finally:
        for file in Path("/dev/shm").glob(f"{name}*"):
            file.unlink()


class Section:
    """All that was measured."""

    def __init__(self, quick, harness, library):
        self.plan = Plan(quick)
        self.stores = [Store("plain", harness, library, self.plan, PLAIN)]
        with named() as setting:
            self.stores.append(Store("sealed", harness, library, self.plan, setting))
