"""Do published scripts become genomes that train alike? Scripts of our own in the published forms, and any folder.

    python -m benchmarks.importing [FOLDER]

Each form (`tests/evolve/importing/scripts.py`) is imported, and its first steps and the genome's are run side by side,
small and confined (`evolve import --check`). With FOLDER every script and log in it is tried likewise, and counted;
nothing of them is kept. Forms that must be refused are tried as well.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "evolve" / "importing"))
from scripts import FORMS, REFUSED  # noqa: E402

from evaluator.rehearsal import Sizes  # noqa: E402
from evolve.importing.comparing import Comparison, Pair, compare  # noqa: E402
from evolve.importing.convert import Asked, imported  # noqa: E402
from evolve.importing.errors import NotImportableError  # noqa: E402
from evolve.importing.source import Script, from_text, read  # noqa: E402

RESULT = Path(__file__).parent / "results" / "importing.md"
BY_HAND = "## Public scripts"
"""Heading of the result's part that this does not write."""


def tried(scripts: Mapping[str, Script], fractions: bool) -> tuple[dict[str, Comparison], dict[str, str], list[float]]:
    """Comparisons of those that could be imported, why the others could not, and CPU seconds of each import."""
    pairs: dict[str, Pair] = {}
    refused: dict[str, str] = {}
    seconds = []
    for name, script in scripts.items():
        began = time.process_time()
        try:
            pairs[name] = Pair(script, imported(script, Asked({}, fractions=fractions)), {})
        except NotImportableError as error:
            refused[name] = error.message
        seconds.append(time.process_time() - began)
    return dict(zip(pairs, compare(list(pairs.values())), strict=True)), refused, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="scripts and logs of others, to be counted")
    arguments = parser.parse_args()
    sizes = Sizes()
    own = {name: from_text(f"{name}.py", text) for name, text in FORMS.items()}
    found, refused, seconds = tried(own, fractions=False)
    scaled, _, _ = tried(own, fractions=True)
    lines = [
        "# Importing",
        "",
        f"Date {datetime.date.today()}; `python -m benchmarks.importing`; two shared cores. {len(own)} scripts of our "
        f"own, {sizes.steps} steps of {sizes.batch} x {sizes.context} tokens, {sizes.layers} blocks of width "
        f"{sizes.width}, in the sandbox; median {statistics.median(seconds):.1f} s CPU an import.",
        "",
        "| form | imported | losses | with --fractions |",
        "| --- | --- | --- | --- |",
    ]
    for name in own:
        lines.append(f"| {name} | {'no' if name in refused else 'yes'} | {word(found[name])} | {word(scaled[name])} |")
    lines.append("")
    lines.append(
        f"Imported {len(found)} of {len(own)}, equal bit by bit {sum(each.equal for each in found.values())}; "
    )
    lines[-1] += f"with `--fractions` {sum(each.equal for each in scaled.values())}."
    lines += ["", "| must be refused | said |", "| --- | --- |"]
    for name, (text, _) in REFUSED.items():
        try:
            imported(from_text(f"{name}.py", text), Asked({}))
            said = "NOT REFUSED"
        except NotImportableError as error:
            said = error.message.splitlines()[0]
        lines.append(f"| {name} | {said} |")
    if arguments.folder:
        lines += counted(arguments.folder)
    _, heading, by_hand = RESULT.read_text().partition(BY_HAND)
    RESULT.write_text("\n".join(lines).rstrip("\n") + "\n\n" + heading + by_hand)
    print("\n".join(lines))


def word(found: Comparison) -> str:
    """A comparison in a word."""
    return "equal" if found.equal else found.error or f"differ by {found.difference:.1g}"


def counted(folder: Path) -> list[str]:
    """Lines about a folder of scripts and logs."""
    scripts: dict[str, Script] = {}
    unread = 0
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.txt")]):
        try:
            scripts[str(path.relative_to(folder))] = read(path)
        except NotImportableError:
            unread += 1
    found, refused, _ = tried(scripts, fractions=False)
    equal = sum(each.equal for each in found.values())
    lines = ["", "## A folder of others' scripts", ""]
    lines.append(f"{len(scripts)} scripts and logs ({unread} more files are neither): {len(found)} imported, {equal} ")
    lines[-1] += f"equal bit by bit, {len(found) - equal} not, {len(refused)} refused."
    lines += [f"- {name}: {word(each)}" for name, each in found.items() if not each.equal]
    return lines + [f"- {name}: refused: {why}" for name, why in refused.items()]


if __name__ == "__main__":
    main()
