"""Brings the parts of a run together: database, evaluator, operators' process, view. One process of a run."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

from evaluator.pool import Evaluator
from evaluator.tasks.base import Task
from evolve.asker import Asker
from evolve.budget import Budget
from evolve.config import Config
from evolve.engine import Engine, replay
from evolve.genomes import NamedGenome
from evolve.inbox import Inbox
from evolve.questions import Price
from evolve.recorded import Order, Recorded
from evolve.run import Run, RunError
from evolve.situation import Situations
from evolve.slots import SEARCH_RUNGS, Slots
from evolve.state import State
from evolve.variation import VariationWorker
from evolve.views.live import ProgressView
from population.store import Store

if TYPE_CHECKING:
    from evolve.llm import LanguageModels


def create(run: Run, config: Config, seeds: tuple[NamedGenome, ...], budget: Budget, slots: Slots) -> None:
    """Make the database of a new run.

    The seed programs stand in its configuration, so that a run killed before its first row can be resumed all the same.
    """
    settings = config.as_dict() | {
        "seed_programs": [asdict(genome) for genome in seeds],
        "budget": asdict(budget),
        "jobs": slots.jobs,
        "cards": slots.cards,
        "versions": {name: version(name) for name in ("evolve-optimizers", "torch")},
        "device": slots.model,
    }
    Store.create(run.database, settings).close()


def language_models(config: Config) -> LanguageModels:
    """Whoever answers the questions of a run with models."""
    from evolve.llm import LanguageModels, Settings

    prices = {name: Price(*price) for name, price in config.prices.items()}
    settings = Settings(config.calls, config.call_seconds, prices)
    return LanguageModels([name for name, _ in config.models], settings)


def create_like(run: Run, recorded: Run) -> None:
    """Make the database of a run that is to repeat a recorded one."""
    with Store.open(recorded.database) as record:
        settings = record.run
    Store.create(run.database, settings).close()


def search(
    run: Run,
    task: Task,
    budget: Budget,
    slots: Slots,
    view: ProgressView,
    recorded: Run | None = None,
) -> State:
    """Search until the budget is spent; the caller holds the run's lock.

    Args:
        run: An existing run.
        task: The task of its configuration.
        budget: When to stop.
        slots: Where trials are trained.
        view: Shows how it goes.
        recorded: A run to be repeated without a model; None to ask the models there are.

    Returns:
        What the run knows at the end.

    Raises:
        StoreError: The database cannot be used.
        EvaluatorError: Trials cannot be run here.
        RunError: The run was begun under other conditions.
        EngineError: The run cannot go on.
        ReplayError: It departs from the recorded one.
    """
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(run.database, write=True))
        config = Config.from_dict(store.run)
        rungs = {name: task.rung(name) for name in SEARCH_RUNGS}
        # Warms up while the rows are replayed.
        evaluator = stack.enter_context(Evaluator(task, slots.jobs, slots.sandboxes, slots.devices))
        worker = stack.enter_context(VariationWorker(config.rng_seed))
        state = replay(store, config, rungs)
        for name, known in state.fingerprints.items():
            if name in rungs and evaluator.fingerprint(rungs[name]) != known:
                raise RunError(
                    f"{run.folder} was begun under other conditions (another torch, Python, text or device): its "
                    f"values on rung {name} cannot be compared with new ones. Go on where it began, or start a new "
                    "run with --from and the sources of its best programs (`evolve show ID --source`)"
                )
        asker, order = None, None
        situations = Situations(store, task)
        if recorded is not None:
            record = stack.enter_context(Store.open(recorded.database))
            asker, order = Asker(Recorded(record), situations), Order(record, frozenset(rungs))
        elif config.models:
            asker = Asker(stack.enter_context(language_models(config)), situations)
        inbox = Inbox(run.inbox)
        budget = budget.on(slots.cards)
        engine = Engine(store, state, evaluator, worker, inbox, budget, view, asker=asker, order=order)
        engine.seed(NamedGenome(**genome) for genome in store.run["seed_programs"])
        engine.run()
        return state
