"""The genome's text from the parts that are kept."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from evolve.importing.hooks import Hooks
from evolve.importing.placing import Places
from evolve.importing.printing import Printer
from evolve.importing.trees import Definition, called, names_bound, names_loaded, walk_own

_BANNER = "########################################\n#{title:^38}#\n########################################\n"
_HOOKS = ("before_forward", "after_backward", "set_hparams", "after_step", "eval_weights")


@dataclass(frozen=True)
class Head:
    """What stands at the top of a genome and of its recipe.

    Attributes:
        title: First line of its docstring: where it comes from.
        horizon: Statement that makes the script's own number of steps from `train_steps`, or "".
        annotation: What `train_steps` must be, or "".
    """

    title: str
    horizon: str = ""
    annotation: str = ""


def written(head: Head, places: Places, hooks: Hooks, step: str, printer: Printer, reads_step: bool = False) -> str:
    """A whole genome.

    Args:
        head: Its beginning.
        places: Statements by place.
        hooks: The loop.
        step: Name of the step in the loop.
        printer: Prints the script's statements.
        reads_step: Whether definitions outside of the loop read its step.
    """
    body, entries, uses_info = _hooks(places, hooks, step, printer, reads_step)
    imports = [ast.unparse(ast.fix_missing_locations(each)) for each in places.imports]
    text = "".join(imports_line + "\n" for imports_line in dict.fromkeys(imports))
    everything = body + "".join(ast.unparse(ast.fix_missing_locations(each)) + "\n" for each in places.recipe)
    if "contextlib." in body and "import contextlib" not in text:
        text += "import contextlib\n"
    if head.annotation and "Literal" not in text:
        text += "from typing import Literal\n"
    if ("torch." in everything or "torch." in body) and "import torch\n" not in text:
        text += "import torch\n"
    own = printer.block(places.recipe, 1) if places.recipe else ""
    top = f"    {head.horizon}\n" if head.horizon else ""
    annotation = f": {head.annotation}" if head.annotation else ""
    info = ", *, info" if uses_info else ""
    parts = [
        f'"""{head.title}"""\n\n{text}\n',
        _BANNER.format(title="Optimizer"),
        "\n" + printer.block(places.module) if places.module else "",
        "\n\n" + _BANNER.format(title="Init & Optim Hyperparams") + "\n",
        printer.block(places.constants) + "\n\n" if places.constants else "",
        f"def recipe(model, train_steps{annotation}{info}):\n",
        f'    """Initialize the model in place and say how to train it for `train_steps` steps."""\n{top}',
        own,
        body,
        f"    return dict({', '.join(entries)})\n",
    ]
    return "".join(parts)


def _hooks(places: Places, hooks: Hooks, step: str, printer: Printer, reads_step: bool) -> tuple[str, list[str], bool]:
    """Text of the hooks, entries of the dict that recipe returns, and whether they ask for `info`."""
    taken = {name for each in [*places.recipe, *places.module, *places.constants] for name in names_bound(each)}
    name = {hook: f"{hook}_hook" if hook in taken else hook for hook in _HOOKS}
    carried = _carried(places, hooks)
    made = "".join(
        f"    {each} = None\n" for each in sorted(carried) if not any(each in names_bound(s) for s in places.recipe)
    )
    text, entries = made, [f"optimizers={ast.unparse(hooks.optimizers)}"]
    if hooks.stepping:
        text += _stepper(hooks, step, printer, carried)
        entries = ["optimizers=[ScriptSteps()]"]
        hooks.set_hparams.insert(0, ast.parse(f"ScriptSteps.now = {step}").body[0])
        hooks.schedule = ""
    if hooks.schedule:
        entries.append(f"set_hparams={hooks.schedule}")
    else:
        text += _function(name["set_hparams"], hooks.set_hparams, step, printer, carried)
        entries.append(f"set_hparams={name['set_hparams']}")
    uses_info = False
    if reads_step:
        body = _set_step(step, "now") + _nonlocals(hooks.before_forward, carried)
        body += printer.block(hooks.before_forward, 2) if hooks.before_forward else ""
        text = f"    {step} = 0\n{text}\n    def {name['before_forward']}(now):\n{body}"
        entries.append(f"before_forward={name['before_forward']}")
    elif hooks.before_forward:
        text += _function(name["before_forward"], hooks.before_forward, step, printer, carried)
        entries.append(f"before_forward={name['before_forward']}")
    if hooks.after_backward or hooks.scale is not None:
        scaled = _scaling(hooks.scale)
        uses_info = hooks.scale == "tokens"
        text += _function(name["after_backward"], [*scaled, *hooks.after_backward], step, printer, carried)
        entries.append(f"after_backward={name['after_backward']}")
    now = "now" if reads_step else step
    text, entries = _after(hooks, (step, now), printer, carried, name["after_step"], text, entries)
    if hooks.enter or hooks.leave or hooks.around:
        text += _evaluation(hooks, (step, now), printer, carried, name["eval_weights"])
        entries.append(f"eval_weights={name['eval_weights']}")
    return text + "\n", entries, uses_info


def _after(
    hooks: Hooks, steps: tuple[str, str], printer: Printer, carried: set[str], name: str, text: str, entries: list[str]
) -> tuple[str, list[str]]:
    """The hook after the step; what the script does before the next one's validation belongs to it."""
    step, now = steps
    if hooks.start:
        text += f"\n    def start_of_step({now}):\n{_set_step(step, now)}"
        text += f"{_nonlocals(hooks.start, carried)}{printer.block(hooks.start, 2)}"
        text += "\n    start_of_step(0)\n"
        body = printer.block(hooks.after_step, 2) if hooks.after_step else ""
        text += f"\n    def {name}({step}):\n{_nonlocals(hooks.after_step, carried)}{body}"
        if hooks.turns:  # the loop ends by itself: no turn begins after the last step
            text += f"        if {step} + 1 < {hooks.turns}:\n    "
        text += f"        start_of_step({step} + 1)\n"
    elif hooks.after_step:
        text += _function(name, hooks.after_step, step, printer, carried)
    else:
        return text, entries
    return text, [*entries, f"after_step={name}"]


def _scaling(scale: ast.expr | str | None) -> list[ast.stmt]:
    if scale is None:
        return []
    divisor = "info.tokens_per_step" if isinstance(scale, str) else ast.unparse(scale)
    return ast.parse(f"for p in model.parameters():\n    p.grad.div_({divisor})").body


def _function(name: str, body: Sequence[ast.stmt], step: str, printer: Printer, carried: set[str]) -> str:
    return f"\n    def {name}({step}):\n{_nonlocals(body, carried)}{printer.block(body, 2)}"


def _nonlocals(body: Sequence[ast.stmt], carried: set[str], depth: int = 2) -> str:
    names = sorted({name for each in body for name in names_bound(each)} & carried)
    return f"{'    ' * depth}nonlocal {', '.join(names)}\n" if names else ""


def _stepper(hooks: Hooks, step: str, printer: Printer, carried: set[str]) -> str:
    groups = f"[group for optimizer in {ast.unparse(hooks.optimizers)} for group in optimizer.param_groups]"
    return (
        "\n    class ScriptSteps:\n"
        '        """Steps the optimizers as the script\'s loop does."""\n\n'
        f"        now = 0\n        param_groups = {groups}\n\n"
        f"        def step(self):\n{_nonlocals(hooks.stepping, carried, 3)}"
        f"            {step} = self.now\n{printer.block(hooks.stepping, 3)}"
    )


def _set_step(step: str, now: str) -> str:
    """Lines that let functions outside of the loop know the step, if some read it."""
    return "" if step == now else f"        nonlocal {step}\n        {step} = {now}\n"


def _evaluation(hooks: Hooks, steps: tuple[str, str], printer: Printer, carried: set[str], name: str) -> str:
    step, now = steps
    text = "\n    @contextlib.contextmanager\n" + f"    def {name}({now}):\n{_set_step(step, now)}"
    text += _nonlocals([*hooks.enter, *hooks.leave], carried)
    text += printer.block(hooks.enter, 2) if hooks.enter else ""
    if hooks.around:
        text += f"        with {', '.join(ast.unparse(item) for item in hooks.around)}:\n            yield\n"
    else:
        text += "        yield\n"
    return text + (printer.block(hooks.leave, 2) if hooks.leave else "")


def _carried(places: Places, hooks: Hooks) -> set[str]:
    """Variables of the loop that live longer than one hook of one step."""
    around = [*hooks.enter, *hooks.leave]  # one function
    bodies = [each for each in hooks.bodies() if each and each is not hooks.enter and each is not hooks.leave]
    bodies += [around] if around else []
    found: set[str] = set()
    for body in bodies:
        others = [s for other in bodies if other is not body for s in other]
        outside = {n for s in others for n in _loads(s)} | {
            n for s in places.recipe if isinstance(s, Definition) for n in _loads(s)
        }
        for name in {n for s in body for n in names_bound(s)}:
            if name in outside or not _stored_first(body, name):
                found.add(name)
    declared = {n for s in places.recipe for each in ast.walk(s) if isinstance(each, ast.Nonlocal) for n in each.names}
    return found | declared


def _loads(statement: ast.stmt) -> set[str]:
    own = names_bound(statement) if not isinstance(statement, Definition) else set()
    loads = {n for n in names_loaded(statement) if _mentions(statement, n)}
    if isinstance(statement, Definition):
        local = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        local |= {a.arg for a in ast.walk(statement) if isinstance(a, ast.arg)}
        shared = {n for each in ast.walk(statement) if isinstance(each, ast.Nonlocal | ast.Global) for n in each.names}
        return (loads - local) | shared
    loops = {
        n.id
        for each in walk_own(statement)
        if isinstance(each, ast.For | ast.comprehension)
        for n in ast.walk(each.target)
        if isinstance(n, ast.Name)
    }
    return loads - (own & loops)


def _stored_first(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether every use of a variable in a block comes after a store of the same step."""
    for statement in body:
        if name not in names_bound(statement) and not _mentions(statement, name):
            continue
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            value = statement.value
            return value is None or not _mentions(value, name)
        if isinstance(statement, ast.For):
            inside = {n.id for n in ast.walk(statement.target) if isinstance(n, ast.Name)}
            if name in inside:
                return True
            return not _mentions(statement.iter, name) and _stored_first(statement.body, name)
        if isinstance(statement, ast.With):
            bound = {
                n.id
                for i in statement.items
                if i.optional_vars
                for n in ast.walk(i.optional_vars)
                if isinstance(n, ast.Name)
            }
            return name in bound or _stored_first(statement.body, name)
        if isinstance(statement, ast.If):
            if _mentions(statement.test, name):
                return False
            sides = [side for side in (statement.body, statement.orelse) if side]
            later = any(_mentions(each, name) for each in body[list(body).index(statement) + 1 :])
            both = len(sides) == 2 and all(any(name in names_bound(s) for s in side) for side in sides)
            return all(_stored_first(side, name) for side in sides) and (both or not later)
        return isinstance(statement, Definition)
    return True


def _mentions(node: ast.AST, name: str) -> bool:
    """Whether a variable is read somewhere in a node; a comprehension's own is another."""
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        own = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        if name in own:
            return _mentions(node.generators[0].iter, name)
    if isinstance(node, ast.Name):
        return node.id == name and isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
        return True
    return any(_mentions(child, name) for child in ast.iter_child_nodes(node))


def calls_only(body: Sequence[ast.stmt], step: str) -> str:
    """Name of the function that a block consists of calling with the step, or ""."""
    if len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Call):
        call = body[0].value
        plain = len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.Name)
        if plain and call.args[0].id == step and isinstance(call.func, ast.Name):  # type: ignore[attr-defined]
            return called(call)
    return ""
