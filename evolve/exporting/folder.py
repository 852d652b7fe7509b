"""The files of a submission as texts, and writing them without losing anything that is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from evolve.exporting.curves import curves_svg
from evolve.exporting.marks import ExportError
from evolve.exporting.readme import readme
from evolve.exporting.results import judged, results
from evolve.exporting.script import NAME
from evolve.exporting.submission import Submission
from evolve.promoting.folder import LOGS, PLAN, log_name, log_text, write
from evolve.sequential.decide import Outcome


def files(found: Submission, script: str, agent: str, spliced_into: str = "") -> Mapping[str, str]:
    """Texts by path inside the folder.

    Args:
        found: The submission.
        script: Text of the script.
        agent: Who made it.
        spliced_into: What the script was made of, "" for our own.
    """
    texts = {
        NAME: script,
        "results.json": json.dumps(results(found, agent), indent=2, allow_nan=False) + "\n",
        "README.md": readme(found, NAME, spliced_into),
    }
    promoted = found.promoted
    if promoted is not None:
        terms = promoted.terms
        texts[PLAN] = json.dumps(terms.to_dict(), indent=2, allow_nan=False) + "\n"
        curves = [row.curve for row in promoted.runs if row.value is not None]
        shown = judged(found) if promoted.decision.outcome is Outcome.ACCEPT else None
        title = f"{found.name} on {found.task}"
        texts["curves.svg"] = curves_svg(title, curves, terms.plan.rule.target, shown)
        for row in promoted.runs:
            texts[f"{LOGS}/{log_name(terms, row)}"] = log_text(script, terms, row)
    return texts


def put(folder: Path, texts: Mapping[str, str], force: bool) -> int:
    """Write what is not there yet.

    Args:
        folder: Where.
        texts: By path inside it.
        force: Whether files that differ are overwritten.

    Returns:
        How many files were written.

    Raises:
        ExportError: A file is there and differs, or the folder cannot be written.
    """
    try:
        there = {name: (folder / name).read_bytes() for name in texts if (folder / name).exists()}
    except OSError as error:
        raise ExportError(f"-o {folder}: {error.strerror}: {error.filename}") from error
    different = [name for name, data in there.items() if data != texts[name].encode()]
    if different and not force:
        more = f" and {len(different) - 3} more" if len(different) > 3 else ""
        raise ExportError(
            f"{folder} holds other files of these names: {', '.join(different[:3])}{more}. Choose another folder with "
            "-o, or overwrite them with --force"
        )
    try:
        write(folder, texts)
    except OSError as error:
        raise ExportError(f"-o {folder}: {error.strerror}: {error.filename}") from error
    return len(texts) - len(there) + len(different)
