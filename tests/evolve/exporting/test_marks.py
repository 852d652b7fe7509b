from __future__ import annotations

import pytest
from texts import HOOKS, STRAIGHT, TRIALS

from evolve.exporting.found import found_in
from evolve.exporting.marks import BANNER, OPTIMIZER, ExportError, genome_in, halves, indented
from evolve.exporting.names import check_names, mentions
from evolve.exporting.script import Numbers, complete_script
from evolve.exporting.splice import spliced
from evolve.genomes import shipped
from population.genome import digest

TINY = {
    "width": 32,
    "depth": 1,
    "heads": 2,
    "context": 32,
    "batch": 8,
    "microbatch": 4,
    "held_out_sequences": 32,
    "vocabulary": 256,
}
NUMBERS = Numbers(20, 10, 3000, TINY)
GENOMES = {genome.name: genome.source for genome in shipped()} | {"hooks": HOOKS}
BARE = "import torch\n\n\ndef recipe(model, train_steps):\n    return {}\n"


@pytest.mark.parametrize("name", sorted(GENOMES))
def test_a_genome_comes_out_of_every_script_as_it_went_in(name):
    source = GENOMES[name]
    for script in (
        complete_script(source, "title", NUMBERS),
        spliced(source, STRAIGHT, NUMBERS),
        spliced(source, TRIALS, NUMBERS),
    ):
        compile(script, "script", "exec")
        found = found_in(script)
        assert found is not None
        assert digest(found.source) == digest(source)
        assert (found.train_steps, found.rng_seed) == (20, 3000)
        if name != "hooks":
            assert found.source == source


def test_a_genome_without_banners_or_docstring():
    script = complete_script(BARE, "title", NUMBERS)
    assert digest(genome_in(script)) == digest(BARE)


def test_other_scripts_hold_none():
    script = complete_script(BARE, "title", NUMBERS)
    for other in ("", STRAIGHT, script.replace("# <<< genome, part 2", "# <<<"), script.replace("def recipe", "def (")):
        assert genome_in(other) is None
        assert found_in(other) is None


def test_a_genome_with_our_marks_is_refused():
    with pytest.raises(ExportError, match="take it out first"):
        halves(f"# >>> genome, part 1 of 2\n{BARE}")


def test_a_title_cannot_break_the_docstring():
    script = complete_script(BARE, 'a """ \\ \n"', NUMBERS)
    compile(script, "script", "exec")


def test_lines_inside_texts_stay_where_they_are():
    text = 'a = """x\n  y\n"""\nif a:\n    b = f"""{a}\nz"""\n'
    moved = indented(text, "    ")
    assert moved == '    a = """x\n  y\n"""\n    if a:\n        b = f"""{a}\nz"""\n'
    assert indented(moved, "    ", back=True) == text


def test_names_that_both_use_are_refused_and_equal_imports_are_not():
    check_names("import torch\nfrom torch import nn\nX = 1\n", "import torch\nfrom torch import nn\nY = nn\n")
    check_names("class AdamW: pass\n", "from torch.optim import AdamW\n")
    for genome in ("Y = 2\n", "def log(): pass\n", "for Y in range(2): pass\n", "import math as log\n"):
        with pytest.raises(ExportError, match="rename them"):
            check_names(genome, "Y = 1\nlog(Y)\n")
    with pytest.raises(ExportError, match="rename them"):
        complete_script(f"train_steps = 3\n{BARE}", "title", NUMBERS)
    with pytest.raises(ExportError, match="rename them"):
        spliced(f"mbs = 3\n{BARE}", STRAIGHT, NUMBERS)
    assert mentions(HOOKS, "eval_weights")
    assert not mentions(BARE, "eval_weights")


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("def (", "not Python"),
        ("x = 1\n", "expected a training loop"),
        (
            STRAIGHT.replace("#              Optimizer               #", "#              Optimisers              #"),
            "'Optimizer'",
        ),
        (STRAIGHT.replace("model = GPT(", "model = nn.Linear("), "model = GPT"),
        (STRAIGHT.replace("    set_hparams(step)\n", ""), "set_hparams"),
    ],
)
def test_a_base_of_another_form_is_refused(base, expected):
    with pytest.raises(ExportError, match=expected):
        spliced(HOOKS, base, NUMBERS)


def test_without_hooks_only_two_sections_of_the_base_change():
    script = spliced(GENOMES["muon"], STRAIGHT, NUMBERS)
    assert script.startswith(STRAIGHT[: STRAIGHT.index("class Sign") - 130])
    setup = STRAIGHT[STRAIGHT.index("dist.init") : STRAIGHT.index("model = GPT")]
    assert setup in script
    assert script.endswith(STRAIGHT[STRAIGHT.index("#        Training and Validation") :])


@pytest.mark.parametrize(
    "line", ["from __future__ import (annotations,)", "from __future__ import annotations  # for 3.11"]
)
def test_imports_from_the_future_go_to_the_top_however_they_are_written(line):
    source = f"{line}\n{BARE}"
    for script in (complete_script(source, "title", NUMBERS), spliced(source, STRAIGHT, NUMBERS)):
        compile(script, "script", "exec")
        assert digest(found_in(script).source) == digest(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f"from __future__ import annotations; {BARE}", "a line of its own"),
        (BARE.replace("\n\n\n", f'\n\nTEXT = """\n{BANNER.format("", OPTIMIZER)}"""\n\n\n'), "would not stay the same"),
        (BARE.replace("\n\n\n", "\n\n\ndef print(*words):\n    pass\n\n\n"), "both use the names print"),
    ],
)
def test_what_a_script_would_change_is_refused(source, expected):
    for write in (lambda: complete_script(source, "t", NUMBERS), lambda: spliced(source, STRAIGHT, NUMBERS)):
        with pytest.raises(ExportError, match=expected):
            write()
