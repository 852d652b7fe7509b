from __future__ import annotations

import io

from rich.console import Console

from evolve.views.family import family
from evolve.views.tree import forest, program_tree
from population.rows import EstimateRow, ProgramRow


def program(id: int, *parents: int, name: str = "", note: str = "n") -> ProgramRow:
    return ProgramRow(id, str(id), "", "seed" if name else "perturb", 0, id, parents, note=note, name=name)


def estimate(id: int, mean: float) -> EstimateRow:
    return EstimateRow(id, "proxy", mean, 0.001, mean - 0.002, mean + 0.002, 2)


PROGRAMS = [
    program(1, name="adamw"),
    program(2, name="muon"),
    *(program(k, 1) for k in range(3, 9)),
    program(9, 3, 2),
    program(10, 9),
]
SMALL = family(
    PROGRAMS,
    (),
    [estimate(k, 2.0 - 0.01 * k) for k in (1, 2, 3, 4, 5, 6, 9, 10)],
    failures={7: "crashed", 8: "timed_out"},
)


def test_the_path_to_a_program_and_what_descends_from_it():
    assert program_tree(SMALL, 9, best=10).to_text().splitlines() == [
        "1.9900 ±0.0020           ○─#1 adamw  seed",
        "1.9700 ±0.0020  -0.0200  ●─#3  perturb: n",
        "1.9100 ±0.0020  -0.0600  ●─#9  perturb: n",
        "1.9800 ±0.0020           │ └ and of #2 muon",
        "1.9000 ±0.0020  -0.0100  └─ #10 *  perturb: n",
    ]


def test_what_is_left_out_is_counted():
    lines = program_tree(SMALL, 1, depth=1, most=2).to_text().splitlines()
    assert lines[1:] == [
        "1.9400 ±0.0020  -0.0500  ├─ #6  perturb: n",
        "1.9500 ±0.0020  -0.0400  ├─ #5  perturb: n",
        "                         └─ ... 4 more  best 1.9600, 2 failed",
    ]
    assert "best 1.9100" in program_tree(SMALL, 1, depth=1, most=6).to_text()


def test_the_forest_begins_with_the_winning_path():
    lines = forest(SMALL, 10, most=1).to_text().splitlines()
    assert lines[0].split() == ["winning", "path", "4", "programs"]
    assert [line.split("#")[1].split()[0] for line in lines[1:5]] == ["1", "3", "9", "2"]
    text = "\n".join(lines)
    assert "#1 adamw  seed, 8 descendants, best #10 1.9000" in text
    assert "#2 muon  seed" in text
    assert "... 5 more  best 1.9400, 2 failed" in text


def test_failures_show_their_outcome_and_no_number():
    line = next(line for line in program_tree(SMALL, 7).to_text().splitlines() if "#7" in line)
    assert line.split() == ["crashed", "●─#7", "perturb:", "n"]


def test_a_long_winning_path_is_cut_in_the_middle():
    chain = family([program(1, name="adamw"), *(program(k, k - 1) for k in range(2, 201))])
    text = forest(chain, 200).to_text()
    assert "... 176 more  on this path" in text
    assert max(map(len, text.splitlines())) < 80
    assert len(program_tree(chain, 200).to_text().splitlines()) == 200


def test_the_terminal_face_fits_and_shows_no_control_characters():
    rows = family([program(1, name="a"), program(2, 1, note="evil\x1b[2J [bold]note " * 9)])
    console = Console(file=io.StringIO(), width=60, force_terminal=True)
    console.print(program_tree(rows, 2).to_rich())
    assert "\x1b[2J" not in console.file.getvalue()
    assert "[bold]" in console.file.getvalue()
    assert len(console.file.getvalue().splitlines()) == 2


def test_a_real_looking_run(relatives, run):
    text = forest(relatives, run.best).to_text()
    assert f"#{run.best} *" in text
    assert (
        f"#{run.best} *" in program_tree(relatives, relatives.path(run.best)[0], run.best, depth=99, most=99).to_text()
    )
