"""Builds the harness and runs its processes."""

import contextlib
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from workloads import COUNTED_ENTRIES

# So many rounds make a median.
ENOUGH = 5
FLAGS = ["-O2", "-g", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra"]


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


class Harness:
    """The harness built twice: against libssl.so, and against libssl.a for the search that libssl.so keeps to itself."""

    def __init__(self, sources, build):
        self.compiler = shlex.split(os.environ.get("CC", "cc"))
        self.sources = sorted(map(str, sources.glob("*.c")))
        build.mkdir(parents=True, exist_ok=True)
        self.shared = build / "harness"
        self.static = build / "harness-static"
        self.compile("-o", self.shared, *self.sources, "-lssl", "-lcrypto", "-lpthread")
        # libcrypto stays shared, as for libssl.so; a few functions that libssl.a wants are only in libcrypto.a.
        libraries = [self.opened_libssl(build), "-lcrypto", "-l:libcrypto.a", "-lpthread"]
        self.compile("-DSTATIC_LIBSSL", "-o", self.static, *self.sources, *libraries)

    def compile(self, *arguments):
        subprocess.run([*self.compiler, *FLAGS, *map(str, arguments)], check=True)

    def opened_libssl(self, build):
        """A copy of libssl.a whose lookup_sess_in_cache has a second name and gives way to one of ours."""
        found = Path(output_of(*self.compiler, "-print-file-name=libssl.a").strip())
        if not found.is_absolute():
            raise RuntimeError("no libssl.a: install libssl-dev")
        copy = build / "libssl.a"
        shutil.copy(found, copy)
        name = "lookup_sess_in_cache"
        for line in output_of("nm", "-A", str(copy)).splitlines():
            place, *rest = line.split()
            if rest == ["T", name]:
                _, member, address = place.rsplit(":", 2)
        subprocess.run(["ar", "x", "libssl.a", member], cwd=build, check=True)
        alias = f"stock_{name}=.text:0x{address},global,function"
        command = ["objcopy", "--add-symbol", alias, "--weaken-symbol", name, member]
        subprocess.run(command, cwd=build, check=True)
        subprocess.run(["ar", "r", "libssl.a", member], cwd=build, check=True)
        (build / member).unlink()
        return copy

    def libssl_version(self):
        return output_of(str(self.shared), "version").strip()


class Side:
    """One of the two that are compared: a harness, with or without the library."""

    def __init__(self, harness, preload, **settings):
        self.harness = harness
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SSLSESSION_")}
        self.environment.pop("LD_PRELOAD", None)
        self.environment |= settings
        if preload is not None:
            self.environment["LD_PRELOAD"] = str(preload)

    def start(self, arguments, prefix=()):
        command = [*prefix, str(self.harness), *arguments]
        return Process(command, self.environment)


class Process:
    """A running harness; see the top of harness.c."""

    def __init__(self, command, environment):
        self.command = command
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.command)}: ended with {self.process.wait()}")
        return line.split()

    def wait_until_ready(self):
        if self.answer() != ["ready"]:
            raise RuntimeError(f"{' '.join(self.command)}: is not ready")

    def round(self, word=""):
        """Has it do a round, and returns what it printed; `word` says which, of a workload with several kinds."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"round {word}\n")
            self.process.stdin.flush()
        words = self.answer()
        return dict(zip(words[::2], map(float, words[1::2])))


def one_round(side, run):
    """A round in a process of its own."""
    with side.start(run.arguments()) as process:
        process.wait_until_ready()
        return process.round()


def measure(run, stock, ours):
    """The rounds of both sides, as pairs that were measured one right after the other."""
    if run.once:
        return [(one_round(stock, run), one_round(ours, run)) for _ in range(run.rounds)]
    with stock.start(run.arguments()) as first, ours.start(run.arguments()) as second:
        first.wait_until_ready()
        second.wait_until_ready()
        # One round each to set up what a process has once. Then each side goes first in half of the rounds.
        first.round(), second.round()
        rounds = []
        for number in range(run.rounds):
            if number % 2 == 0:
                of_stock, of_ours = first.round(), second.round()
            else:
                of_ours, of_stock = second.round(), first.round()
            rounds.append((of_stock, of_ours))
        return undisturbed(rounds)


def undisturbed(rounds):
    """Without those during which another program had a processor, if enough are left."""
    kept = [pair for pair in rounds if not any(side["preempted"] for side in pair)]
    return kept if len(kept) >= ENOUGH else rounds


@dataclass(frozen=True)
class Count:
    """Instructions of one operation."""

    stock: float
    ours: float
    least: float


def count_instructions(counted, harness, ours, build):
    """Counts the instructions of one operation: stock's, ours, and what the target is of; None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    stock = Side(harness.static if counted.workload == "counted-get" else harness.shared, None)
    found = count_side(counted, stock, build)
    least = count_side(replace(counted, workload=counted.least), stock, build) if counted.least else found
    return Count(found, count_side(counted, ours, build), least)


def count_side(counted, side, build):
    out = build / "callgrind.out"
    # Each workload's operations are called from one function: counted-get's from counted_get.
    function = counted.workload.replace("-", "_")
    valgrind = ["valgrind", "-q", "--tool=callgrind", "--collect-atstart=no"]
    valgrind += [f"--toggle-collect={function}", f"--callgrind-out-file={out}"]
    arguments = [counted.workload, f"entries={COUNTED_ENTRIES}", f"ops={counted.ops}"]
    with side.start(arguments, valgrind) as process:
        process.wait_until_ready()
        process.round()
    for line in out.read_text().splitlines():
        if line.startswith(("summary:", "totals:")):
            out.unlink()
            return int(line.split()[1]) / counted.ops
    raise RuntimeError("callgrind wrote no total")
