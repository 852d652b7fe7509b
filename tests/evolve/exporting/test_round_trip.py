"""What is exported can be imported again."""

from __future__ import annotations

import pytest

from evolve.exporting.script import Numbers, complete_script
from evolve.genomes import shipped
from evolve.importing.convert import Asked, imported
from evolve.importing.source import from_text
from population.genome import digest

SIZES = {
    "width": 32, "depth": 1, "heads": 2, "context": 32, "batch": 8, "microbatch": 4, "held_out_sequences": 32,
    "vocabulary": 256,
}  # fmt: skip


@pytest.mark.parametrize("genome", shipped(), ids=lambda genome: genome.name)
def test_a_seed_program_comes_back_with_its_digest(genome) -> None:
    script = complete_script(genome.source, genome.name, Numbers(60, 15, 3000, SIZES))
    again = imported(from_text("train_gpt_simple.py", script), Asked({}))
    assert digest(again.source) == genome.digest
    assert (again.steps, again.rng_seed) == (60, 3000)
