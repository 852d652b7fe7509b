from __future__ import annotations

import re

from evolve.views.grid import plain
from evolve.views.progress import (
    ArmProgress,
    ClassProgress,
    Gain,
    IslandProgress,
    OperatorProgress,
    Progress,
    Standing,
)
from evolve.views.tables import (
    Check,
    ProgramLine,
    PromotionLine,
    doctor_grid,
    programs_grid,
    promotions_grid,
    seeds_grid,
    status_grids,
)
from population.rows import EstimateRow, ProgramRow


def lines_of(grid) -> list[list[str]]:
    return [line.split() for line in plain(grid).splitlines()]


def program(id: int, **rest) -> ProgramRow:
    return ProgramRow(id, f"{id:064x}", "", rest.pop("operator", "perturb"), 1, id, **rest)


def test_ls_shows_values_or_outcomes_never_both():
    good = ProgramLine(
        program(7, parents=(3, 4), note="LR 1 -> 2"),
        EstimateRow(7, "proxy", 3.2786, 0, 3.2782, 3.279, 4),
        5,
        5,
    )
    bad = ProgramLine(program(8), EstimateRow(8, "proxy", 1.0, 0, 0.9, 1.1, 1), 1, 2, "crashed")
    new = ProgramLine(program(9), None, 0, 0)
    grid = programs_grid([good, bad, new], "proxy", best=7)
    rows = lines_of(grid)
    assert rows[1][:9] == ["*7", "3.2786", "±0.0004", "4", "5/5", "1", "perturb", "3,4", f"{7:064x}"[:8]]
    assert rows[1][9:] == ["LR", "1", "->", "2"]
    assert rows[2][:2] == ["8", "crashed"]
    assert "1.0000" not in plain(grid)
    assert rows[3][:2] == ["9", "-"]
    assert grid.styles == ("bold", "red", "")


def test_status_has_a_grid_for_each_question():
    estimate = EstimateRow(2, "confirm", 1.5, 0.01, 1.48, 1.52, 3)
    progress = Progress(
        elapsed=60,
        births=30,
        trials=12345,
        outcomes={"finished": 12000, "crashed": 345},
        islands=(IslandProgress("0", 2, 1.7, 1.6, 1.8, 5), IslandProgress("1")),
        operators=(OperatorProgress("perturb", 20, 5, 2),),
        best=Standing(2, estimate, operator="perturb"),
        best_seed=Standing(1, estimate, "muon", "seed"),
        gain=Gain(0.1, 0.05, 0.15),
    )
    run, standings, islands, operators = (plain(grid) for grid in status_grids(progress, {"folder": "runs/1"}))
    assert "runs/1" in run
    assert "12,345" in run
    assert "345" in run.splitlines()[-1]
    assert "+0.1000 ±0.0500" in standings
    assert [line.split()[:2] for line in standings.splitlines()[1:3]] == [["best", "#2"], ["best_seed", "#1"]]
    assert "1.6000 .. 1.8000" in islands
    assert islands.splitlines()[2].split() == ["1", "-", "-", "-", "0"]
    assert operators.splitlines()[1].split() == ["perturb", "20", "2", "10", "%", "5", "25", "%"]


def test_status_of_a_run_that_has_nothing_yet():
    text = "".join(plain(grid) for grid in status_grids(Progress(), {}))
    assert "best_seed" in text


def test_seeds_with_and_without_an_estimate():
    estimate = EstimateRow(1, "proxy", 1.9, 0.01, 1.88, 1.92, 4)
    rows = lines_of(seeds_grid([("adamw", "Adam with decay.", 90), ("muon", "Muon.", 120)], {"adamw": estimate}))
    assert rows[1] == ["adamw", "90", "1.9000", "±0.0200", "Adam", "with", "decay."]
    assert rows[2] == ["muon", "120", "-", "Muon."]


def test_doctor_colours_what_is_wrong():
    grid = doctor_grid(
        [
            Check("cores", "8"),
            Check("GPU", "none", "warn", "runs go on the CPU"),
            Check("torch", "none", "fail"),
        ]
    )
    assert grid.styles == ("", "yellow", "red")
    assert "runs go on the CPU" in plain(grid)


def test_promotions_list_all_with_adjusted_p_values():
    shown = PromotionLine(9, 3, 8, 8, 0, 0.01, 0.008, 0.012, 0.0001, 0.0002, "better")
    failed = PromotionLine(5, 3, 8, 7, 1, None, None, None, None, None, "not shown")
    grid = promotions_grid([shown, failed], this=9)
    first, second = plain(grid).splitlines()[1:3]
    assert first.split() == [
        "#9",
        "#3",
        "8/8",
        "0",
        "+0.0100",
        "±0.0020",
        "<",
        "0.001",
        "<",
        "0.001",
        "better",
    ]
    assert second.split() == ["#5", "#3", "7/8", "1", "-", "-", "-", "not", "shown"]
    assert grid.styles == ("bold green", "yellow")


def test_status_tells_what_models_cost_and_what_classes_of_change_gained():
    arm = ArmProgress("llm_diff", "openai/x", 4, 3, 1, 0.0123, 5, 41_000, 0.1234)
    progress = Progress(arms=(arm,), classes=(ClassProgress("deep", "invented", 3, 1, 0.0123),))
    text = "\n".join(grid.to_text() for grid in status_grids(progress, {}))
    assert "llm_diff" in text
    assert "41,000" in text
    assert "0.1234" in text
    assert re.search(r"deep +invented +3 +1 +0\.0123", text)
    assert "asked by" not in "\n".join(grid.to_text() for grid in status_grids(Progress(), {}))
