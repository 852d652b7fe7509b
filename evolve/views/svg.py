"""The lineage as a static SVG for papers and READMEs: the page's layout, nothing that moves.

All programs of one colour are one path of zero-length strokes with round caps, so that 20,000 programs stay a
file that browsers, Inkscape and LaTeX can open. Text from genomes does not appear; titles are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from evolve.views import numbers
from evolve.views.family import Family, family
from evolve.views.picture import LANE, Picture, Spot, log_shares, picture
from population.rows import EstimateRow, ProgramRow, TrialRow

WIDTH = 1200
LANE_HEIGHT = 150
LEFT, RIGHT, TOP, FOOT = 104, 28, 64, 140
STRIP = 64
"""Height of the strip of the best value so far."""

COLOURS = ("#2f45b0", "#d9981a", "#16909f", "#7a1c46", "#52b3e0", "#d0601f", "#5c6628", "#9177e4")
"""The colours of the page: apart in lightness too, for the colour-blind."""

INK, GREY, LINE, FAILED = "#1b1d20", "#6d737c", "#e3e3df", "#b08a88"
FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"


def svg_text(
    run: Mapping[str, object],
    programs: Iterable[ProgramRow],
    trials: Iterable[TrialRow],
    estimates: Iterable[EstimateRow],
    best: int | None,
    rung: str = "proxy",
) -> str:
    """The lineage as an SVG document; arguments as in `evolve.views.page.write_page`."""
    relatives = family(programs, trials, estimates, rung)
    return "\n".join(_document(relatives, picture(relatives, best), run, best)) + "\n"


def _document(family: Family, drawing: Picture, run: Mapping[str, object], best: int | None) -> Iterator[str]:
    height = TOP + LANE_HEIGHT * max(1, len(drawing.lanes)) + FOOT
    title = str(run.get("title", "run"))
    count = len(drawing.spots)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="{FONT}" font-size="12" fill="{INK}">'
    )
    yield f"<title>{_escaped(title)}: lineage</title>"
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="24" y="28" font-size="16" font-weight="600">{_escaped(title)}</text>'
    yield (
        f'<text x="24" y="46" fill="{GREY}">{numbers.count(count)} programs in order of arrival; '
        f"higher is better, by rank of value ({_escaped(family.rung)})</text>"
    )
    yield from _legend()
    if not count:
        yield "</svg>"
        return
    place = _Place(count)
    yield from _lanes(drawing)
    yield from _edges(drawing, place)
    yield from _programs(drawing, place)
    yield from _path(family, drawing, place, best)
    yield from _strip(drawing, place, height - 34)
    yield "</svg>"


class _Place:
    """From the drawing's units to the SVG's."""

    def __init__(self, count: int) -> None:
        self.step = (WIDTH - LEFT - RIGHT) / count
        room = (self.step * LANE_HEIGHT * 4) ** 0.5
        self.radius = min(4.5, max(0.9, 0.6 + 0.085 * room))

    def x(self, spot: Spot) -> float:
        return round(LEFT + (spot.x + 0.5) * self.step, 1)

    def y(self, spot: Spot) -> float:
        return round(TOP + spot.y * LANE_HEIGHT / LANE, 1)


def _lanes(drawing: Picture) -> Iterator[str]:
    right = WIDTH - RIGHT
    for k, lane in enumerate(drawing.lanes):
        top = TOP + k * LANE_HEIGHT
        values = [spot.value for spot in drawing.spots if spot.lane == k and spot.value is not None]
        yield f'<path d="M24 {top}H{right}" stroke="{LINE}"/>'
        gutter = top + LANE_HEIGHT * 0.855
        yield f'<path d="M{LEFT} {gutter:.1f}H{right}" stroke="{LINE}" stroke-dasharray="2 3"/>'
        yield f'<text x="24" y="{top + 24}" font-weight="600">Island {lane}</text>'
        if values:
            yield f'<text x="24" y="{top + 41}" font-size="11" fill="{GREY}">{min(values):.4f}</text>'
        yield f'<text x="24" y="{top + LANE_HEIGHT * 0.93:.1f}" font-size="11" fill="{GREY}">no value</text>'


def _edges(drawing: Picture, place: _Place) -> Iterator[str]:
    main: list[str] = []
    other: list[str] = []
    for spot in drawing.spots:
        if spot.failure:
            continue
        for k, parent in enumerate(spot.parents):
            (other if k else main).append(_curve(drawing.spots[parent], spot, place))
    strength = min(0.5, max(0.06, 4 / (1 + len(main)) ** 0.5))
    for edges, dash in ((other, ' stroke-dasharray="2 3"'), (main, "")):
        if edges:
            yield (
                f'<path d="{"".join(edges)}" fill="none" stroke="{GREY}" stroke-width="0.7" '
                f'stroke-opacity="{strength if not dash else 0.6 * strength:.2f}"{dash}/>'
            )


def _curve(parent: Spot, child: Spot, place: _Place) -> str:
    x0, y0, x1, y1 = place.x(parent), place.y(parent), place.x(child), place.y(child)
    reach = min((x1 - x0) * 0.5, 70)
    return f"M{x0} {y0}C{x0 + reach:.1f} {y0} {x1 - reach:.1f} {y1} {x1} {y1}"


def _programs(drawing: Picture, place: _Place) -> Iterator[str]:
    crosses, hollow = [], []
    by_lane: dict[int, list[str]] = {}
    arm = max(0.8, place.radius * 0.7)
    across = f"{2 * arm:.1f}"
    cross = f"l{across} {across}m0 -{across}l-{across} {across}"
    for spot in drawing.spots:
        x, y = place.x(spot), place.y(spot)
        if spot.failure:
            crosses.append(f"M{x - arm:.1f} {y - arm:.1f}{cross}")
        elif spot.value is None:
            hollow.append(f"M{x} {y}h0")
        else:
            by_lane.setdefault(spot.lane, []).append(f"M{x} {y}h0")
    if crosses:
        yield f'<path d="{"".join(crosses)}" fill="none" stroke="{FAILED}" stroke-width="0.9"/>'
    dots = [(each, COLOURS[lane % len(COLOURS)]) for lane, each in sorted(by_lane.items())]
    for group, colour in [(hollow, LINE), *dots]:
        if group:
            yield (
                f'<path d="{"".join(group)}" fill="none" stroke="{colour}" stroke-linecap="round" '
                f'stroke-width="{2 * place.radius:.1f}" stroke-opacity="0.9"/>'
            )


def _path(family: Family, drawing: Picture, place: _Place, best: int | None) -> Iterator[str]:
    line = [drawing.spots[i] for i in drawing.path]
    if not line:
        return
    edges = "".join(_curve(a, b, place) for a, b in pairwise(line))
    for colour, width in (("#ffffff", 4.5), (INK, 1.8)):
        yield f'<path d="{edges}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
    if (place.x(line[-1]) - place.x(line[0])) / len(line) > 8:
        radius = max(2.4, place.radius)
        for spot in line:
            fill = COLOURS[spot.lane % len(COLOURS)]
            yield (
                f'<circle cx="{place.x(spot)}" cy="{place.y(spot)}" r="{radius:.1f}" '
                f'fill="{fill}" stroke="{INK}" stroke-width="1.4"/>'
            )
    last = line[-1]
    x, y = place.x(last), place.y(last)
    at = family.estimate(last.id)
    label = f"#{best}" + (f"  {numbers.plus_minus(at.mean, at.low, at.high)}" if at else "")
    yield f'<circle cx="{x}" cy="{y}" r="7" fill="none" stroke="{INK}" stroke-width="1.6"/>'
    anchor, dx = ("end", 8) if x > WIDTH * 0.8 else ("middle", 0)
    yield (
        f'<text x="{x + dx}" y="{y - 13:.1f}" text-anchor="{anchor}" font-weight="600" stroke="#ffffff" '
        f'stroke-width="4" stroke-linejoin="round" paint-order="stroke">{label}</text>'
    )


def _strip(drawing: Picture, place: _Place, bottom: int) -> Iterator[str]:
    """The best value so far, over all arrivals."""
    line = [drawing.spots[i] for i in drawing.records]
    values = [spot.value for spot in line if spot.value is not None]
    if not values:
        return
    right = WIDTH - RIGHT
    yield f'<path d="M24 {bottom - STRIP - 36}H{right}" stroke="{LINE}"/>'
    yield (
        f'<text x="{right}" y="{bottom - STRIP - 14}" text-anchor="end" font-size="11" fill="{GREY}">'
        "posterior mean; log scale of the distance to the best</text>"
    )
    heights = [bottom - STRIP * share for share in log_shares(values)]
    steps = [f"M{place.x(line[0])} {heights[0]:.1f}"]
    steps += [f"H{place.x(spot)}V{y:.1f}" for spot, y in zip(line[1:], heights[1:], strict=True)]
    yield f'<path d="{"".join(steps)}H{right}" fill="none" stroke="{INK}" stroke-width="1.5"/>'
    yield f'<text x="24" y="{bottom - STRIP - 14}" font-weight="600">Best so far</text>'
    for value, y in dict(zip((values[0], values[-1]), (heights[0] + 9, heights[-1]), strict=True)).items():
        yield f'<text x="24" y="{y:.1f}" font-size="11" fill="{GREY}">{value:.4f}</text>'
    yield from _ticks(len(drawing.spots), place, bottom + 20)


def _ticks(count: int, place: _Place, y: int) -> Iterator[str]:
    step = next(s for s in _steps() if count / s <= 8)
    for n in range(step, count + 1, step):
        x = LEFT + (n - 0.5) * place.step
        place_of = f'x="{x:.1f}" y="{y}" text-anchor="middle"'
        yield f'<text {place_of} font-size="11" fill="{GREY}">{numbers.count(n)}</text>'


def _steps() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _legend() -> Sequence[str]:
    x = WIDTH - RIGHT
    return (
        f'<path d="M{x - 190} 42h18" stroke="{INK}" stroke-width="1.8"/>',
        f'<text x="{x - 166}" y="46" fill="{GREY}">winning path</text>',
        f'<path d="M{x - 62} 38l7 7m0 -7l-7 7" stroke="{FAILED}" stroke-width="1.2"/>',
        f'<text x="{x - 48}" y="46" fill="{GREY}">failed</text>',
    )


def _escaped(text: str) -> str:
    """Text for XML: markup escaped, characters that XML forbids left out."""
    return escape("".join(c for c in text if c.isprintable()))
