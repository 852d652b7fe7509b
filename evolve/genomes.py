"""Genomes from files: the seed programs that come with the package, and the user's own. Text only, never imported."""

from __future__ import annotations

import ast
import importlib.resources
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evaluator.check import Rejected, check
from population.form import form
from population.genome import GenomeError, digest


@dataclass(frozen=True)
class NamedGenome:
    """A genome read from a file.

    Attributes:
        name: File stem.
        source: Its text.
        digest: Its identity.
        form: What it is but for its names; "" in runs of older versions.
    """

    name: str
    source: str
    digest: str
    form: str = ""

    @property
    def summary(self) -> str:
        """First line of its docstring, or ""."""
        return (ast.get_docstring(ast.parse(self.source)) or "").partition("\n")[0]


def shipped() -> tuple[NamedGenome, ...]:
    """The seed programs of the package, by name."""
    folder = importlib.resources.files("seed_programs")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".py")), key=lambda item: item.name)
    return tuple(
        _named(item.name.removesuffix(".py"), item.read_text(encoding="utf-8"))
        for item in files
        if not item.name.startswith("_")
    )


def from_paths(paths: Iterable[Path]) -> tuple[NamedGenome, ...]:
    """Genomes from files and folders of `.py` files, in the order given; equal genomes once.

    Raises:
        GenomeError: A file cannot be read, is no genome, or breaks a rule of the contract; or a folder has none.
    """
    genomes: dict[str, NamedGenome] = {}
    for path in paths:
        files = sorted(path.glob("*.py")) if path.is_dir() else [path]
        files = [file for file in files if not (path.is_dir() and file.name.startswith("_"))]
        if not files:
            raise GenomeError(f"{path} holds no .py file: expected one genome a file")
        for file in files:
            genome = from_file(file)
            genomes.setdefault(genome.digest, genome)
    return tuple(genomes.values())


def from_file(path: Path) -> NamedGenome:
    """One genome, checked against the static rules.

    Raises:
        GenomeError: It cannot be read, is no genome, or breaks a rule.
    """
    genome = read(path)
    try:
        check(genome.source)
    except Rejected as error:
        raise GenomeError(f"{path}: {error}") from error
    return genome


def read(path: Path) -> NamedGenome:
    """One genome, its rules not yet checked.

    Raises:
        GenomeError: It cannot be read or is no genome.
    """
    try:
        return _named(path.stem, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GenomeError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise GenomeError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except GenomeError as error:
        raise GenomeError(f"{path}: {error}") from error


def _named(name: str, source: str) -> NamedGenome:
    return NamedGenome(name, source, digest(source), form(source))
