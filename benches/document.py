"""Writes docs/benchmarks.md and the plots beside it: first what a user asks, last what was to be reached."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import plot
import targets
from report import cells, deciles, number, ratio, table, values
from workloads import CLIFFS, HANDSHAKES, INSTRUCTIONS, LOOKUPS, MEMORY, SLOWDOWN, TURNS, WRITES

NOTES = {
    LOOKUPS: """A lookup is what libssl does when a client offers a session, with a reference taken and given back:
OpenSSL's `lookup_sess_in_cache`, called in a program that is linked with libssl.a, and the callback by which libssl asks
the library. Inside a handshake it is the same two, timed where libssl calls them; what libssl itself does around its
callback, some ten instructions and an atomic count, is not in it. After all the rest of a handshake, nothing of cache and
session is in the processor's caches: the line below it shows, at the left, the least that a table can cost there, a cache
miss to find where the session is and one to count a reference to it.""",
    WRITES: """Sessions are taken out of a random part of the cache and put back; insertions into a full cache evict and
free the oldest.""",
    CLIFFS: """The other thread does lookups, insertions and removals by turns while one thread flushes. A wait of some
milliseconds is the kernel's: the line without a flush shows how long it takes a processor away on this machine.
"Not preempted" leaves out insertions during which it did.""",
    HANDSHAKES: """Client and server in one thread, through memory, P-256, with a cache of 20,000 sessions. A handshake is
cryptography: 1.0 within the noise is what can be reached, and counts as reached if a quarter of the rounds reach it.
Full handshakes are above.""",
    MEMORY: """Bytes as malloc counts them.""",
}

SLOWDOWN_NOTE = """The library is preloaded, and nothing is set unless the row says so. A full handshake is client and server in
one thread, through memory, P-256, with a full cache of 20,480 sessions; 1.0 within the noise is what can be reached, and
counts as reached if a quarter of the rounds reach it. SSL_CTX that hold sessions have four each; the second thread
waits and does nothing. Instructions are counted under callgrind."""

TURNS_NOTE = """Two threads add 1,024 sessions each and remove them, again and again, in {runs} runs, each a process of its own. How long
one operation took at most in a tenth of the runs, in half and in nine tenths: the median alone would hide it if there
were two ways to run."""

NOT_MEASURED = """## Not measured

- More threads or processes than the machine has cores run by turns. How the library scales beyond those cores is not
  known.
- Other versions of libssl, and one linked with -Bsymbolic, whose calls differ but whose cache is the same.
- DTLS, and anything over a network.
- A shared store in a file on a disk, and processes that are killed.
- The library without libssl, with sessions of its own.
- Hardware counters (cache and TLB misses), where the machine is a virtual one without them.
"""


@dataclass(frozen=True)
class Measured:
    """All that a report is made of."""

    plan: object
    results: dict
    counted: dict
    start: object  # a start.Section
    returning: object  # the Text of returning_report
    machines: object  # the Text of machines_report; None in a quick run
    resident: object  # the Text of resident_report
    shared: object  # the Text of shared_report
    libssl_version: str


def group(name, plan, results):
    rows = [cells(row, results[row.run]) for row in plan.rows if row.group == name]
    header = ["", "libssl", "with the library", "measured", "min – max of the rounds"]
    return f"## {name}\n\n{NOTES[name]}\n\n{table(header, rows)}"


def processor():
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return platform.machine()


def system():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def head(plan):
    how = "a quick run, for a first look: `make bench` measures longer" if plan.quick else "`make bench`"
    return f"""# Benchmarks

The session cache of libssl, and the same program with `libsslsession.so` preloaded. Made by {how}.
"""


def method(libssl_version):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    hypervisor = ", virtual" if " hypervisor" in Path("/proc/cpuinfo").read_text() else ""
    return f"""## How it was measured

Machine: {processor()}{hypervisor}, {os.cpu_count()} cores, {memory:.0f} GiB; {system()}, Linux {platform.release()};
{libssl_version}.

Two processes of one program, one with the library, take turns: a round here, a round there. "Measured" is the median of
the rounds' ratios, ours to libssl's, so lower is better; or, where a unit is given, ours itself, or what ours has over
libssl's. Times are medians, of one operation: with several threads by the wall clock over all threads' operations, with
one thread its processor's time, so that other programs do not count; the loop's own few nanoseconds are included.
Rounds during which the kernel gave a processor to another program are left out, if five others remain.
Sessions lie in the heap in random order. With more threads than cores, who holds a lock rarely has a rival that runs.
"""


def counted_rows(counted, group):
    """Returns the counted operations of a group: label, libssl's instructions, ours, and the ratio."""
    rows = []
    for one, count in counted.items():
        if one.group == group and count is not None:
            rows.append([one.label, f"{count.stock:,.0f}", f"{count.ours:,.0f}", f"{count.ours / count.stock:.4g}"])
    return rows


def counted_table(counted):
    rows = counted_rows(counted, INSTRUCTIONS)
    if not rows:
        return "## Instructions\n\nNot counted: valgrind is not installed.\n"
    header = ["", "libssl", "with the library", "ratio"]
    note = "Of one operation, under callgrind, where noise cannot hide them. Caches' misses, which cost more, do not show."
    return f"## Instructions\n\n{note}\n\n{table(header, rows)}"


def slowdown(measured):
    """Answers the last thing that a user asks."""
    rows = [cells(row, measured.results[row.run]) for row in measured.plan.rows if row.group == SLOWDOWN]
    rows += [cells(row, pairs) for row, pairs in measured.start.rows]
    for label, *counts in counted_rows(measured.counted, SLOWDOWN):
        rows.append([f"{label}: instructions", *counts, ""])
    header = ["", "libssl", "with the library", "measured", "min – max of the rounds"]
    return f"## {SLOWDOWN}\n\n{SLOWDOWN_NOTE}\n\n{table(header, rows)}"


def turns(measured):
    """Shows the distribution of the runs whose median says too little."""
    row = next(row for row in measured.plan.rows if row.label == TURNS)
    rounds = measured.results[row.run]
    rows = []
    for side, name in enumerate(("libssl", "with the library")):
        found = deciles(values(rounds, side, row.metric))
        rows.append([name, *(f"{number(found[part])} ns" for part in (0, 4, 8)), ratio(found[8] / found[0])])
    header = ["", "a tenth of the runs", "half", "nine tenths", "nine tenths to a tenth"]
    note = TURNS_NOTE.format(runs=len(rounds))
    return f"### Two threads that add and remove in turns\n\n{note}\n\n{table(header, rows)}"


def plots(directory, plan, results):
    """Draws the plots; the lines of the report that show them."""
    shown = []
    for name, title, axis, points in plot.charts(plan):
        series = [
            (label, [(x, median(values(results[row.run], side, row.metric))) for x, row in line_rows])
            for label, side, line_rows in points
        ]
        (directory / name).write_text(plot.draw(title, axis, series))
        shown.append(f"![{title}]({name})\n")
    return "\n".join(shown)


def write(directory, measured):
    directory.mkdir(parents=True, exist_ok=True)
    plan, results = measured.plan, measured.results
    about_shared = measured.shared.markdown()
    for name, drawn in measured.returning.plots():
        (directory / name).write_text(drawn)
    parts = [head(plan), measured.returning.markdown()]
    parts += [measured.machines.markdown()] if measured.machines is not None else []
    parts += [measured.resident.markdown(), slowdown(measured)]
    parts += [method(measured.libssl_version), group(HANDSHAKES, plan, results), about_shared]
    parts += [plots(directory, plan, results), group(LOOKUPS, plan, results), group(WRITES, plan, results), turns(measured)]
    parts += [group(CLIFFS, plan, results), group(MEMORY, plan, results), counted_table(measured.counted)]
    parts += [NOT_MEASURED, targets.section(measured)]
    (directory / "benchmarks.md").write_text("\n".join(parts))
