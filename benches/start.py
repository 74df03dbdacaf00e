"""Measures what a program takes from its start to its end, with and without the library."""

import os
import subprocess
import time

from server import without_library
from workloads import SLOWDOWN, Row, Run

COMMANDS = {
    "`openssl version`": ["openssl", "version"],
    "`openssl ciphers`, which makes an SSL_CTX": ["openssl", "ciphers"],
}

SETTINGS = {
    "without settings": {},
    "with SSLSESSION_STORE=shared": {"SSLSESSION_STORE": "shared"},
}


class Section:
    """All that was measured, as rows and their rounds."""

    def __init__(self, quick, library):
        self.rows = []
        for command_name, command in COMMANDS.items():
            for settings_name, settings in SETTINGS.items():
                sides = (without_library(), without_library() | settings | {"LD_PRELOAD": str(library)})
                pairs = [pair(command, sides, number) for number in range(21 if quick else 101)]
                label = f"start and end of {command_name}, {settings_name}"
                run = Run(f"start of {command_name}, {settings_name}")
                self.rows.append((Row(SLOWDOWN, label, run, "ms", unit="ms"), pairs))


def pair(command, sides, number):
    """Runs each side, one right after the other; each goes first in half of the rounds."""
    order = (0, 1) if number % 2 == 0 else (1, 0)
    found = {which: took(command, sides[which]) for which in order}
    return found[0], found[1]


def took(command, environment):
    """Returns milliseconds of the clock: the kernel's own work for a process is in them too."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    status = process.wait()
    ended = time.perf_counter()
    process.stderr.close()
    if status != 0 or said:
        raise RuntimeError(f"{' '.join(command)}: ended with {status}: {os.fsdecode(said)}")
    return {"ms": (ended - began) * 1e3}
