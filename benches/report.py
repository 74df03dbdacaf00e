"""Writes what was measured: docs/benchmarks.md and the plots beside it."""

import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

import plot
from workloads import CLIFFS, HANDSHAKES, LOOKUPS, MEMORY, WRITES

NOTES = {
    LOOKUPS: """A lookup is what libssl does when a client offers a session, with a reference taken and given back:
OpenSSL's `lookup_sess_in_cache`, called in a program that is linked with libssl.a, and the callback by which libssl asks
the library. Inside a handshake it is the same two, timed where libssl calls them; what libssl itself does around its
callback, some ten instructions and an atomic count, is not in it. After all the rest of a handshake, nothing of cache and
session is in the processor's caches: the line below it shows the least that a table can cost there, a cache miss to find
where the session is and one to count a reference to it.""",
    WRITES: """Sessions are taken out of a random part of the cache and put back; insertions into a full cache evict and
free the oldest.""",
    CLIFFS: """The other thread does lookups, insertions and removals by turns while one thread flushes. A wait of some
milliseconds is the kernel's: the line without a flush shows how long it takes a processor away on this machine.
"Not preempted" leaves out insertions during which it did.""",
    HANDSHAKES: """Client and server in one thread, through memory, P-256, with a cache of 20,000 sessions. A handshake is
cryptography: 1.0 within the noise is what can be reached, and counts as reached if a quarter of the rounds reach it.""",
    MEMORY: """Bytes as malloc counts them.""",
}

ABOUT_TARGETS = "Where no unit is given a ratio is aimed at, ours to libssl's, or of two processes to one."

NOT_MEASURED = """## Not measured

- More threads or processes than the machine has cores run by turns. How the library scales beyond those cores is not
  known.
- Other versions of libssl, and one linked with -Bsymbolic, whose calls differ but whose cache is the same.
- Handshakes with client certificates, DTLS; and anything over a network.
- A shared store in a file on a disk, one with sessions that carry client certificates, and processes that are killed.
- The library without libssl, with sessions of its own.
- Hardware counters (cache and TLB misses), where the machine is a virtual one without them.
"""


def values(rounds, side, metric):
    return [pair[side][metric] for pair in rounds]


@dataclass(frozen=True)
class Target:
    label: str
    wanted: str
    measured: str
    reached: bool


def samples(row, rounds):
    """What is compared with the target, a number for each round."""
    stock = values(rounds, 0, row.stock_metric or row.metric)
    ours = values(rounds, 1, row.metric)
    if row.kind == "absolute":
        return ours
    if row.kind == "over":
        return [mine - theirs for theirs, mine in zip(stock, ours)]
    return [mine / theirs for theirs, mine in zip(stock, ours)]


def target(row, rounds):
    """A row's target, and whether it was reached; None without one."""
    if row.target is None:
        return None
    found = samples(row, rounds)
    reached = median(found)
    if row.kind == "noise" and len(found) > 3:
        reached = quantiles(found, n=4)[0]
    unit = f" {row.unit}" if row.kind in ("absolute", "over") else ""
    return Target(row.label, f"{row.target:g}{unit}", cells(row, rounds)[3], reached <= row.target)


def number(value):
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(value):
    if 0.9 < value < 1.1:
        return f"{value:.4f}"
    return f"{value:.3f}" if value >= 0.1 else f"{value:.2g}"


def cells(row, rounds):
    found = samples(row, rounds)
    show = ratio if row.kind in ("ratio", "noise") else number
    stock = number(median(values(rounds, 0, row.stock_metric or row.metric)))
    ours = number(median(values(rounds, 1, row.metric)))
    spread = f"{show(min(found))} – {show(max(found))}"
    measured = show(median(found))
    if row.kind in ("absolute", "over"):
        measured = f"{measured} {row.unit}"
    return [row.label, f"{stock} {row.unit}", f"{ours} {row.unit}", measured, spread]


def line(row, rounds):
    """A row for the terminal."""
    label, stock, ours, measured, spread = cells(row, rounds)
    aim = target(row, rounds)
    wanted = f" of {aim.wanted}" if aim else ""
    outcome = f" {outcome_of(aim)}" if aim else ""
    return f"{label}: {ours}, stock {stock}: {measured}{wanted} ({spread}){outcome}"


def outcome_of(aim):
    return "reached" if aim.reached else "missed"


def table(header, rows):
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows]) + "\n"


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


def counted_table(counted):
    rows = []
    for label, pair in counted.items():
        if pair is not None:
            rows.append([label, f"{pair[0]:.0f}", f"{pair[1]:.0f}", f"{pair[1] / pair[0]:.2f}"])
    if not rows:
        return "## Instructions\n\nNot counted: valgrind is not installed.\n"
    header = ["", "libssl", "with the library", "ratio"]
    note = "Of one operation, under callgrind, where noise cannot hide them. Caches' misses, which cost more, do not show."
    return f"## Instructions\n\n{note}\n\n{table(header, rows)}"


def targets(plan, results, shared):
    """All targets, the last section."""
    aims = [aim for row in plan.rows if (aim := target(row, results[row.run]))]
    aims += [replace(aim, label=f"shared store: {aim.label}") for aim in shared.targets]
    reached = sum(aim.reached for aim in aims)
    rows = [[aim.label, aim.wanted, aim.measured, "reached" if aim.reached else "**missed**"] for aim in aims]
    head = f"{reached} of {len(aims)} are reached. {ABOUT_TARGETS}"
    return f"## Targets\n\n{head}\n\n{table(['', 'target', 'measured', ''], rows)}"


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


def write(directory, plan, results, returning, shared, counted, libssl_version):
    """`returning` and `shared` are the Text of returning_report and of shared_report."""
    directory.mkdir(parents=True, exist_ok=True)
    about_shared = shared.markdown()
    for name, drawn in returning.plots():
        (directory / name).write_text(drawn)
    parts = [head(plan), returning.markdown(), plots(directory, plan, results), method(libssl_version)]
    parts += [group(HANDSHAKES, plan, results), about_shared]
    parts += [group(name, plan, results) for name in (LOOKUPS, WRITES, CLIFFS, MEMORY)]
    parts += [counted_table(counted), NOT_MEASURED, targets(plan, results, shared)]
    (directory / "benchmarks.md").write_text("\n".join(parts))
