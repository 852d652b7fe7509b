from __future__ import annotations

import pytest

from evolve.genomes import NamedGenome
from evolve.inbox import Inbox
from evolve.run import RunError
from population.form import form
from population.genome import digest

SOURCE = "def recipe(model, train_steps):\n    return {}\n"


@pytest.fixture
def genome():
    return NamedGenome("mine", SOURCE, digest(SOURCE), form(SOURCE))


def test_what_is_put_waits_under_its_name_until_it_is_done(tmp_path, genome):
    inbox = Inbox(tmp_path / "inbox")
    assert list(inbox.waiting()) == []
    inbox.put(genome)
    inbox.put(genome)
    ((path, found),) = inbox.waiting()
    assert found == genome
    inbox.done(path)
    assert list(inbox.waiting()) == []


def test_what_is_no_genome_is_set_aside(tmp_path, genome):
    inbox = Inbox(tmp_path / "inbox")
    inbox.put(genome)
    (tmp_path / "inbox" / "bad--1.py").write_text("def (")
    assert [found.name for _, found in inbox.waiting()] == ["mine"]
    assert (tmp_path / "inbox" / "bad--1.rejected").exists()


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path, genome):
    (tmp_path / "inbox").write_text("a file in the way")
    with pytest.raises(RunError, match="nothing was added"):
        Inbox(tmp_path / "inbox").put(genome)
