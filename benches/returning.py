"""Measures what a returning client costs a server: real servers, one client, in turns."""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

from harness import Side
from programs import Haproxy, Httpd, Nginx

NAME = "What does a returning client cost my server?"

STORE_NAME = f"sslsession-bench-{os.getpid()}"
TICKET_KEYS = "tickets.key"


@dataclass(frozen=True)
class Peer:
    """A server as one row has it. `settings` are the library's, which is preloaded if there are any."""

    name: str
    program: type
    directives: str
    settings: dict = field(default_factory=dict, hash=False)
    with_library: bool = False


NO_TICKETS = "ssl_session_tickets off;"
BUILTIN = f"ssl_session_cache builtin; {NO_TICKETS}"
NAMED = {"SSLSESSION_STORE": f"shared:{STORE_NAME},size=16M"}
SHARED_TICKETS = {"SSLSESSION_TICKETS": "shared", "SSLSESSION_KEY_FILE": f"{{directory}}/{TICKET_KEYS}"}

PEERS = (
    Peer("nginx, tickets", Nginx, ""),
    Peer("nginx, builtin", Nginx, BUILTIN),
    Peer("nginx, shared:", Nginx, f"ssl_session_cache shared:SSL:10m; {NO_TICKETS}"),
    Peer("httpd, shmcb", Httpd, "SSLSessionCache shmcb:{directory}/cache(5120000)\nSSLSessionTickets off"),
    Peer("HAProxy, its cache", Haproxy, "no-tls-tickets"),
    Peer("nginx, library: store", Nginx, BUILTIN, {"SSLSESSION_STORE": "shared"}, True),
    Peer("nginx, library: sealed store", Nginx, BUILTIN, NAMED, True),
    Peer("nginx, library: tickets", Nginx, "", SHARED_TICKETS, True),
)


@dataclass(frozen=True)
class Clients:
    """The clients that come: their version of TLS, and if each has a certificate."""

    name: str
    version: int
    have_certificates: bool = False


CLIENTS = (
    Clients("TLS 1.2", 12),
    Clients("TLS 1.3", 13),
    Clients("TLS 1.3 with client certificates", 13, True),
)

# What is measured of each visit. "again": at that other worker, with a session that yet another one has made since.
PHASES = ("anew", "same", "other", "again", "reload", "restart")


@dataclass(frozen=True)
class Visit:
    """One visit of all clients: of how many per cent a session was resumed, and what one cost."""

    resumed: float
    cpu_us: float
    bytes: float


class Plan:
    """How much is measured."""

    def __init__(self, quick):
        self.rounds = 2 if quick else 9
        self.clients = 96 if quick else 128
        self.strangers = self.clients // 2


class Section:
    """All visits, by peer, clients and phase."""

    def __init__(self, quick, harness, library, build):
        self.plan = Plan(quick)
        self.harness, self.library, self.build = harness, library, build
        self.visits = {}
        cases = [(peer, clients) for clients in CLIENTS for peer in PEERS]
        for number in range(self.plan.rounds):
            # Each has another place in half of the rounds, so that what the machine does beside it is shared.
            for peer, clients in cases if number % 2 == 0 else reversed(cases):
                self.one_round(peer, clients)

    def one_round(self, peer, clients):
        with self.server(peer, clients) as server, self.client(server, clients) as process:
            process.wait_until_ready()
            round_ = Round(server, process)
            for phase, visit in round_.visits(clients.have_certificates):
                self.visits.setdefault((peer.name, clients.name, phase), []).append(visit)

    @contextlib.contextmanager
    def server(self, peer, clients):
        directory = self.build / "returning"
        directives = [peer.directives]
        if clients.have_certificates:
            directives.append(peer.program.client_certificates)
        settings = {name: value.format(directory=directory) for name, value in peer.settings.items()}
        library = self.library if peer.with_library else None
        server = peer.program(directory, peer.program.separator.join(directives), settings=settings, library=library)
        write_ticket_keys(directory / TICKET_KEYS)
        try:
            with server:
                yield server
        finally:
            for file in Path("/dev/shm").glob(f"{STORE_NAME}*"):
                file.unlink()

    def client(self, server, clients):
        arguments = ["returning", f"entries={self.plan.clients}", f"ops={self.plan.strangers}", "threads=2"]
        arguments += [f"port={server.port}", f"version={clients.version}"]
        if clients.have_certificates:
            arguments.append(f"directory={server.directory}")
        return Side(self.harness.shared, None).start(arguments)

    def ratios(self, clients, one, other):
        """Returns what the processor times of two, each a peer's name and a phase, compare to in each round."""
        ones, others = (self.visits[peer, clients, phase] for peer, phase in (one, other))
        return [mine.cpu_us / theirs.cpu_us for mine, theirs in zip(ones, others)]

    def summary(self, peer, clients, phase):
        """Returns how many of all visits were resumed, and what one cost in the median; None if there was none."""
        visits = self.visits.get((peer, clients, phase))
        if visits is None:
            return None
        resumed = mean(visit.resumed for visit in visits)
        return Visit(resumed, median(visit.cpu_us for visit in visits), median(visit.bytes for visit in visits))


class Round:
    """One server from its start to its stop."""

    def __init__(self, server, process):
        self.server, self.process = server, process

    def visits(self, have_certificates):
        """Goes through the phases. Yields each with its visit."""
        several = self.server.workers > 1
        self.process.round("strangers")
        self.server.only(0)
        yield "anew", self.visit("anew")
        yield "same", self.visit("return")
        if several:
            self.server.only(1)
            yield "other", self.visit("return")
        if several and have_certificates:
            self.server.only(0)
            self.visit("return")
            self.server.only(1)
            yield "again", self.visit("return")
        for phase, act in (("reload", self.server.reload), ("restart", self.server.restart)):
            act()
            self.process.round("strangers")
            yield phase, self.visit("return")

    def visit(self, word):
        before = self.server.processor_time()
        found = self.process.round(word)
        spent = self.server.processor_time() - before
        count = found["connections"]
        return Visit(100 * found["resumed"] / count, spent / 1e3 / count, found["bytes"] / count)


def write_ticket_keys(file):
    file.touch(mode=0o600)
    file.write_text(f"{os.urandom(32).hex()}\n")
