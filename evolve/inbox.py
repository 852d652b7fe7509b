"""How a genome enters a run: as a file in the run's inbox, taken in by the run's one writer.

A file appears whole or not at all (written aside, then renamed) and goes only once its program is written, so a kill at
any moment neither loses a genome nor enters one twice.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evolve.genomes import NamedGenome, from_file
from evolve.run import RunError
from population.genome import GenomeError

_SEPARATOR = "--"


@dataclass(frozen=True)
class Inbox:
    """The folder where genomes wait.

    Attributes:
        folder: Its path; made when first needed.
    """

    folder: Path

    def put(self, genome: NamedGenome) -> None:
        """Leave a genome for the run's writer.

        Raises:
            RunError: The folder cannot be written.
        """
        draft = self.folder / f".{uuid.uuid4().hex}"
        try:
            self.folder.mkdir(exist_ok=True)
            draft.write_text(genome.source, encoding="utf-8")
            os.replace(draft, self.folder / f"{genome.name}{_SEPARATOR}{genome.digest}.py")
        except OSError as error:
            raise RunError(f"cannot write to {self.folder}: {error.strerror}; nothing was added") from error

    def waiting(self) -> Iterator[tuple[Path, NamedGenome]]:
        """The genomes that wait and their files, by name. What is no genome is set aside as NAME.rejected."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.py")):
            try:
                genome = from_file(path)
            except GenomeError:
                path.rename(path.with_suffix(".rejected"))
                continue
            yield path, replace(genome, name=path.stem.rpartition(_SEPARATOR)[0] or path.stem)

    def done(self, path: Path) -> None:
        """The genome is in the run: forget its file."""
        path.unlink(missing_ok=True)
