"""Rows and targets as the report shows them."""

from dataclasses import dataclass
from statistics import median, quantiles

def values(rounds, side, metric):
    return [pair[side][metric] for pair in rounds]


@dataclass(frozen=True)
class Target:
    """One thing to be reached; `limit` is what nothing can be below, where that was measured."""

    label: str
    wanted: str
    measured: str
    reached: bool
    limit: str = ""


def compared(row, rounds):
    """Returns what ours is compared with."""
    return values(rounds, 1 if row.kind == "own" else 0, row.stock_metric or row.metric)


def samples(row, rounds):
    """Returns what is compared with the target, a number for each round."""
    ours = values(rounds, 1, row.metric)
    if row.kind == "absolute":
        return ours
    if row.kind == "over":
        return [mine - theirs for theirs, mine in zip(compared(row, rounds), ours)]
    return [mine / theirs for theirs, mine in zip(compared(row, rounds), ours)]


def target(row, rounds):
    """Returns a row's target, and if it was reached; None without one."""
    if row.target is None:
        return None
    found = samples(row, rounds)
    reached = median(found)
    if row.kind == "noise" and len(found) > 3:
        reached = quantiles(found, n=4)[0]
    unit = f" {row.unit}" if row.kind in ("absolute", "over") else ""
    return Target(row.label, f"{row.target:g}{unit}", cells(row, rounds)[3], reached <= row.target, limit(row, rounds))


def limit(row, rounds):
    """Returns what nothing can be below: as it was measured beside ours, and to what ours is compared with."""
    if row.limit is None:
        return ""
    floor = values(rounds, 1, row.limit)
    to_it = median(least / theirs for least, theirs in zip(floor, compared(row, rounds)))
    return f"{ratio(to_it)} ({number(median(floor))} {row.unit})"


def number(value):
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(value):
    if 0.9 < value < 1.1:
        return f"{value:.4f}"
    return f"{value:.3f}" if value >= 0.1 else f"{value:.2g}"


def cells(row, rounds):
    found = samples(row, rounds)
    show = number if row.kind in ("absolute", "over") else ratio
    stock = number(median(compared(row, rounds)))
    ours = number(median(values(rounds, 1, row.metric)))
    spread = f"{show(min(found))} – {show(max(found))}"
    measured = show(median(found))
    if row.kind in ("absolute", "over"):
        measured = f"{measured} {row.unit}"
    return [row.label, f"{stock} {row.unit}", f"{ours} {row.unit}", measured, spread]


def line(row, rounds):
    """Returns a row for the terminal."""
    label, stock, ours, measured, spread = cells(row, rounds)
    aim = target(row, rounds)
    wanted = f" of {aim.wanted}" if aim else ""
    outcome = f" {outcome_of(aim)}" if aim else ""
    return f"{label}: {ours}, stock {stock}: {measured}{wanted} ({spread}){outcome}"


def outcome_of(aim):
    return "reached" if aim.reached else "missed"


def table(header, rows, texts=()):
    """Returns a table of Markdown: numbers to the right, the first column and `texts` to the left."""
    rule = ["---" if place == 0 or place in texts else "---:" for place in range(len(header))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows]) + "\n"


def deciles(found):
    return quantiles(found, n=10, method="inclusive")
