"""The whole way from a script to a genome."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

from evaluator.allowed import MODULES
from evaluator.check import Rejected, check
from evolve.exporting.found import found_in
from evolve.importing.anatomy import Anatomy, Length, dissect, is_alias, length
from evolve.importing.architecture import check_architecture, check_watching
from evolve.importing.cleaning import clean, in_place, named_model, seeded
from evolve.importing.devices import without_cuda
from evolve.importing.effects import Effects, definitions
from evolve.importing.errors import NotImportableError
from evolve.importing.facts import Facts
from evolve.importing.folding import folded
from evolve.importing.hooks import Hooks
from evolve.importing.mapping import mapped
from evolve.importing.patched import compiled_known, is_patched, unpatched
from evolve.importing.placing import placed
from evolve.importing.printing import Printer
from evolve.importing.rules import check_defined, check_dtypes, check_executed, check_sight, check_trained, check_zeroed
from evolve.importing.scaling import scale
from evolve.importing.settings import from_log, seeds
from evolve.importing.slicing import Needs, keep
from evolve.importing.source import Script
from evolve.importing.steps import Fractions, absolute_steps
from evolve.importing.trees import Definition, Named, Renamed, names_bound
from evolve.importing.writing import Head, calls_only, written
from evolve.operators.prune import pruned
from population.genome import GenomeError

_MOST_STEPS = 10_000_000


@dataclass(frozen=True)
class Asked:
    """What the user says about a script.

    Attributes:
        given: Settings by name: environment variables or command line arguments.
        claim: The step at which the run is claimed to be done; None for the last one.
        fractions: Whether absolute step numbers become fractions of `train_steps`.
    """

    given: Mapping[str, str]
    claim: int | None = None
    fractions: bool = False


@dataclass(frozen=True)
class Imported:
    """A genome and what is known of it.

    Attributes:
        source: Its text.
        steps: Steps for which it is exactly the script.
        horizon: The script's own bound of its loop.
        iso: Whether it runs with that many steps alone.
        rng_seed: The script's own seed.
        steered: Settings that the script reads from outside, and the values used.
        shown: Values that the log showed and that differ from the script's.
        warnings: What the user should know.
    """

    source: str
    steps: int
    horizon: int
    iso: bool
    rng_seed: int
    steered: Mapping[str, object]
    shown: Mapping[str, object]
    warnings: tuple[str, ...]


def imported(script: Script, asked: Asked) -> Imported:
    """Turn a script into a genome.

    Raises:
        NotImportableError: It cannot be mapped; the message says why, with lines.
    """
    own = found_in(script.text)
    if own is not None:  # written by `evolve export`
        _refuse_forbidden(own.source)
        return Imported(own.source, own.train_steps, own.train_steps, False, own.rng_seed, {}, {}, ())
    tree = script.tree()
    printer = Printer(script.text, tree)
    check_architecture(tree)
    shown = from_log(tree, Facts(tree, asked.given), script.log)
    anatomy = dissect(tree)
    check_zeroed(tree, anatomy)
    check_dtypes(tree, anatomy)
    compiled_known(tree, anatomy.names)
    facts = Facts(tree, asked.given, shown=shown, chain=anatomy.chain)
    names, seed = seeds(anatomy.before, facts, anatomy.model)
    long = _long(tree, anatomy, asked, names, shown)
    if not 1 <= long.stop <= _MOST_STEPS:
        raise NotImportableError(f"expected a run of 1 to {_MOST_STEPS} steps; it has {long.stop}", [anatomy.loop.iter])
    steps, long = _name_steps(tree, long, facts)
    final = _folded(tree, asked, names | {steps}, shown)
    check_watching(tree)
    check_executed(tree)
    notes: list[str] = []
    if is_patched(tree, dissect(tree).names):
        notes = unpatched(tree, dissect(tree))
        read = final.read
        final = _folded(tree, asked, names | {steps}, shown)
        final.read = {**read, **final.read}
    seeded(tree, names, seed)
    named_model(tree, dissect(tree).names)
    check_trained(tree)
    without_cuda(tree, dissect(tree))
    in_place(tree)
    anatomy = dissect(tree)
    before, inside, hooks, needs = _sliced(tree, anatomy, final)
    before, inside = _without(before, steps), _without(inside, steps)
    check_sight(hooks, before + inside, needs)
    _refuse_imports(before + inside)
    stop = _stop(asked.claim, long)
    numbers = absolute_steps([*before, *inside, *(s for body in hooks.bodies() for s in body)])
    if asked.fractions and numbers:
        change = Fractions(numbers, steps, long.bound)
        before, inside = [change.visit(each) for each in before], [change.visit(each) for each in inside]
        for body in hooks.bodies():
            body[:] = [change.visit(each) for each in body]
        needs = Needs(tree, anatomy.chain)
    iso = bool(numbers) and not asked.fractions
    hooks.turns = "train_steps" if long.stop == long.turns else ""
    _name_schedule(hooks, anatomy.step)
    closed = {"model", steps, "train_steps"} | _shared(before + inside, hooks, needs, anatomy.step)
    places = placed(before, inside, hooks, needs, closed)
    head = Head(
        title=_title(script, asked, shown, stop, long),
        horizon=_horizon(steps, stop, long, iso),
        annotation=f"Literal[{stop}]" if iso else "",
    )
    source = _checked(written(head, places, hooks, anatomy.step, printer, reads_step=anatomy.step in closed))
    return Imported(source, stop, long.bound, iso, seed, final.read, shown, (*notes, *hooks.notes))


def _folded(tree: ast.Module, asked: Asked, hidden: frozenset[str], shown: Mapping[str, object]) -> Facts:
    """Fold a script in place; variables that are hidden stay."""
    return folded(tree, lambda now: Facts(now, asked.given, hidden, shown, dissect(now).chain), clean)


def _long(
    tree: ast.Module, anatomy: Anatomy, asked: Asked, hidden: frozenset[str], shown: Mapping[str, object]
) -> Length:
    """How long a script trains: told by its text, or else once branches that settings decide are gone."""
    try:
        return length(anatomy, Facts(tree, asked.given, shown=shown, chain=anatomy.chain))
    except NotImportableError:
        plain = copy.deepcopy(tree)
        facts = _folded(plain, asked, hidden, shown)
        return length(dissect(plain), facts)


def _name_steps(tree: ast.Module, long: Length, facts: Facts) -> tuple[str, Length]:
    """The variable that bounds the loop; where it is none, `train_steps` becomes it, in place."""
    if isinstance(long.horizon, ast.Name):
        return long.horizon.id, long
    if Named.is_taken(tree, "train_steps"):
        own = facts.by_name("train_steps")
        if long.horizon is None and own == long.stop:
            return "train_steps", replace(long, bound=long.stop)
        Named("train_steps", "script_train_steps").visit(tree)  # another length, as that of a schedule
    if long.horizon is not None:
        Renamed(long.horizon, ast.Name("train_steps", ast.Load())).visit(tree)
    return "train_steps", long


def _sliced(tree: ast.Module, anatomy: Anatomy, facts: Facts) -> tuple[list[ast.stmt], list[ast.stmt], Hooks, Needs]:
    """What is needed of a script: before the model, after it, and in the loop."""
    known = definitions(tree)
    everything = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | set(known)
    hooks = mapped(anatomy, Effects(known, everything, anatomy.names))
    hooks.scale = scale(hooks, tree, anatomy, facts)
    needs = Needs(tree, anatomy.chain)
    inside = [each for each in anatomy.before[anatomy.model + 1 :] if not is_alias(each, anatomy.names)]
    effects = Effects(known, set(), anatomy.names)
    before, inside = keep(anatomy.before[: anatomy.model], inside, hooks, effects, needs)
    return before, inside, hooks, needs


def _without(statements: list[ast.stmt], name: str) -> list[ast.stmt]:
    """Statements without those that set the number of steps."""
    return [
        each
        for each in statements
        if not (isinstance(each, ast.Assign | ast.AnnAssign) and names_bound(each) == {name})
    ]


def _refuse_imports(statements: list[ast.stmt]) -> None:
    """Refuse other people's code.

    Raises:
        NotImportableError: It is needed.
    """
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            modules = (
                [alias.name for alias in statement.names]
                if isinstance(statement, ast.Import)
                else [statement.module or ""]
            )
            if any(module not in MODULES for module in modules):
                raise NotImportableError(
                    f"{', '.join(modules)} may not be imported in a genome: write what is used of it with torch or "
                    "math (long tables of numbers are not accepted either: compute them)",
                    [statement],
                )


def _shared(statements: list[ast.stmt], hooks: Hooks, needs: Needs, step: str) -> set[str]:
    """Variables of the loop that definitions outside of it read, the step among them."""
    bound = {name for body in hooks.bodies() for each in body for name in names_bound(each)} | {step}
    read = {name for each in statements if isinstance(each, Definition) for name in needs.of(each)}
    return bound & read


def _stop(claim: int | None, long: Length) -> int:
    if claim is not None and not 1 <= claim <= max(long.bound, long.stop):
        raise NotImportableError(
            f"--claim: expected a step from 1 to {max(long.bound, long.stop)}, where the loop ends; got {claim}"
        )
    return claim or long.stop


def _name_schedule(hooks: Hooks, step: str) -> None:
    """Where one function of the script sets all hyperparameters, it is the hook itself."""
    alone = not hooks.set_hparams and not hooks.after_backward  # which may read what is set
    if alone and len(hooks.before_forward) == 1 and calls_only(hooks.before_forward, step):
        hooks.set_hparams, hooks.before_forward = hooks.before_forward, []
    hooks.schedule = calls_only(hooks.set_hparams, step)


def _horizon(steps: str, stop: int, long: Length, iso: bool) -> str:
    """The statement that gives the script's own number of steps, or ""."""
    if stop != long.bound:
        value = str(long.bound) if iso else f"round(train_steps * {long.bound} / {stop})"
        return f"{steps} = {value}  # the schedule's own horizon: the run stops before it"
    return "" if steps == "train_steps" else f"{steps} = train_steps"


def _title(script: Script, asked: Asked, shown: Mapping[str, object], stop: int, long: Length) -> str:
    settings = {**{name: str(value) for name, value in shown.items()}, **asked.given}
    told = f" with {', '.join(f'{name}={value}' for name, value in sorted(settings.items()))}" if settings else ""
    told = told.replace("\n", ", ").replace("\\", "\\\\").replace('"""', "'''")
    name = "".join(c for c in script.name if c.isprintable()).replace("\\", "/").replace('"', "'")
    return f"Imported from {name} (SHA-256 {script.digest}){told}: {stop} steps."


def _checked(source: str) -> str:
    """The genome without what it does not need.

    Raises:
        NotImportableError: It breaks a rule of the contract.
    """
    try:
        source = pruned(source)
    except GenomeError as error:
        raise NotImportableError(f"what is left of the script is no genome: {error}") from error
    _refuse_forbidden(source)
    check_defined(source)
    return source


def _refuse_forbidden(source: str) -> None:
    try:
        check(source)
    except Rejected as error:
        line = error.message.partition(":")[0].removeprefix("line ")
        shown = f"\n  {source.splitlines()[int(line) - 1].strip()}" if line.isdigit() else ""
        raise NotImportableError(f"the contract does not allow what the script does: {error.message}{shown}") from error
