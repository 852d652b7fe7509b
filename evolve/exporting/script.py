"""Our own complete script around a genome. Text in, text out; must not know where genomes are kept."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from evolve.exporting.marks import BANNER, HYPERPARAMETERS, OPTIMIZER, Halves, check_whole, halves, marked
from evolve.exporting.names import check_names, clashes, given_way, mentions

NAME = "train_gpt_simple.py"
FIXED = ("train_steps", "validate_every", "first_rng_seed")
"""Names that whoever reads the script looks for."""
INFO = ', info=namedtuple("Info", "tokens_per_step stop_step")(batch_size, train_steps)'


@dataclass(frozen=True)
class Numbers:
    """What is hardcoded in a script beside the genome.

    Attributes:
        train_steps: Length of a run.
        validate_every: Steps between two validations.
        first_rng_seed: Of the first trial.
        problem: Sizes of the model and the batch (`evaluator.tasks.nanogpt.NanoGPTProblem.describe`).
    """

    train_steps: int
    validate_every: int
    first_rng_seed: int
    problem: Mapping[str, int]


def complete_script(source: str, title: str, numbers: Numbers) -> str:
    """A script that trains with a genome and needs nothing but torch and token shards.

    Args:
        source: The genome.
        title: The script's first line.
        numbers: What is hardcoded.

    Raises:
        ExportError: A name of the genome is in the way.
        GenomeError: It is no genome.
    """
    parts = halves(source)
    fields = {
        "TITLE": quotable(title),
        **_sizes(numbers.problem),
        "INFO": INFO if wants_info(source) else "",
        "OPTIMIZER": optimizer_section(parts),
        "HYPERPARAMETERS": _hyperparameters(parts, numbers),
    }
    template = resources.files("evolve.exporting").joinpath("train_gpt_simple.txt").read_text(encoding="utf-8")
    without = {**fields, "OPTIMIZER": "recipe = None", "HYPERPARAMETERS": _settings(numbers)}
    fixed = {*FIXED, *dir(builtins)}
    taken = [name for name in clashes(source, _filled(template, without)) if name not in fixed]
    template = given_way(template, taken)
    fields["INFO"], without["INFO"] = given_way(fields["INFO"], taken), given_way(fields["INFO"], taken)
    check_names(source, _filled(template, without))
    script = with_future(_filled(template, fields), parts.future)
    check_whole(script, source)
    return script


def optimizer_section(parts: Halves, indent: str = "") -> str:
    """The section `Optimizer`, its banner included."""
    return BANNER.format(indent, OPTIMIZER) + "\n" + marked(parts.optimizer, 1, f"digest {parts.digest}", indent)


def wants_info(source: str) -> bool:
    """Whether a genome's recipe asks for `info`."""
    return mentions(source, "info")


def quotable(text: str) -> str:
    """Text that may stand in a docstring, on one line."""
    shown = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return shown.replace("\\", "/").replace('"', "'")


def with_future(script: str, future: str) -> str:
    """A script with `from __future__` imports after its docstring."""
    if not future:
        return script
    docstring = re.match(r'(?:#[^\n]*\n|\s)*(?:"""[\s\S]*?"""[ \t]*\n|\'\'\'[\s\S]*?\'\'\'[ \t]*\n)?', script)
    place = docstring.end() if docstring else 0
    return f"{script[:place]}{future}\n{script[place:]}"


def _sizes(problem: Mapping[str, int]) -> Mapping[str, str]:
    context = problem["context"]
    numbers = {
        "VOCABULARY": problem["vocabulary"],
        "DEPTH": problem["depth"],
        "WIDTH": problem["width"],
        "HEAD": problem["width"] // problem["heads"],
        "CONTEXT": context,
        "BATCH": problem["batch"] * context,
        "MICROBATCH": problem["microbatch"],
        "VALIDATION": problem["held_out_sequences"] * context,
    }
    return {name: str(number) for name, number in numbers.items()}


def _hyperparameters(parts: Halves, numbers: Numbers) -> str:
    return f"{BANNER.format('', HYPERPARAMETERS)}\n{marked(parts.hyperparameters, 2)}\n{_settings(numbers)}"


def _settings(numbers: Numbers) -> str:
    return (
        f"train_steps = {numbers.train_steps}\n"
        f"validate_every = {numbers.validate_every}\n"
        f'first_rng_seed = int(os.environ.get("RNG_SEED", {numbers.first_rng_seed}))  # of initialization'
    )


def _filled(template: str, fields: Mapping[str, str]) -> str:
    return re.sub(r"@@([A-Z]+)@@", lambda found: fields[found[1]], template)
