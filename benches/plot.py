"""Line plots as SVG, both axes logarithmic."""

from math import ceil, floor, log10
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 436
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 116
# One colour for each workload; libssl's line is dashed.
COLOURS = ["#1b6ca8", "#c4471f", "#2c8a4b", "#7a4fa3"]


def charts(plan):
    """File, title, name of the x axis, and series: (label, 0 for libssl or 1 for ours, [(x, row)])."""
    entries = [
        ("lookup", lambda row: row.run.workload == "get" and row.run.threads == 1),
        ("insert behind later-expiring ones", lambda row: row.run.workload == "late"),
        ("insert with eviction", lambda row: row.run.workload == "evict" and row.run.threads == 1),
        ("lookup of ids with one prefix", lambda row: row.run.workload == "get-prefix"),
    ]
    threads = [
        ("lookup, 20k", lambda row: row.run.workload == "get" and row.run.entries == 20000),
        ("insert with eviction, 20k", lambda row: row.run.workload == "evict" and row.run.entries == 20000),
        ("90 % lookup, 10 % insert, 20k", lambda row: row.run.workload == "mix" and row.run.entries == 20000),
    ]
    yield "cost-against-entries.svg", "Cost against entries", "sessions in the cache", series(plan, entries, "entries")
    yield "cost-against-threads.svg", "Cost against threads", "threads", series(plan, threads, "threads")


def series(plan, wanted, argument):
    drawn = []
    for label, belongs in wanted:
        rows = sorted(((getattr(row.run, argument), row) for row in plan.rows if belongs(row)), key=lambda pair: pair[0])
        drawn += [(f"{label}, libssl", 0, rows), (f"{label}, with the library", 1, rows)]
    return drawn


class Scale:
    """Maps numbers to places, by their logarithm."""

    def __init__(self, low, high, start, end):
        self.low, self.span = log10(low), (log10(high) - log10(low)) or 1
        self.start, self.length = start, end - start

    def __call__(self, value):
        return self.start + (log10(value) - self.low) / self.span * self.length


def text(x, y, content, anchor="middle", size=12, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{extra}>{escape(content)}</text>'


def time_name(ns):
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= factor:
            return f"{ns / factor:g} {unit}"
    return f"{ns:g} ns"


def grid(across, up, xs, low, high):
    drawn = []
    for x in xs:
        place = across(x)
        drawn.append(f'<line x1="{place:.1f}" y1="{TOP}" x2="{place:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        drawn.append(text(place, HEIGHT - BOTTOM + 18, f"{x:,}"))
    for exponent in range(low, high + 1):
        place = up(10**exponent)
        drawn.append(f'<line x1="{LEFT}" y1="{place:.1f}" x2="{WIDTH - RIGHT}" y2="{place:.1f}" stroke="#ddd"/>')
        drawn.append(text(LEFT - 8, place + 4, time_name(10**exponent), "end"))
    return drawn


def curve(number, label, points, across, up):
    colour = COLOURS[number // 2 % len(COLOURS)]
    dashes = ' stroke-dasharray="6 4"' if number % 2 == 0 else ""
    places = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in points)
    drawn = [f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>']
    drawn += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
    x = 20 + number % 2 * WIDTH / 2
    y = HEIGHT - 58 + number // 2 * 16
    drawn.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 30}" y2="{y - 4}" stroke="{colour}" stroke-width="2"{dashes}/>')
    drawn.append(text(x + 36, y, label, "start"))
    return drawn


def draw(title, axis, series):
    """An SVG of the series, (label, [(x, nanoseconds)]): libssl's and ours by turns."""
    series = [(label, points) for label, points in series if points]
    xs = sorted({x for _, points in series for x, _ in points})
    ys = [y for _, points in series for _, y in points]
    low, high = floor(log10(min(ys))), ceil(log10(max(ys)))
    across = Scale(xs[0], xs[-1], LEFT, WIDTH - RIGHT - 20)
    up = Scale(10**low, 10**high, HEIGHT - BOTTOM, TOP)
    powers = [x for x in xs if log10(x) == int(log10(x))]
    ticks = powers if len(powers) > 2 else xs
    drawn = [text(WIDTH / 2, 22, title, size=16), *grid(across, up, ticks, low, high)]
    drawn.append(text(WIDTH / 2, HEIGHT - BOTTOM + 36, axis))
    drawn.append(text(16, (HEIGHT - BOTTOM + TOP) / 2, "time of one operation", extra=side_ways()))
    for number, (label, points) in enumerate(series):
        drawn += curve(number, label, points, across, up)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    return "\n".join([start, '<rect width="100%" height="100%" fill="white"/>', *drawn, "</svg>\n"])


def side_ways():
    return f' transform="rotate(-90 16 {(HEIGHT - BOTTOM + TOP) / 2:.0f})"'
