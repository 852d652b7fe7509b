from __future__ import annotations

import io

import pytest
from rich.console import Console

from evolve.views.console import show
from evolve.views.family import family
from evolve.views.parts import PartChange, part_changes
from evolve.views.program import changes_views, program_views
from population.rows import EstimateRow, ProgramRow, TrialRow

OLD = """\
import torch

LR = 0.02
BETA = 0.9


def schedule(step, train_steps):
    return 1 - step / train_steps


def recipe(model, train_steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=BETA)

    def set_hparams(step):
        for group in optimizer.param_groups:
            group["lr"] = LR * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)
"""
NEW = OLD.replace("LR = 0.02", "LR = 0.03").replace("1 - step / train_steps", "max(0, 1 - step / train_steps)")


@pytest.fixture
def two():
    programs = [
        ProgramRow(1, "aa" * 32, OLD, "seed", 0, None, name="sgd"),
        ProgramRow(2, "bb" * 32, NEW, "perturb", 3, 7, (1,), "LR", "LR 0.02 -> 0.03", elapsed=65),
    ]
    trials = [
        TrialRow(1, 1, "proxy", 5, "f", "finished", 2.0),
        TrialRow(2, 2, "proxy", 5, "f", "finished", 1.9),
        TrialRow(3, 2, "confirm", 9, "f", "crashed", None, "ValueError: no"),
    ]
    estimates = [
        EstimateRow(1, "proxy", 2.0, 0.001, 1.998, 2.002, 1),
        EstimateRow(2, "proxy", 1.9, 0.001, 1.898, 1.902, 1),
    ]
    return family(programs, trials, estimates)


def text_of(*parts) -> str:
    out = io.StringIO()
    show(*parts, out=out)
    return out.getvalue()


def test_show_tells_everything_about_a_program(two):
    text = text_of(*program_views(two, 2, best=2))
    assert text.startswith("#2 (best)\n")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in (
        "operator perturb, LR",
        "note LR 0.02 -> 0.03",
        "born birth 7, at 1:05",
        "parents #1 (sgd, 2.0000)",
        "proxy 1.9000 0.0020 1.8980 .. 1.9020 1 -0.1000",
        "proxy 5 finished 1.9000 -0.1000 0.0",
        "confirm 9 crashed - - 0.0 ValueError: no",
        "hyperparameter LR 0.02 -> 0.03",
        "-LR = 0.02",
        "+LR = 0.03",
    ):
        assert line in lines
    assert text.endswith(NEW)


def test_show_a_program_that_has_nothing_yet():
    alone = family([ProgramRow(1, "aa", OLD, "seed", 0, None, name="sgd")])
    assert "it trains just as #7 does" in text_of(*program_views(alone, 1, same_as=7))
    text = text_of(*program_views(alone, 1))
    assert text.count("none yet") == 2
    assert "@@" not in text


def test_changed_parts_in_words_the_innermost_only():
    changes = part_changes(OLD, NEW)
    assert changes is not None
    assert changes[0] == PartChange("hyperparameter", "LR", "0.02 -> 0.03")
    assert PartChange("schedule", "schedule", "rewritten") in changes
    assert not any(change.name == "recipe" for change in changes)


def test_a_number_within_a_function_does_not_rewrite_it():
    changes = part_changes(OLD.replace("momentum=BETA", "momentum=0.8"), OLD.replace("momentum=BETA", "momentum=0.7"))
    assert changes is not None
    assert [(change.kind, change.what) for change in changes] == [("hyperparameter", "0.8 -> 0.7")]


def test_added_and_removed_parts():
    longer = OLD + "\n\ndef helper(x):\n    return x\n"
    assert part_changes(OLD, longer) == (PartChange("function", "helper", "added"),)
    assert part_changes(longer, OLD) == (PartChange("function", "helper", "removed"),)


def test_a_text_that_is_no_genome_has_no_parts_but_a_diff(two):
    assert part_changes(OLD, "def (") is None
    broken = ProgramRow(3, "cc", "def (\n", "rewrite", 0, 8, (1,))
    assert "+def (" in text_of(*changes_views(two.by_id[1], broken))


def test_equal_texts(two):
    assert text_of(*changes_views(two.by_id[1], two.by_id[1])) == "the texts are equal\n"


def test_the_terminal_face_is_coloured_and_safe(hostile):
    rows = family(*hostile.parts[:3])
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    for part in program_views(rows, 2):
        console.print(part if isinstance(part, str) else part.to_rich())
    text = console.file.getvalue()
    assert "\x1b[32m+LR = 2" in text
    assert "\x1b[2J" not in text
    assert "\x1b]0" not in text
