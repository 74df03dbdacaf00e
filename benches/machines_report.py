"""The part of the report that is about several machines."""

import report
from machines import FLEETS, HOSTS, NAME
from returning import CLIENTS
from returning_report import percent

INTRODUCTION = """{hosts} nginx of one worker, each with an address and a store of its own, as behind a balancer that sends a client
to another one each time. One client of ours with {clients} sessions, as above; this is all visits but the first. The
processor time is the servers', with the library's thread that asks Redis. How long a handshake took is what the client
saw, from its connect on, with 8 under way at a time. `builtin` and no tickets where Redis has the sessions; the line
to it takes 0.3 ms, or 30 ms (with `park=200ms`), for a question and its answer."""


class Text:
    """The section's text. `section` is a machines.Section."""

    def __init__(self, section):
        self.section = section

    def markdown(self):
        parts = [f"## {NAME}\n", INTRODUCTION.format(hosts=HOSTS, clients=self.section.clients) + "\n"]
        parts += [f"### {clients.name}, {HOSTS} machines\n\n{self.table(clients)}" for clients in CLIENTS]
        return "\n".join(parts)

    def table(self, clients):
        rows = [[fleet.name, *self.cells(fleet, clients)] for fleet in FLEETS]
        return report.table(["", "resumed", "servers' processor time", "handshake, p50", "p99"], rows)

    def cells(self, fleet, clients):
        visit = self.section.summary(fleet.name, clients.name)
        times = (f"{report.number(time)} us" for time in (visit.cpu_us, visit.p50_us, visit.p99_us))
        return [f"{percent(visit.resumed)} %", *times]
