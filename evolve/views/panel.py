"""The panel that a terminal shows while a search runs.

Draws one `Progress`; must not know where it comes from. rich is imported when the panel is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from evolve.views import numbers
from evolve.views.grid import one_line
from evolve.views.progress import BudgetLeft, Gain, IslandProgress, Progress, Standing

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

SIDE_BY_SIDE = 124
"""Columns from which islands and operators stand beside each other."""

NARROWEST_BAR = 12
"""Columns that a bar of intervals has at least."""


class ProgressPanel:
    """A search at one moment, for a terminal of any width.

    Args:
        progress: What to draw.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.table import Table
        from rich.text import Text

        progress = self.progress
        yield Text()
        for budget in progress.budget_left:
            yield _budget(budget, progress.elapsed, options.max_width)
        yield from _counts(progress)
        yield Text()
        yield _standings(progress)
        yield Text()
        if options.max_width >= SIDE_BY_SIDE:
            pair = Table.grid(padding=(0, 4, 0, 0), expand=True)
            pair.add_column(ratio=1)
            pair.add_column()
            pair.add_row(_islands(progress), _operators(progress))
            yield pair
        else:
            yield _islands(progress)
            yield Text()
            yield _operators(progress)
        yield Text()
        if progress.calls:
            yield _labelled("models", progress.calls, "")
        if progress.running:
            yield _labelled("running", ", ".join(progress.running), "")
        if progress.ending or progress.message:
            yield _labelled("", progress.ending or progress.message, "dim")


def _labelled(label: str, text: str, style: str) -> Text:
    from rich.text import Text

    line = Text(no_wrap=True, overflow="ellipsis")
    if label:
        line.append(f"{label}  ", "dim")
    return line.append(one_line(text), style)


def _budget(budget: BudgetLeft, elapsed: float, width: int) -> Text:
    """`0:01:23 ━━━━━━╺────── 3:37 left`."""
    from rich.text import Text

    spent = budget.limit - budget.left
    left = budget_text(budget) + " left"
    plain = f"${spent:.2f}" if budget.name == "usd" else numbers.count(int(spent))
    before = numbers.duration(elapsed) if budget.name == "time" else plain
    room = max(10, min(60, width - len(before) - len(left) - 8))
    full = round(room * (1 - budget.fraction))
    line = Text(no_wrap=True)
    line.append(f"{before:>8}  ", "bold")
    line.append("━" * full, "cyan")
    line.append("─" * (room - full), "dim")
    return line.append(f"  {left}", "dim")


def _counts(progress: Progress) -> Iterator[Text]:
    from rich.text import Text

    births = Text(f"{numbers.count(progress.births):>8}", "bold")
    yield births.append(f"  births, {progress.births_per_minute:.1f}/min", "not bold dim")
    trials = Text(f"{numbers.count(progress.trials):>8}", "bold").append("  trials", "not bold dim")
    separator = ": "
    for name, number in progress.outcomes.items():
        if number:
            trials.append(f"{separator}{name.replace('_', ' ')} ", "not bold dim")
            trials.append(numbers.count(number), "not bold")
            separator = " · "
    yield trials


def _standings(progress: Progress) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 3, 0, 0))
    for name in ("label", "who", "value", "where"):  # where it is narrow rich shortens what may wrap
        table.add_column(justify="right" if name == "value" else "left", no_wrap=name in ("label", "value"))
    for label, standing, style in (
        ("best", progress.best, "bold"),
        ("best seed program", progress.best_seed, ""),
    ):
        table.add_row(f"[dim]{label}[/]", *_standing(standing), style=style)
    if progress.gain is not None:
        table.add_row("[dim]gain[/]", "", _gain(progress.gain), _verdict(progress.gain))
    return table


def _standing(standing: Standing | None) -> tuple[Text, str, Text]:
    if standing is None:
        return _cell(numbers.NOTHING), "", _cell("")
    at = standing.estimate
    value = numbers.plus_minus(at.mean, at.low, at.high)
    who = f"#{standing.id} {standing.name or standing.operator}"
    return _cell(who), value, _cell(f"{at.rung}, n={at.n}", "dim")


def _cell(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(one_line(text), style, no_wrap=True, overflow="ellipsis")


def _verdict(gain: Gain) -> Text:
    if gain.low > 0:
        return _cell("better, 95 %", "green")
    return _cell("within the noise", "dim") if gain.high >= 0 else _cell("worse, 95 %", "yellow")


def _gain(gain: Gain) -> str:
    return numbers.difference(gain.mean, gain.low, gain.high)


def budget_text(budget: BudgetLeft) -> str:
    """What is left of a budget: `3:37` of time, `120 births`, `$1.20`."""
    if budget.name == "time":
        return numbers.duration(budget.left)
    if budget.name == "usd":
        return f"${max(0.0, budget.left):.2f}"
    return f"{numbers.count(max(0, int(budget.left)))} {budget.name}"


def _islands(progress: Progress) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", expand=True)
    table.add_column("island", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    table.add_column("value (proxy)", justify="right", no_wrap=True)
    table.add_column("95 % intervals", ratio=1, no_wrap=True, min_width=NARROWEST_BAR)
    table.add_column("members", justify="right", no_wrap=True)
    scale = _scale(progress.islands)
    leader = min((i.mean for i in progress.islands if i.mean is not None), default=None)
    for island in progress.islands:
        if island.best_id is None:
            table.add_row(Text(island.name), numbers.NOTHING, numbers.NOTHING, "", str(island.members))
            continue
        value = numbers.plus_minus(island.mean, island.low, island.high)
        style = "bold" if island.mean == leader else ""
        bar = IntervalBar(island, scale)
        table.add_row(Text(island.name), f"#{island.best_id}", value, bar, str(island.members), style=style)
    return table


def _scale(islands: tuple[IslandProgress, ...]) -> tuple[float, float]:
    lows = [each.low for each in islands if each.low is not None]
    highs = [each.high for each in islands if each.high is not None]
    return (min(lows), max(highs)) if lows and highs else (0.0, 1.0)


class IntervalBar:
    """An interval and its mean on a scale that several share.

    Args:
        island: Whose interval.
        scale: Values at the left and the right end of the bar.
    """

    def __init__(self, island: IslandProgress, scale: tuple[float, float]) -> None:
        self.island = island
        self.scale = scale

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        yield Text(self.cells(options.max_width), style="cyan", no_wrap=True)

    def cells(self, width: int) -> str:
        """The bar as text of a width."""
        low, high = self.scale
        mean, left, right = self.island.mean, self.island.low, self.island.high
        if mean is None or left is None or right is None or width < 1:
            return ""
        last = width - 1
        at = [round(last * (x - low) / (high - low)) if high > low else 0 for x in (left, mean, right)]
        cells = [" "] * width
        cells[at[0] : at[2] + 1] = "─" * (at[2] - at[0] + 1)
        cells[at[1]] = "●"
        return "".join(cells).rstrip()


def _operators(progress: Progress) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("operator", no_wrap=True)
    for name in ("births", "improved", "", "failed", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for each in progress.operators:
        shares = (numbers.percent(part, each.births) for part in (each.improved, each.failed))
        better, failed = (f"[dim]{share}[/]" for share in shares)
        births = numbers.count(each.births)
        table.add_row(Text(each.name), births, numbers.count(each.improved), better, numbers.count(each.failed), failed)
    return table
