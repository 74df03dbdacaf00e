"""Measures what a client costs that comes to several machines in turns: real servers, each with a store of its own."""

import contextlib
import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from statistics import mean, median

from harness import Side
from programs import Nginx
from returning import BUILTIN, CLIENTS, TICKET_KEYS, write_ticket_keys
from server import PATIENCE, free_port

NAME = "What does it cost behind several machines?"
HOSTS = 4
VISITS = 4
ROUNDS = 3
CLIENT_COUNT = 128

# Microseconds from a host to Redis, each way: in the same place, and on another continent.
NEAR, FAR = 150, 15_000


@dataclass(frozen=True)
class Fleet:
    """Hosts as one row has them. `delay` is the time to Redis, None without one."""

    name: str
    directives: str
    settings: dict = field(default_factory=dict, hash=False)
    with_library: bool = False
    delay: int | None = None


KEY_FILE = {"SSLSESSION_KEY_FILE": f"{{keys}}/{TICKET_KEYS}"}
REMOTE = KEY_FILE | {"SSLSESSION_REMOTE": "redis://127.0.0.1:{redis}"}

FLEETS = (
    Fleet("nginx, tickets", ""),
    Fleet("nginx, builtin", BUILTIN),
    Fleet("nginx, library: tickets", "", KEY_FILE | {"SSLSESSION_TICKETS": "shared"}, True),
    Fleet("nginx, library: Redis, 0.3 ms", BUILTIN, REMOTE, True, NEAR),
    # More time for an answer than 50 ms, which other programs may take a part of.
    Fleet("nginx, library: Redis, 30 ms", BUILTIN, REMOTE | {"SSLSESSION_REMOTE_OPTIONS": "park=200ms"}, True, FAR),
)


@dataclass(frozen=True)
class Visit:
    """One visit of all clients: resumed per cent, the servers' processor time for one, and how long handshakes took."""

    resumed: float
    cpu_us: float
    p50_us: float
    p99_us: float


class Section:
    """All visits but each client's first, by fleet and clients."""

    def __init__(self, harness, library, build, remote, rounds=ROUNDS):
        self.clients = CLIENT_COUNT
        self.harness, self.library, self.build, self.remote = harness, library, build, remote
        self.visits = {}
        cases = [(fleet, clients) for clients in CLIENTS for fleet in FLEETS]
        for number in range(rounds):
            for fleet, clients in cases if number % 2 == 0 else reversed(cases):
                self.one_round(fleet, clients)

    def one_round(self, fleet, clients):
        with contextlib.ExitStack() as stack:
            redis = stack.enter_context(self.redis_behind(fleet.delay)) if fleet.delay is not None else None
            hosts = self.start_hosts(stack, fleet, clients, redis)
            process = stack.enter_context(self.client(hosts[0], clients))
            process.wait_until_ready()
            for _ in range(HOSTS):
                process.round("strangers")
            process.round("anew")
            for _ in range(VISITS):
                visit = self.visit(process, hosts)
                self.visits.setdefault((fleet.name, clients.name), []).append(visit)

    def start_hosts(self, stack, fleet, clients, redis):
        """Starts hosts on one port of different addresses."""
        keys = self.build / "machines"
        keys.mkdir(parents=True, exist_ok=True)
        write_ticket_keys(keys / TICKET_KEYS)
        values = {"keys": keys, "redis": redis}
        settings = {name: value.format(**values) for name, value in fleet.settings.items()}
        if redis is not None:
            settings["SSLSESSION_REMOTE_LIBRARY"] = str(self.remote)
        library = self.library if fleet.with_library else None
        directives = [fleet.directives]
        if clients.have_certificates:
            directives.append(Nginx.client_certificates)
        hosts, port, first = [], None, None
        for number in range(HOSTS):
            host = Nginx(
                keys / f"host{number}",
                Nginx.separator.join(directives),
                workers=1,
                settings=settings,
                library=library,
                address=f"127.0.0.{number + 1}",
                port=port,
                like=first,
            )
            first, port = first or host, host.port
            hosts.append(stack.enter_context(host))
        return hosts

    def client(self, host, clients):
        arguments = ["returning", f"entries={self.clients}", f"ops={self.clients // 2}", "threads=1"]
        arguments += [f"port={host.port}", f"hosts={HOSTS}", f"version={clients.version}"]
        if clients.have_certificates:
            arguments.append(f"directory={host.directory}")
        return Side(self.harness.shared, None).start(arguments)

    def visit(self, process, hosts):
        before = sum(host.processor_time() for host in hosts)
        found = process.round("return")
        spent = sum(host.processor_time() for host in hosts) - before
        count = found["connections"]
        return Visit(100 * found["resumed"] / count, spent / 1e3 / count, found["p50-us"], found["p99-us"])

    @contextlib.contextmanager
    def redis_behind(self, delay):
        """Starts Redis, and a line to it that takes so long each way. Yields the line's port."""
        port, listen = free_port(), free_port()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]
        redis = subprocess.Popen([*command, "--dir", str(self.build)], stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            line = ["delay", f"port={port}", f"listen={listen}", f"delay={delay}"]
            with Side(self.harness.shared, None).start(line) as process:
                process.wait_until_ready()
                yield listen
        finally:
            redis.terminate()
            redis.wait()

    def summary(self, fleet, clients):
        visits = self.visits[fleet, clients]
        middle = [median(getattr(visit, field) for visit in visits) for field in ("cpu_us", "p50_us", "p99_us")]
        return Visit(mean(visit.resumed for visit in visits), *middle)


def wait_for(port):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.005)
    raise RuntimeError("redis-server does not start")
