from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from evolve.views.live import Live, PlainLive, progress_line, progress_view
from evolve.views.panel import IntervalBar, ProgressPanel
from evolve.views.progress import BudgetLeft, Gain, IslandProgress, OperatorProgress, Progress, Standing
from population.rows import EstimateRow

BEST = Standing(17, EstimateRow(17, "confirm", 3.2786, 0.0002, 3.2782, 3.2790, 3), operator="perturb")
SEED = Standing(3, EstimateRow(3, "confirm", 3.2790, 0.0002, 3.2786, 3.2794, 6), "soap_muon", "seed")
PROGRESS = Progress(
    elapsed=90,
    budget_left=(BudgetLeft("time", 210, 300), BudgetLeft("births", 155, 200)),
    births=45,
    trials=120,
    outcomes={"finished": 110, "timed_out": 10, "lost": 0},
    islands=(
        IslandProgress("0 even", 17, 3.2786, 3.2782, 3.2790, 9),
        IslandProgress("1 tuner", 12, 3.3, 3.29, 3.31, 4),
        IslandProgress("2 empty"),
    ),
    operators=(OperatorProgress("perturb", 30, 2, 4), OperatorProgress("prune")),
    best=BEST,
    best_seed=SEED,
    gain=Gain(0.0004, 0.0001, 0.0007),
    running=("#46 proxy 3",),
    message="island 2: [schedule] from #12\x1b[2J",
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(progress: Progress, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(ProgressPanel(progress))
    return console.file.getvalue()


def test_a_line_says_it_all_in_a_fixed_order():
    assert progress_line(PROGRESS) == (
        "1:30  births 45 (30.0/min)  trials 120  finished 110  timed_out 10  "
        "best #17 3.2786 ±0.0004 (confirm, n=3)  best_seed #3 soap_muon 3.2790 ±0.0004 (confirm, n=6)  "
        "gain +0.0004 ±0.0003  left 3:30, 155 births"
    )


def test_what_is_waited_for_once_a_budget_is_spent_is_told():
    spent = replace(PROGRESS, budget_left=(BudgetLeft("time", 0, 300), BudgetLeft("births", 155, 200)))
    assert progress_line(spent).endswith("budget spent, 1 still running (Ctrl-C twice stops at once)")
    assert "budget spent, 1 still running" in drawn(spent, 100)
    assert progress_line(replace(spent, running=())).endswith("left 0:00, 155 births")


def test_a_line_before_anything_is_known():
    assert progress_line(Progress()) == "0:00  births 0 (0.0/min)  trials 0  best -  best_seed -"


def test_plain_lines_come_at_intervals_and_the_last_state_is_always_written():
    out, clock = io.StringIO(), Clock()
    view = PlainLive(out, every=10, clock=clock)
    view.start()
    for second in range(25):
        clock.now = float(second)
        view.update(Progress(elapsed=second))
    view.stop()
    view.stop()
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["0:00", "0:10", "0:20", "0:24"]


@pytest.mark.parametrize("width", [72, 80, 140])
def test_the_panel_fits_and_tells_what_decides(width):
    text = drawn(PROGRESS, width)
    assert max(map(len, text.splitlines())) <= width
    for piece in (
        "3.2786 ±0.0004",
        "3.2790 ±0.0004",
        "+0.0004 ±0.0003",
        "timed out 10",
        "30.0/min",
        "13 %",
        "3:30 left",
    ):
        assert piece in text
    assert "better, 95 %" in text
    assert "\x1b" not in text
    assert "[schedule] from #12" in text


def test_islands_and_operators_stand_side_by_side_where_there_is_room():
    def row_of(word: str, text: str) -> int:
        return next(i for i, line in enumerate(text.splitlines()) if word in line)

    wide, narrow = drawn(PROGRESS, 140), drawn(PROGRESS, 80)
    assert row_of("operator", wide) == row_of("island", wide)
    assert row_of("operator", narrow) > row_of("island", narrow)


@pytest.mark.parametrize(("low", "high", "verdict"), [(-1, 1, "within the noise"), (-2, -1, "worse")])
def test_a_gain_is_only_called_better_when_its_interval_is(low, high, verdict):
    text = drawn(Progress(best=BEST, best_seed=SEED, gain=Gain((low + high) / 2, low, high)), 80)
    assert verdict in text
    assert "better" not in text


def test_interval_bars_share_a_scale():
    scale = (3.0, 4.0)
    assert IntervalBar(IslandProgress("a", 1, 3.0, 3.0, 3.5, 1), scale).cells(11) == "●─────"
    assert IntervalBar(IslandProgress("b", 2, 3.8, 3.6, 4.0, 1), scale).cells(11) == "      ──●──"
    assert IntervalBar(IslandProgress("c"), scale).cells(11) == ""
    assert IntervalBar(IslandProgress("d", 1, 3.0, 3.0, 3.0, 1), (3.0, 3.0)).cells(5) == "●"


def test_the_live_view_keeps_its_last_state_on_the_screen():
    console = Console(file=io.StringIO(), width=80, height=50, force_terminal=True)
    clock = Clock()
    view = Live(console, clock)
    view.start()
    view.update(Progress(births=1))
    view.update(Progress(births=2222))  # too soon after the last frame
    assert "2,222" not in console.file.getvalue()
    view.stop()
    view.stop()
    assert "2,222" in console.file.getvalue()


def test_the_view_suits_the_output():
    assert isinstance(progress_view(True), Live)
    assert isinstance(progress_view(False), PlainLive)
