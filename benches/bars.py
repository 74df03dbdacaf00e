"""Bar plots as SVG, on their side: a group of bars for each thing that is compared."""

from plot import WIDTH, text

LEFT, RIGHT, TOP, BOTTOM = 200, 60, 64, 24
THICK, GAP = 11, 12
COLOURS = ["#9a9a9a", "#1b6ca8", "#2c8a4b", "#8fc7a0", "#d9902f", "#c4471f"]


def legend(names):
    """Draws the names one after the other, above the bars."""
    drawn, x = [], 20
    for name, colour in zip(names, COLOURS):
        drawn.append(f'<rect x="{x:.1f}" y="38" width="10" height="10" fill="{colour}"/>')
        drawn.append(text(x + 14, 47, name, "start", 11))
        x += 26 + 5.6 * len(name)
    return drawn


def draw(title, unit, names, groups):
    """Returns an SVG of the groups, (label, [value or None for each of the names])."""
    longest = max(value for _, values in groups for value in values if value is not None)
    scale = (WIDTH - LEFT - RIGHT) / longest
    drawn, y = [text(WIDTH / 2, 22, title, size=16), *legend(names)], TOP
    for label, values in groups:
        drawn.append(text(LEFT - 8, y + THICK * len(values) / 2 + 4, label, "end"))
        for value, colour in zip(values, COLOURS):
            width = 0 if value is None else value * scale
            drawn.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{THICK - 1}" fill="{colour}"/>')
            shown = "one process" if value is None else f"{value:,.0f} {unit}"
            drawn.append(text(LEFT + width + 4, y + THICK - 2, shown, "start", 9))
            y += THICK
        y += GAP
    size = f'width="{WIDTH}" height="{y + BOTTOM}" viewBox="0 0 {WIDTH} {y + BOTTOM}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">'
    return "\n".join([start, '<rect width="100%" height="100%" fill="white"/>', *drawn, "</svg>\n"])
