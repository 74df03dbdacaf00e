"""The part of the report that is about memory."""

import report
from resident import HOLDERS, NAME, STORE, WORKERS, ZONE

INTRODUCTION = """nginx with {workers} workers, to which the kernel spreads the connections. Each client comes once, and once more, to any
worker. TLS 1.2 without tickets, so that a client has one session; with certificates each has one of its own. The
memory is what is resident of all processes, what they share counted once: without sessions, when all clients have come,
and when all have come back. `builtin`, OpenSSL's cache, holds up to 20,480 sessions in each worker, and the oldest
leave; the library keeps 512 alive in a worker, or 256 with certificates, in front of its store. Store and zone have room
for all:
`{store}`, `shared:SSL:{zone}`."""

NAMES = {
    "ours": "nginx with the library, SSLSESSION_STORE=shared",
    "zone": "nginx, `shared:`",
    "builtin": "nginx, `builtin`",
}

# What is to be reached: without certificates of the zone, with them of `builtin`. Of many clients: what nine processes
# take without any says nothing.
TARGETS = {False: ("zone", "nginx's zone", 1.2), True: ("builtin", "`builtin`", 0.3)}
MANY = 20_000


class Text:
    """The section's text and targets. `section` is a resident.Section."""

    def __init__(self, section):
        self.section = section

    def markdown(self):
        head = INTRODUCTION.format(workers=WORKERS, store=STORE, zone=ZONE)
        return f"## {NAME}\n\n{head}\n\n{self.table()}"

    def table(self):
        rows = []
        for have_certificates, count in self.section.plan.clients.items():
            clients = f"{count:,} clients{' with certificates' if have_certificates else ''}"
            for holder in HOLDERS:
                held = self.section.held[holder.name, have_certificates]
                sizes = [held.empty, held.after_first, held.after_return]
                each = (held.after_return - held.empty) / count
                cells = [f"{clients}: {NAMES[holder.name]}", *(f"{size / 2**20:.1f} MiB" for size in sizes)]
                rows.append([*cells, f"{each:,.0f} B", f"{held.resumed:.0f} %"])
        header = ["", "without sessions", "all came", "all came back", "for one client", "resumed as they came back"]
        return report.table(header, rows)

    def targets(self):
        for have_certificates, count in self.section.plan.clients.items():
            if count < MANY:
                continue
            clients = f"{count:,} clients{' with certificates' if have_certificates else ''}"
            other, name, wanted = TARGETS[have_certificates]
            measured = self.section.ratio("ours", other, have_certificates)
            label = f"memory of {WORKERS} workers, {clients}: ours to {name}"
            yield report.Target(label, f"{wanted:g}", report.ratio(measured), measured <= wanted)
