"""The part of the report that is about the shared store."""

import report
from shared_store import MEBIBYTES, NAME, PROCESSES

OPERATIONS = {
    "store": "SSL_CTX_add_session",
    "live": "lookup, alive in the process",
    "one": "lookup, alive in the process, one for all",
    "stored": "lookup, stored by another process",
    "take": "take",
    "miss": "lookup of what is not there",
    "i2d": "i2d_SSL_SESSION",
    "d2i": "d2i_SSL_SESSION",
    "line": "writing one of 64 shared cache lines",
}

# Whether with sessions that all processes have in common, for those that are not measured both ways.
COMMON = {"one": True, "miss": False, "i2d": False, "d2i": False, "line": False}

# What an operation does beside its own work.
BESIDE = {"store": "i2d", "live": None, "stored": "d2i", "take": "d2i", "miss": None}
# Of a store and operation, and of all others.
OWN_PART_NS = {("sealed", "store"): 1250, ("sealed", "stored"): 600}
OTHER_PART_NS = 1000
# Of what decoding does, which shares nothing.
SCALING = 0.9
BESIDE_US = 12
RESUMED = 1.1
BYTES = 200

INTRODUCTION = """The library alone, with SSLSESSION_STORE=shared, in processes that were forked from the one that made
the SSL_CTX. "Plain" is an anonymous store, "sealed" a named one in /dev/shm. Sessions are copies of one that was
negotiated, without a certificate, under other ids. What a process has alive stays alive (`front`). SSL_CTX_add_session stores them, and the oldest leave, for the store is
full. A lookup is the callback by which libssl asks the library: of a session that is alive in the process it has to see
whether its record still stands, and one that another process stored is decoded. A take is what libssl does with a TLS 1.3
ticket that is good once: the callback, and its own SSL_CTX_remove_session. Each process works on sessions of its own, or
all on common ones, in another order each; of those that want to take a common one, one gets it."""

RATES = """All processes together, each bound to a processor by turns. What two do in the time of one is the median of the
rounds, if there were three without other programs only of those. The last three rows are for comparison: encoding and
decoding share nothing; and a lock, however short, is at least a cache line that each process writes, and that has to
come from another processor if another wrote it last. What that costs, a virtual machine's host decides anew at times."""

OWN_PARTS = """What an operation costs beside the encoding or decoding in it: in nanoseconds, of one process, median less
median of the same round. The first two columns are medians of all rounds."""

LATENCIES = """Of one operation, in microseconds: the median, what 99 % and 99.9 % of all did not exceed, and the longest;
of all rounds, also those in which other programs ran. With more processes than processors a process waits for its turn,
which here shows as milliseconds."""


CERTIFICATES = """Sessions of handshakes with and without a client certificate, stored by another process. "Seen before" is a
certificate of which this process has decoded a session: all clients have one certificate. "Not seen before": each has one
of its own. A lookup is of TLS 1.2, and d2i_SSL_SESSION is what it takes to decode the same session. A resumption is the server's
part of a whole handshake of TLS 1.3: by a session that another process stored, and by one of the process's own."""

CERTIFICATE_KINDS = {"none": "no certificate", "seen": "seen before", "unseen": "not seen before"}


class Text:
    """The section's text and targets. `section` is a shared_store.Section."""

    def __init__(self, section):
        self.section = section
        self.targets = []

    def aim(self, label, wanted, measured, reached, limit=""):
        self.targets.append(report.Target(label, wanted, measured, reached, limit))

    def markdown(self):
        self.targets = []
        parts = [f"## {NAME}\n\n{INTRODUCTION}\n"]
        for store in self.section.stores:
            head = f"{RATES}\n\n" if store is self.section.stores[0] else ""
            parts.append(f"### Operations a second, {store.title}\n\n{head}{self.lost(store)}{self.rates(store)}")
        parts.append(f"### Beside i2d and d2i\n\n{OWN_PARTS}\n\n{self.own_parts()}")
        for store in self.section.stores:
            head = f"{LATENCIES}\n\n" if store is self.section.stores[0] else ""
            parts.append(f"### Latency, {store.title}\n\n{head}{self.latencies(store)}")
        room = f"A store of {MEBIBYTES} MiB, full of copies of sessions of real handshakes: how many are found."
        parts.append(f"### Room\n\n{room}\n\n{self.room()}")
        parts.append(f"### Client certificates\n\n{CERTIFICATES}\n\n{self.certificates()}")
        return "\n".join(parts)

    def lost(self, store):
        lost = store.lost()
        if lost == 0:
            return ""
        return f"Of all operations {lost} did not find what was there: a lock was not to be had in time.\n\n"

    def rows_of(self, store):
        for operation, label in OPERATIONS.items():
            if operation in COMMON:
                yield operation, COMMON[operation], label
            else:
                yield operation, False, label
                yield operation, True, f"{label}, common"

    def rates(self, store):
        rows = []
        for operation, common, label in self.rows_of(store):
            rates = [f"{store.value(operation, common, count, 'rate'):,.0f}" for count in PROCESSES]
            scaling = store.scaling(operation, common)
            if operation in ("live", "stored") and not common:
                decoding = store.scaling("d2i", False)
                # More than twice is noise.
                least = SCALING * min(decoding, 2)
                limit = f"d2i_SSL_SESSION: {decoding:.2f}"
                reached = scaling >= least
                self.aim(f"{store.title}: {label}, 2 processes to 1", f"{least:.2f}", f"{scaling:.2f}", reached, limit)
            rows.append([label, *rates, f"{scaling:.2f}"])
        header = ["", "1 process", *(f"{count} processes" for count in PROCESSES[1:]), "2 to 1"]
        return report.table(header, rows)

    def own_parts(self):
        rows = []
        for store in self.section.stores:
            for operation, beside in BESIDE.items():
                whole = store.value(operation, False, 1, "p50")
                other = store.value(beside, False, 1, "p50") if beside else 0
                part = store.beside(operation, beside, 1) if beside else whole
                label = f"{store.title}: {OPERATIONS[operation]}"
                if operation in ("store", "live", "stored"):
                    most = OWN_PART_NS.get((store.title, operation), OTHER_PART_NS)
                    self.aim(f"{label}, its own part", f"{most:,} ns", f"{part:,.0f} ns", part <= most)
                alone = f"{beside} {other:,.0f}" if beside else ""
                rows.append([label, f"{whole:,.0f}", alone, f"{part:,.0f}"])
        return report.table(["", "whole", "of that", "its own part"], rows)

    def latencies(self, store):
        rows = []
        for operation, common, label in self.rows_of(store):
            cells = []
            for count in PROCESSES:
                found = (store.last(operation, common, count, metric) for metric in ("all-p50", "p99", "p99.9", "max"))
                cells.append(" / ".join(report.number(nanoseconds / 1e3) for nanoseconds in found))
            rows.append([label, *cells])
        return report.table(["", "1 process", *(f"{count} processes" for count in PROCESSES[1:])], rows)

    def room(self):
        rows = []
        for store in self.section.stores:
            for version, name in (("tls12", "TLS 1.2"), ("tls13", "TLS 1.3")):
                held, der = store.held[f"{version}.held"], store.held[f"{version}.der"]
                each = MEBIBYTES * 2**20 / held
                label = f"{store.title}: {name}"
                self.aim(f"{label}, bytes of a session", f"{BYTES} B", f"{each:.1f} B", each <= BYTES)
                rows.append([label, f"{held / MEBIBYTES:,.0f}", f"{der:.1f} B", f"{each:.1f} B"])
        header = ["", "sessions in a MiB", "its DER", "bytes of a session, all told"]
        return report.table(header, rows)

    def certificates(self):
        rows = []
        for store in self.section.stores:
            for kind, name in CERTIFICATE_KINDS.items():
                label = f"{store.title}: {name}"
                beside = store.between_certificates(f"lookup-{kind}", "lookup-none", lambda one, other: one - other)
                resumed = store.between_certificates(f"others-{kind}", f"own-{kind}", lambda one, other: one / other)
                if kind == "seen":
                    about = f"{store.title}: session with a client certificate seen before"
                    reached = beside <= BESIDE_US
                    self.aim(f"{about}: lookup, over one without", f"{BESIDE_US} us", f"{beside:.1f} us", reached)
                    measured = report.ratio(resumed)
                    self.aim(f"{about}: resumption, to the process's own", f"{RESUMED}", measured, resumed <= RESUMED)
                found = [store.of_certificates(f"{metric}-{kind}") for metric in ("lookup", "d2i", "others", "own")]
                rows.append([label, *(f"{report.number(value)} us" for value in found), report.ratio(resumed)])
        header = ["", "lookup", "d2i_SSL_SESSION", "resumed: another process's", "resumed: its own", "ratio"]
        return report.table(header, rows)
