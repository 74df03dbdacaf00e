"""Measures the memory of many workers that hold many sessions between them: nginx, with real clients."""

from dataclasses import dataclass
from pathlib import Path

from harness import Side
from programs import Nginx

NAME = "What memory does it take?"
WORKERS = 8
# nginx binds a socket for each worker, and the kernel spreads connections over them.
LISTEN = " reuseport"
STORE = "shared,size=64M"
ZONE = "64m"


@dataclass(frozen=True)
class Holder:
    """An nginx as one row has it."""

    name: str
    cache: str
    store: str | None = None


HOLDERS = (
    Holder("ours", "builtin", STORE),
    Holder("zone", f"shared:SSL:{ZONE}"),
    Holder("builtin", "builtin"),
)


@dataclass(frozen=True)
class Held:
    """Bytes of all processes of one nginx, what they share counted once, and how many came back known."""

    empty: int
    after_first: int
    after_return: int
    resumed: float


class Plan:
    """How many clients come, without certificates and with."""

    def __init__(self, quick):
        self.clients = {False: 1_000 if quick else 100_000, True: 250 if quick else 20_000}


class Section:
    """All that was measured, by holder's name and by whether clients have certificates."""

    def __init__(self, quick, harness, library, build):
        self.plan = Plan(quick)
        self.held = {}
        for have_certificates, count in self.plan.clients.items():
            for holder in HOLDERS:
                with started(holder, have_certificates, library, build) as server:
                    self.held[holder.name, have_certificates] = measure(server, harness, count, have_certificates)

    def ratio(self, name, other, have_certificates):
        """Compares the memory of one to another's, after all have come back."""
        return self.held[name, have_certificates].after_return / self.held[other, have_certificates].after_return


def started(holder, have_certificates, library, build):
    directives = f"ssl_session_tickets off; ssl_session_cache {holder.cache};"
    if have_certificates:
        directives += f" {Nginx.client_certificates}"
    settings = {"SSLSESSION_STORE": holder.store} if holder.store else None
    preload = library if holder.store else None
    directory = build / "resident"
    return Nginx(directory, directives, LISTEN, WORKERS, settings=settings, library=preload)


def measure(server, harness, count, have_certificates):
    arguments = ["returning", f"entries={count}", f"ops={WORKERS * 32}", "threads=2"]
    # TLS 1.2: one session a client.
    arguments += [f"port={server.port}", "version=12"]
    if have_certificates:
        arguments.append(f"directory={server.directory}")
    with Side(harness.shared, None).start(arguments) as process:
        process.wait_until_ready()
        process.round("strangers")
        empty = memory(server)
        process.round("anew")
        after_first = memory(server)
        back = process.round("return")
        return Held(empty, after_first, memory(server), 100 * back["resumed"] / count)


def memory(server):
    """Returns the bytes that are resident; a page of several processes is divided among them, so that it counts once."""
    return sum(proportional(pid) for pid in (server.process.pid, *server.pids()))


def proportional(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel does not tell the memory of process {pid}")
