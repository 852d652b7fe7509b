"""Validation curves of a promotion's runs as an SVG: all of them, and their ends beside the target. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from xml.sax.saxutils import escape

from evolve.views.svg import COLOURS, FONT, GREY, INK, LINE

WIDTH, HEIGHT = 960, 400
TOP, BOTTOM = 64, 52
TAIL = 0.3
"""Share of the steps that the second panel shows."""
TARGET = COLOURS[5]

Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class _Panel:
    """Where numbers go on the picture.

    Attributes:
        left, right: Edges, pixels.
        steps: First and last step.
        losses: Lowest and highest loss.
    """

    left: float
    right: float
    steps: tuple[float, float]
    losses: tuple[float, float]

    def x(self, step: float) -> float:
        first, last = self.steps
        return round(self.left + (self.right - self.left) * (step - first) / max(last - first, 1), 1)

    def y(self, loss: float) -> float:
        low, high = self.losses
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (loss - low) / max(high - low, 1e-12), 1)


def curves_svg(title: str, curves: Sequence[Curve], target: float, shown: int | None) -> str:
    """The picture.

    Args:
        title: Above it.
        curves: (step, loss) pairs of each run that finished.
        target: Loss to get below.
        shown: The step from which that was shown, None if it was not.
    """
    return "\n".join(_document(title, [_finite(curve) for curve in curves], target, shown)) + "\n"


def _finite(curve: Curve) -> list[tuple[int, float]]:
    return [(step, loss) for step, loss in curve if math.isfinite(loss)]


def _document(title: str, curves: Sequence[Curve], target: float, shown: int | None) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="{FONT}" font-size="12" fill="{INK}">'
    )
    text = escape("".join(c for c in title if c.isprintable()))
    yield f"<title>{text}</title>"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield f'<text x="24" y="28" font-size="16" font-weight="600">{text}</text>'
    runs = "1 run" if len(curves) == 1 else f"{len(curves)} runs"
    yield f'<text x="24" y="46" fill="{GREY}">validation loss, nats per token, against the step; {runs} and mean</text>'
    points = [point for curve in curves for point in curve]
    if points:
        last = max(step for step, _ in points)
        whole = [loss for _, loss in points]
        span = (0.0, float(last))
        yield from _panel(_Panel(72, 452, span, _room([*whole, target])), curves, target, None, "all steps")
        first = (1 - TAIL) * last
        ends = [_from(curve, first) for curve in curves]
        tail = [loss for curve in ends for _, loss in curve]
        panel = _Panel(552, WIDTH - 32, (first, float(last)), _room([*tail, target]))
        yield from _panel(panel, ends, target, shown, "the end")
    yield "</svg>"


def _panel(panel: _Panel, curves: Sequence[Curve], target: float, shown: int | None, name: str) -> Iterator[str]:
    low, right = panel.y(panel.losses[0]), panel.right
    yield f'<text x="{panel.left}" y="{TOP - 2}" font-size="11" fill="{GREY}">{name}</text>'
    for loss in _ticks(*panel.losses, 5):
        y = panel.y(loss)
        yield f'<path d="M{panel.left} {y}H{right}" stroke="{LINE}"/>'
        yield f'<text x="{panel.left - 8}" y="{y + 4}" text-anchor="end" font-size="11" fill="{GREY}">{loss:.7g}</text>'
    for step in _ticks(*panel.steps, 5):
        x = panel.x(step)
        yield f'<path d="M{x} {low}v4" stroke="{GREY}"/>'
        yield f'<text x="{x}" y="{low + 18}" text-anchor="middle" font-size="11" fill="{GREY}">{step:,.0f}</text>'
    y = panel.y(target)
    yield f'<path d="M{panel.left} {y}H{right}" stroke="{TARGET}" stroke-width="1.2" stroke-dasharray="5 4"/>'
    yield (
        f'<text x="{panel.left + 4}" y="{y - 5}" font-size="11" fill="{TARGET}" stroke="#ffffff" '
        f'stroke-width="3" paint-order="stroke">target {target:g}</text>'
    )
    for curve in curves:
        yield _line(panel, curve, COLOURS[0], 0.8, 0.35)
    yield _line(panel, _mean(curves), COLOURS[0], 2, 1)
    for step, loss in (point for point in _mean(curves) if isinstance(point[0], int)):  # what was measured
        yield f'<circle cx="{panel.x(step)}" cy="{panel.y(loss)}" r="2.2" fill="{COLOURS[0]}"/>'
    if shown is not None and panel.steps[0] <= shown <= panel.steps[1]:
        x = panel.x(shown)
        anchor = "end" if x > (panel.left + right) / 2 else "start"
        yield f'<path d="M{x} {low}V{TOP + 8}" stroke="{INK}" stroke-width="1" stroke-dasharray="2 3"/>'
        yield (
            f'<text x="{x + (-6 if anchor == "end" else 6)}" y="{TOP + 18}" text-anchor="{anchor}" font-size="11" '
            f'stroke="#ffffff" stroke-width="3" paint-order="stroke">shown from step {shown}</text>'
        )


def _line(panel: _Panel, curve: Curve, colour: str, width: float, strength: float) -> str:
    path = " ".join(f"{panel.x(step)},{panel.y(loss)}" for step, loss in curve)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-opacity="{strength}" '
        'stroke-linejoin="round"/>'
    )


def _from(curve: Curve, first: float) -> Curve:
    """A curve from a step on, its beginning interpolated so that the line comes in from the edge."""
    kept = [(step, loss) for step, loss in curve if step >= first]
    before = [(step, loss) for step, loss in curve if step < first]
    if not before or not kept or kept[0][0] == first:
        return kept
    (a, left), (b, right) = before[-1], kept[0]
    edge = left + (right - left) * (first - a) / (b - a)
    return [(first, edge), *kept]  # type: ignore[list-item]


def _mean(curves: Sequence[Curve]) -> list[tuple[int, float]]:
    """The mean at steps that all runs validated."""
    if not curves:
        return []
    common = set.intersection(*({step for step, _ in curve} for curve in curves))
    return [(step, fmean(dict(curve)[step] for curve in curves)) for step in sorted(common)]


def _room(losses: Sequence[float]) -> tuple[float, float]:
    low, high = min(losses), max(losses)
    pad = 0.06 * (high - low) or 0.01
    return low - pad, high + pad


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers inside a range."""
    rough = (high - low) / most
    if rough <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step)
    return [place * step for place in range(first, math.floor(high / step) + 1)]
