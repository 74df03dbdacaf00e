"""A server on a port of its own, in a directory of its own, with or without the library."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

# Seconds after which a server that does not do what it was told has failed.
PATIENCE = 20

# A thread's state when there is nothing left of it.
ENDED = "X"

# What no log may have.
TROUBLES = ("exited on signal", "exit signal", "panicked", "[emerg]", "[alert]", "sslsession:")


class Server:
    """A running server: a process whose children are its workers. In a `with`, at whose end it is stopped.

    Programs are subclasses. They say how many workers there are, with what signals the server reloads and stops,
    write their configuration, and return their command.
    """

    program = package = ""
    workers = 1
    reload_signal = signal.SIGHUP
    # Between directives.
    separator = "\n"

    def __init__(self, directory, settings=None, library=None, address="127.0.0.1", port=None, like=None):
        """`settings` are the library's; there are none without it. It has the certificates of the server that it is like."""
        self.directory = directory
        self.environment = without_library() | (settings or {})
        if library is not None:
            self.environment["LD_PRELOAD"] = str(library)
        self.address = address
        self.port = port or free_port()
        self.process = None
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        if like is None:
            make_certificates(directory)
        else:
            for file in (*like.directory.glob("*.pem"), *like.directory.glob("*.key")):
                shutil.copy(file, directory)
        self.configure()

    def configure(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.stop()
        log = (self.directory / "log").read_text(errors="replace")
        for trouble in TROUBLES:
            if trouble in log and kind is None:
                raise RuntimeError(f"{self.program}: {trouble}: see {self.directory}/log")

    def start(self):
        """Starts it, and waits until it serves."""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_until(lambda: len(self.pids()) == self.workers and self.accepts(), "start")

    def accepts(self):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((self.address, self.port)):
            return True

    def stop(self):
        self.only(None)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    def reload(self):
        """Has it read its configuration again, and waits until all workers are new."""
        self.only(None)
        old = set(self.pids())
        self.process.send_signal(self.reload_signal)
        self.wait_until(lambda: len(self.pids()) == self.workers and not old & set(self.pids()), "reload")
        self.wait_until(self.accepts, "reload")

    def wait_until(self, is_so, what):
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.program} does not {what}: see {self.directory}/log")
            time.sleep(0.005)

    def pids(self):
        """Returns the workers', in the order of their start; nothing once the server has ended."""
        pid = self.process.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def only(self, number):
        """Lets one worker run and holds the others, so that all clients come to that one; None lets all run."""
        if number is not None:
            self.wait_until(self.is_idle, "come to rest")
        held = [pid for place, pid in enumerate(self.pids()) if number is not None and place != number]
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP if pid in held else signal.SIGCONT)
        # One that has not stopped yet may take another connection with it.
        self.wait_until(lambda: states(held) <= {"T"}, "stop a worker")

    def is_idle(self):
        """Returns True if no thread of its workers does anything: a held one must not have a lock that others need."""
        before = self.processor_time()
        time.sleep(0.01)
        return states(self.pids()) <= {"S", "T"} and self.processor_time() == before

    def processor_time(self):
        """Returns the nanoseconds that all threads of its workers have had of the processors so far."""
        return sum(processor_time(task) for task in tasks(self.pids()))

    @classmethod
    def build(cls):
        """Returns its version, as Debian's package names it."""
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", cls.package], check=True, stdout=subprocess.PIPE, text=True
        )
        return f"{cls.program} {shown.stdout.strip()}"


def tasks(pids):
    """Returns the directories of all threads of these processes."""
    return [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]


def states(pids):
    """Returns the letters of the states that all threads of these processes have between them."""
    found = {stat_fields(task)[0] for task in tasks(pids)}
    return found - {ENDED}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def without_library():
    """Returns our environment, without what is set for the library."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SSLSESSION_")}
    kept.pop("LD_PRELOAD", None)
    return kept


def make_certificates(directory):
    """Makes the server's, and the authority's that signs its clients'."""
    for name, certificate, key in (("localhost", "cert.pem", "key.pem"), ("authority", "ca.pem", "ca.key")):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-subj", f"/CN={name}", "-days", "2", "-keyout", key, "-out", certificate]
        subprocess.run(command, cwd=directory, check=True, stderr=subprocess.DEVNULL)
    both = (directory / "cert.pem").read_text() + (directory / "key.pem").read_text()
    (directory / "both.pem").write_text(both)


def stat_fields(task):
    """Returns the fields behind the name; of a thread that has just ended, as if it had done nothing."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return [ENDED] + ["0"] * 12


def processor_time(task):
    """Returns the nanoseconds of a thread. What ps shows, utime + stime, is the same in hundredths of a second."""
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        fields = stat_fields(task)
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
