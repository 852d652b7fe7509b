"""Grows dead code on a genome: what `prune` must find, and nothing that it may keep.

Each barnacle is an insertion at a place that every seed program has; none changes what the genome does.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable

Barnacle = Callable[[str, int], str]
"""A genome and a running number (for fresh names) to a genome with one more barnacle."""

_STEP_LOOP = re.compile(r"^( +)for group in self\.param_groups:\n", re.MULTILINE)
_HYPERPARAMETERS = "#       Init & Optim Hyperparams       #\n########################################\n\n"
_CLASS = re.compile(r"^class \w+\(torch\.optim\.Optimizer\):\n", re.MULTILINE)
_RECIPE_START = "    initialize(model)\n"
_RETURN = re.compile(r"^    return dict\(", re.MULTILINE)


def _insert_before(source: str, place: str, text: str) -> str:
    assert place in source
    return source.replace(place, text + place, 1)


def _insert_after(source: str, place: str, text: str) -> str:
    assert place in source
    return source.replace(place, place + text, 1)


def unused_import(source: str, n: int) -> str:
    return _insert_before(source, "import torch\n", f"import itertools as tools_{n}\n")


def unused_from_import(source: str, n: int) -> str:
    return _insert_before(source, "import torch\n", f"from math import cos as cos_{n}, sin as sin_{n}\n")


def unused_constant(source: str, n: int) -> str:
    return _insert_after(source, _HYPERPARAMETERS, f"DEAD_{n} = 0.5 * (1 + 2)  # of no use\n")


def unused_functions(source: str, n: int) -> str:
    text = f"def odd_{n}(x):\n    return even_{n}(x - 1)\n\n\ndef even_{n}(x):\n    return odd_{n}(x - 1)\n\n\n"
    return _insert_before(source, "def recipe(", text)


def unused_class(source: str, n: int) -> str:
    place = _CLASS.search(source)
    assert place is not None
    text = f"class Ghost{n}(torch.optim.Optimizer):\n    def step(self):\n        raise ValueError\n\n\n"
    return source[: place.start()] + text + source[place.start() :]


def false_flag(source: str, n: int) -> str:
    flagged = _insert_after(source, _HYPERPARAMETERS, f"USE_{n} = False\n")
    text = f"    if USE_{n}:\n        torch.manual_seed({n})\n        model.zero_grad()\n"
    return _insert_before(flagged, _RECIPE_START, text)


def false_branch_of_true_flag(source: str, n: int) -> str:
    flagged = _insert_after(source, _HYPERPARAMETERS, f"KEEP_{n} = True\n")
    text = f"    if not KEEP_{n}:\n        model.zero_grad()\n    elif DEPTH_{n} > 3:\n        model.zero_grad()\n"
    return _insert_before(_insert_after(flagged, _HYPERPARAMETERS, f"DEPTH_{n} = 2\n"), _RECIPE_START, text)


def unread_attribute(source: str, n: int) -> str:
    return _STEP_LOOP.sub(lambda m: f"{m[1]}self.calls_{n} = {n} + 1\n{m[0]}", source, count=1)


def unread_state(source: str, n: int) -> str:
    """State that is filled and averaged after the step, for nobody."""
    tree = ast.parse(source)
    steps = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "step"]
    end = next(node.end_lineno for node in steps if _STEP_LOOP.search(ast.get_source_segment(source, node) or ""))
    assert end is not None
    text = (
        f"        for group in self.param_groups:\n"
        f'            for member_{n} in group["params"]:\n'
        f"                held_{n} = self.state[member_{n}]\n"
        f'                if "ghost_{n}" not in held_{n}:\n'
        f'                    held_{n}["ghost_{n}"] = torch.zeros_like(member_{n})\n'
        f'                held_{n}["ghost_{n}"].mul_(0.9).add_(member_{n}.grad, alpha=0.1)\n'
    )
    lines = source.splitlines(keepends=True)
    return "".join([*lines[:end], text, *lines[end:]])


def unread_local(source: str, n: int) -> str:
    def body(m: re.Match[str]) -> str:
        deeper = m[1] + "    "
        text = f'{deeper}norm_{n} = sum(x.grad.norm() for x in group["params"])\n{deeper}norm_{n} = norm_{n} * 2\n'
        return m[0] + text

    return _STEP_LOOP.sub(body, source, count=1)


def unread_anchors(source: str, n: int) -> str:
    text = (
        f"    anchors_{n} = [x.detach().clone() for x in model.parameters()]\n\n"
        f"    def before_forward(step):\n"
        f"        for a, b in zip(anchors_{n}, model.parameters(), strict=True):\n"
        f"            a.lerp_(b, 0.1)\n\n"
    )
    if "before_forward" in source:
        return source
    place = _RETURN.search(source)
    assert place is not None
    with_hook = source[: place.start()] + text + source[place.start() :]
    return with_hook.replace(
        "    return dict(optimizers=", "    return dict(before_forward=before_forward, optimizers="
    )


def counter(source: str, n: int) -> str:
    text = f"    count_{n} = 0\n\n    def tick_{n}(x):\n        nonlocal count_{n}\n        count_{n} += 1\n"
    place = _RETURN.search(source)
    assert place is not None
    return source[: place.start()] + text + "        return x\n\n" + source[place.start() :]


def unread_argument(source: str, n: int) -> str:
    grown = re.sub(r"def schedule\(step, train_steps\)", f"def schedule(step, train_steps, spare_{n}=None)", source)
    return re.sub(
        r"([^f]) schedule\(step, train_steps\)", rf"\1 schedule(step, train_steps, spare_{n}=step + {n})", grown
    )


def idle_loop(source: str, n: int) -> str:
    return _insert_before(source, _RECIPE_START, f"    for index_{n} in range({n + 2}):\n        pass\n")


def self_assignment(source: str, n: int) -> str:
    return _insert_before(source, _RECIPE_START, "    train_steps = train_steps\n")


BARNACLES: dict[str, Barnacle] = {
    function.__name__: function
    for function in (
        unused_import,
        unused_from_import,
        unused_constant,
        unused_functions,
        unused_class,
        false_flag,
        false_branch_of_true_flag,
        unread_attribute,
        unread_state,
        unread_local,
        unread_anchors,
        counter,
        unread_argument,
        idle_loop,
        self_assignment,
    )
}


def off_in_groups(source: str, n: int) -> str:
    """A flag of all groups that is off, asked for with a default by an optimizer that never gets it."""
    text = (
        '            if group.get("cautious_{n}", False):\n'
        '                for x in group["params"]:\n'
        "                    x.grad.mul_(x.grad > {n})\n"
    )
    return _STEP_LOOP.sub(lambda m: m[0] + text.replace("{n}", str(n)), source, count=1)


def idle_factor(source: str, n: int) -> str:
    """A hyperparameter of one, multiplied into every learning rate."""
    grown = _insert_after(source, _HYPERPARAMETERS, f"LR_SCALE_{n} = 1.0\n")
    return re.sub(r"peak_lr \* schedule\(", f"peak_lr * LR_SCALE_{n} * schedule(", grown)


def idle_term(source: str, n: int) -> str:
    """A term that a hyperparameter of zero multiplies, added to every parameter."""
    grown = _insert_after(source, _HYPERPARAMETERS, f"SIGN_WEIGHT_{n} = 0.0\n")
    text = (
        '            for x_{n} in group["params"]:\n'
        '                x_{n}.add_(x_{n}.grad.sign(), alpha=-group["lr"] * SIGN_WEIGHT_{n})\n'
        "                x_{n}.lerp_(torch.zeros_like(x_{n}), 0.5 * SIGN_WEIGHT_{n})\n"
    )
    return _STEP_LOOP.sub(lambda m: m[0] + text.replace("{n}", str(n)), grown, count=1)


def wrapper(source: str, n: int) -> str:
    """Two functions that pass on what they get."""
    text = (
        f"def rate_{n}(at, steps):\n    return level_{n}(at, steps, 1.0)\n\n\n"
        f"def level_{n}(at, steps, unused):\n    return schedule(at, steps)\n\n\n"
    )
    grown = re.sub(r"([^f]) schedule\(step, train_steps\)", rf"\1 rate_{n}(step, train_steps)", source)
    return _insert_before(grown, "def recipe(", text)


def unreached_schedule(source: str, n: int) -> str:
    """Branches of the schedule for steps that no run has."""
    text = (
        f"        done_{n} = step / train_steps\n"
        f"        if done_{n} > 1.0 or step < 0:\n"
        f"            return\n"
        f"        if step >= train_steps + {n}:\n"
        f"            model.zero_grad()\n"
    )
    return _insert_after(source, "    def set_hparams(step):\n", text)


def dead_hook(source: str, n: int) -> str:
    """A hook with nothing but a flag that is off in it."""
    if "after_step" in source:
        return source
    place = _RETURN.search(source)
    assert place is not None
    hook = (
        f"    debug_{n} = False\n\n    def after_step(step):\n        if debug_{n}:\n            model.zero_grad()\n\n"
    )
    grown = source[: place.start()] + hook + source[place.start() :]
    return grown.replace("    return dict(optimizers=", "    return dict(after_step=after_step, optimizers=")


def single_turn(source: str, n: int) -> str:
    """A loop that turns once, and one that never does."""
    grown = _insert_after(source, _HYPERPARAMETERS, f"REPEATS_{n} = 1\nWARM_RESTARTS_{n} = 0\n")
    text = f"    for _ in range(REPEATS_{n}):\n        initialize(model)\n"
    text += f"    for _ in range(WARM_RESTARTS_{n}):\n        initialize(model)\n"
    return grown.replace(_RECIPE_START, text, 1)


def longer_number(source: str, n: int) -> str:
    """Arithmetic on literals."""
    return re.sub(r"DECAY_FRACTION \* train_steps \+ 1\b", f"DECAY_FRACTION * train_steps + ({n} + 1 - {n})", source)


PROVEN: dict[str, Barnacle] = BARNACLES | {
    function.__name__: function
    for function in (
        off_in_groups,
        idle_factor,
        idle_term,
        wrapper,
        unreached_schedule,
        dead_hook,
        single_turn,
        longer_number,
    )
}
"""With those that only whoever wants the genome as it is takes off: a search may still turn a hyperparameter of one."""


def overgrown(source: str, rng: random.Random, count: int) -> str:
    """The genome with `count` barnacles drawn by `rng`, of the kinds that can be seen to be none of its own."""
    kinds = sorted(BARNACLES)
    if "if self.state[p]]" in source:
        kinds.remove("unread_state")  # it asks whether a state is filled, so whatever fills one may matter
    for n in range(count):
        source = BARNACLES[rng.choice(kinds)](source, n)
    return source
