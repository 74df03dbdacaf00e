"""The part of the report that is about returning clients, which comes first."""

from statistics import median, quantiles

import bars
import report
from programs import THREADS
from returning import CLIENTS, NAME, PEERS
from server import Server

COLUMNS = {
    "anew": "a new client",
    "same": "same worker",
    "other": "other worker",
    "again": "other worker, known there",
    "reload": "after a reload",
    "restart": "after a restart",
}

INTRODUCTION = """The servers as Debian has them, each with four workers: nginx with processes, httpd with processes of
{threads} threads (event), HAProxy with threads of one process. One client of ours comes to all of them in turns, with
{clients} sessions, 16 connections under way in 2 threads; a connection is a handshake, a request, its answer and a close.
Each cell says how many clients were resumed, what processor time one took of the server's workers, and how many
bytes of TLS went over the wire for it, both ways, without the request and the answer: of all clients, and medians, of
{rounds} rounds."""

HOW = """All clients come to one worker, while the others are stopped by a signal: that is the same worker. Then another
one alone goes on: that is the other. Reload and restart are the server's own, and then all workers serve. {strangers} others have
come before, so that what a worker sets up once is not in it. With certificates each client has one of its own."""

KNOWN = """"Known there" are clients with certificates that have been at that worker before, and come with a session that another
one has made since."""

ROWS = {
    "nginx, tickets": "as it comes: stateless tickets, whose keys are those of one configuration",
    "nginx, builtin": "`ssl_session_cache builtin`, no tickets: OpenSSL's cache, in each worker",
    "nginx, shared:": "`ssl_session_cache shared:`, no tickets",
    "httpd, shmcb": "`SSLSessionCache shmcb`, no tickets",
    "HAProxy, its cache": "`no-tls-tickets`, so that its own cache serves all",
    "nginx, library: store": "`builtin` and the library with `SSLSESSION_STORE=shared`",
    "nginx, library: sealed store": "`builtin` and the library with `SSLSESSION_STORE=shared:NAME`",
    "nginx, library: tickets": "as it comes and the library with `SSLSESSION_TICKETS=shared` and a key file",
}


OWN_ZONE, STORE = "nginx, shared:", "nginx, library: store"


class Text:
    """The section's text. `section` is a returning.Section."""

    def __init__(self, section):
        self.section = section

    def markdown(self):
        plan = self.section.plan
        parts = [f"## {NAME}\n", INTRODUCTION.format(clients=plan.clients, rounds=plan.rounds, threads=THREADS) + "\n", self.builds()]
        for clients in CLIENTS:
            parts.append(f"### {clients.name}\n\n{self.table(clients)}\n![{clients.name}]({file_of(clients)})\n")
        parts.append(f"{HOW.format(strangers=plan.strangers)} {KNOWN}\n")
        return "\n".join(parts)

    def builds(self):
        rows = [[peer.name, builds(peer.program), ROWS[peer.name]] for peer in PEERS]
        return report.table(["", "build", "configuration"], rows, texts=(1, 2))

    def table(self, clients):
        phases = [phase for phase in COLUMNS if any(self.visit(peer, clients, phase) for peer in PEERS)]
        rows = [[peer.name, *(self.cell(peer, clients, phase) for phase in phases)] for peer in PEERS]
        return report.table(["", *(COLUMNS[phase] for phase in phases)], rows)

    def visit(self, peer, clients, phase):
        return self.section.summary(peer.name, clients.name, phase)

    def cell(self, peer, clients, phase):
        visit = self.visit(peer, clients, phase)
        if visit is None:
            return "one process"
        return f"{percent(visit.resumed)} %, {report.number(visit.cpu_us)} us, {visit.bytes:,.0f} B"

    def targets(self):
        """Yields those of the store, against nginx's own cache, and against no other worker."""
        for clients in CLIENTS[:2]:
            label = f"{clients.name}, other worker: the server's processor time, {STORE} to {OWN_ZONE}"
            yield self.aim(label, clients, (STORE, "other"), (OWN_ZONE, "other"), 1.0)
        label = f"{CLIENTS[2].name}: {STORE}: {COLUMNS['again']} to {COLUMNS['same']}"
        yield self.aim(label, CLIENTS[2], (STORE, "again"), (STORE, "same"), 1.1)

    def aim(self, label, clients, ours, other, wanted):
        """Returns a target that counts as reached if a quarter of the rounds reach it."""
        ratios = self.section.ratios(clients.name, ours, other)
        least = quantiles(ratios, n=4)[0] if len(ratios) > 3 else median(ratios)
        return report.Target(label, f"{wanted:g}", report.ratio(median(ratios)), least <= wanted)

    def plots(self):
        """Yields file and SVG of each."""
        for clients in CLIENTS:
            phases = [phase for phase in COLUMNS if any(self.visit(peer, clients, phase) for peer in PEERS)]
            groups = []
            for peer in PEERS:
                visits = [self.visit(peer, clients, phase) for phase in phases]
                groups.append((peer.name, [visit and visit.cpu_us for visit in visits]))
            title = f"The server's processor time for one client, {clients.name}"
            yield file_of(clients), bars.draw(title, "us", [COLUMNS[phase] for phase in phases], groups)


def percent(value):
    """Rounds, but not up to all nor down to none."""
    return f"{value:.0f}" if value in (0, 100) or 1 <= value <= 99 else f"{value:.1f}"


def builds(program: type[Server], known={}):
    """Asks once for each."""
    return known.setdefault(program, program.build())


def file_of(clients):
    return f"{clients.name.lower().replace(' ', '-').replace('.', '')}.svg"
