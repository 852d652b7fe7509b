"""`evolve eval`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from evolve.cli.common import (
    clear_errors,
    json_option,
    load_task,
    print_json,
    reading,
    run_option,
    task_of,
    train_steps_option,
)
from evolve.cli.slots_options import Asked, ranks_option, slots_options

if TYPE_CHECKING:
    from evaluator.records import Rung, Trial, TrialRequest
    from evaluator.tasks.base import Task
    from evolve.slots import Slots
    from population.rows import TrialRow


@click.command("eval")
@click.argument("target", metavar="FILE|PROGRAM|PROMOTION")
@click.option("--task", default="charlm", show_default=True, help="What to score a file on.")
@click.option(
    "--data",
    "--text",
    "text",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="The task's data, as with `evolve start`.",
)
@click.option(
    "--rung",
    default="proxy",
    show_default=True,
    type=click.Choice(["smoke", "proxy", "confirm", "full"]),
    help="How far to train.",
)
@click.option(
    "--rng-seed",
    "rng_seeds",
    type=click.IntRange(0),
    multiple=True,
    help="May be given several times; 0 by default, with --check all that the run has.",
)
@train_steps_option
@click.option("--check", is_flag=True, help="Run a program's stored trials again and compare.")
@run_option
@slots_options
@ranks_option
@json_option
@clear_errors
def command(
    target: str,
    task: str,
    text: Path | None,
    rung: str,
    rng_seeds: tuple[int, ...],
    train_steps: int | None,
    check: bool,
    folder: Path | None,
    slots: Asked,
    ranks: int,
    as_json: bool,
) -> None:
    """Score a genome outside any run, and print its trials.

    FILE is a genome; PROGRAM is an id, the beginning of a digest, or a seed program's name of a run, and scored on that
    run's task. PROMOTION is the folder of one: its runs are made as the frozen plan has them, and --check compares them
    with its logs. Nothing is written. Exit code 0 when every trial finished, with --check when every one came out as
    it is stored; 1 when one did not.
    """
    from evaluator.records import TrialRequest

    promotion = _is_promotion(target)
    if train_steps is not None and (check or promotion):
        raise click.UsageError(
            "--train-steps: runs that are compared with known ones are as long as those; leave it out"
        )
    _refuse(("task", "rung") if promotion else () if _is_file(target) else ("task", "text"), promotion)
    if promotion:
        asked = _promotion(Path(target), text, rng_seeds)
    elif check or not _is_file(target):
        asked = _program(target, folder, rung, rng_seeds, train_steps)
    else:
        asked = _file(Path(target), task, text, rung, train_steps)
    if check and not asked.stored:
        raise click.UsageError(f"the run has no such trials of {asked.name} on the {rung} rung")
    promoted = check and rung == "full"  # what a run has there are promotions' trials, on the test split
    on = asked.on or (asked.task.promotion_rung() if promoted else asked.task.rung(rung))
    places = slots.of(asked.task, ranks, [on])
    if check and places.cards:
        raise click.UsageError("--check compares bitwise, and trials on a card do not repeat bitwise")
    stored = asked.stored if check else {}
    seeds = tuple(stored) or tuple(dict.fromkeys(rng_seeds)) or (0,)
    requests = [TrialRequest(asked.digest, asked.source, on, seed) for seed in seeds]
    found = []
    for trial in _trials(asked.task, requests, places):
        found.append((trial, _word(trial, stored.get(trial.rng_seed))))
        if not as_json:
            _tell(asked.name, *found[-1], stored.get(trial.rng_seed))
    found.sort(key=lambda each: seeds.index(each[0].rng_seed))
    if as_json:
        print_json([asdict(trial) | ({"again": word} if check else {}) for trial, word in found])
    if any(word not in ("finished", "equal") for _, word in found):
        raise SystemExit(1)


@dataclass(frozen=True)
class _Asked:
    """What is to be scored, on what, and the trials of it that are known, by rng_seed; `on` is a promotion's rung."""

    task: Task
    name: str
    digest: str
    source: str
    stored: Mapping[int, TrialRow]
    on: Rung | None = None


def _is_file(target: str) -> bool:
    """Whether a target is a file; one that looks like a file and is none is an error."""
    path = Path(target)
    if path.suffix == ".py" and not path.is_file():
        raise click.UsageError(f"the file {target} does not exist")
    return path.is_file()


def _is_promotion(target: str) -> bool:
    """Whether a target is the folder of a promotion."""
    from evolve.promoting.reread import is_folder

    return is_folder(Path(target))


def _promotion(folder: Path, data: Path | None, rng_seeds: Sequence[int]) -> _Asked:
    """What a promotion's folder tells."""
    from evolve.promoting.reread import read_folder
    from evolve.promoting.terms import rung_of
    from evolve.promoting.trials import PromotionError

    try:
        terms, source, rows = read_folder(folder)
    except PromotionError as error:
        raise click.UsageError(str(error)) from error
    task = load_task(terms.task, data.resolve() if data else _data_beside(folder, terms.task), ("full",))
    if not task.data_digest().startswith(terms.conditions.get("data", "")):
        raise click.UsageError(
            f"the plan of {folder} was made on other data than {'that of --data' if data else 'what is known here'}: "
            "name its own with --data"
        )
    plan = terms.plan
    on = rung_of(task.promotion_rung(), plan.train_steps, terms.validate_every, plan.most, terms.rng_seeds[0])
    stored = {row.rng_seed: row for row in rows if not rng_seeds or row.rng_seed in rng_seeds}
    return _Asked(task, folder.resolve().name, terms.digest, source, stored, on)


def _data_beside(folder: Path, task: str) -> Path | None:
    """The data of the run that a promotion's folder lies in, if that is on the same task."""
    from evolve.config import Config
    from evolve.run import RunError

    try:
        with reading(folder.resolve().parent.parent) as (_, store):
            config = Config.from_dict(store.run)
    except RunError:
        return None
    return Path(config.text) if config.text and config.task == task else None


def _refuse(options: Sequence[str], promotion: bool) -> None:
    """Options that a promotion, or a run, has decided."""
    context = click.get_current_context()
    for name in options:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            whose = (
                "a promotion is made again as its plan has it" if promotion else "a program is scored as its run has it"
            )
            raise click.UsageError(f"--{'data' if name == 'text' else name}: {whose}; leave the option out")


def _file(path: Path, task: str, text: Path | None, rung: str, train_steps: int | None) -> _Asked:
    from evolve.genomes import read

    genome = read(path)
    on = load_task(task, text.resolve() if text else None, (rung,), train_steps)
    return _Asked(on, genome.name, genome.digest, genome.source, {})


def _program(target: str, folder: Path | None, rung: str, rng_seeds: Sequence[int], train_steps: int | None) -> _Asked:
    from evolve.config import Config
    from evolve.promoting.terms import plans

    with reading(folder) as (_, store):
        program = store.program(store.resolve(target))
        config = Config.from_dict(store.run)
        by_plan = {terms.fingerprint for terms in plans(store)}  # those are made again from the promotion's folder
        kept = [
            row
            for row in store.trials(program.id)
            if row.rung == rung and row.outcome != "lost" and row.fingerprint not in by_plan
        ]
    task = task_of(replace(config, train_steps=train_steps or config.train_steps), (rung,))
    stored = {row.rng_seed: row for row in kept if not rng_seeds or row.rng_seed in rng_seeds}
    return _Asked(task, f"#{program.id}", program.digest, program.source, stored)


def _trials(task: Task, requests: Sequence[TrialRequest], slots: Slots) -> Iterator[Trial]:
    """Trials as they end."""
    from evaluator.pool import Evaluator, EvaluatorError

    try:
        jobs = min(slots.jobs, len(requests))
        with Evaluator(task, jobs, slots.sandboxes, slots.devices, slots.ranks) as evaluator:
            for request in requests:
                evaluator.submit(request)
            for _ in requests:
                for _, trial in evaluator.wait():
                    yield trial
    except EvaluatorError as error:
        raise click.ClickException(str(error)) from error


def _word(trial: Trial, stored: TrialRow | None) -> str:
    """How a trial ended, or how it compares with the stored one."""
    from evolve.repeated import compared

    return trial.outcome.value if stored is None else compared(stored, trial)


def _tell(name: str, trial: Trial, word: str, stored: TrialRow | None) -> None:
    from evolve.views.numbers import value

    text = value(trial.value) if trial.value is not None else f"{trial.outcome}: {trial.reason}"
    if stored is not None:
        before = value(stored.value) if stored.value is not None else stored.outcome
        text = f"stored {before}, again {text}: {word}"
    click.echo(f"{name} {trial.rung} rng_seed {trial.rng_seed}: {text} ({trial.wall_seconds:.1f} s)")
    if trial.value is None and trial.stderr:
        click.echo(trial.stderr.rstrip(), err=True)
